//! The raw names of colours; nothing here is unsafe.
//!
//! Owns the lists of those that all versions of libav name. Refuses to make up a name for another number.

use cleanplate_types::source::Colour;
use ffi::AVChromaLocation as Location;
use ffi::AVColorPrimaries as Primaries;
use ffi::AVColorRange as Range;
use ffi::AVColorSpace as Matrix;
use ffi::AVColorTransferCharacteristic as Transfer;
use ffmpeg_next::ffi;

const PRIMARIES: &[Primaries] = &[
    Primaries::AVCOL_PRI_BT709,
    Primaries::AVCOL_PRI_UNSPECIFIED,
    Primaries::AVCOL_PRI_BT470M,
    Primaries::AVCOL_PRI_BT470BG,
    Primaries::AVCOL_PRI_SMPTE170M,
    Primaries::AVCOL_PRI_SMPTE240M,
    Primaries::AVCOL_PRI_FILM,
    Primaries::AVCOL_PRI_BT2020,
    Primaries::AVCOL_PRI_SMPTE428,
    Primaries::AVCOL_PRI_SMPTE431,
    Primaries::AVCOL_PRI_SMPTE432,
    Primaries::AVCOL_PRI_EBU3213,
];

const TRANSFERS: &[Transfer] = &[
    Transfer::AVCOL_TRC_BT709,
    Transfer::AVCOL_TRC_UNSPECIFIED,
    Transfer::AVCOL_TRC_GAMMA22,
    Transfer::AVCOL_TRC_GAMMA28,
    Transfer::AVCOL_TRC_SMPTE170M,
    Transfer::AVCOL_TRC_SMPTE240M,
    Transfer::AVCOL_TRC_LINEAR,
    Transfer::AVCOL_TRC_LOG,
    Transfer::AVCOL_TRC_LOG_SQRT,
    Transfer::AVCOL_TRC_IEC61966_2_4,
    Transfer::AVCOL_TRC_BT1361_ECG,
    Transfer::AVCOL_TRC_IEC61966_2_1,
    Transfer::AVCOL_TRC_BT2020_10,
    Transfer::AVCOL_TRC_BT2020_12,
    Transfer::AVCOL_TRC_SMPTE2084,
    Transfer::AVCOL_TRC_SMPTE428,
    Transfer::AVCOL_TRC_ARIB_STD_B67,
];

const MATRICES: &[Matrix] = &[
    Matrix::AVCOL_SPC_RGB,
    Matrix::AVCOL_SPC_BT709,
    Matrix::AVCOL_SPC_UNSPECIFIED,
    Matrix::AVCOL_SPC_FCC,
    Matrix::AVCOL_SPC_BT470BG,
    Matrix::AVCOL_SPC_SMPTE170M,
    Matrix::AVCOL_SPC_SMPTE240M,
    Matrix::AVCOL_SPC_YCGCO,
    Matrix::AVCOL_SPC_BT2020_NCL,
    Matrix::AVCOL_SPC_BT2020_CL,
    Matrix::AVCOL_SPC_SMPTE2085,
    Matrix::AVCOL_SPC_CHROMA_DERIVED_NCL,
    Matrix::AVCOL_SPC_CHROMA_DERIVED_CL,
    Matrix::AVCOL_SPC_ICTCP,
];

const RANGES: &[Range] =
    &[Range::AVCOL_RANGE_UNSPECIFIED, Range::AVCOL_RANGE_MPEG, Range::AVCOL_RANGE_JPEG];

const LOCATIONS: &[Location] = &[
    Location::AVCHROMA_LOC_UNSPECIFIED,
    Location::AVCHROMA_LOC_LEFT,
    Location::AVCHROMA_LOC_CENTER,
    Location::AVCHROMA_LOC_TOPLEFT,
    Location::AVCHROMA_LOC_TOP,
    Location::AVCHROMA_LOC_BOTTOMLEFT,
    Location::AVCHROMA_LOC_BOTTOM,
];

/// Says the plan's colour of a stream; a number that has no name here stays as the `source` has it, from which
/// the plan has it too.
pub(in crate::stitch::stream) fn describe(
    to: &mut ffi::AVCodecParameters,
    source: &ffi::AVCodecParameters,
    colour: Colour,
) {
    let Colour { primaries, transfer, matrix, range, chroma_location } = colour;
    to.color_primaries =
        numbered(PRIMARIES, primaries, |name| name as u32).unwrap_or(source.color_primaries);
    to.color_trc = numbered(TRANSFERS, transfer, |name| name as u32).unwrap_or(source.color_trc);
    to.color_space = numbered(MATRICES, matrix, |name| name as u32).unwrap_or(source.color_space);
    to.color_range = numbered(RANGES, range, |name| name as u32).unwrap_or(source.color_range);
    to.chroma_location =
        numbered(LOCATIONS, chroma_location, |name| name as u32).unwrap_or(source.chroma_location);
}

/// The name of a number.
fn numbered<T: Copy>(names: &[T], number: u8, number_of: impl Fn(T) -> u32) -> Option<T> {
    names.iter().copied().find(|name| number_of(*name) == u32::from(number))
}
