//! What the parameter sets of H.264 and HEVC say of the pictures, read from their bits.
//!
//! Owns the part contract's look into extradata: a part is held to what its encoder really wrote, not
//! to what is claimed of it; and the look into its packets for parameter sets of their own. Refuses codecs
//! that have no sequence parameter set.

mod in_band;
mod own;
mod usability;

use cleanplate_types::digest::Sha;
use cleanplate_types::encode::{EncodeSpec, EncoderName, VideoCodec};
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::{CodedPicture, CodedSignal, layout_text};

use crate::scan::bits::{Bits, Framing, nal_units};
use crate::scan::headers::{HIGH_PROFILES, skip_picture_order, skip_scaling_lists};
pub use in_band::ParameterSets;
pub use own::in_band_sets;
pub(crate) use own::{brings_sets, of_header, own_sets, with_sets};

/// The NAL unit types of a sequence parameter set.
const AVC_SEQUENCE: u8 = 7;
const HEVC_SEQUENCE: u8 = 33;

/// Bits of the general profile and level of HEVC.
const GENERAL_PROFILE_BITS: u32 = 96;

/// Parameter sets that are not those of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// There is no sequence parameter set.
    #[error("the extradata holds no sequence parameter set of {codec}")]
    Missing {
        /// The codec, by its standard's name.
        codec: &'static str,
    },
    /// They speak of pictures of another size.
    #[error(
        "the parameter sets say {found_width}x{found_height}, the encode spec {width}x{height}"
    )]
    Size {
        /// Width that they say.
        found_width: u32,
        /// Height that they say.
        found_height: u32,
        /// The contract's width.
        width: u32,
        /// The contract's height.
        height: u32,
    },
    /// They speak of other samples.
    #[error("the parameter sets say {found}, the encode spec {expected}")]
    Samples {
        /// What they say.
        found: String,
        /// What the contract says.
        expected: String,
    },
    /// They say that samples are to be shown otherwise.
    #[error("the parameter sets say {differs}")]
    Signal {
        /// What they say, and what the contract does.
        differs: String,
    },
    /// A packet brings others.
    #[error("packet {packet} brings a {what} that is not one of the part's")]
    InBand {
        /// Its place in coding order.
        packet: usize,
        /// Which kind of parameter set.
        what: &'static str,
    },
    /// A part of the source's own packets has other sets than planning saw.
    #[error("the parameter sets are not those of the source")]
    NotTheSources,
    /// They allow more reordering than the movie's decoding times rest on.
    #[error("the parameter sets allow {found} reordered pictures, the encode spec {expected}")]
    Reorder {
        /// What they allow.
        found: u8,
        /// The most that the contract allows.
        expected: u8,
    },
}

/// What the extradata of a part says of its pictures; nothing where `encoder` is of a codec whose
/// parameter sets are not read here.
///
/// # Errors
/// [`SequenceError::Missing`].
pub fn coded_picture(
    encoder: EncoderName,
    extradata: &[u8],
) -> Result<Option<CodedPicture>, SequenceError> {
    coded_by(encoder.codec(), extradata)
}

fn coded_by(codec: VideoCodec, extradata: &[u8]) -> Result<Option<CodedPicture>, SequenceError> {
    let mut units = nal_units(extradata, Framing::AnnexB);
    let (codec, found) = match codec {
        VideoCodec::H264 => {
            let unit = units.find(|unit| unit[0] & 0x1f == AVC_SEQUENCE);
            ("H.264", unit.map(|unit| avc(unit.get(1..).unwrap_or_default())))
        }
        VideoCodec::Hevc => {
            let unit = units.find(|unit| unit[0] >> 1 & 0x3f == HEVC_SEQUENCE);
            ("HEVC", unit.map(|unit| hevc(unit.get(2..).unwrap_or_default())))
        }
        VideoCodec::Vp9 | VideoCodec::Av1 => return Ok(None),
    };
    found.map(Some).ok_or(SequenceError::Missing { codec })
}

/// Who wrote the parameter sets of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The contract's encoder.
    Encoder,
    /// Whoever made the source: planning has looked at how its samples are to be shown.
    Source,
}

impl Whose {
    /// Those of the part of `cell`.
    #[must_use]
    pub fn of(spec: &EncodeSpec, cell: CellIndex) -> Self {
        if spec.copies(cell) { Self::Source } else { Self::Encoder }
    }
}

/// Checks that the parameter sets of a part are those of its contract; returns what they say.
///
/// # Errors
/// [`SequenceError`] names the first thing that is not.
pub fn check(
    spec: &EncodeSpec,
    whose: Whose,
    extradata: &[u8],
) -> Result<Option<CodedPicture>, SequenceError> {
    let expected = spec.copied.as_ref().map(|copied| copied.extradata);
    if whose == Whose::Source && expected != Some(Sha::of(extradata)) {
        return Err(SequenceError::NotTheSources);
    }
    let coded = coded_picture(spec.encoder.name, extradata)?;
    let Some(picture) = coded else { return Ok(None) };
    let (width, height) = (spec.width, spec.height);
    if (picture.width, picture.height) != (width, height) {
        let (found_width, found_height) = (picture.width, picture.height);
        return Err(SequenceError::Size { found_width, found_height, width, height });
    }
    if !picture.has_samples_of(&spec.layout) {
        let (found, expected) = (picture.samples_text(), layout_text(&spec.layout));
        return Err(SequenceError::Samples { found, expected });
    }
    let differs = picture.signal.differs(spec);
    if let (Whose::Encoder, Some(differs)) = (whose, differs) {
        return Err(SequenceError::Signal { differs });
    }
    match picture.reorder_frames.filter(|reorder| *reorder > spec.reorder_frames) {
        Some(found) => Err(SequenceError::Reorder { found, expected: spec.reorder_frames }),
        None => Ok(coded),
    }
}

/// Chroma as `chroma_format_idc` codes it: planes, and log2 of the columns and rows that share a
/// sample.
const fn chroma(code: u32) -> (u8, (u8, u8)) {
    match code {
        0 => (1, (0, 0)),
        1 => (3, (1, 1)),
        2 => (3, (1, 0)),
        _ => (3, (0, 0)),
    }
}

fn depth(code: u32) -> u8 {
    u8::try_from(code.saturating_add(8)).unwrap_or(u8::MAX)
}

/// The four sides that are cropped, in the units of the codec; zeros where nothing is.
fn crop(bits: &mut Bits<'_>) -> [u32; 4] {
    if bits.bit() { [0; 4].map(|_: u32| bits.golomb()) } else { [0; 4] }
}

fn avc(payload: &[u8]) -> CodedPicture {
    let mut bits = Bits::guarded(payload);
    let profile = bits.number(8);
    bits.skip(16);
    bits.golomb();
    let (mut format, mut luma_depth) = (1, 8);
    if HIGH_PROFILES.contains(&profile) {
        format = bits.golomb();
        if format == 3 {
            bits.skip(1);
        }
        luma_depth = depth(bits.golomb());
        bits.golomb();
        bits.skip(1);
        if bits.bit() {
            skip_scaling_lists(&mut bits, if format == 3 { 12 } else { 8 });
        }
    }
    bits.golomb();
    skip_picture_order(&mut bits);
    bits.golomb();
    bits.skip(1);
    let (columns, rows) = (bits.golomb().saturating_add(1), bits.golomb().saturating_add(1));
    let frames_only = bits.bit();
    bits.skip(if frames_only { 1 } else { 2 });
    let [left, right, top, bottom] = crop(&mut bits);
    let (planes, shift) = chroma(format);
    let field = if frames_only { 1 } else { 2 };
    let whole = |blocks: u32| blocks.saturating_mul(16);
    let cut = |sides: u32, unit: u32| sides.saturating_mul(unit);
    let across = cut(left.saturating_add(right), 1 << shift.0);
    let down = cut(top.saturating_add(bottom), field << shift.1);
    let (signal, reorder_frames) =
        if bits.bit() { usability::avc(&mut bits) } else { (CodedSignal::default(), None) };
    CodedPicture {
        width: whole(columns).saturating_sub(across),
        height: whole(rows).saturating_mul(field).saturating_sub(down),
        depth: luma_depth,
        planes,
        chroma_shift: shift,
        reorder_frames,
        signal,
    }
}

fn hevc(payload: &[u8]) -> CodedPicture {
    let mut bits = Bits::guarded(payload);
    bits.skip(4);
    let layers = bits.number(3);
    bits.skip(1 + GENERAL_PROFILE_BITS);
    let present: Vec<(bool, bool)> = (0..layers).map(|_| (bits.bit(), bits.bit())).collect();
    bits.skip(if layers > 0 { 2 * (8 - layers) } else { 0 });
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 });
        bits.skip(if level { 8 } else { 0 });
    }
    bits.golomb();
    let format = bits.golomb();
    if format == 3 {
        bits.skip(1);
    }
    let (width, height) = (bits.golomb(), bits.golomb());
    let [left, right, top, bottom] = crop(&mut bits);
    let luma_depth = depth(bits.golomb());
    bits.golomb();
    let order_bits = bits.golomb().min(12) + 4;
    let each = bits.bit();
    let mut reorder = 0;
    for _ in 0..if each { layers + 1 } else { 1 } {
        bits.golomb();
        reorder = bits.golomb();
        bits.golomb();
    }
    let (planes, shift) = chroma(format);
    let across = left.saturating_add(right).saturating_mul(1 << shift.0);
    let down = top.saturating_add(bottom).saturating_mul(1 << shift.1);
    CodedPicture {
        width: width.saturating_sub(across),
        height: height.saturating_sub(down),
        depth: luma_depth,
        planes,
        chroma_shift: shift,
        reorder_frames: Some(u8::try_from(reorder).unwrap_or(u8::MAX)),
        signal: usability::hevc(&mut bits, order_bits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameter sets as x264 and x265 wrote them for pictures of the size in the name.
    const AVC_320X180: &[u8] = &[
        0, 0, 0, 1, 0x67, 0x64, 0, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0, 0, 3,
        0, 0x10, 0, 0, 3, 3, 0xc0, 0xf1, 0x42, 0x99, 0x60, 0, 0, 0, 1, 0x68, 0xeb, 0xe3, 0xcb,
        0x22, 0xc0,
    ];

    #[test]
    fn the_size_and_the_samples_of_h264_are_read_from_its_bits() {
        let read = coded_picture(EncoderName::Libx264, AVC_320X180).unwrap().unwrap();
        assert_eq!((read.width, read.height, read.depth), (320, 180, 8));
        assert_eq!((read.planes, read.chroma_shift), (3, (1, 1)));
        assert_eq!(read.reorder_frames, Some(2));
        assert_eq!(read.signal.frame_rate, Some((60, 2)));
        assert_eq!((read.signal.full_range, read.signal.colour), (false, [2; 3]));
        assert_eq!(read.samples_text(), "3 planes of 8 bits, chroma 2x2");
    }

    #[test]
    fn extradata_of_another_codec_is_refused_and_that_of_an_unknown_one_not_read() {
        let missing = coded_picture(EncoderName::Libx265, AVC_320X180);
        assert_eq!(missing, Err(SequenceError::Missing { codec: "HEVC" }));
        assert!(coded_picture(EncoderName::Libx264, &[]).is_err());
    }
}
