//! Which encoder a source gets where nobody names one, and what each takes.
//!
//! Owns the rule that intake (which asks whether the container holds the codec) and planning (which asks the
//! fleet for the encoder) must agree on. Refuses to know who has which encoder.

use crate::encode::EncoderName;
use crate::picture::PixelLayout;
use crate::source::{FieldOrder, VideoDescription};

/// Whether the output's name (a path or URL) asks for `WebM`, which holds VP9 and AV1 alone.
#[must_use]
pub fn asks_for_webm(output: &str) -> bool {
    extension(output).as_deref() == Some("webm")
}

/// Endings of outputs: the containers that are written.
pub const WRITTEN: [&str; 9] = ["m2ts", "m4v", "mkv", "mov", "mp4", "mts", "qt", "ts", "webm"];

/// The extension of the last part of a path or URL, in lowercase.
#[must_use]
pub fn extension(name: &str) -> Option<String> {
    let name = if name.contains("://") { name.split(['?', '#']).next()? } else { name };
    let last = name.rsplit('/').next()?;
    let (stem, extension) = last.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_lowercase())
}

/// The encoder that needs no card for `video`, written to `output`; nothing where none takes it.
///
/// HEVC stays HEVC, all else becomes H.264; but what libx264 cannot hold goes to libx265, and interlaced
/// video that must come back exactly to libx264, whose pictures say their fields. In `WebM`
/// AV1 stays AV1 and all else becomes VP9, which also takes what libaom is not exact on.
#[must_use]
pub fn software_encoder(
    video: &VideoDescription,
    output: &str,
    lossless: bool,
) -> Option<EncoderName> {
    let is_webm = asks_for_webm(output);
    let says_fields = lossless && is_interlaced(video.field_order);
    let serves = |name: EncoderName| {
        takes(name, &video.layout)
            && takes_size(name, video)
            && !(lossless && inexact(name, video).is_some())
    };
    let order = match (is_webm, video.codec.as_str()) {
        (true, "av1") => [EncoderName::LibaomAv1, EncoderName::LibvpxVp9],
        (true, _) => [EncoderName::LibvpxVp9, EncoderName::LibaomAv1],
        (false, "hevc") if !says_fields => [EncoderName::Libx265, EncoderName::Libx264],
        (false, _) => [EncoderName::Libx264, EncoderName::Libx265],
    };
    let served = order.into_iter().find(|name| serves(*name));
    // A size that neither takes is refused in the name of one.
    served.or_else(|| order.into_iter().find(|name| takes(*name, &video.layout)))
}

/// What keeps an encoder's lossless mode from being exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inexact {
    /// Samples of this many bits.
    Depth(u8),
    /// It has no such mode that is proved.
    Always,
}

/// Why the lossless mode of `encoder` is not exact for `video`; nothing where it is.
#[must_use]
pub fn inexact(encoder: EncoderName, video: &VideoDescription) -> Option<Inexact> {
    match encoder {
        EncoderName::Libx264 | EncoderName::Libx265 | EncoderName::LibvpxVp9 => None,
        // Of 12 bits, 4:2:2 and 4:4:4 do not come back; of grey, only 8 bits do.
        EncoderName::LibaomAv1 => {
            let exact_bits = if video.layout.planes == 1 { 8 } else { 10 };
            (video.layout.depth > exact_bits).then_some(Inexact::Depth(video.layout.depth))
        }
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => Some(Inexact::Always),
    }
}

/// Whether the lines of a frame belong to two fields.
#[must_use]
pub const fn is_interlaced(order: FieldOrder) -> bool {
    match order {
        FieldOrder::TopFirst | FieldOrder::BottomFirst => true,
        FieldOrder::Unknown | FieldOrder::Progressive => false,
    }
}

/// Whether an encoder takes samples of this layout.
#[must_use]
pub fn takes(encoder: EncoderName, layout: &PixelLayout) -> bool {
    let grey = layout.planes == 1;
    let chroma = (layout.chroma_shift_x, layout.chroma_shift_y);
    let halved = layout.planes == 3 && chroma == (1, 1);
    let colour = layout.planes == 3 && matches!(chroma, (1, 1) | (1, 0) | (0, 0));
    match encoder {
        // Its grey decodes as 4:2:0.
        EncoderName::Libx264 => colour && matches!(layout.depth, 8 | 10),
        EncoderName::Libx265 | EncoderName::LibaomAv1 => {
            (grey || colour) && matches!(layout.depth, 8 | 10 | 12)
        }
        EncoderName::LibvpxVp9 => colour && matches!(layout.depth, 8 | 10 | 12),
        EncoderName::H264Nvenc => halved && layout.depth == 8,
        EncoderName::HevcNvenc => halved && matches!(layout.depth, 8 | 10),
    }
}

/// Whether an encoder takes pictures of this size: most want whole samples of chroma, libx264 in each field.
#[must_use]
pub fn takes_size(encoder: EncoderName, video: &VideoDescription) -> bool {
    let layout = &video.layout;
    let shifts =
        if layout.planes == 3 { (layout.chroma_shift_x, layout.chroma_shift_y) } else { (0, 0) };
    let fields = match encoder {
        EncoderName::LibvpxVp9 | EncoderName::LibaomAv1 => return true,
        EncoderName::Libx264 | EncoderName::H264Nvenc => u8::from(is_interlaced(video.field_order)),
        EncoderName::Libx265 | EncoderName::HevcNvenc => 0,
    };
    video.width.is_multiple_of(1 << shifts.0)
        && video.height.is_multiple_of(1 << (shifts.1 + fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webm_is_told_by_the_last_extension_of_a_path_or_url() {
        for name in ["a.webm", "/b/C.WEBM", "s3://b/a.webm?part=1.mp4"] {
            assert!(asks_for_webm(name), "{name}");
        }
        for name in ["a.mkv", "webm", ".webm", "a.webm.mp4", "d.webm/a"] {
            assert!(!asks_for_webm(name), "{name}");
        }
    }
}
