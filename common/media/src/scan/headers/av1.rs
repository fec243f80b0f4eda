//! AV1: temporal units, shown frames, key frames.

use cleanplate_types::frames::EntryKind;

use super::Look;
use crate::scan::bits::Bits;

const SEQUENCE: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
const KEY_FRAME: u32 = 0;

/// Reads AV1 temporal units.
#[derive(Debug, Default)]
pub(crate) struct Av1 {
    sequence: Option<Vec<u8>>,
    /// Whether every frame is a key frame without a header that says so.
    reduced: bool,
}

impl Av1 {
    pub(super) fn look(&mut self, data: &[u8], key: bool) -> Look {
        let mut look = Look::default();
        let mut shown = 0_u32;
        let mut pictures = 0_u32;
        let mut rest = data;
        while let Some((kind, payload, after)) = unit(rest) {
            rest = after;
            match kind {
                SEQUENCE => {
                    if self.sequence.as_deref().is_some_and(|known| known != payload) {
                        look.doubt = Some("the sequence parameters change in mid-stream");
                    }
                    let mut bits = Bits::plain(payload);
                    bits.skip(4);
                    self.reduced = bits.bit();
                    self.sequence = Some(payload.to_owned());
                }
                FRAME_HEADER | FRAME => {
                    let (shows, is_key) = self.frame(payload);
                    if pictures == 0 && is_key && shows {
                        (look.entry, look.whole_start) = (Some(EntryKind::Idr), true);
                    }
                    pictures += 1;
                    shown += u32::from(shows);
                }
                _ => {}
            }
        }
        if look.entry.is_none() && key {
            look.entry = Some(EntryKind::Unknown);
        }
        look.shows = shown > 0;
        if pictures == 0 {
            look.doubt = Some("packets without a picture");
        } else if shown > 1 {
            look.doubt = Some("packets show several frames");
        }
        look
    }

    /// Whether a frame is shown, and whether it is a key frame.
    fn frame(&self, payload: &[u8]) -> (bool, bool) {
        if self.reduced {
            return (true, true);
        }
        let mut bits = Bits::plain(payload);
        if bits.bit() {
            return (true, false);
        }
        let key = bits.number(2) == KEY_FRAME;
        (bits.bit(), key)
    }
}

/// The kind and payload of the first unit of `data`, and what comes after it.
fn unit(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (header, mut rest) = data.split_first()?;
    if header & 4 != 0 {
        rest = rest.get(1..)?;
    }
    let kind = header >> 3 & 15;
    if header & 2 == 0 {
        return Some((kind, rest, &[]));
    }
    let mut size = 0_usize;
    for shift in 0..8 {
        let (byte, after) = rest.split_first()?;
        rest = after;
        size |= usize::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (payload, after) = rest.split_at_checked(size)?;
    Some((kind, payload, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obu(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut unit = vec![kind << 3 | 2, u8::try_from(payload.len()).unwrap()];
        unit.extend(payload);
        unit
    }

    #[test]
    fn a_temporal_unit_shows_one_frame() {
        let mut av1 = Av1::default();
        let key = [obu(SEQUENCE, &[0, 0]), obu(FRAME, &[0b0001_0000, 9])].concat();
        let look = av1.look(&key, true);
        assert_eq!((look.shows, look.entry), (true, Some(EntryKind::Idr)));
        let hidden = obu(FRAME, &[0b0010_0000]);
        assert!(!av1.look(&hidden, false).shows);
        let both = [hidden, obu(FRAME_HEADER, &[0b1000_0000])].concat();
        let look = av1.look(&both, false);
        assert!(look.shows && look.doubt.is_none() && look.entry.is_none());
    }
}
