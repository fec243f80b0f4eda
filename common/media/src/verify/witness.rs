//! Reads a movie back while it is written, and before it gets its name: what a demuxer finds must be what
//! was given to the muxer.
//!
//! Owns the check that every finished job goes through. Containers of boxes are read from their finished
//! index, the others as their bytes go by. The bytes of a movie are not fetched again. Refuses to repair: a
//! movie that reads otherwise is never published.

mod ffi;
mod index;
mod ledger;
mod pipe;
mod queue;
mod skeleton;
mod sound;
mod tiles;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cleanplate_types::access::PartSink;
use ffmpeg_next as libav;

use crate::container::Container;
use crate::error::MediaError;
use ledger::Ledger;
pub(crate) use ledger::{Mismatch, Row, Track};

/// What was found of a movie that reads as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Packets of the video that were read back.
    pub video_packets: u64,
    /// Packets of other streams.
    pub other_packets: u64,
    /// Number of other streams.
    pub other_streams: u64,
    /// Time that this took of the stitch, in microseconds.
    pub spent_micros: u64,
}

impl std::fmt::Display for Checked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { video_packets, other_packets, other_streams, spent_micros } = self;
        write!(
            formatter,
            "read back before publishing: {video_packets} pictures at their times and {other_packets} \
             packets of {other_streams} other streams, in {}.{:03} ms",
            spent_micros / 1000,
            spent_micros % 1000
        )
    }
}

/// The check of one movie; clones are the same check.
#[derive(Debug, Clone)]
pub(crate) struct Witness(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    ledger: Ledger,
    /// Bytes in front of the media, where that is known.
    before_media: Option<u64>,
    spent: Duration,
}

impl Witness {
    /// A check, and the sink that the movie is to be written to so that it is made: it refuses to end
    /// where the movie does not read as it should.
    pub(crate) fn watch(
        container: Container,
        sink: Box<dyn PartSink>,
    ) -> Result<(Self, Box<dyn PartSink>), MediaError> {
        let ledger = Ledger::new(container);
        let state = State { ledger, before_media: None, spent: Duration::ZERO };
        let witness = Self(Arc::new(Mutex::new(state)));
        let watched: Box<dyn PartSink> = match container {
            Container::Mp4 | Container::Mov => Box::new(index::Watched::new(sink, witness.clone())),
            Container::Mkv | Container::Webm | Container::Ts { .. } => {
                Box::new(pipe::Watched::start(sink, container.demuxer(), witness.clone())?)
            }
        };
        Ok((witness, watched))
    }

    /// Says in how many bytes all is written that comes before the media, so that no media is kept.
    pub(crate) fn begins_within(&self, bytes: u64) {
        self.state().before_media = Some(bytes);
    }

    /// Says which streams of the movie carry packets, in the movie's order.
    pub(crate) fn begin(&self, tracks: Vec<Track>) {
        self.timed(|ledger| ledger.begin(tracks));
    }

    /// Says when the movie must show its frames, in order, in ticks of the video's clock in the movie.
    pub(crate) fn frames(&self, frames: Vec<i64>) {
        self.timed(|ledger| ledger.frames(frames));
    }

    /// Takes down what is given to the muxer for stream `place` of the movie.
    pub(crate) fn expect(
        &self,
        place: usize,
        packet: &libav::Packet,
        stamps: (Option<i64>, Option<i64>),
    ) {
        self.timed(|ledger| {
            let data = packet.data().unwrap_or_default();
            let (bytes, content) = ledger.size_of_given(place, data);
            ledger.expect(place, Row { pts: stamps.0, dts: stamps.1, bytes, content });
        });
    }

    /// The packet that was taken down last for stream `place` was not taken by the muxer.
    pub(crate) fn take_back(&self, place: usize) {
        self.timed(|ledger| ledger.take_back(place));
    }

    /// What is wrong with the movie, once its sink has refused to end.
    pub(crate) fn mismatch(&self) -> Option<Mismatch> {
        self.state().ledger.mismatch().cloned()
    }

    /// What was read back.
    pub(crate) fn checked(&self) -> Checked {
        let state = self.state();
        let spent_micros = u64::try_from(state.spent.as_micros()).unwrap_or(u64::MAX);
        Checked { spent_micros, ..state.ledger.checked() }
    }

    /// Works on the ledger, and takes the time.
    fn timed<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut state = self.state();
        let began = Instant::now();
        let done = work(&mut state.ledger);
        state.spent += began.elapsed();
        done
    }

    fn spend(&self, time: Duration) {
        self.state().spent += time;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
