//! HEVC: IDR, BLA, CRA, and the leading pictures that a decoder leaves out.

use cleanplate_types::frames::EntryKind;

use super::{Look, ParameterSets};
use crate::scan::bits::{Bits, Framing, nal_units};

const RASL: std::ops::RangeInclusive<u8> = 8..=9;
const BLA_OR_IDR: std::ops::RangeInclusive<u8> = 16..=20;
const CRA: u8 = 21;
const LAST_PICTURE: u8 = 31;
const SEQUENCE: u8 = 33;
const END_OF_SEQUENCE: u8 = 36;
const END_OF_STREAM: u8 = 37;

/// Messages ahead of a picture.
const MESSAGE: u8 = 39;

/// How HDR10+ begins as a message of a registered user: the United States, Samsung, its first kind of
/// metadata, application 4.
const HDR10_PLUS: [u8; 6] = [0xb5, 0x00, 0x3c, 0x00, 0x01, 0x04];

/// Bits before the tiers and levels of the sequence parameters' sub-layers.
const GENERAL_PROFILE_BITS: u32 = 96;

/// Reads HEVC packets.
#[derive(Debug)]
pub(crate) struct Hevc {
    framing: Framing,
    sets: ParameterSets,
    /// Whether a decoder starts anew at the next picture: at the beginning, after an end of sequence.
    starts: bool,
    /// Whether RASL pictures refer to what a decoder does not have.
    leaves_out: bool,
}

impl Hevc {
    pub(super) fn new(extradata: &[u8]) -> Self {
        let is_configuration =
            !extradata.starts_with(&[0, 0, 1]) && !extradata.starts_with(&[0, 0, 0, 1]);
        let framing = match extradata.get(21) {
            Some(length) if is_configuration => Framing::Prefixed(usize::from(length & 3) + 1),
            _ => Framing::AnnexB,
        };
        let mut hevc =
            Self { framing, sets: ParameterSets::default(), starts: true, leaves_out: true };
        match framing {
            Framing::AnnexB => {
                nal_units(extradata, framing).for_each(|unit| {
                    hevc.learn(unit);
                });
            }
            Framing::Prefixed(_) => hevc.learn_configuration(extradata),
        }
        hevc
    }

    /// How its packets are framed.
    pub(crate) const fn framing(&self) -> Framing {
        self.framing
    }

    pub(super) const fn knows_sequences(&self) -> bool {
        !self.sets.0.is_empty()
    }

    /// Reads the arrays of `hvcC`: a kind, a count, then length and unit.
    fn learn_configuration(&mut self, extradata: &[u8]) {
        let Some((arrays, mut rest)) = extradata.get(22..).and_then(<[u8]>::split_first) else {
            return;
        };
        for _ in 0..*arrays {
            let [_kind, high, low, after @ ..] = rest else { return };
            rest = after;
            for _ in 0..u16::from_be_bytes([*high, *low]) {
                let Some(unit) = nal_units(rest, Framing::Prefixed(2)).next() else { return };
                let taken = 2 + usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                self.learn(unit);
                rest = rest.get(taken..).unwrap_or_default();
            }
        }
    }

    /// Takes sequence parameters of the layer that is shown; true where they change some that were there.
    fn learn(&mut self, unit: &[u8]) -> bool {
        let is_sequence = unit.len() > 2 && unit[0] >> 1 & 0x3f == SEQUENCE && is_base_layer(unit);
        is_sequence && self.sets.replaces(SEQUENCE, sequence_id(unit), unit)
    }

    pub(super) fn look(&mut self, data: &[u8], key: bool) -> Look {
        let mut look = Look::default();
        let mut kind = None;
        for unit in nal_units(data, self.framing).filter(|unit| is_base_layer(unit)) {
            match unit[0] >> 1 & 0x3f {
                SEQUENCE if self.learn(unit) => {
                    look.doubt = Some("the sequence parameters change in mid-stream");
                }
                MESSAGE if has_hdr10_plus(unit) => look.dynamic = Some("HDR10+"),
                picture if picture <= LAST_PICTURE => {
                    kind = Some(picture);
                    break;
                }
                _ => {}
            }
        }
        let Some(kind) = kind else {
            look.doubt = Some("packets without a picture");
            return look;
        };
        if BLA_OR_IDR.contains(&kind) || kind == CRA {
            self.leaves_out = kind != CRA || self.starts;
            look.entry = Some(if kind == CRA { EntryKind::Recovery } else { EntryKind::Idr });
            look.whole_start = true;
        } else if key {
            look.entry = Some(EntryKind::Unknown);
        }
        look.shows = !(RASL.contains(&kind) && self.leaves_out);
        self.starts = self.ends_a_sequence(data);
        look
    }

    /// Whether the last unit of `data` ends the coded sequence. It is two bytes long.
    fn ends_a_sequence(&self, data: &[u8]) -> bool {
        let tail = match self.framing {
            Framing::AnnexB => data.last_chunk::<5>().filter(|tail| tail.starts_with(&[0, 0, 1])),
            Framing::Prefixed(4) => {
                let last = data.last_chunk::<6>().filter(|tail| tail.starts_with(&[0, 0, 0, 2]));
                last.and_then(|tail| tail.last_chunk::<5>())
            }
            Framing::Prefixed(_) => None,
        };
        tail.is_some_and(|tail| [END_OF_SEQUENCE, END_OF_STREAM].contains(&(tail[3] >> 1 & 0x3f)))
    }
}

/// Whether a unit is of the layer that decoders show; others hold depth or a second view.
fn is_base_layer(unit: &[u8]) -> bool {
    unit[0] & 1 == 0 && unit.get(1).is_some_and(|second| second >> 3 == 0)
}

/// Whether a unit of messages holds HDR10+. Nothing in its first bytes needs an escape.
fn has_hdr10_plus(unit: &[u8]) -> bool {
    unit.windows(HDR10_PLUS.len()).any(|bytes| bytes == HDR10_PLUS)
}

/// The id of sequence parameters; their profiles come before it.
fn sequence_id(unit: &[u8]) -> u32 {
    let mut bits = Bits::guarded(unit.get(2..).unwrap_or_default());
    bits.skip(4);
    let layers = bits.number(3);
    bits.skip(1 + GENERAL_PROFILE_BITS);
    let present: Vec<(bool, bool)> = (0..layers).map(|_| (bits.bit(), bits.bit())).collect();
    bits.skip(if layers > 0 { 2 * (8 - layers) } else { 0 });
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 });
        bits.skip(if level { 8 } else { 0 });
    }
    bits.golomb()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8) -> Vec<u8> {
        vec![0, 0, 1, kind << 1, 1, 0x80]
    }

    #[test]
    fn leading_pictures_are_left_out_after_a_start_and_shown_in_the_middle() {
        let mut hevc = Hevc::new(&[]);
        let cra = hevc.look(&packet(CRA), true);
        assert_eq!((cra.entry, cra.whole_start), (Some(EntryKind::Recovery), true));
        assert!(!hevc.look(&packet(8), false).shows);
        assert!(hevc.look(&packet(6), false).shows, "a decodable leading picture");
        assert!(hevc.look(&packet(1), false).shows);
        hevc.look(&packet(CRA), true);
        assert!(hevc.look(&packet(9), false).shows);
    }

    #[test]
    fn metadata_of_single_pictures_is_seen_ahead_of_them() {
        let message =
            |content: &[u8]| [&[0, 0, 1, MESSAGE << 1, 1, 4, 40], content, &packet(1)[..]].concat();
        let mut hevc = Hevc::new(&[]);
        hevc.look(&packet(19), true);
        assert_eq!(hevc.look(&message(&HDR10_PLUS), false).dynamic, Some("HDR10+"));
        // Captions are registered messages too.
        assert_eq!(hevc.look(&message(&[0xb5, 0, 0x31, 0x47]), false).dynamic, None);
        assert_eq!(hevc.look(&packet(1), false).dynamic, None);
    }

    #[test]
    fn after_bla_and_after_the_end_of_a_sequence_a_decoder_starts_anew() {
        let mut hevc = Hevc::new(&[]);
        assert_eq!(hevc.look(&packet(19), true).entry, Some(EntryKind::Idr));
        assert_eq!(hevc.look(&packet(16), true).entry, Some(EntryKind::Idr));
        assert!(!hevc.look(&packet(9), false).shows);
        hevc.look(&packet(CRA), true);
        assert!(hevc.look(&packet(9), false).shows);
        let mut ending = packet(1);
        ending.extend([0, 0, 1, END_OF_SEQUENCE << 1, 1]);
        hevc.look(&ending, false);
        hevc.look(&packet(CRA), true);
        assert!(!hevc.look(&packet(9), false).shows);
    }
}
