//! Packets of AAC that carry headers of their own (ADTS), as transport streams have them.
//!
//! Owns the question whether such a packet can lose its header, as every container but a transport stream asks
//! of it. Refuses to mend one that cannot.

use cleanplate_types::time::{Pts, Timebase};

use crate::error::MediaError;

/// Bytes of a header without its check sum.
const HEADER_BYTES: usize = 7;

/// Sampling frequencies that have a number (ISO/IEC 14496-3, table 1.18).
const FREQUENCIES: u8 = 13;

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
            write!(formatter, " at tick {} of {} seconds", pts.0, self.timebase)?;
        }
        write!(formatter, ": a packet {}", self.why)
    }
}

/// What keeps a packet from losing its header; nothing where it can.
pub(crate) fn fault_of(packet: &[u8]) -> Option<&'static str> {
    let Some(header) = packet.get(..HEADER_BYTES) else { return Some("is too short for a header") };
    let is_synced = header[0] == 0xff && header[1] & 0xf6 == 0xf0;
    let frequency = (header[2] >> 2) & 0x0f;
    if !is_synced || frequency >= FREQUENCIES {
        return Some("does not begin with a header of AAC");
    }
    let has_sum = header[1] & 1 == 0;
    if has_sum && header[6] & 3 != 0 {
        return Some("has several frames under one check sum");
    }
    let told = usize::from(header[3] & 3) << 11
        | usize::from(header[4]) << 3
        | usize::from(header[5] >> 5);
    let header_bytes = if has_sum { HEADER_BYTES + 2 } else { HEADER_BYTES };
    (told < HEADER_BYTES || packet.len() <= header_bytes).then_some("has nothing behind its header")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 44.1 kHz, stereo, nine bytes in all.
    const WHOLE: [u8; 9] = [0xff, 0xf1, 0x50, 0x80, 0x01, 0x3f, 0xfc, 0x21, 0x1b];

    #[test]
    fn a_header_is_whole_or_its_fault_is_named() {
        assert_eq!(fault_of(&WHOLE), None);
        assert_eq!(fault_of(&WHOLE[..6]), Some("is too short for a header"));
        assert_eq!(fault_of(&WHOLE[..7]), Some("has nothing behind its header"));
        let changed = |at: usize, byte: u8| {
            let mut packet = WHOLE;
            packet[at] = byte;
            fault_of(&packet)
        };
        for (at, byte) in [(0, 0), (1, 0), (1, 0xf7), (2, 0xf4)] {
            assert_eq!(changed(at, byte), Some("does not begin with a header of AAC"), "{at}");
        }
        // The byte that makes the length: 9 becomes 1.
        assert_eq!(changed(4, 0), Some("has nothing behind its header"));
        assert_eq!(changed(1, 0xf0), Some("has nothing behind its header"), "two bytes of sum");
    }
}
