//! The output as libav's custom IO sees it: a position over a [`PartSink`].
//!
//! Owns the rule of where a muxer may write: at the end, or in the head; and the index of a container of
//! boxes, which is caught when the muxer ends and put into the room that was kept for it. Refuses
//! everything else, except that it may let a patch behind the head fall away where the muxer's file is
//! whole without it.

use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cleanplate_types::access::{HEAD_BYTES, PartSink, Stored};

/// Zeros that are written at a time into the room that is kept for the index.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Bytes that are gathered before the sink is called: a muxer hands each packet over by itself, and a call
/// may be a way to another process.
const GATHERED_BYTES: usize = 1 << 20;

/// The header of a box: its size, its name.
const BOX_HEADER_BYTES: usize = 8;

/// A sink that libav writes to and that is taken back afterwards.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<State>>);

struct State {
    sink: Option<Box<dyn PartSink>>,
    position: u64,
    end: u64,
    /// The last bytes before the end, which the sink does not have yet.
    gathered: Vec<u8>,
    /// Bytes from the start that may be patched.
    head: u64,
    /// Whether patches behind the head fall away: Matroska's, which rewrites its tags behind large
    /// attachments to add the streams' durations.
    late_patches_fall_away: bool,
    /// What the muxer skipped in the head, to write its index there in the end.
    room: Option<Range<u64>>,
    /// The index, from the moment when the muxer ends.
    caught: Caught,
    /// The first write that failed, kept because libav turns it into a number.
    failed: Option<io::Error>,
}

/// What is caught of the index.
enum Caught {
    /// The muxer writes its media.
    NotYet,
    /// The muxer ends; the index begins where it goes back to the room.
    Waiting,
    /// What it writes from there on, until it goes on elsewhere.
    Index(Vec<u8>),
    /// All of it.
    Whole(Vec<u8>),
}

/// Where the index of a movie is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// In front of the media.
    InFront,
    /// Behind it: it did not fit into the room.
    AtEnd,
}

impl Shared {
    pub(super) fn new(sink: Box<dyn PartSink>, late_patches_fall_away: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            sink: Some(sink),
            position: 0,
            end: 0,
            gathered: Vec::new(),
            head: HEAD_BYTES,
            late_patches_fall_away,
            room: None,
            caught: Caught::NotYet,
            failed: None,
        })))
    }

    /// Keeps a head of at least `bytes`, before anything is written.
    pub(super) fn keep_head(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        let bytes = bytes.max(HEAD_BYTES);
        state.sink()?.keep_head(bytes)?;
        state.head = bytes;
        Ok(())
    }

    /// Takes the first error that a write met.
    pub(super) fn taken_error(&self) -> Option<io::Error> {
        self.state().failed.take()
    }

    /// The muxer is about to end: its index is caught, where room was kept for it.
    pub(super) fn catch_index(&self) {
        let mut state = self.state();
        if state.room.is_some() {
            state.caught = Caught::Waiting;
        }
    }

    /// Puts the index that was caught where it fits, and returns its size; nothing where none was caught
    /// whole.
    pub(super) fn place_index(&self) -> io::Result<Option<(Placed, usize)>> {
        let mut state = self.state();
        let caught = std::mem::replace(&mut state.caught, Caught::NotYet);
        let (Caught::Index(mut index) | Caught::Whole(mut index), Some(room)) =
            (caught, state.room.take())
        else {
            return Ok(None);
        };
        let Some(bytes) = whole_index(&index) else { return Ok(None) };
        // The muxer fills its room up with an empty box of its own.
        index.truncate(bytes);
        let left = (room.end - room.start).checked_sub(bytes as u64);
        // What is left over must be a box, or nothing.
        let fits = left.filter(|left| *left == 0 || *left >= BOX_HEADER_BYTES as u64);
        let (placed, free) = match fits {
            Some(left) => {
                state.position = room.start;
                state.put(&index)?;
                (Placed::InFront, left)
            }
            None => {
                state.position = state.end;
                state.put(&index)?;
                state.position = room.start;
                (Placed::AtEnd, room.end - room.start)
            }
        };
        if let Some(size) = u32::try_from(free).ok().filter(|size| *size > 0) {
            state.put(&[size.to_be_bytes(), *b"free"].concat())?;
        }
        Ok(Some((placed, bytes)))
    }

    /// Adds bytes at the end, behind what the muxer wrote.
    pub(super) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.position = state.end;
        state.put(bytes)
    }

    /// Ends the output.
    pub(super) fn finish(&self) -> io::Result<Stored> {
        let mut state = self.state();
        state.hand_over()?;
        let sink = state.sink.take();
        sink.ok_or_else(ended)?.finish()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sink(&mut self) -> io::Result<&mut Box<dyn PartSink>> {
        self.sink.as_mut().ok_or_else(ended)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let (Caught::Index(index), Some(room)) = (&mut self.caught, &self.room) {
            let at = usize::try_from(self.position - room.start).map_err(io::Error::other)?;
            let after = at.saturating_add(bytes.len());
            if after > index.len() {
                index.resize(after, 0);
            }
            index[at..after].copy_from_slice(bytes);
            self.position += bytes.len() as u64;
            return Ok(());
        }
        while self.position > self.end {
            let zeros = (self.position - self.end).min(ZEROS.len() as u64);
            let zeros = usize::try_from(zeros).unwrap_or(ZEROS.len());
            self.add(&ZEROS[..zeros])?;
        }
        let after = self.position.saturating_add(bytes.len() as u64);
        let at_end = self.position == self.end;
        let in_head = after <= self.head.min(self.end);
        let falls_away = self.late_patches_fall_away && after <= self.end;
        if at_end {
            self.add(bytes)?;
        } else if in_head {
            self.hand_over()?;
            let position = self.position;
            self.sink()?.write_at(position, bytes)?;
        } else if !falls_away {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a muxer writes at {} of {}, behind the head", self.position, self.end),
            ));
        }
        self.position = after;
        Ok(())
    }

    /// Adds bytes at the end.
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink()?;
        self.gathered.extend_from_slice(bytes);
        self.end = self.end.saturating_add(bytes.len() as u64);
        if self.gathered.len() >= GATHERED_BYTES { self.hand_over() } else { Ok(()) }
    }

    /// Gives the sink what was gathered.
    fn hand_over(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        if !gathered.is_empty() {
            let start = self.end - gathered.len() as u64;
            self.sink()?.write_at(start, &gathered)?;
            self.gathered = gathered;
            self.gathered.clear();
        }
        Ok(())
    }

    /// Whether the muxer may go to `place`; what it skips in the head is the room for its index.
    fn allows(&mut self, place: u64) -> bool {
        let begins_index = self.room.as_ref().is_some_and(|room| room.start == place);
        match &mut self.caught {
            Caught::Index(index) => {
                let start = self.room.as_ref().map_or(0, |room| room.start);
                let inside = start..=start + index.len() as u64;
                // An index that fits lies before all media; one that does not ends the muxer where it is.
                if !inside.contains(&place) {
                    self.caught = Caught::Whole(std::mem::take(index));
                }
                place <= self.end || inside.contains(&place)
            }
            Caught::Waiting if begins_index => {
                self.caught = Caught::Index(Vec::new());
                true
            }
            Caught::NotYet if place > self.end && place <= self.head && self.room.is_none() => {
                self.room = Some(self.end..place);
                true
            }
            Caught::NotYet | Caught::Waiting | Caught::Whole(_) => place <= self.end,
        }
    }
}

/// The size of the index, where all of it is there.
fn whole_index(bytes: &[u8]) -> Option<usize> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
    let is_whole = (BOX_HEADER_BYTES..=bytes.len()).contains(&size);
    (rest.starts_with(b"moov") && is_whole).then_some(size)
}

fn ended() -> io::Error {
    io::Error::other("the output has been ended")
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        match state.put(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                let told = io::Error::other(error.to_string());
                state.failed.get_or_insert(error);
                Err(told)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut state = self.state();
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => state.position.checked_add_signed(by),
            SeekFrom::End(by) => state.end.checked_add_signed(by),
        };
        let place = place.ok_or(io::ErrorKind::InvalidInput)?;
        if !state.allows(place) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        state.position = place;
        Ok(place)
    }
}

#[cfg(test)]
mod tests;
