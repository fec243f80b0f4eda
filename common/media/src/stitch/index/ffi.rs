//! The raw side of what a source says of its streams' packets before they are read.
//!
//! Owns nothing.
#![expect(unsafe_code, reason = "libav's streams are C")]

use ffmpeg_next as libav;
use libav::ffi;
use libav::format::context::Input;

use super::{ENTRY_BYTES, Weight};
use crate::stitch::stream::ffi::source_stream;

/// Samples in a packet of sound where its codec does not say: what demuxers join raw sound to, or less.
const SAMPLES_USUAL: u64 = 512;

/// Packets a second of a stream that is neither sound nor video: captions of every picture.
const OTHERS_A_SECOND: u64 = 60;

/// What stream `index` of the source may have of packets.
pub(super) fn weight(input: &Input, index: usize) -> Option<Weight> {
    let stream = source_stream(input, index)?;
    // SAFETY: the parameters belong to the stream.
    let parameters = unsafe { stream.codecpar.as_ref() }?;
    let positive = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
    let rate = match parameters.codec_type {
        ffi::AVMediaType::AVMEDIA_TYPE_AUDIO => {
            let samples = positive(i64::from(parameters.frame_size)).unwrap_or(SAMPLES_USUAL);
            positive(i64::from(parameters.sample_rate)).map(|rate| (rate, samples))
        }
        ffi::AVMediaType::AVMEDIA_TYPE_VIDEO => None,
        ffi::AVMediaType::AVMEDIA_TYPE_UNKNOWN
        | ffi::AVMediaType::AVMEDIA_TYPE_DATA
        | ffi::AVMediaType::AVMEDIA_TYPE_SUBTITLE
        | ffi::AVMediaType::AVMEDIA_TYPE_ATTACHMENT
        | ffi::AVMediaType::AVMEDIA_TYPE_NB => Some((OTHERS_A_SECOND, 1)),
    };
    let counted = positive(stream.nb_frames);
    // Pictures come at the rate that the container says, where it does not count them.
    let shown = stream.avg_frame_rate;
    let shown = positive(i64::from(shown.num)).zip(positive(i64::from(shown.den)));
    let rate = rate.or_else(|| shown.filter(|_| counted.is_none()));
    let ticks = positive(stream.duration).map(u128::from);
    let second = positive(i64::from(stream.time_base.den)).map(u128::from);
    let tick = positive(i64::from(stream.time_base.num)).map(u128::from);
    let micros =
        ticks.zip(second).zip(tick).map(|((ticks, den), num)| ticks * 1_000_000 * num / den);
    // Parameter sets are written in the muxer's form, which may be longer; a cover is written as it is.
    let bytes = 2 * i64::from(parameters.extradata_size) + i64::from(stream.attached_pic.size);
    Some(Weight {
        counted,
        is_sound: parameters.codec_type == ffi::AVMediaType::AVMEDIA_TYPE_AUDIO,
        rate,
        micros: micros.and_then(|micros| u64::try_from(micros).ok()),
        bytes: positive(bytes).unwrap_or(0),
    })
}

/// What the source's chapters take.
pub(super) fn chapters(input: &Input) -> u64 {
    let titles = input.chapters().map(|chapter| {
        let title = chapter.metadata().get("title").map_or(0, |title| title.len() as u64);
        ENTRY_BYTES + 2 * title
    });
    titles.fold(0, u64::saturating_add)
}
