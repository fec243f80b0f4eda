//! Reads a movie as its bytes go by: Matroska and transport streams need no index.
//!
//! Owns the thread on which the demuxer runs and the bounded pipe to it. What the muxer patches later is
//! not read (sizes and the list of seek points). Refuses to hold the muxer up for more than the pipe.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cleanplate_types::access::{PartSink, Stored};
use libav::format::context::StreamIo;

use super::{Mismatch, Witness, ffi};
use crate::error::{MediaError, Words};
use ffmpeg_next as libav;

/// Writes that may wait for the demuxer: a muxer's buffer of 1 MiB each.
const WAITING_MAX: usize = 4;

/// Bytes that the demuxer asks for at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// A sink whose bytes are read back as they go by.
pub(super) struct Watched {
    inner: Box<dyn PartSink>,
    witness: Witness,
    end: u64,
    pipe: Option<SyncSender<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Watched {
    pub(super) fn start(
        inner: Box<dyn PartSink>,
        demuxer: &'static str,
        witness: Witness,
    ) -> Result<Self, MediaError> {
        let (pipe, bytes) = sync_channel(WAITING_MAX);
        let own = witness.clone();
        let reader = std::thread::Builder::new()
            .name("read-back".to_owned())
            .spawn(move || read_back(Piped::new(bytes), demuxer, &own))
            .map_err(|error| MediaError::Internal(format!("no thread can be had: {error}")))?;
        Ok(Self { inner, witness, end: 0, pipe: Some(pipe), reader: Some(reader) })
    }
}

impl PartSink for Watched {
    fn keep_head(&mut self, bytes: u64) -> io::Result<()> {
        self.inner.keep_head(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)?;
        if offset == self.end {
            self.end += bytes.len() as u64;
            if let Some(pipe) = &self.pipe {
                // A reader that has gone has said why.
                pipe.send(bytes.to_vec()).ok();
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<Stored> {
        self.pipe = None;
        let reader = self.reader.take().map(JoinHandle::join);
        if !matches!(reader, Some(Ok(()))) {
            let gone = Mismatch::new("reading it back ended in a bug");
            self.witness.timed(|ledger| ledger.refuse(gone));
        }
        self.witness.timed(super::ledger::Ledger::end);
        match self.witness.mismatch() {
            Some(mismatch) => Err(io::Error::other(mismatch)),
            None => self.inner.finish(),
        }
    }
}

/// The bytes of the movie, as libav reads them.
struct Piped {
    bytes: Receiver<Vec<u8>>,
    current: Vec<u8>,
    place: usize,
    /// Where time that was only waited is added up.
    waited: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl Piped {
    fn new(bytes: Receiver<Vec<u8>>) -> Self {
        Self { bytes, current: Vec::new(), place: 0, waited: std::sync::Arc::default() }
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.place == self.current.len() {
            let began = Instant::now();
            let next = self.bytes.recv();
            let waited = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.waited.fetch_add(waited, std::sync::atomic::Ordering::Relaxed);
            let Ok(next) = next else { return Ok(0) };
            (self.current, self.place) = (next, 0);
        }
        let rest = &self.current[self.place..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.place += count;
        Ok(count)
    }
}

/// Reads all packets and says what was found.
fn read_back(bytes: Piped, demuxer: &'static str, witness: &Witness) {
    let (began, waited) = (Instant::now(), bytes.waited.clone());
    let read = || -> Result<(), libav::Error> {
        let io = StreamIo::from_read_with_capacity(bytes, BUFFER_BYTES)?;
        let mut movie = ffi::open(io, demuxer)?;
        ffi::each_packet(&mut movie, |found| {
            witness.timed(|ledger| found.enter(ledger));
        })
    };
    if let Err(error) = read() {
        let unread = Mismatch::new(format!("it cannot be read back: {}", Words::of(error)));
        witness.timed(|ledger| ledger.refuse(unread));
    }
    let waited = Duration::from_nanos(waited.load(std::sync::atomic::Ordering::Relaxed));
    witness.spend(began.elapsed().saturating_sub(waited));
}
