//! What a codec or a container must have a place for beside the samples: messages of pictures, two views in one.
//!
//! Owns their names for people. Refuses to look beyond the first picture: encoding looks at every one.

use ffmpeg_next as libav;
use libav::codec::packet::side_data::Type as OfStream;
use libav::util::frame::side_data::Type as OfFrame;

use super::hdr::words;

/// The messages of the first picture that only H.264 and HEVC have a place for.
pub(super) fn messages(first: &libav::frame::Video) -> Vec<String> {
    let has = |kind| first.side_data(kind).is_some();
    // A single view says nothing.
    let packing = first.side_data(OfFrame::Stereo3D).and_then(|data| stereo_of(data.data()));
    let mut names = Vec::new();
    if has(OfFrame::A53CC) {
        names.push("closed captions".to_owned());
    }
    if has(OfFrame::AFD) {
        names.push("an active format".to_owned());
    }
    if packing.is_some() {
        names.push("a 3D packing".to_owned());
    }
    names
}

/// How the container says that two views share the picture.
pub(super) fn stereo(stream: &libav::Stream<'_>) -> Option<(u8, bool)> {
    let found = stream.side_data().find(|data| data.kind() == OfStream::Stereo3d)?;
    stereo_of(found.data())
}

/// libav's `AVStereo3D`: a kind of packing, then flags, of which the first inverts the views.
fn stereo_of(content: &[u8]) -> Option<(u8, bool)> {
    let words = words(content);
    let kind = u8::try_from(*words.first()?).ok().filter(|kind| *kind > 0)?;
    Some((kind, words.get(1).is_some_and(|flags| flags & 1 == 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_view_is_no_packing_and_the_flag_inverts() {
        let of =
            |kind: i32, flags: i32| stereo_of(&[kind, flags, 0].map(i32::to_ne_bytes).concat());
        assert_eq!(of(0, 0), None);
        assert_eq!(of(1, 0), Some((1, false)));
        assert_eq!(of(2, 1), Some((2, true)));
        assert_eq!(stereo_of(&[]), None);
    }
}
