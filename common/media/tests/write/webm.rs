//! VP9 and AV1, and `WebM`: exact in every layout that is offered, one packet a frame, the same bytes.

use std::path::Path;

use cleanplate_types::encode::{EncoderName, Quality};

use crate::clips::{make, packets, probe, shown};
use crate::machine::{Job, Part, encode, join, plan};

/// The clip in cells of 10 frames by `encoder`, bit for bit: the job and its parts.
fn encoded(clip: &Path, encoder: EncoderName) -> (Job, Vec<Part>) {
    let job = plan(clip, 10, |spec| {
        spec.encoder.name = encoder;
        spec.quality = Quality::Lossless;
        spec.preset = if encoder == EncoderName::LibvpxVp9 { "3" } else { "6" }.to_owned();
        spec.reorder_frames = 0;
    });
    let parts = encode(&job);
    assert_eq!(parts, encode(&job), "{encoder}: the same bytes each time");
    (job, parts)
}

/// Pictures that move all over, of an odd size, at times that are whole milliseconds.
const PICTURES: &str = "-f lavfi -i testsrc2=s=161x97:r=25:d=1";

#[test]
fn every_layout_goes_bit_exactly_through_vp9() {
    let formats = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv420p12le"];
    layouts_come_back(EncoderName::LibvpxVp9, &formats);
    layouts_come_back(EncoderName::LibvpxVp9, &["yuv422p12le", "yuv444p12le"]);
}

#[test]
fn every_layout_goes_bit_exactly_through_av1() {
    let formats = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "gray", "gray10le"];
    layouts_come_back(EncoderName::LibaomAv1, &formats);
}

/// Encodes each layout once: the parts are the same for every container.
fn layouts_come_back(encoder: EncoderName, formats: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    for format in formats {
        let recipe = format!("{PICTURES} -pix_fmt {format} -c:v ffv1");
        let clip = make(folder.path(), "a.mkv", &recipe);
        let (job, parts) = encoded(&clip, encoder);
        let expected = shown(&clip);
        for name in ["out.webm", "out.mkv", "out.mp4"] {
            let output = folder.path().join(name);
            join(&job, parts.clone(), &output, false).unwrap();
            assert_eq!(expected, shown(&output), "{encoder} {format} {name}");
            let entries = "-select_streams v -show_entries stream=pix_fmt,color_range";
            let found = probe(&output, entries);
            assert!(found.contains(&format!("pix_fmt={format}")), "{encoder} {name}: {found}");
        }
    }
}

#[test]
fn hidden_pictures_of_vp9_and_av1_never_become_packets_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "-f lavfi -i testsrc2=s=320x180:r=25:d=4 -pix_fmt yuv420p -c:v ffv1";
    let clip = make(folder.path(), "a.mkv", recipe);
    for encoder in [EncoderName::LibvpxVp9, EncoderName::LibaomAv1] {
        let job = plan(&clip, 60, |spec| {
            spec.encoder.name = encoder;
            spec.quality = Quality::Constant(30);
            spec.preset = if encoder == EncoderName::LibvpxVp9 { "3" } else { "6" }.to_owned();
            spec.reorder_frames = 0;
        });
        let parts = encode(&job);
        for ((manifest, _), cell) in parts.iter().zip(&job.brief.cells) {
            let summary = manifest.summary(manifest.part.clone());
            assert_eq!(summary.frames, cell.frames.count(), "{encoder}");
            assert_eq!(summary.digest, cell.digest, "{encoder}");
            assert_eq!(summary.reorder_frames, 0, "{encoder}");
        }
        let output = folder.path().join("out.webm");
        join(&job, parts, &output, false).unwrap();
        let times = |path| shown(path).into_iter().map(|(time, _)| time).collect::<Vec<_>>();
        assert_eq!(times(&clip), times(&output), "{encoder}");
    }
}

#[test]
fn webm_comes_back_with_sound_subtitles_chapters_tags_and_colour() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("s.srt", "1\n00:00:00,200 --> 00:00:00,500\nHello\n");
    write(
        "c.txt",
        ";FFMETADATA1\ntitle=The clip\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n",
    );
    let recipe = format!(
        "{PICTURES} -f lavfi -i sine=440:r=48000:d=1 -i {{}}/s.srt -i {{}}/c.txt -map 0 -map 1 -map 2 \
         -map_metadata 3 -map_chapters 3 -pix_fmt yuv420p10le -c:v libvpx-vp9 -deadline realtime -cpu-used 8 \
         -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -color_range tv \
         -c:a libopus -c:s webvtt -metadata:s:a language=fra -metadata:s:a title=Son"
    );
    let clip = make(folder.path(), "a.webm", &recipe);
    for encoder in [EncoderName::LibvpxVp9, EncoderName::LibaomAv1] {
        let output = folder.path().join("out.webm");
        let (job, parts) = encoded(&clip, encoder);
        join(&job, parts, &output, false).unwrap();
        assert_eq!(shown(&clip), shown(&output));
        let padding = "-select_streams a -show_entries stream=initial_padding,start_pts";
        assert_eq!(probe(&clip, padding), probe(&output, padding));
        for which in ["a", "s"] {
            assert_eq!(packets(&clip, which), packets(&output, which), "{which}");
        }
        for entries in [
            "-show_chapters",
            "-show_entries stream=index,codec_type:stream_disposition:stream_tags=language,title",
            "-show_entries format_tags=title",
            "-select_streams v -show_entries stream=width,height,pix_fmt,color_range,color_space,color_transfer,color_primaries",
        ] {
            assert_eq!(probe(&clip, entries), probe(&output, entries), "{encoder}");
        }
    }
}
