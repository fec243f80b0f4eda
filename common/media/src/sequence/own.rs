//! The parameter sets of a source: taken out of its header, in the form that parts have.
//!
//! Owns the lists of `avcC` and `hvcC`. Refuses everything in them that is no parameter set, and headers
//! whose lists end early.

use std::borrow::Cow;

use cleanplate_types::digest::Sha;
use cleanplate_types::encode::{EncoderName, VideoCodec};
use cleanplate_types::source::OwnSets;

use super::coded_by;
use super::in_band::Codec;
use crate::scan::bits::{Framing, nal_units};

/// What stands before each unit.
const START: [u8; 4] = [0, 0, 0, 1];

/// What is known of the parameter sets of a source in `codec`, by libav's name; nothing where its header
/// holds none that can be read.
pub(crate) fn own_sets(codec: &str, extradata: &[u8]) -> Option<OwnSets> {
    let (bytes, _) = of_header(codec, extradata)?;
    let codec = codec_of(codec)?;
    let coded = coded_by(codec, &bytes).ok().flatten()?;
    Some(OwnSets { coded, extradata: Sha::of(&bytes) })
}

/// The parameter sets of a part with this extradata, for its key frames to bring with them.
#[must_use]
pub fn in_band_sets(encoder: EncoderName, extradata: &[u8]) -> Vec<u8> {
    let Some(codec) = Codec::of(encoder.codec()) else { return Vec::new() };
    let units = nal_units(extradata, Framing::AnnexB);
    joined(units.filter(|unit| codec.set_name(unit).is_some()))
}

/// `data`, a key frame's bytes in Annex B, with `sets` in front, behind a delimiter where it has one; unchanged
/// where it brings sets of its own.
pub(crate) fn with_sets<'a>(codec: VideoCodec, sets: &[u8], data: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(codec) = Codec::of(codec) else { return Cow::Borrowed(data) };
    if has_all(codec, sets, data) {
        return Cow::Borrowed(data);
    }
    let first = nal_units(data, Framing::AnnexB).next().unwrap_or_default();
    let head = if codec.is_delimiter(first) {
        memchr::memmem::find(data, first).map_or(0, |place| place + first.len())
    } else {
        0
    };
    let (head, rest) = data.split_at(head);
    Cow::Owned([head, sets, rest].concat())
}

/// Whether `data`, a key frame's bytes, brings every set of the part's `extradata` with it.
pub(crate) fn brings_sets(encoder: EncoderName, extradata: &[u8], data: &[u8]) -> bool {
    let Some(codec) = Codec::of(encoder.codec()) else { return true };
    has_all(codec, extradata, data)
}

fn has_all(codec: Codec, extradata: &[u8], data: &[u8]) -> bool {
    let sets = nal_units(extradata, Framing::AnnexB).filter(|unit| codec.set_name(unit).is_some());
    let brought: Vec<&[u8]> =
        nal_units(data, Framing::AnnexB).filter(|unit| codec.set_name(unit).is_some()).collect();
    let mut sets = sets.peekable();
    sets.peek().is_some() && sets.all(|set| brought.contains(&set))
}

/// The parameter sets of a header in Annex B, and how the source's packets are framed.
pub(crate) fn of_header(codec: &str, extradata: &[u8]) -> Option<(Vec<u8>, Framing)> {
    let kind = Codec::of(codec_of(codec)?)?;
    let (units, framing) = match (kind, extradata) {
        (Codec::Avc, [1, _, _, _, length, lists @ ..]) => {
            (avc_units(lists)?, Framing::Prefixed(usize::from(length & 3) + 1))
        }
        (Codec::Hevc, [1, ..]) => {
            let (length, lists) = extradata.get(21..)?.split_first()?;
            (hevc_units(lists)?, Framing::Prefixed(usize::from(length & 3) + 1))
        }
        (Codec::Avc | Codec::Hevc, _) => {
            (nal_units(extradata, Framing::AnnexB).collect(), Framing::AnnexB)
        }
    };
    let sets: Vec<&[u8]> = units.into_iter().filter(|unit| kind.set_name(unit).is_some()).collect();
    sets.iter().any(|unit| kind.is_sequence(unit)).then(|| (joined(sets.into_iter()), framing))
}

fn codec_of(name: &str) -> Option<VideoCodec> {
    [VideoCodec::H264, VideoCodec::Hevc].into_iter().find(|codec| codec.as_str() == name)
}

fn joined<'a>(units: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    units.flat_map(|unit| START.iter().chain(unit)).copied().collect()
}

/// The two lists of `avcC`: a count (its upper bits are flags), then length and unit.
fn avc_units(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    for mask in [0x1f, 0xff] {
        let (count, after) = rest.split_first()?;
        rest = after;
        for _ in 0..count & mask {
            units.push(taken(&mut rest)?);
        }
    }
    Some(units)
}

/// The arrays of `hvcC`: a kind, a count, then length and unit.
fn hevc_units(lists: &[u8]) -> Option<Vec<&[u8]>> {
    let (arrays, mut rest) = lists.split_first()?;
    let mut units = Vec::new();
    for _ in 0..*arrays {
        let [_kind, high, low, after @ ..] = rest else { return None };
        rest = after;
        for _ in 0..u16::from_be_bytes([*high, *low]) {
            units.push(taken(&mut rest)?);
        }
    }
    Some(units)
}

/// Takes a unit and the two bytes of its length off the front.
fn taken<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *rest = after;
    Some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_of_both_kinds_of_header_are_taken_as_annex_b() {
        let avcc = [1, 100, 0, 13, 0xff, 0xe1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 3, 0xfd, 0xf8];
        let sets = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3];
        assert_eq!(of_header("h264", &avcc), Some((sets.to_vec(), Framing::Prefixed(4))));
        assert_eq!(of_header("h264", &sets), Some((sets.to_vec(), Framing::AnnexB)));
        assert_eq!(of_header("h264", &avcc[..12]), None, "its lists end early");
        let mut hvcc = vec![1; 21];
        hvcc.extend([3, 3, 32, 0, 1, 0, 3, 0x40, 1, 7, 33, 0, 1, 0, 3, 0x42, 1, 8]);
        hvcc.extend([39, 0, 1, 0, 3, 0x4e, 1, 9]);
        let sets = [0, 0, 0, 1, 0x40, 1, 7, 0, 0, 0, 1, 0x42, 1, 8];
        assert_eq!(of_header("hevc", &hvcc), Some((sets.to_vec(), Framing::Prefixed(4))));
    }

    #[test]
    fn headers_without_sets_and_other_codecs_have_none() {
        assert_eq!(of_header("h264", &[]), None);
        assert_eq!(of_header("vp9", &[0, 0, 1, 0x67, 1]), None);
        assert_eq!(own_sets("hevc", &[1; 22]), None);
    }

    #[test]
    fn sets_go_in_front_of_a_key_frame_that_lacks_one_and_behind_its_delimiter() {
        let sets = [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 3];
        let slice = [0, 0, 0, 1, 0x65, 7];
        let bare = with_sets(VideoCodec::H264, &sets, &slice);
        assert_eq!(*bare, [&sets[..], &slice].concat());
        assert!(brings_sets(EncoderName::Libx264, &sets, &bare));
        assert!(!brings_sets(EncoderName::Libx264, &sets, &slice));
        assert_eq!(with_sets(VideoCodec::H264, &sets, &bare), bare, "once is enough");
        let delimiter = [0, 0, 0, 1, 9, 16];
        let marked = [&delimiter[..], &slice].concat();
        let expected = [&delimiter[..], &sets, &slice].concat();
        assert_eq!(*with_sets(VideoCodec::H264, &sets, &marked), expected);
        let half = [&sets[..6], &slice].concat();
        assert_eq!(*with_sets(VideoCodec::H264, &sets, &half), [&sets[..], &half].concat());
    }

    #[test]
    fn key_frames_bring_sets_and_no_messages() {
        let extradata = [0, 0, 1, 0x40, 1, 7, 0, 0, 1, 0x42, 1, 8, 0, 0, 1, 0x4e, 1, 9];
        let sets = in_band_sets(EncoderName::Libx265, &extradata);
        assert_eq!(sets, [0, 0, 0, 1, 0x40, 1, 7, 0, 0, 0, 1, 0x42, 1, 8]);
        assert!(in_band_sets(EncoderName::LibvpxVp9, &extradata).is_empty());
    }
}
