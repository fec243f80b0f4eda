//! Closed captions, active formats and HDR metadata: what the source says beside a picture is said beside the
//! same picture of the movie.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cleanplate_media::decode::{DecodeOrder, Decoder, PreRoll};
use cleanplate_media::encode::CellEncoder;
use cleanplate_media::frame::VideoFrame;
use cleanplate_types::encode::{EncoderName, Quality};

use crate::clips::{make, probe, run, shown};
use crate::machine::{Job, OnDisk, encode, encode_cell, join, plan};

/// A clip of 50 frames with captions of its own beside each, and active format 10.
fn captioned(folder: &Path) -> PathBuf {
    let recipe = "-f lavfi -i testsrc2=s=320x180:r=25:d=2 -pix_fmt yuv420p -c:v libx264 -preset ultrafast \
        -g 24 -x264-params aud=1:bframes=0:log-level=error";
    let plain = std::fs::read(make(folder, "plain.h264", recipe)).unwrap();
    let aud = [0, 0, 0, 1, 9];
    let (mut bytes, mut number, mut at) = (Vec::new(), 0_u8, 0);
    while at < plain.len() {
        if !plain[at..].starts_with(&aud) {
            bytes.push(plain[at]);
            at += 1;
            continue;
        }
        // The delimiter and its one byte, then the messages.
        bytes.extend_from_slice(&plain[at..at + 6]);
        at += 6;
        let captions = [0xfc, 0x20 + number, 0x41, 0xfd, 0x80, 0x80];
        let registered = [0xb5, 0, 0x31];
        let captions = [&registered[..], b"GA94", &[3, 0x42, 0xff], &captions, &[0xff]].concat();
        let format = [&registered[..], b"DTG1", &[0x41, 0xfa]].concat();
        for message in [captions, format] {
            bytes.extend([0, 0, 0, 1, 6, 4, u8::try_from(message.len()).unwrap()]);
            bytes.extend(message);
            bytes.push(0x80);
        }
        number += 1;
    }
    assert_eq!(number, 50);
    std::fs::write(folder.join("captions.h264"), bytes).unwrap();
    make(folder, "captions.mp4", "-r 25 -i {}/captions.h264 -c copy")
}

/// The clip's frames as the product decodes them, with what travels beside them.
fn decoded(job: &Job) -> Vec<VideoFrame> {
    let (table, name) = (Arc::new(job.table.clone()), job.clip.to_str().unwrap());
    let order = DecodeOrder {
        range: table.range(),
        threads: 2,
        card: None,
        conceal: false,
        pre_roll: PreRoll::default(),
    };
    let description = &job.brief.description;
    let source = OnDisk::open(&job.clip);
    let mut decoder = Decoder::open(source, name, description, table, order).unwrap();
    let mut frames = Vec::new();
    while let Some((_, frame)) = decoder.next().unwrap() {
        frames.push(frame);
    }
    frames
}

/// The clip through `encoder` in cells of 20 frames, as `name`.
fn through(clip: &Path, encoder: EncoderName, name: &str) -> PathBuf {
    let job = plan(clip, 20, |spec| {
        spec.encoder.name = encoder;
        spec.quality = Quality::Constant(25);
        spec.preset = "veryfast".to_owned();
    });
    let mut frames = decoded(&job).into_iter();
    let parts: Vec<_> =
        job.brief.cells.iter().map(|cell| encode_cell(&job, cell, &mut frames)).collect();
    let reordered = parts[0].0.packets.windows(2).any(|pair| pair[1].pts < pair[0].pts);
    assert!(reordered, "{encoder}: B-frames are used, so that order matters");
    let output = clip.parent().unwrap().join(name);
    join(&job, parts, &output, true).unwrap();
    output
}

/// Time and hash of the captions beside each frame.
fn captions(path: &Path) -> String {
    let graph = format!("movie={}[out0+subcc]", path.display());
    let entries = "packet=pts_time,data_hash";
    let printed = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            &graph,
            "-select_streams",
            "s",
            "-show_entries",
            entries,
            "-show_data_hash",
            "md5",
            "-of",
            "csv",
        ],
    );
    String::from_utf8(printed).unwrap()
}

/// The active format beside each frame.
fn formats(path: &Path) -> usize {
    let entries = "-select_streams v -show_frames -show_entries side_data=active_format";
    probe(path, entries).matches("active_format=10").count()
}

#[test]
fn closed_captions_and_active_formats_come_back_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let clip = captioned(folder.path());
    let expected = captions(&clip);
    assert_eq!(expected.lines().count(), 50, "{expected}");
    assert_eq!(formats(&clip), 50);
    for (encoder, name) in [
        (EncoderName::Libx264, "a.mp4"),
        (EncoderName::Libx264, "a.mkv"),
        (EncoderName::Libx265, "b.mp4"),
        (EncoderName::Libx265, "b.mov"),
        (EncoderName::Libx265, "b.mkv"),
    ] {
        let output = through(&clip, encoder, name);
        assert_eq!(captions(&output), expected, "{encoder} {name}");
        // The decoder of HEVC of older libraries does not read active formats.
        if encoder == EncoderName::Libx264 {
            assert_eq!(formats(&output), 50, "{name}");
        }
    }
}

/// How each frame says that it packs two views, as ffmpeg reads it.
fn packing(path: &Path) -> Vec<String> {
    let told = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(path)
        .args(["-map", "0:v", "-vf", "showinfo", "-f", "null", "-"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    let of_frames = told.lines().filter_map(|line| line.split_once("stereoscopic information:"));
    of_frames.map(|(_, how)| how.to_owned()).collect()
}

#[test]
fn two_views_in_a_picture_are_told_and_the_pictures_stay_bit_exact() {
    let folder = tempfile::tempdir().unwrap();
    for how in 0..=5 {
        let recipe = format!(
            "-f lavfi -i testsrc2=s=160x96:r=25:d=1 -c:v libx264 -x264-params frame-packing={how}"
        );
        let clip = make(folder.path(), &format!("{how}.mp4"), &recipe);
        let expected = packing(&clip);
        assert!(!expected.is_empty(), "{how}");
        for encoder in [EncoderName::Libx264, EncoderName::Libx265] {
            let output = folder.path().join(format!("{how}-{encoder}.mp4"));
            let job = plan(&clip, 10, |spec| {
                spec.encoder.name = encoder;
                spec.quality = Quality::Lossless;
                spec.preset = "veryfast".to_owned();
            });
            let mut frames = decoded(&job).into_iter();
            let cells = job.brief.cells.iter();
            let parts = cells.map(|cell| encode_cell(&job, cell, &mut frames)).collect();
            join(&job, parts, &output, false).unwrap();
            // libav's decoder of HEVC does not read the three ways below 3, and keeps what it read.
            if encoder == EncoderName::Libx264 {
                assert_eq!(packing(&output), expected, "{how} {encoder}");
            } else if how >= 3 {
                assert_eq!(packing(&output).first(), expected.first(), "{how} {encoder}");
            }
            assert_eq!(shown(&output), shown(&clip), "{how} {encoder}");
        }
    }
}

#[test]
fn captions_of_mpeg2_come_back_in_h264_and_hevc() {
    let folder = tempfile::tempdir().unwrap();
    captioned(folder.path());
    let recipe = "-i {}/captions.mp4 -c:v mpeg2video -q:v 4 -bf 2 -g 12";
    let clip = make(folder.path(), "captions.ts", recipe);
    let expected = captions(&clip);
    assert_eq!(expected.lines().count(), 50, "{expected}");
    for (encoder, name) in [(EncoderName::Libx264, "a.ts"), (EncoderName::Libx265, "b.ts")] {
        assert_eq!(captions(&through(&clip, encoder, name)), expected, "{encoder} {name}");
    }
}

#[test]
fn captions_that_a_codec_has_no_place_for_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let clip = captioned(folder.path());
    let job = plan(&clip, 50, |spec| {
        spec.encoder.name = EncoderName::LibvpxVp9;
        spec.preset = "3".to_owned();
    });
    let mut encoder = CellEncoder::open(&job.brief.spec, None).unwrap();
    for frame in decoded(&job).into_iter().take(7) {
        encoder.encode(frame, &mut |_packet| Ok(())).unwrap();
    }
    assert_eq!(encoder.captions_left_out(), 7);
}

#[test]
fn hdr_metadata_stands_on_every_key_picture_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    // A hard cut in the middle of a cell makes a key picture of its own.
    let recipe = "-f lavfi -i testsrc2=s=320x180:r=25:d=2 -f lavfi -i smptebars=s=320x180:r=25:d=2 \
        -filter_complex concat -pix_fmt yuv420p10le -c:v libx264 -preset ultrafast";
    let clip = make(folder.path(), "a.mp4", recipe);
    for (encoder, header) in
        [(EncoderName::Libx264, &[6_u8][..]), (EncoderName::Libx265, &[39 << 1, 1])]
    {
        let job = plan(&clip, 70, |spec| {
            spec.encoder.name = encoder;
            spec.quality = Quality::Constant(25);
            spec.mastering = Some(
                [34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450]
                    .map(|number| (number, 50_000))
                    .into_iter()
                    .chain([(1, 10_000), (10_000_000, 10_000)])
                    .collect(),
            );
            spec.light_level = Some((1000, 400));
        });
        // Green, blue, red and white; the most and the least luminance; then the light level.
        let numbers = [13250_u16, 34500, 7500, 3000, 34000, 16000, 15635, 16450];
        let luminance = [10_000_000_u32, 1].map(u32::to_be_bytes).concat();
        let display = [&numbers.map(u16::to_be_bytes).concat()[..], &luminance].concat();
        let light = [1000_u16, 400].map(u16::to_be_bytes).concat();
        let mut content = [&[137, 24][..], &display, &[144, 4], &light].concat();
        // The smallest luminance, 00 00 00 01, looks like a start code.
        let at = content.windows(4).position(|four| four == [0, 0, 0, 1]).unwrap();
        content.insert(at + 2, 3);
        let message = [&[0, 0, 0, 1], header, &content].concat();
        let mut keys = 0;
        for (manifest, bytes) in encode(&job) {
            let mut rest = &bytes[..];
            for row in &manifest.packets {
                let (packet, after) = rest.split_at(row.bytes as usize);
                rest = after;
                let said = packet.windows(message.len()).any(|window| window == message);
                assert_eq!(said, row.key, "{encoder}, frame at {}", row.pts.0);
                keys += u32::from(row.key);
            }
        }
        assert!(keys > 2, "{encoder}: the cut has made a key picture");
    }
}
