//! Packets of AAC that carry headers of their own (ADTS), as transport streams have them.
//!
//! Owns the form of the header, and the question whether a packet can lose it, as every container but a transport
//! stream asks of it. Refuses to mend one that cannot.

mod spoilt;

pub use spoilt::{Spoilt, SpoiltStream, SpoiltStreams};

/// Bytes of a header without its check sum.
const HEADER_BYTES: usize = 7;

/// Bytes of a check sum.
const SUM_BYTES: usize = 2;

/// Sampling frequencies that have a number (ISO/IEC 14496-3, table 1.18).
const FREQUENCIES: u8 = 13;

/// Where the next frame begins, and what of it is sound, as its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Number of the sampling frequency.
    frequency: u8,
    /// Number of the channels' layout; 0 where the sound itself says it.
    channels: u8,
    has_sum: bool,
    /// Frames under this header beside the first.
    more_frames: u8,
    /// Bytes of the frame with its header.
    pub(crate) frame_bytes: usize,
}

impl Header {
    /// Reads the header that `data` begins with; nothing where it does not begin with a whole one.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let header = data.first_chunk::<HEADER_BYTES>().filter(|_| is_synced(data))?;
        Some(Self {
            frequency: (header[2] >> 2) & 0x0f,
            channels: (header[2] & 1) << 2 | header[3] >> 6,
            has_sum: header[1] & 1 == 0,
            more_frames: header[6] & 3,
            frame_bytes: usize::from(header[3] & 3) << 11
                | usize::from(header[4]) << 3
                | usize::from(header[5] >> 5),
        })
    }

    /// Its own bytes, with its check sum.
    pub(crate) const fn bytes(self) -> usize {
        if self.has_sum { HEADER_BYTES + SUM_BYTES } else { HEADER_BYTES }
    }

    /// Whether the sound behind it says which channels it has.
    pub(crate) const fn leaves_channels_to_sound(self) -> bool {
        self.channels == 0
    }
}

/// Whether `data` begins as a header does.
pub(crate) fn is_synced(data: &[u8]) -> bool {
    matches!(data, [0xff, second, ..] if second & 0xf6 == 0xf0)
}

/// What keeps a packet from losing its header; nothing where it can.
pub(crate) fn fault_of(packet: &[u8]) -> Option<&'static str> {
    if packet.len() < HEADER_BYTES {
        return Some("is too short for a header");
    }
    let Some(header) = Header::read(packet).filter(|header| header.frequency < FREQUENCIES) else {
        return Some("does not begin with a header of AAC");
    };
    if header.has_sum && header.more_frames > 0 {
        return Some("has several frames under one check sum");
    }
    let has_sound = header.frame_bytes >= HEADER_BYTES && packet.len() > header.bytes();
    (!has_sound).then_some("has nothing behind its header")
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
