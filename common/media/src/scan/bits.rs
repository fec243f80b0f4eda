//! Bits and NAL units of H.264 and HEVC, as far as headers go. Pure; refuses to trust any length.

/// How NAL units are told apart in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By start codes.
    AnnexB,
    /// By a length of this many bytes before each.
    Prefixed(usize),
}

/// The NAL units of `data`, header included, without trailing zeros. Ends at the first length that
/// makes no sense.
pub(crate) fn nal_units(data: &[u8], framing: Framing) -> NalUnits<'_> {
    let rest = match framing {
        Framing::Prefixed(_) => data,
        Framing::AnnexB => after_start_code(data).unwrap_or_default(),
    };
    NalUnits { rest, framing }
}

/// Walks over NAL units.
#[derive(Debug)]
pub(crate) struct NalUnits<'a> {
    rest: &'a [u8],
    framing: Framing,
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let unit = match self.framing {
            Framing::Prefixed(bytes) => {
                let (length, rest) = self.rest.split_at_checked(bytes)?;
                let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
                let (unit, rest) = rest.split_at_checked(length)?;
                self.rest = rest;
                unit
            }
            Framing::AnnexB => {
                let end = start_code(self.rest).unwrap_or(self.rest.len());
                let (unit, rest) = self.rest.split_at(end);
                self.rest = after_start_code(rest).unwrap_or_default();
                unit
            }
        };
        let kept = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        (kept > 0).then_some(&unit[..kept])
    }
}

/// Where the next `00 00 01` begins.
fn start_code(data: &[u8]) -> Option<usize> {
    data.windows(3).position(|three| three == [0, 0, 1])
}

fn after_start_code(data: &[u8]) -> Option<&[u8]> {
    start_code(data).map(|place| &data[place + 3..])
}

/// Reads bits of a NAL unit, its emulation prevention bytes left out. Past the end it reads zeros.
#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    /// Byte that is being read.
    place: usize,
    /// Bits of it that have been read.
    used: u8,
    /// Zero bytes right before it.
    zeros: u8,
    guarded: bool,
}

impl<'a> Bits<'a> {
    /// Reads `bytes` as they are.
    pub(crate) const fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, place: 0, used: 0, zeros: 0, guarded: false }
    }

    /// Reads the payload of a NAL unit.
    pub(crate) const fn guarded(bytes: &'a [u8]) -> Self {
        Self { bytes, place: 0, used: 0, zeros: 0, guarded: true }
    }

    /// The next bit.
    pub(crate) fn bit(&mut self) -> bool {
        let byte = self.bytes.get(self.place).copied().unwrap_or(0);
        let bit = byte >> (7 - self.used) & 1 == 1;
        self.used += 1;
        if self.used == 8 {
            self.used = 0;
            self.place += 1;
            self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
            if self.guarded && self.zeros >= 2 && self.bytes.get(self.place) == Some(&3) {
                self.place += 1;
                self.zeros = 0;
            }
            self.zeros = self.zeros.min(2);
        }
        bit
    }

    /// The next `count` bits (at most 32) as a number.
    pub(crate) fn number(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |sum, _| sum << 1 | u32::from(self.bit()))
    }

    /// Passes over `count` bits.
    pub(crate) fn skip(&mut self, count: u32) {
        for _ in 0..count {
            self.bit();
        }
    }

    /// An unsigned Exp-Golomb number.
    pub(crate) fn golomb(&mut self) -> u32 {
        let mut zeros = 0;
        while zeros < 31 && !self.bit() {
            zeros += 1;
        }
        ((1 << zeros) - 1) + self.number(zeros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_by_start_code_and_by_length() {
        let codes = [0, 0, 0, 1, 9, 16, 0, 0, 1, 0x65, 7, 0, 0, 0, 0, 1, 0x41];
        let found: Vec<_> = nal_units(&codes, Framing::AnnexB).collect();
        assert_eq!(found, [&[9_u8, 16][..], &[0x65, 7], &[0x41]]);
        let lengths = [0, 2, 9, 16, 0, 1, 0x65, 0, 9, 1];
        let found: Vec<_> = nal_units(&lengths, Framing::Prefixed(2)).collect();
        assert_eq!(found, [&[9_u8, 16][..], &[0x65]], "the last length is beyond the end");
    }

    #[test]
    fn bits_leave_emulation_prevention_out() {
        let mut guarded = Bits::guarded(&[0, 0, 3, 1, 0, 0, 3]);
        assert_eq!(guarded.number(24), 1);
        let mut plain = Bits::plain(&[0, 0, 3, 1]);
        assert_eq!(plain.number(32), 0x301);
        assert_eq!(plain.number(8), 0, "past the end");
    }

    #[test]
    fn golomb_numbers_are_read() {
        // 1 | 010 | 011 | 00100 | 00101
        let mut bits = Bits::plain(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([0; 5].map(|_: u32| bits.golomb()), [0, 1, 2, 3, 4]);
    }
}
