//! Packets of other streams than the video that are damaged, as they are told.
//!
//! Owns how many of them are told one by one: of each stream the first, and the others are counted.

use std::collections::BTreeMap;

use cleanplate_types::time::{Pts, Timebase};

use crate::error::MediaError;
use crate::when;

/// Damaged packets of a stream of which each is told; more are only counted.
const TOLD: usize = 20;

/// A packet of another stream than the video that is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoilt {
    /// Index of its stream in the source.
    pub stream: u32,
    /// When it is due, in ticks of `timebase`, where it says so.
    pub pts: Option<Pts>,
    /// The clock of the stream.
    pub timebase: Timebase,
    /// What is wrong with it, as a clause about the packet.
    pub why: &'static str,
}

impl Spoilt {
    /// The refusal of a source for it.
    #[must_use]
    pub fn refusal(&self) -> MediaError {
        MediaError::DamagedBeside { spoilt: self.clone() }
    }
}

impl std::fmt::Display for Spoilt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "stream {} is damaged", self.stream)?;
        if let Some(pts) = self.pts {
            let clock = (self.timebase.num(), self.timebase.den());
            write!(formatter, " at {}", when::told(pts.0, clock))?;
        }
        write!(formatter, ": a packet {}", self.why)
    }
}

/// The damaged packets of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpoiltStream {
    /// The first of them.
    pub first: Vec<Spoilt>,
    /// Number of those behind.
    pub more: u64,
}

/// The damaged packets of all streams beside the video.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpoiltStreams(BTreeMap<u32, SpoiltStream>);

impl SpoiltStreams {
    /// Adds a packet, which comes behind those of its stream that are there.
    pub fn add(&mut self, spoilt: Spoilt) {
        let stream = self.0.entry(spoilt.stream).or_default();
        if stream.first.len() < TOLD {
            stream.first.push(spoilt);
        } else {
            stream.more += 1;
        }
    }

    /// Those of one stream, where it has any.
    #[must_use]
    pub fn of(&self, stream: u32) -> Option<&SpoiltStream> {
        self.0.get(&stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_packets_of_one_stream_hide_none_of_another() {
        let timebase = Timebase::new(1, 90_000).unwrap();
        let one = |stream, tick| Spoilt { stream, pts: Some(Pts(tick)), timebase, why: "is empty" };
        let mut all = SpoiltStreams::default();
        (0..25).for_each(|tick| all.add(one(1, tick)));
        all.add(one(2, 90_000));
        let counts = |stream| all.of(stream).map(|of| (of.first.len(), of.more));
        assert_eq!([counts(0), counts(1), counts(2)], [None, Some((TOLD, 5)), Some((1, 0))]);
        let words = all.of(2).unwrap().first[0].to_string();
        assert_eq!(words, "stream 2 is damaged at tick 90000 (1.000 s): a packet is empty");
    }
}
