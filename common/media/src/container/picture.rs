//! What of the pictures themselves a container, or the codec in it, has no place for.
//!
//! Owns the lists. Refuses nothing: what is lost is refused or allowed by its caller, and what only moves the colours
//! by less than a sample is told.

use cleanplate_types::choice::is_interlaced;
use cleanplate_types::encode::VideoCodec;
use cleanplate_types::source::VideoDescription;

use super::Container;

/// What is lost of the pictures of `video` as `codec` in `container`, in words.
pub(super) fn lost(
    container: Container,
    video: &VideoDescription,
    codec: VideoCodec,
) -> Vec<String> {
    let (name, coded) = (container.name(), codec.for_people());
    let mut lost = Vec::new();
    if is_interlaced(video.field_order) && !says_fields(container, codec) {
        lost.push(format!("the field order ({coded} has none of its own)"));
    }
    if !says_matrix(codec, video.colour.matrix) {
        let matrix = matrix_name(video.colour.matrix);
        lost.push(format!("the colour matrix {matrix} ({coded} has no name for it)"));
    }
    if !codec.has_messages() {
        let messages = video.messages.iter();
        lost.extend(messages.map(|what| format!("{what} ({coded} has no place for that)")));
    }
    if !says_aspect(container, video) {
        let (num, den) = video.sample_aspect;
        lost.push(format!(
            "the shape of the samples, {num}:{den} ({name} counts what is shown in whole samples)"
        ));
    }
    if video.stereo.is_some_and(|stereo| !says_stereo(container, stereo)) {
        lost.push(format!("how two views share the picture ({name} does not say it)"));
    }
    lost
}

/// Whether the field order comes back: said by the codec's pictures, or by the container for the whole
/// stream.
const fn says_fields(container: Container, codec: VideoCodec) -> bool {
    match (container, codec) {
        (_, VideoCodec::H264) | (Container::Mp4 | Container::Mov | Container::Mkv, _) => true,
        (Container::Webm | Container::Ts { .. }, _) => false,
    }
}

/// Whether the codec names a matrix (H.273). What VP9 does not name, decoders take for unknown, whatever the
/// container says.
const fn says_matrix(codec: VideoCodec, matrix: u8) -> bool {
    match codec {
        VideoCodec::H264 | VideoCodec::Hevc | VideoCodec::Av1 => true,
        VideoCodec::Vp9 => matches!(matrix, 1 | 2 | 5 | 6 | 7 | 9),
    }
}

/// What of the pictures is not said again and only told, in words: where the chroma samples lie.
pub(super) fn unsaid(
    container: Container,
    video: &VideoDescription,
    codec: VideoCodec,
) -> Option<String> {
    let at = location_name(video.colour.chroma_location);
    let (coded, name) = (codec.for_people(), container.name());
    (!says_chroma_location(container, video, codec))
        .then(|| format!("that the chroma samples lie at `{at}` has no place in {coded} in {name}"))
}

/// Whether it comes back where the chroma samples lie. H.264 and HEVC say it of 4:2:0 alone, and decoders of H.264 take
/// the left where nothing is said; Matroska has places for left, centre and top.
pub(crate) fn says_chroma_location(
    container: Container,
    video: &VideoDescription,
    codec: VideoCodec,
) -> bool {
    let location = video.colour.chroma_location;
    let shared = (video.layout.chroma_shift_x, video.layout.chroma_shift_y);
    if location == 0 || shared == (0, 0) {
        return true;
    }
    match codec {
        VideoCodec::H264 => shared == (1, 1) || location == 1,
        VideoCodec::Hevc => shared == (1, 1),
        VideoCodec::Vp9 | VideoCodec::Av1 if container.is_matroska() => location <= 4,
        VideoCodec::Av1 => matches!(location, 1 | 3),
        VideoCodec::Vp9 => false,
    }
}

/// FFmpeg's name of a place of the chroma samples.
const fn location_name(location: u8) -> &'static str {
    match location {
        1 => "left",
        2 => "center",
        3 => "topleft",
        4 => "top",
        5 => "bottomleft",
        6 => "bottom",
        _ => "unknown",
    }
}

/// FFmpeg's name of a matrix.
fn matrix_name(matrix: u8) -> String {
    match matrix {
        0 => "rgb".to_owned(),
        4 => "fcc".to_owned(),
        8 => "ycgco".to_owned(),
        10 => "bt2020c".to_owned(),
        11 => "smpte2085".to_owned(),
        12 => "chroma-derived-nc".to_owned(),
        13 => "chroma-derived-c".to_owned(),
        14 => "ictcp".to_owned(),
        other => format!("number {other}"),
    }
}

/// Whether the shape of the samples comes back: `WebM` says how wide the picture is shown, in whole samples.
fn says_aspect(container: Container, video: &VideoDescription) -> bool {
    let (num, den) = video.sample_aspect;
    match container {
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Ts { .. } => true,
        Container::Webm if num == 0 || den == 0 => true,
        Container::Webm => (u64::from(video.width) * u64::from(num)).is_multiple_of(u64::from(den)),
    }
}

/// Whether the container says how two views share the picture: libav's numbers 1 and 2 are side by side and one
/// above the other.
pub(crate) const fn says_stereo(container: Container, (kind, is_inverted): (u8, bool)) -> bool {
    let is_plain = matches!(kind, 1 | 2);
    match container {
        Container::Mkv => true,
        Container::Webm => is_plain,
        Container::Mp4 => is_plain && !is_inverted,
        Container::Mov | Container::Ts { .. } => false,
    }
}
