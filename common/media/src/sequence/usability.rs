//! The usability information of H.264 and HEVC: colour, sample aspect, timing; and what of a sequence parameter
//! set of HEVC stands between the picture's size and it.
//!
//! Owns the bits; refuses to judge them.

use cleanplate_types::part::CodedSignal;

use crate::scan::bits::Bits;

/// The sample aspect ratio that is written out.
const EXTENDED_ASPECT: u32 = 255;

/// The sample aspect ratios that have numbers of their own, from 1 on.
const ASPECTS: [(u32, u32); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

/// Reads the usability information of H.264; returns what it says, and the number of reordered pictures where
/// that is told.
pub(super) fn avc(bits: &mut Bits<'_>) -> (CodedSignal, Option<u8>) {
    let mut signal = shape_and_colour(bits);
    if bits.bit() {
        let (units, scale) = (bits.number(32), bits.number(32));
        bits.skip(1);
        // Units are fields.
        signal.frame_rate = units.checked_mul(2).map(|units| (scale, units));
    }
    let buffers = [(); 2].map(|()| {
        let there = bits.bit();
        if there {
            skip_buffer(bits);
        }
        there
    });
    bits.skip(if buffers.contains(&true) { 2 } else { 1 });
    if !bits.bit() {
        return (signal, None);
    }
    bits.skip(1);
    let _limits = [(); 4].map(|()| bits.golomb());
    (signal, Some(u8::try_from(bits.golomb()).unwrap_or(u8::MAX)))
}

/// Sample aspect, overscan, colour and chroma location, which both codecs write alike.
fn shape_and_colour(bits: &mut Bits<'_>) -> CodedSignal {
    let mut signal = CodedSignal::default();
    if bits.bit() {
        let number = bits.number(8);
        signal.sample_aspect = match number.checked_sub(1) {
            _ if number == EXTENDED_ASPECT => (bits.number(16), bits.number(16)),
            Some(place) => ASPECTS.get(place as usize).copied().unwrap_or((0, 1)),
            None => (0, 1),
        };
    }
    if bits.bit() {
        bits.skip(1);
    }
    if bits.bit() {
        bits.skip(3);
        signal.full_range = bits.bit();
        if bits.bit() {
            signal.colour = [(); 3].map(|()| u8::try_from(bits.number(8)).unwrap_or(0));
        }
    }
    if bits.bit() {
        let _places = (bits.golomb(), bits.golomb());
    }
    signal
}

/// Passes over the parameters of a hypothetical decoder's buffer.
fn skip_buffer(bits: &mut Bits<'_>) {
    let count = bits.golomb().min(31) + 1;
    bits.skip(8);
    for _ in 0..count {
        let _rate = (bits.golomb(), bits.golomb());
        bits.skip(1);
    }
    bits.skip(20);
}

/// Reads on behind the reordering of a sequence parameter set of HEVC, as far as the timing; `order_bits` is
/// the length of the numbers by which pictures are told apart.
pub(super) fn hevc(bits: &mut Bits<'_>, order_bits: u32) -> CodedSignal {
    let _block_sizes = [(); 6].map(|()| bits.golomb());
    if bits.bit() && bits.bit() {
        skip_scaling_lists(bits);
    }
    bits.skip(2);
    if bits.bit() {
        bits.skip(8);
        let _sizes = (bits.golomb(), bits.golomb());
        bits.skip(1);
    }
    skip_references(bits);
    if bits.bit() {
        for _ in 0..bits.golomb().min(32) {
            bits.skip(order_bits + 1);
        }
    }
    // Temporal motion vectors, strong intra smoothing; whether there is usability information.
    bits.skip(2);
    if !bits.bit() {
        return CodedSignal::default();
    }
    let mut signal = shape_and_colour(bits);
    bits.skip(3);
    if bits.bit() {
        let _window = [(); 4].map(|()| bits.golomb());
    }
    if bits.bit() {
        let (units, scale) = (bits.number(32), bits.number(32));
        signal.frame_rate = Some((scale, units));
    }
    signal
}

/// Passes over the scaling lists of HEVC.
fn skip_scaling_lists(bits: &mut Bits<'_>) {
    for size in 0..4_u32 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !bits.bit() {
                bits.golomb();
                continue;
            }
            if size > 1 {
                bits.golomb();
            }
            for _ in 0..(1_u32 << (4 + (size << 1))).min(64) {
                bits.golomb();
            }
        }
    }
}

/// Passes over the short-term and long-term reference pictures of HEVC.
fn skip_references(bits: &mut Bits<'_>) {
    let mut before = 0_u32;
    for place in 0..bits.golomb().min(64) {
        before = if place > 0 && bits.bit() {
            bits.skip(1);
            bits.golomb();
            // Each of the pictures of the set before, and that set itself: used, or kept for later.
            let kept = (0..=before).filter(|_| bits.bit() || bits.bit()).count();
            u32::try_from(kept).unwrap_or(0)
        } else {
            let count = bits.golomb().min(16) + bits.golomb().min(16);
            for _ in 0..count {
                bits.golomb();
                bits.skip(1);
            }
            count
        };
    }
}
