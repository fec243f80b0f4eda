//! The output as libav's custom IO sees it: a position over a [`PartSink`].
//!
//! Owns the rule of where a muxer may write: at the end, or in the head. Refuses everything else, except
//! that it may let a patch behind the head fall away where the muxer's file is whole without it.

use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cleanplate_types::access::{HEAD_BYTES, PartSink, Stored};

/// A sink that libav writes to and that is taken back afterwards.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<State>>);

struct State {
    sink: Option<Box<dyn PartSink>>,
    position: u64,
    end: u64,
    /// Whether patches behind the head fall away: Matroska's, which rewrites its tags behind large
    /// attachments to add the streams' durations.
    late_patches_fall_away: bool,
    /// The first write that failed, kept because libav turns it into a number.
    failed: Option<io::Error>,
}

impl Shared {
    pub(super) fn new(sink: Box<dyn PartSink>, late_patches_fall_away: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            sink: Some(sink),
            position: 0,
            end: 0,
            late_patches_fall_away,
            failed: None,
        })))
    }

    /// Takes the first error that a write met.
    pub(super) fn taken_error(&self) -> Option<io::Error> {
        self.state().failed.take()
    }

    /// Adds bytes at the end, behind what the muxer wrote.
    pub(super) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.position = state.end;
        state.put(bytes)
    }

    /// Ends the output.
    pub(super) fn finish(&self) -> io::Result<Stored> {
        let sink = self.state().sink.take();
        sink.ok_or_else(|| io::Error::other("the output has been ended"))?.finish()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let after = self.position.saturating_add(bytes.len() as u64);
        let at_end = self.position == self.end;
        let in_head = after <= HEAD_BYTES.min(self.end);
        let falls_away = self.late_patches_fall_away && after <= self.end;
        if at_end || in_head {
            let sink = self.sink.as_mut();
            let sink = sink.ok_or_else(|| io::Error::other("the output has been ended"))?;
            sink.write_at(self.position, bytes)?;
        } else if !falls_away {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a muxer writes at {} of {}, behind the head", self.position, self.end),
            ));
        }
        self.position = after;
        self.end = self.end.max(after);
        Ok(())
    }
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
        let place = place.filter(|place| *place <= state.end);
        state.position = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(state.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what is written.
    struct Kept(Arc<Mutex<Vec<(u64, usize)>>>);

    impl PartSink for Kept {
        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            let mut kept = self.0.lock().map_err(|_poisoned| io::ErrorKind::Other)?;
            kept.push((offset, bytes.len()));
            Ok(())
        }

        fn finish(self: Box<Self>) -> io::Result<Stored> {
            Ok(Stored { bytes: 0 })
        }
    }

    #[test]
    fn a_muxer_writes_at_the_end_and_in_the_head_and_nowhere_else() {
        let written = Arc::default();
        let mut sink = Shared::new(Box::new(Kept(Arc::clone(&written))), false);
        let half = vec![0; usize::try_from(HEAD_BYTES / 2).unwrap()];
        for _ in 0..3 {
            sink.write_all(&half).unwrap();
        }
        sink.seek(SeekFrom::Start(HEAD_BYTES - 4)).unwrap();
        sink.write_all(&[1; 4]).unwrap();
        assert_eq!(written.lock().unwrap().last(), Some(&(HEAD_BYTES - 4, 4)));
        sink.write_all(&[1; 4]).unwrap_err();
        let error = sink.taken_error().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        sink.append(&[1; 4]).unwrap();
        assert_eq!(written.lock().unwrap().last(), Some(&(3 * HEAD_BYTES / 2, 4)));
    }

    #[test]
    fn late_patches_fall_away_where_the_container_is_whole_without_them() {
        let written = Arc::default();
        let mut sink = Shared::new(Box::new(Kept(Arc::clone(&written))), true);
        sink.write_all(&vec![0; usize::try_from(HEAD_BYTES).unwrap() + 100]).unwrap();
        sink.seek(SeekFrom::Start(HEAD_BYTES + 10)).unwrap();
        sink.write_all(&[1; 20]).unwrap();
        assert_eq!(written.lock().unwrap().len(), 1);
        sink.seek(SeekFrom::End(0)).unwrap();
        sink.write_all(&[1; 5]).unwrap();
        assert_eq!(written.lock().unwrap().last(), Some(&(HEAD_BYTES + 100, 5)));
    }
}
