//! Proves an encoder: opens it, encodes a few moving pictures, and looks at what comes out.
//!
//! Owns what an encoder must do before it is offered. Refuses to believe that a codec which is built in
//! also works: NVENC is built into most libraries and opens on few machines. The pictures come back through
//! a software decoder, so that what is offered is known to be decodable and in order.

mod ffi;
mod sessions;

use std::sync::Arc;

use cleanplate_types::digest::{Sha, ShaWriter};
use cleanplate_types::encode::{EncodeSpec, EncoderName, EncoderProof, Quality, VideoCodec};
use cleanplate_types::picture::{PixelLayout, PlanesMut, PlanesRef};
use cleanplate_types::source::{Colour, FieldOrder};
use cleanplate_types::time::{Pts, Timebase};
use ffmpeg_next as libav;

use crate::encode::CellEncoder;
use crate::error::MediaError;
use crate::frame::VideoFrame;

pub use sessions::{OpenAtOnce, open_at_once};

/// Test pictures: enough for two groups of B-frames and what is held back for them.
const PICTURES: u32 = 12;

/// Size of the test pictures: above the smallest that NVENC takes (145 by 49).
const SIZE: (u32, u32) = (256, 192);

/// Size of those for software, which every `run` waits for: several blocks of any codec each way.
const SIZE_IN_SOFTWARE: (u32, u32) = (160, 96);

/// Quality of the test pictures, on any encoder's own scale.
const QUALITY: u8 = 20;

/// Distance of two test pictures in ticks; not 1, so that a count taken for a timestamp is found out.
const STEP: i64 = 1001;

/// Most that a luma sample may be off on average: the pictures are smooth, so that any encoder that
/// works stays far below.
const ERROR_MAX: u64 = 6;

/// Encodes real test pictures with `name`, on `card` where it needs one; in software also bit-exactly.
///
/// # Errors
/// [`MediaError::NoEncoder`] where this libav has no such encoder, [`MediaError::Encode`] with libav's
/// words where it does not open or encode, [`MediaError::Unproved`] where what it made is wrong.
pub fn prove(name: EncoderName, card: Option<u32>) -> Result<EncoderProof, MediaError> {
    let made = make(&spec(name, Quality::Constant(QUALITY))?, card, ERROR_MAX)?;
    if !name.is_hardware() {
        make(&spec(name, Quality::Lossless)?, card, 0)?;
    }
    Ok(EncoderProof { name, build: build(name, &made) })
}

/// What came of the test pictures.
struct Making {
    extradata: Vec<u8>,
    packets: Vec<Made>,
    /// What the encoder said of itself.
    said: Option<Vec<u8>>,
}

/// Encodes the test pictures and checks what comes out, of which a sample may be off by `error_max` on
/// average; by nothing at all where that is 0.
fn make(spec: &EncodeSpec, card: Option<u32>, error_max: u64) -> Result<Making, MediaError> {
    let mut encoder = CellEncoder::open(spec, card)?;
    let extradata = encoder.extradata().to_vec();
    let mut packets = Vec::new();
    let mut take = |packet: crate::encode::EncodedPacket<'_>| {
        packets.push((packet.pts, packet.key, packet.data.to_vec()));
        Ok(())
    };
    for number in 0..PICTURES {
        encoder.encode(picture(spec, number)?, &mut take)?;
    }
    encoder.drain(&mut take)?;
    let unproved =
        |detail: String| MediaError::Unproved { encoder: spec.encoder.name.to_string(), detail };
    look_at(spec, &extradata, &packets).map_err(unproved)?;
    decode(spec, &extradata, &packets, error_max).map_err(unproved)?;
    Ok(Making { extradata, packets, said: encoder.said().map(<[u8]>::to_vec) })
}

/// A packet of the proof: timestamp, key, bytes.
type Made = (Pts, bool, Vec<u8>);

/// A contract for the test pictures, with each encoder's own reorder delay.
fn spec(name: EncoderName, quality: Quality) -> Result<EncodeSpec, MediaError> {
    let timebase = Timebase::new(1, 30_000)
        .ok_or_else(|| MediaError::Internal("a timebase of 1/30000 is one".to_owned()))?;
    let preset = match name {
        EncoderName::Libx264 | EncoderName::Libx265 => "veryfast",
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => "p5",
        EncoderName::LibvpxVp9 => "5",
        EncoderName::LibaomAv1 => "6",
    };
    let (width, height) = if name.is_hardware() { SIZE } else { SIZE_IN_SOFTWARE };
    let reorder_frames = match name {
        EncoderName::Libx264 | EncoderName::Libx265 => 2,
        EncoderName::H264Nvenc
        | EncoderName::HevcNvenc
        | EncoderName::LibvpxVp9
        | EncoderName::LibaomAv1 => 0,
    };
    Ok(EncodeSpec {
        encoder: EncoderProof { name, build: String::new() },
        preset: preset.to_owned(),
        quality,
        width,
        height,
        layout: PixelLayout {
            name: "yuv420p".to_owned(),
            depth: 8,
            planes: 3,
            chroma_shift_x: 1,
            chroma_shift_y: 1,
            full_range: false,
        },
        timebase,
        frame_rate: (30_000, 1001),
        sample_aspect: (1, 1),
        colour: Colour { primaries: 1, transfer: 1, matrix: 1, range: 1, chroma_location: 1 },
        field_order: FieldOrder::Progressive,
        mastering: None,
        light_level: None,
        reorder_frames,
        cell_frames_max: PICTURES,
        copied: None,
        painting: None,
    })
}

/// A slope that moves, the same on every machine.
fn picture(spec: &EncodeSpec, number: u32) -> Result<VideoFrame, MediaError> {
    let pts = Pts(7 + i64::from(number) * STEP);
    let layout = Arc::new(spec.layout.clone());
    let mut frame = VideoFrame::blank(&layout, spec.width, spec.height, pts)?;
    let PlanesMut::Eight(planes) = frame.planes_mut()? else {
        return Err(MediaError::Internal("test pictures have 8 bits".to_owned()));
    };
    for (plane, level) in planes.into_iter().zip([60_u32, 100, 140]) {
        for (y, row) in (0_u32..).zip(plane.samples.chunks_mut(plane.stride)) {
            for (x, sample) in (0_u32..).zip(row.iter_mut().take(plane.width as usize)) {
                *sample =
                    u8::try_from(level + (x + 2 * y + 3 * number) / 8 % 64).unwrap_or(u8::MAX);
            }
        }
    }
    Ok(frame)
}

/// Checks what can be seen without decoding.
fn look_at(spec: &EncodeSpec, extradata: &[u8], packets: &[Made]) -> Result<(), String> {
    if extradata.is_empty() && spec.encoder.name.codec().has_parameter_sets() {
        return Err("it gives no parameter sets ahead of the pictures".to_owned());
    }
    if !packets.first().is_some_and(|(_, key, _)| *key) {
        return Err("it does not start with a key frame".to_owned());
    }
    let mut shown: Vec<Pts> = packets.iter().map(|(pts, _, _)| *pts).collect();
    shown.sort_unstable();
    let expected: Vec<Pts> = (0..i64::from(PICTURES)).map(|n| Pts(7 + n * STEP)).collect();
    if shown != expected {
        return Err(format!("{PICTURES} pictures went in, {} packets came out", shown.len()));
    }
    let late = (0_usize..).zip(packets).map(|(coded, (pts, _, _))| {
        coded.saturating_sub(shown.partition_point(|other| other < pts))
    });
    let late = late.max().unwrap_or(0);
    if late > usize::from(spec.reorder_frames) {
        return Err(format!("it codes {late} frames ahead, {} are allowed", spec.reorder_frames));
    }
    Ok(())
}

/// Decodes the packets and compares the pictures with those that went in.
fn decode(
    spec: &EncodeSpec,
    extradata: &[u8],
    packets: &[Made],
    error_max: u64,
) -> Result<(), String> {
    let codec = match spec.encoder.name.codec() {
        VideoCodec::H264 => libav::codec::Id::H264,
        VideoCodec::Hevc => libav::codec::Id::HEVC,
        VideoCodec::Vp9 => libav::codec::Id::VP9,
        VideoCodec::Av1 => libav::codec::Id::AV1,
    };
    let frames = ffi::decode(codec, extradata, packets)
        .map_err(|error| format!("what it makes does not decode: {error}"))?;
    if frames.len() != packets.len() {
        return Err(format!("{} of {} pictures come back", frames.len(), packets.len()));
    }
    let layout = Arc::new(spec.layout.clone());
    for (number, frame) in (0..PICTURES).zip(frames) {
        let expected = picture(spec, number).map_err(|error| error.to_string())?;
        if frame.pts() != Some(expected.pts().0) {
            return Err(format!("picture {number} comes back at another time"));
        }
        let found = VideoFrame::adopt(frame, &layout, expected.pts());
        let found = found.map_err(|error| error.to_string())?;
        let error = mean_error(&expected, &found).ok_or("it changes the pixel format")?;
        if error_max == 0 && expected.content_sha() != found.content_sha() {
            return Err(format!("its lossless mode changes picture {number}"));
        }
        if error > error_max {
            return Err(format!("picture {number} comes back changed, by {error} steps a sample"));
        }
    }
    Ok(())
}

/// Mean absolute difference of luma samples; nothing where the pictures are not of 8 bits.
fn mean_error(one: &VideoFrame, other: &VideoFrame) -> Option<u64> {
    let (PlanesRef::Eight(one), PlanesRef::Eight(other)) = (one.planes(), other.planes()) else {
        return None;
    };
    let (one, other) = (one.first()?, other.first()?);
    let width = one.width as usize;
    let rows = one.samples.chunks(one.stride).zip(other.samples.chunks(other.stride));
    let sum: u64 = rows
        .flat_map(|(one, other)| one[..width].iter().zip(&other[..width]))
        .map(|(one, other)| u64::from(one.abs_diff(*other)))
        .sum();
    Some(sum / (u64::from(one.width) * u64::from(one.height)).max(1))
}

/// The build: libavcodec's version, and what the encoder tells of itself.
fn build(name: EncoderName, made: &Making) -> String {
    let version = libav::codec::version();
    let libavcodec =
        format!("libavcodec {}.{}.{}", version >> 16, (version >> 8) & 0xff, version & 0xff);
    let own = match name {
        EncoderName::Libx264 => {
            made.said.as_deref().and_then(|said| told(said, b"x264 - core ", " - H.264"))
        }
        EncoderName::Libx265 => x265_version(),
        // Drivers and generations of cards differ in the headers that they write.
        EncoderName::H264Nvenc | EncoderName::HevcNvenc => {
            let sha = Sha::of(&made.extradata).to_string();
            Some(format!("headers {}", &sha[..12]))
        }
        // They tell no version: what they make of the test pictures stands for it.
        EncoderName::LibvpxVp9 | EncoderName::LibaomAv1 => {
            let mut all = ShaWriter::default();
            made.packets.iter().for_each(|(_, _, data)| all.write(data));
            let sha = all.finish().to_string();
            Some(format!("pictures {}", &sha[..12]))
        }
    };
    own.map_or_else(|| libavcodec.clone(), |own| format!("{libavcodec}, {own}"))
}

/// What x265 says of itself in the headers of an encoder that is opened for that alone.
fn x265_version() -> Option<String> {
    let extradata = crate::encode::x265_headers_with_info().ok()?;
    told(&extradata, b"x265 (build ", " - H.265")
}

/// The text in `bytes` from `start` up to `end`.
fn told(bytes: &[u8], start: &[u8], end: &str) -> Option<String> {
    let from = bytes.windows(start.len()).position(|window| window == start)?;
    let text = bytes[from..].split(|byte| *byte == 0).next()?;
    let text = String::from_utf8_lossy(text);
    Some(text.split(end).next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lossless_mode_that_changes_a_sample_is_not_believed() {
        let spec = spec(EncoderName::Libx264, Quality::Constant(20)).unwrap();
        let refused = make(&spec, None, 0).err().unwrap().to_string();
        assert!(refused.contains("lossless mode changes picture"), "{refused}");
    }

    #[test]
    fn the_software_encoders_are_proved_and_tell_their_build() {
        for (name, own) in [
            (EncoderName::Libx264, "x264 - core "),
            (EncoderName::Libx265, "x265 (build "),
            (EncoderName::LibvpxVp9, "pictures "),
            (EncoderName::LibaomAv1, "pictures "),
        ] {
            let proof = prove(name, None).unwrap();
            assert_eq!(proof.name, name);
            assert!(
                proof.build.starts_with("libavcodec ") && proof.build.contains(own),
                "{proof:?}"
            );
            assert_eq!(prove(name, None).unwrap(), proof, "a proof is the same each time");
        }
    }

    #[test]
    fn nvenc_without_a_card_says_why_in_the_librarys_words() {
        // A machine that has NVENC proves it instead.
        let Err(error) = prove(EncoderName::H264Nvenc, Some(0)) else { return };
        let MediaError::Encode { encoder, words, .. } = &error else { panic!("{error}") };
        assert_eq!(encoder, "h264_nvenc");
        assert!(!words.lines.is_empty(), "{error}");
    }

    #[test]
    fn packets_that_come_too_late_or_not_at_all_are_found() {
        let spec = spec(EncoderName::Libx264, Quality::Constant(20)).unwrap();
        let made = |order: &[i64]| -> Vec<Made> {
            order.iter().map(|n| (Pts(7 + n * STEP), *n == 0, vec![1])).collect()
        };
        let fine = made(&[0, 4, 2, 1, 3, 8, 6, 5, 7, 9, 10, 11]);
        assert_eq!(look_at(&spec, &[1], &fine), Ok(()));
        assert!(look_at(&spec, &[], &fine).unwrap_err().contains("parameter sets"));
        let far = made(&[0, 4, 3, 2, 1, 5, 6, 7, 8, 9, 10, 11]);
        assert!(look_at(&spec, &[1], &far).unwrap_err().contains("3 frames ahead"));
        assert!(look_at(&spec, &[1], &fine[..11]).unwrap_err().contains("11 packets"));
        let late_key = made(&[1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert!(look_at(&spec, &[1], &late_key).unwrap_err().contains("key frame"));
    }
}
