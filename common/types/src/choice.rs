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
/// HEVC stays HEVC, all else becomes H.264; but what libx264 cannot hold exactly goes to libx265. In `WebM`
/// AV1 stays AV1 and all else becomes VP9, which also takes what libaom is not exact on.
#[must_use]
pub fn software_encoder(
    video: &VideoDescription,
    output: &str,
    lossless: bool,
) -> Option<EncoderName> {
    let serves = |name: EncoderName| {
        takes(name, &video.layout) && !(lossless && inexact(name, video).is_some())
    };
    let order = match (asks_for_webm(output), video.codec.as_str()) {
        (true, "av1") => [EncoderName::LibaomAv1, EncoderName::LibvpxVp9],
        (true, _) => [EncoderName::LibvpxVp9, EncoderName::LibaomAv1],
        (false, "hevc") => [EncoderName::Libx265, EncoderName::Libx264],
        (false, _) => [EncoderName::Libx264, EncoderName::Libx265],
    };
    order.into_iter().find(|name| serves(*name))
}

/// What keeps an encoder's lossless mode from being exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inexact {
    /// It is so on pictures of two fields.
    Interlaced,
    /// It is so on samples of this many bits.
    Depth(u8),
    /// It has no such mode that is proved.
    Always,
}

/// Why the lossless mode of `encoder` is not exact for `video`; nothing where it is.
#[must_use]
pub fn inexact(encoder: EncoderName, video: &VideoDescription) -> Option<Inexact> {
    match encoder {
        EncoderName::Libx265 | EncoderName::LibvpxVp9 => None,
        EncoderName::Libx264 => is_interlaced(video.field_order).then_some(Inexact::Interlaced),
        // Of 12 bits, 4:2:2 and 4:4:4 do not come back.
        EncoderName::LibaomAv1 => {
            (video.layout.depth > 10).then_some(Inexact::Depth(video.layout.depth))
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
        // Its grey of 10 bits decodes as 4:2:0.
        EncoderName::Libx264 => {
            (grey && layout.depth == 8) || (colour && matches!(layout.depth, 8 | 10))
        }
        EncoderName::Libx265 | EncoderName::LibaomAv1 => {
            (grey || colour) && matches!(layout.depth, 8 | 10 | 12)
        }
        EncoderName::LibvpxVp9 => colour && matches!(layout.depth, 8 | 10 | 12),
        EncoderName::H264Nvenc => halved && layout.depth == 8,
        EncoderName::HevcNvenc => halved && matches!(layout.depth, 8 | 10),
    }
}

/// Whether an encoder takes a picture whose size is odd where chroma is halved.
#[must_use]
pub const fn takes_odd_sizes(encoder: EncoderName) -> bool {
    match encoder {
        EncoderName::LibvpxVp9 | EncoderName::LibaomAv1 => true,
        EncoderName::Libx264
        | EncoderName::Libx265
        | EncoderName::H264Nvenc
        | EncoderName::HevcNvenc => false,
    }
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
