//! MPEG-1 and MPEG-2: closed groups of pictures, field pictures, size.

use cleanplate_types::frames::EntryKind;

use super::Look;

const PICTURE: u8 = 0x00;
const FIRST_SLICE: u8 = 0x01;
const LAST_SLICE: u8 = 0xaf;
const SEQUENCE: u8 = 0xb3;
const EXTENSION: u8 = 0xb5;
const GROUP: u8 = 0xb8;
const CODING_EXTENSION: u8 = 8;
const WHOLE_FRAME: u8 = 3;
/// Of the fourth byte of the coding extension.
const REPEAT_FIRST_FIELD: u8 = 2;

/// Reads MPEG-1 and MPEG-2 packets.
#[derive(Debug, Default)]
pub(crate) struct Mpeg2 {
    /// The three bytes of width and height.
    size: Option<[u8; 3]>,
}

impl Mpeg2 {
    pub(super) fn look(&mut self, data: &[u8], key: bool) -> Look {
        let mut look = Look { doubt: Some("packets without a picture"), ..Look::default() };
        let mut closed = false;
        let mut rest = data;
        while let Some(place) = rest.windows(3).position(|three| three == [0, 0, 1]) {
            rest = &rest[place + 3..];
            let (code, payload) = rest.split_first().map_or((LAST_SLICE, rest), |(c, p)| (*c, p));
            match (code, payload) {
                (PICTURE, _) => (look.shows, look.doubt) = (true, None),
                (FIRST_SLICE..=LAST_SLICE, _) => break,
                (SEQUENCE, [a, b, c, ..]) => {
                    let size = Some([*a, *b, *c]);
                    if self.size.is_some() && self.size != size {
                        look.doubt = Some("the picture size changes in mid-stream");
                        return look;
                    }
                    self.size = size;
                }
                (GROUP, [_, _, _, flags, ..]) => closed = flags & 0x40 != 0,
                (EXTENSION, [first, _, third, ..])
                    if first >> 4 == CODING_EXTENSION && third & 3 != WHOLE_FRAME =>
                {
                    look.doubt = Some("pictures are coded as fields");
                    break;
                }
                (EXTENSION, [first, _, _, flags, ..]) if first >> 4 == CODING_EXTENSION => {
                    look.pulls_down = flags & REPEAT_FIRST_FIELD != 0;
                }
                _ => {}
            }
        }
        if key {
            look.entry = Some(if closed { EntryKind::Idr } else { EntryKind::Recovery });
            look.whole_start = closed;
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(group: u8, structure: u8) -> Vec<u8> {
        let mut data = vec![0, 0, 1, SEQUENCE, 0x16, 0, 0x90];
        data.extend([0, 0, 1, GROUP, 0, 8, 0, group]);
        data.extend([0, 0, 1, PICTURE, 0, 8]);
        data.extend([0, 0, 1, EXTENSION, 0x81, 0x11, structure]);
        data.extend([0, 0, 1, FIRST_SLICE, 1]);
        data
    }

    #[test]
    fn a_field_that_is_shown_again_is_seen() {
        let mut mpeg2 = Mpeg2::default();
        let mut data = packet(0x40, 3);
        let flags = data.len() - 5;
        data.insert(flags, 0x80);
        assert!(!mpeg2.look(&data, true).pulls_down);
        data[flags] = 0x82;
        assert!(mpeg2.look(&data, true).pulls_down);
    }

    #[test]
    fn only_a_closed_group_is_a_free_cut() {
        let mut mpeg2 = Mpeg2::default();
        assert_eq!(mpeg2.look(&packet(0x40, 3), true).entry, Some(EntryKind::Idr));
        assert_eq!(mpeg2.look(&packet(0, 3), true).entry, Some(EntryKind::Recovery));
        assert_eq!(mpeg2.look(&packet(0, 3), false).entry, None);
        assert!(mpeg2.look(&packet(0, 1), true).doubt.is_some());
    }
}
