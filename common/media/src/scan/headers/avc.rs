//! H.264: IDR, recovery points, field pictures.

use cleanplate_types::frames::EntryKind;

use super::{Look, ParameterSets};
use crate::scan::bits::{Bits, Framing, nal_units};

const SLICE: u8 = 1;
const PARTITION: u8 = 2;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SEQUENCE: u8 = 7;
const PICTURE: u8 = 8;
const RECOVERY_POINT: u32 = 6;

/// Profiles whose sequence parameters speak of chroma and depth.
pub(crate) const HIGH_PROFILES: [u32; 13] =
    [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// What of the sequence parameters is needed to read a slice header as far as its field flags.
#[derive(Debug, Clone, Copy)]
struct Sequence {
    separate_planes: bool,
    frame_number_bits: u32,
    frames_only: bool,
}

/// Reads H.264 packets.
#[derive(Debug)]
pub(crate) struct Avc {
    framing: Framing,
    sets: ParameterSets,
    sequences: Vec<(u32, Sequence)>,
    /// The sequence that each picture parameter set belongs to.
    pictures: Vec<(u32, u32)>,
}

impl Avc {
    pub(super) fn new(extradata: &[u8]) -> Self {
        let framing = match extradata {
            [1, _, _, _, length, ..] => Framing::Prefixed(usize::from(length & 3) + 1),
            _ => Framing::AnnexB,
        };
        let mut avc = Self {
            framing,
            sets: ParameterSets::default(),
            sequences: Vec::new(),
            pictures: Vec::new(),
        };
        match framing {
            Framing::AnnexB => nal_units(extradata, framing).for_each(|unit| {
                avc.learn(unit);
            }),
            Framing::Prefixed(_) => avc.learn_configuration(extradata),
        }
        avc
    }

    /// How its packets are framed.
    pub(crate) const fn framing(&self) -> Framing {
        self.framing
    }

    pub(super) const fn knows_sequences(&self) -> bool {
        !self.sequences.is_empty()
    }

    /// Reads the two lists of `avcC`: a count (its upper bits are flags), then length and unit.
    fn learn_configuration(&mut self, extradata: &[u8]) {
        let mut rest = extradata.get(5..).unwrap_or_default();
        for mask in [0x1f, 0xff] {
            let Some((count, after)) = rest.split_first() else { return };
            rest = after;
            for _ in 0..count & mask {
                let Some(unit) = nal_units(rest, Framing::Prefixed(2)).next() else { return };
                let taken = 2 + usize::from(rest[0]) * 256 + usize::from(rest[1]);
                self.learn(unit);
                rest = rest.get(taken..).unwrap_or_default();
            }
        }
    }

    /// Takes a parameter set; true where it changes one that was there before.
    fn learn(&mut self, unit: &[u8]) -> bool {
        let Some((header, payload)) = unit.split_first() else { return false };
        match header & 0x1f {
            SEQUENCE => {
                let (id, sequence) = sequence(payload);
                self.sequences.retain(|(known, _)| *known != id);
                self.sequences.push((id, sequence));
                self.sets.replaces(SEQUENCE, id, unit)
            }
            PICTURE => {
                let mut bits = Bits::guarded(payload);
                let (id, of) = (bits.golomb(), bits.golomb());
                self.pictures.retain(|(known, _)| *known != id);
                self.pictures.push((id, of));
                false
            }
            _ => false,
        }
    }

    pub(super) fn look(&mut self, data: &[u8], key: bool) -> Look {
        let mut look = Look { shows: true, ..Look::default() };
        let mut recovers = false;
        // Fields seen in this packet: top, bottom.
        let mut fields = [false; 2];
        let mut slices = 0_u32;
        for unit in nal_units(data, self.framing) {
            let kind = unit[0] & 0x1f;
            match kind {
                SEQUENCE | PICTURE if self.learn(unit) => {
                    look.doubt = Some("the sequence parameters change in mid-stream");
                }
                SEI => recovers |= has_recovery_point(&unit[1..]),
                SLICE | PARTITION | IDR => {
                    slices += 1;
                    if kind == IDR {
                        look.entry = Some(EntryKind::Idr);
                    }
                    match self.field_of(&unit[1..]) {
                        Some(bottom) => fields[usize::from(bottom)] = true,
                        // Slices of one frame say the same.
                        None => break,
                    }
                    if fields == [true; 2] {
                        break;
                    }
                }
                _ => {}
            }
        }
        if slices == 0 {
            look.doubt = Some("packets without a picture");
        } else if fields[0] != fields[1] {
            look.doubt = Some("pictures are coded as fields, in packets of their own");
        }
        look.whole_start = look.entry.is_some();
        if look.entry.is_none() && (key || recovers) {
            look.entry = Some(if recovers { EntryKind::Recovery } else { EntryKind::Unknown });
        }
        look
    }

    /// The field that a slice belongs to (true: bottom); nothing where it belongs to a frame.
    fn field_of(&self, slice: &[u8]) -> Option<bool> {
        let mut bits = Bits::guarded(slice);
        let (_first, _kind, picture) = (bits.golomb(), bits.golomb(), bits.golomb());
        let (_, of) = self.pictures.iter().find(|(id, _)| *id == picture)?;
        let (_, sequence) = self.sequences.iter().find(|(id, _)| id == of)?;
        if sequence.frames_only {
            return None;
        }
        bits.skip(if sequence.separate_planes { 2 } else { 0 });
        bits.skip(sequence.frame_number_bits);
        bits.bit().then(|| bits.bit())
    }
}

fn sequence(payload: &[u8]) -> (u32, Sequence) {
    let mut bits = Bits::guarded(payload);
    let profile = bits.number(8);
    bits.skip(16);
    let id = bits.golomb();
    let mut separate_planes = false;
    if HIGH_PROFILES.contains(&profile) {
        let chroma = bits.golomb();
        separate_planes = chroma == 3 && bits.bit();
        let _depths = (bits.golomb(), bits.golomb());
        bits.skip(1);
        if bits.bit() {
            skip_scaling_lists(&mut bits, if chroma == 3 { 12 } else { 8 });
        }
    }
    let frame_number_bits = bits.golomb() + 4;
    skip_picture_order(&mut bits);
    bits.golomb();
    bits.skip(1);
    let _size = (bits.golomb(), bits.golomb());
    let frames_only = bits.bit();
    (id, Sequence { separate_planes, frame_number_bits, frames_only })
}

/// How H.264 codes the order of pictures; passed over.
pub(crate) fn skip_picture_order(bits: &mut Bits<'_>) {
    match bits.golomb() {
        0 => {
            bits.golomb();
        }
        1 => {
            bits.skip(1);
            let _offsets = (bits.golomb(), bits.golomb());
            for _ in 0..bits.golomb().min(255) {
                bits.golomb();
            }
        }
        _ => {}
    }
}

/// Passes over the scaling lists of H.264.
pub(crate) fn skip_scaling_lists(bits: &mut Bits<'_>, count: u32) {
    for list in 0..count {
        if !bits.bit() {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                let code = bits.golomb();
                let size = i32::try_from(code.div_ceil(2)).unwrap_or(0);
                let delta = if code % 2 == 1 { size } else { -size };
                next = (last + delta).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
}

/// Whether a message of supplemental information is a recovery point.
fn has_recovery_point(payload: &[u8]) -> bool {
    let mut bits = Bits::guarded(payload);
    let whole = u32::try_from(payload.len()).unwrap_or(0);
    let number = |bits: &mut Bits<'_>| {
        let mut sum = 0_u32;
        loop {
            let byte = bits.number(8);
            sum = sum.saturating_add(byte);
            if byte != 255 {
                return sum;
            }
        }
    };
    // Each message takes two bytes at least; the last byte of the unit is the stop bit.
    let mut left = whole;
    while left > 2 {
        let kind = number(&mut bits);
        let size = number(&mut bits);
        if kind == RECOVERY_POINT {
            return true;
        }
        bits.skip(8 * size.min(whole));
        left = left.saturating_sub(size.saturating_add(2));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idr_recovery_point_and_plain_key_are_three_kinds() {
        let mut avc = Avc::new(&[]);
        let kind = |avc: &mut Avc, data: &[u8], key| avc.look(data, key).entry;
        let idr = [0, 0, 1, 9, 16, 0, 0, 1, 0x65, 0x88, 0x80];
        assert_eq!(kind(&mut avc, &idr, false), Some(EntryKind::Idr));
        let recovery = [0, 0, 1, 6, 1, 1, 0x55, 6, 1, 0xc0, 0x80, 0, 0, 1, 0x41, 0x9a, 0x80];
        assert_eq!(kind(&mut avc, &recovery, true), Some(EntryKind::Recovery));
        let plain = [0, 0, 1, 0x41, 0x9a, 0x80];
        assert_eq!(kind(&mut avc, &plain, true), Some(EntryKind::Unknown));
        assert_eq!(kind(&mut avc, &plain, false), None);
    }

    #[test]
    fn a_packet_of_one_field_is_no_frame() {
        // Main profile with fields; 4 bits of frame number, then the two field flags: 10, 11, 0.
        let sequence = [0x67, 77, 0, 30, 0b1101_0110, 0b0100_1001, 0x80];
        let picture = [0x68, 0b1110_0000];
        let top = [0x41, 0b1001_1010, 0b0001_0111];
        let bottom = [0x41, 0b1001_1010, 0b0001_1111];
        let frame = [0x41, 0b1001_1010, 0b0000_1111];
        let packet = |units: &[&[u8]]| {
            units.iter().flat_map(|unit| [&[0, 0, 1][..], unit].concat()).collect::<Vec<u8>>()
        };
        let mut avc = Avc::new(&packet(&[&sequence, &picture]));
        assert!(avc.look(&packet(&[&frame]), false).doubt.is_none());
        assert!(avc.look(&packet(&[&top, &bottom]), false).doubt.is_none());
        assert!(avc.look(&packet(&[&top]), false).doubt.is_some());
        assert!(avc.look(&packet(&[&bottom, &bottom]), false).doubt.is_some());
    }

    #[test]
    fn sequence_parameters_that_change_are_noticed() {
        let first = [0, 0, 1, 0x67, 66, 0, 30, 0xf4, 0, 0, 1, 0x65, 0x88, 0x80];
        let other = [0, 0, 1, 0x67, 66, 0, 31, 0xf4, 0, 0, 1, 0x65, 0x88, 0x80];
        let mut avc = Avc::new(&[]);
        assert!(avc.look(&first, true).doubt.is_none());
        assert!(avc.look(&first, true).doubt.is_none());
        assert!(avc.look(&other, true).doubt.is_some());
    }
}
