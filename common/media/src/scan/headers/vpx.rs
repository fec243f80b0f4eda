//! VP8 and VP9: hidden frames, superframes, key frames.

use cleanplate_types::frames::EntryKind;

use super::Look;
use crate::scan::bits::Bits;

/// Reads VP8 packets.
#[derive(Debug, Default)]
pub(crate) struct Vp8 {
    size: Option<[u8; 4]>,
}

impl Vp8 {
    pub(super) fn look(&mut self, data: &[u8]) -> Look {
        let Some(first) = data.first() else { return nothing() };
        let key = first & 1 == 0;
        let mut look = of(first >> 4 & 1 == 1, key);
        // Tag (3 bytes), start code (3 bytes), width and height.
        if let (true, Some(size)) = (key, data.get(6..).and_then(|size| size.first_chunk::<4>())) {
            if self.size.is_some_and(|known| known != *size) {
                look.doubt = Some("the picture size changes in mid-stream");
            }
            self.size = Some(*size);
        }
        look
    }
}

/// Looks at a VP9 packet: one frame, or several of which at most one is shown.
pub(super) fn look_vp9(data: &[u8]) -> Look {
    let mut shown = 0;
    let mut look = nothing();
    for (place, frame) in frames_of(data).into_iter().enumerate() {
        let Some((shows, key)) = vp9_frame(frame) else { return nothing() };
        shown += u32::from(shows);
        if place == 0 {
            look = of(shows, key);
        }
    }
    look.shows = shown > 0;
    if shown > 1 {
        look.doubt = Some("packets show several frames");
    }
    look
}

/// Whether a VP9 frame is shown, and whether it is a key frame.
fn vp9_frame(data: &[u8]) -> Option<(bool, bool)> {
    data.first()?;
    let mut bits = Bits::plain(data);
    if bits.number(2) != 2 {
        return None;
    }
    let profile = u32::from(bits.bit()) + 2 * u32::from(bits.bit());
    bits.skip(u32::from(profile == 3));
    if bits.bit() {
        return Some((true, false));
    }
    let key = !bits.bit();
    Some((bits.bit(), key))
}

/// The frames of a superframe; a packet that is none is one frame.
fn frames_of(data: &[u8]) -> Vec<&[u8]> {
    let whole = vec![data];
    let Some(marker) = data.last().copied().filter(|last| last & 0xe0 == 0xc0) else {
        return whole;
    };
    let (count, bytes) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let Some(start) = data.len().checked_sub(2 + count * bytes) else { return whole };
    if data[start] != marker {
        return whole;
    }
    let (mut rest, index) = data.split_at(start);
    let mut frames = Vec::new();
    for size in index[1..].chunks_exact(bytes).take(count) {
        let size = size.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let Some((frame, after)) = rest.split_at_checked(size) else { return whole };
        if !frame.is_empty() {
            frames.push(frame);
        }
        rest = after;
    }
    frames
}

fn of(shows: bool, key: bool) -> Look {
    Look { shows, entry: key.then_some(EntryKind::Idr), whole_start: key, ..Look::default() }
}

fn nothing() -> Look {
    Look { doubt: Some("packets without a picture"), ..Look::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_frames_are_not_counted() {
        let mut vp8 = Vp8::default();
        assert!(vp8.look(&[0x10, 0, 0]).shows);
        assert!(!vp8.look(&[0x01, 0, 0]).shows);
        assert_eq!(vp8.look(&[0x11, 0, 0]).entry, None);
    }

    #[test]
    fn a_superframe_shows_one_frame() {
        let (hidden, shown, again) = (0b1000_0100, 0b1000_0110, 0b1000_1000);
        assert!(!look_vp9(&[hidden]).shows);
        assert!(look_vp9(&[again]).shows);
        let superframe = [hidden, 7, shown, 0b1100_0001, 2, 1, 0b1100_0001];
        let look = look_vp9(&superframe);
        assert!(look.shows && look.doubt.is_none());
        let two = [shown, shown, 0b1100_0001, 1, 1, 0b1100_0001];
        assert!(look_vp9(&two).doubt.is_some());
    }
}
