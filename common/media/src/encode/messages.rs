//! Messages beside the pictures: closed captions, the active format and the packing of two views of each
//! frame, HDR metadata on every key picture.
//!
//! Owns their bytes (SEI, ITU-T H.274 and ATSC A/53) and their place in a packet. Encoders are not asked for
//! them: libav's x265 drops captions without a word, x264 leaves HDR metadata out where its headers travel
//! apart and loses its lossless mode where frames say how they pack two views, and what each does differs from
//! version to version. Refuses to understand captions: the bytes of a
//! frame go back to the frame.

use cleanplate_types::encode::{EncodeSpec, VideoCodec};
use ffmpeg_next as libav;
use libav::util::frame::side_data::Type as OfFrame;

use crate::frame::dynamic_hdr;

/// Message of a registered user: captions and active formats.
const REGISTERED_USER_DATA: u8 = 4;
const MASTERING_DISPLAY: u8 = 137;
const CONTENT_LIGHT_LEVEL: u8 = 144;
const FRAME_PACKING: u8 = 45;

/// The United States, ATSC.
const ATSC: [u8; 3] = [0xb5, 0x00, 0x31];

/// Bytes of one caption: a kind and two characters.
const CAPTION_BYTES: usize = 3;

/// Captions that one message can count.
const CAPTIONS_MAX: usize = 31;

/// The messages of one cell.
pub(super) struct Messages {
    codec: VideoCodec,
    /// The NAL unit that goes before every key picture; empty where there is nothing to say.
    of_keys: Vec<u8>,
    /// The NAL unit of each frame of the cell, until its packet comes; empty for most.
    of_frames: Vec<Vec<u8>>,
    /// Frames whose captions or active format the codec has no place for.
    captions_left_out: u64,
    /// Frames whose own HDR metadata no new encode carries.
    dynamic_left_out: u64,
}

impl Messages {
    pub(super) fn new(spec: &EncodeSpec) -> Self {
        let codec = spec.encoder.name.codec();
        let of_keys = unit(codec, &hdr(spec));
        Self { codec, of_keys, of_frames: Vec::new(), captions_left_out: 0, dynamic_left_out: 0 }
    }

    /// Takes the messages of the next frame off it, so that no encoder writes them a second time.
    pub(super) fn take(&mut self, frame: &mut libav::frame::Video) {
        let bytes = |kind| frame.side_data(kind).map(|data| data.data().to_vec());
        let captions = bytes(OfFrame::A53CC).unwrap_or_default();
        let format = bytes(OfFrame::AFD).and_then(|format| format.first().copied());
        let packing = bytes(OfFrame::Stereo3D).and_then(|view| packing_message(self.codec, &view));
        for kind in [OfFrame::A53CC, OfFrame::AFD, OfFrame::Stereo3D] {
            frame.remove_side_data(kind);
        }
        let mut messages: Vec<_> =
            captions.chunks(CAPTIONS_MAX * CAPTION_BYTES).filter_map(captions_message).collect();
        messages.extend(format.map(format_message));
        messages.extend(packing);
        let has_place = messages.is_empty() || self.codec.has_messages();
        self.captions_left_out += u64::from(!has_place);
        let is_dynamic = dynamic_hdr(frame).next().is_some();
        self.dynamic_left_out += u64::from(is_dynamic);
        self.of_frames.push(unit(self.codec, &messages));
    }

    /// Frames so far whose captions or active format the codec has no place for.
    pub(super) const fn captions_left_out(&self) -> u64 {
        self.captions_left_out
    }

    /// Frames so far whose own HDR metadata are left out.
    pub(super) const fn dynamic_left_out(&self) -> u64 {
        self.dynamic_left_out
    }

    /// The packet of frame `number` of the cell with its messages; nothing where it has none.
    pub(super) fn put(&mut self, number: usize, key: bool, packet: &[u8]) -> Option<Vec<u8>> {
        let own = self.of_frames.get_mut(number).map(std::mem::take).unwrap_or_default();
        let of_key: &[u8] = if key { &self.of_keys } else { &[] };
        if own.is_empty() && of_key.is_empty() {
            return None;
        }
        let at = first_slice(self.codec, packet)?;
        Some([&packet[..at], of_key, &own, &packet[at..]].concat())
    }
}

/// A message: its type and its content.
type Message = (u8, Vec<u8>);

/// As ATSC A/53 part 4 frames them.
fn captions_message(captions: &[u8]) -> Option<Message> {
    let count = captions.len() / CAPTION_BYTES;
    let captions = captions.get(..count * CAPTION_BYTES).filter(|captions| !captions.is_empty())?;
    // The count has 5 bits; the flag says that there is something to process.
    let flags = 0x40 | u8::try_from(count).ok()?;
    Some((
        REGISTERED_USER_DATA,
        [&ATSC[..], b"GA94", &[3, flags, 0xff], captions, &[0xff]].concat(),
    ))
}

fn format_message(format: u8) -> Message {
    // The flag says that there is a format; four reserved ones go before it.
    let content = [&ATSC[..], b"DTG1", &[0x41, 0xf0 | (format & 0x0f)]].concat();
    (REGISTERED_USER_DATA, content)
}

/// How two views share the picture (H.264 D.1.26, HEVC D.2.16), from libav's `AVStereo3D`; nothing for a
/// single view.
fn packing_message(codec: VideoCodec, view: &[u8]) -> Option<Message> {
    let word = |at: usize| view.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let (kind, inverted) = (word(0)?, word(4)? & 1 == 1);
    let (arrangement, quincunx) = match kind {
        1 => (3, false),
        2 => (4, false),
        3 => (5, false),
        4 => (0, false),
        5 => (3, true),
        6 => (2, false),
        7 => (1, false),
        _ => return None,
    };
    let is_left = word(8).is_some_and(|shown| shown == 1);
    let mut bits = Bits::default();
    // Id 0 as an Exp-Golomb number, no cancelling.
    bits.put(0b10, 2);
    bits.put(arrangement, 7);
    bits.put(u32::from(quincunx), 1);
    // The first view is the left eye's, or the right one's.
    bits.put(if inverted { 2 } else { 1 }, 6);
    bits.put(u32::from(arrangement == 5 && is_left), 4);
    bits.put(0, 2);
    if !quincunx && arrangement != 5 {
        bits.put(0, 16);
    }
    bits.put(0, 8);
    // For this frame alone: a repetition period of 0 as an Exp-Golomb number, or no persistence; no more.
    bits.put(if codec == VideoCodec::H264 { 0b10 } else { 0b00 }, 2);
    Some((FRAME_PACKING, bits.aligned()))
}

/// Bits, the most significant first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    /// As bytes; a one and zeros fill the last.
    fn aligned(mut self) -> Vec<u8> {
        if !self.0.len().is_multiple_of(8) {
            self.put(1, 1);
        }
        let byte = |bits: &[bool]| {
            let value = bits.iter().fold(0, |value, bit| value << 1 | u8::from(*bit));
            value << (8 - bits.len())
        };
        self.0.chunks(8).map(byte).collect()
    }
}

/// The static HDR metadata of the contract.
fn hdr(spec: &EncodeSpec) -> Vec<Message> {
    let mut messages = Vec::new();
    if let Some([rx, ry, gx, gy, bx, by, wx, wy, least, most]) = super::settings::mastering(spec) {
        // Green, blue and red, then white, in 16 bits; luminance in 32.
        let short = [gx, gy, bx, by, rx, ry, wx, wy].map(|number| u16::try_from(number).ok());
        let long = [most, least].map(|number| u32::try_from(number).ok());
        let short: Option<Vec<[u8; 2]>> =
            short.into_iter().map(|number| number.map(u16::to_be_bytes)).collect();
        let long: Option<Vec<[u8; 4]>> =
            long.into_iter().map(|number| number.map(u32::to_be_bytes)).collect();
        if let (Some(short), Some(long)) = (short, long) {
            messages.push((MASTERING_DISPLAY, [short.concat(), long.concat()].concat()));
        }
    }
    let light = spec.light_level.and_then(|(most, average)| {
        Some([u16::try_from(most).ok()?.to_be_bytes(), u16::try_from(average).ok()?.to_be_bytes()])
    });
    messages.extend(light.map(|light| (CONTENT_LIGHT_LEVEL, light.concat())));
    messages
}

/// A NAL unit with all of `messages`, start code included; empty where there are none, or no such units.
fn unit(codec: VideoCodec, messages: &[Message]) -> Vec<u8> {
    let header: &[u8] = match codec {
        VideoCodec::H264 => &[6],
        // A prefix message (39) of the base layer.
        VideoCodec::Hevc => &[39 << 1, 1],
        VideoCodec::Vp9 | VideoCodec::Av1 => return Vec::new(),
    };
    if messages.is_empty() {
        return Vec::new();
    }
    let mut content = Vec::new();
    for (kind, message) in messages {
        content.push(*kind);
        let mut left = message.len();
        while left >= 255 {
            content.push(255);
            left -= 255;
        }
        content.extend(u8::try_from(left));
        content.extend_from_slice(message);
    }
    content.push(0x80);
    [&[0, 0, 0, 1], header, &escaped(&content)].concat()
}

/// The content with a 3 wherever it would look like a start code.
fn escaped(content: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(content.len() + 8);
    let mut zeros = 0;
    for byte in content {
        if zeros == 2 && *byte <= 3 {
            escaped.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        escaped.push(*byte);
    }
    escaped
}

/// Where the first slice of a picture starts in a packet of NAL units after start codes.
fn first_slice(codec: VideoCodec, packet: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = packet.get(from..)?.windows(3).position(|three| three == [0, 0, 1]) {
        let start = from + found;
        let header = *packet.get(start + 3)?;
        let is_slice = match codec {
            VideoCodec::H264 => matches!(header & 0x1f, 1..=5),
            VideoCodec::Hevc => (header >> 1) & 0x3f < 32,
            VideoCodec::Vp9 | VideoCodec::Av1 => return None,
        };
        if is_slice {
            // A start code of four bytes begins with a zero more.
            let long = start > 0 && packet[start - 1] == 0;
            return Some(start - usize::from(long));
        }
        from = start + 3;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stand_before_the_first_slice_and_after_all_else() {
        let (sets, slice) = ([0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 9], [0, 0, 0, 1, 0x65, 1, 2]);
        let packet = [&sets[..], &slice].concat();
        assert_eq!(first_slice(VideoCodec::H264, &packet), Some(sets.len()));
        assert_eq!(first_slice(VideoCodec::H264, &slice), Some(0));
        assert_eq!(first_slice(VideoCodec::H264, &sets), None);
        let hevc = [0, 0, 1, 0x40, 1, 0, 0, 1, 0x26, 1, 7];
        assert_eq!(first_slice(VideoCodec::Hevc, &hevc), Some(5));
    }

    #[test]
    fn what_looks_like_a_start_code_inside_a_message_is_escaped() {
        assert_eq!(escaped(&[0, 0, 0, 0, 0, 1, 0, 0, 4]), [0, 0, 3, 0, 0, 3, 0, 1, 0, 0, 4]);
        let unit = unit(VideoCodec::H264, &[(4, vec![7; 300])]);
        assert_eq!(&unit[..8], [0, 0, 0, 1, 6, 4, 255, 45]);
        assert_eq!((unit.len(), unit.last()), (8 + 300 + 1, Some(&0x80)));
    }

    #[test]
    fn captions_are_counted_and_framed() {
        let (kind, message) = captions_message(&[0xfc, 0x94, 0x20, 0xfd, 0x80, 0x80, 1]).unwrap();
        assert_eq!(kind, 4);
        let framed = [&[0xb5, 0, 0x31][..], b"GA94", &[3, 0x42, 0xff]].concat();
        assert!(message.starts_with(&framed) && message.ends_with(&[0x80, 0x80, 0xff]));
        assert_eq!(captions_message(&[1, 2]), None);
    }
}
