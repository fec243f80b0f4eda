//! Indexes and packets of video, as the parsers in Rust read them.

use cleanplate_media::parsers;

/// An MP4 or MOV, or what is said to be one.
pub(crate) fn mp4(data: &[u8]) {
    parsers::read_index(data.to_vec());
}

const CODECS: [&str; 8] = ["h264", "hevc", "mpeg2video", "vp8", "vp9", "av1", "mpeg4", "ffv1"];

/// The codec, a configuration and two packets: a byte for the first, two for each length.
pub(crate) fn packets(data: &[u8]) {
    let [codec, extra_high, extra_low, first_high, first_low, rest @ ..] = data else { return };
    let codec = CODECS[usize::from(*codec) % CODECS.len()];
    let at = usize::from(u16::from_be_bytes([*extra_high, *extra_low])).min(rest.len());
    let (extradata, rest) = rest.split_at(at);
    let at = usize::from(u16::from_be_bytes([*first_high, *first_low])).min(rest.len());
    let (first, second) = rest.split_at(at);
    parsers::read_packets(codec, extradata, [first, second]);
}
