//! The first frame of a stream, whatever comes before it.
//!
//! Owns what is looked at on the way there: encryption, and alpha beside the pictures. Refuses to care whether the
//! stream's beginning is whole.

use ffmpeg_next as libav;
use libav::codec::packet::side_data::Type::{EncryptionInfo, MatroskaBlockAdditional};

use super::ffi::Step;
use super::run::{DRAIN_ERRORS_MAX, Means, open_codec};
use crate::error::MediaError;
use crate::input::Input;

/// The first frame that a stream shows.
pub(crate) struct First {
    pub(crate) frame: libav::frame::Video,
    /// Whether a packet up to it carries alpha beside its picture.
    pub(crate) has_alpha: bool,
}

/// Decodes the first frame that the stream shows, without caring whether its beginning is whole.
pub(crate) fn first_frame(
    input: &mut Input,
    stream: usize,
    packets_max: u32,
) -> Result<Option<First>, MediaError> {
    let means = Means { threads: 1, card: None };
    let mut codec = open_codec(input, stream, &means)?;
    let mut packet = libav::Packet::empty();
    let mut left = packets_max;
    let mut has_alpha = false;
    while left > 0 {
        match codec.receive() {
            Ok(Step::Frame(frame)) => return Ok(Some(First { frame, has_alpha })),
            Ok(Step::End) => return Ok(None),
            Ok(Step::Hungry) | Err(_) => {}
        }
        if !matches!(input.read(&mut packet), Ok(true)) {
            left = 0;
        } else if packet.stream() == stream && packet.size() > 0 {
            if packet.side_data().any(|data| data.kind() == EncryptionInfo) {
                return Err(MediaError::Encrypted);
            }
            has_alpha |= carries_alpha(&packet);
            left -= 1;
            codec.send(&packet).ok();
        }
    }
    codec.finish().ok();
    for _ in 0..DRAIN_ERRORS_MAX {
        match codec.receive() {
            Ok(Step::Frame(frame)) => return Ok(Some(First { frame, has_alpha })),
            Ok(Step::End) => return Ok(None),
            Ok(Step::Hungry) | Err(_) => {}
        }
    }
    Ok(None)
}

/// Whether a packet carries the alpha of its picture: what Matroska adds to a block under the number 1.
pub(crate) fn carries_alpha(packet: &libav::Packet) -> bool {
    const ALPHA: [u8; 8] = 1_u64.to_be_bytes();
    let mut added = packet.side_data().filter(|data| data.kind() == MatroskaBlockAdditional);
    added.any(|data| data.data().starts_with(&ALPHA))
}
