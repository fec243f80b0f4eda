//! Cells by themselves: same frames, same bytes; what the headers say; what cells cost.

use cleanplate_types::encode::{EncoderName, Quality};
use cleanplate_types::source::FieldOrder;
use cleanplate_types::time::Pts;

use crate::clips::{make, shown};
use crate::machine::{encode, encode_cell, frames, plan};

const MOVING: &str =
    "-f lavfi -i testsrc2=s=320x180:r=25:d=4 -pix_fmt yuv420p -c:v libx264 -preset ultrafast";

#[test]
fn a_cell_has_the_same_bytes_each_time_and_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mp4", MOVING);
    for encoder in [EncoderName::Libx264, EncoderName::Libx265] {
        let job = plan(&clip, 50, |spec| {
            spec.encoder.name = encoder;
            spec.quality = Quality::Constant(22);
        });
        let parts = encode(&job);
        assert_eq!(parts, encode(&job), "{encoder}");
        assert_eq!(parts[0].0.extradata, parts[1].0.extradata, "{encoder}");
        let manifest = &parts[1].0;
        assert!(manifest.packets[0].key && manifest.packets[0].pts == job.table.pts[50]);
        let summary = manifest.summary(manifest.part.clone());
        assert_eq!(summary.digest, job.brief.cells[1].digest, "{encoder}");
        assert_eq!(summary.reorder_frames, 2, "{encoder}: B-frames are used");
        let mut moved = plan(&clip, 50, |spec| *spec = job.brief.spec.clone());
        moved.table.pts.iter_mut().for_each(|pts| *pts = Pts(pts.0 + 7_777_777));
        let alone =
            encode_cell(&moved, &moved.brief.cells[1], &mut frames(&moved).into_iter().skip(50));
        assert_eq!(alone.1, parts[1].1, "{encoder}: a cell does not know where it lies");
    }
}

#[test]
fn the_reorder_delay_is_what_the_contract_allows() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.mp4", MOVING);
    for encoder in [EncoderName::Libx264, EncoderName::Libx265] {
        for allowed in [0, 1, 2] {
            let job = plan(&clip, 100, |spec| {
                spec.encoder.name = encoder;
                spec.quality = Quality::Constant(22);
                spec.reorder_frames = allowed;
                spec.preset = "medium".to_owned();
            });
            let (manifest, _) = encode(&job).remove(0);
            let summary = manifest.summary(manifest.part.clone());
            assert_eq!(summary.reorder_frames, allowed, "{encoder}");
        }
    }
}

#[test]
fn scene_changes_make_key_frames_inside_a_cell_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let still =
        "-f lavfi -i testsrc2=s=320x180:r=25:d=13 -pix_fmt yuv420p -c:v libx264 -preset ultrafast";
    let clip = make(folder.path(), "a.mp4", still);
    let job = plan(&clip, 325, |spec| spec.quality = Quality::Constant(30));
    let (manifest, _) = encode(&job).remove(0);
    assert_eq!(manifest.packets.iter().filter(|packet| packet.key).count(), 1);
}

/// Bits of cells against one encode of the whole file by ffmpeg at the same quality, in per mille.
fn cost(clip: &std::path::Path, preset: &str, cell_frames: u64) -> i64 {
    let folder = tempfile::tempdir().unwrap();
    let job = plan(clip, cell_frames, |spec| {
        spec.encoder.name = EncoderName::Libx264;
        spec.quality = Quality::Constant(20);
        spec.preset = preset.to_owned();
    });
    let cells: u64 = encode(&job).iter().map(|(manifest, _)| manifest.part.bytes).sum();
    let recipe = format!(
        "-i {} -map 0:V:0 -c:v libx264 -threads 1 -preset {preset} -crf 20 -f h264",
        clip.display()
    );
    let whole = std::fs::metadata(make(folder.path(), "whole.h264", &recipe)).unwrap().len();
    let signed = |bytes: u64| i64::try_from(bytes).unwrap();
    (signed(cells) - signed(whole)) * 1000 / signed(whole)
}

#[test]
fn cells_cost_little_more_than_a_whole_encode() {
    let bikes =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/bikes.mp4");
    // The hardest clip: 250 frames with hard cuts, cut blindly. Longer ones cost less.
    let per_mille = cost(&bikes, "veryfast", 240);
    println!("cells of 240 frames cost {per_mille} per mille");
    assert!(per_mille < 40, "{per_mille}");
}

#[test]
fn field_order_reaches_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "-f lavfi -i testsrc2=s=320x192:r=50:d=1 -vf interlace=scan=bff -pix_fmt yuv420p -c:v libx264 -preset ultrafast -flags +ildct+ilme -x264-params bff=1";
    let clip = make(folder.path(), "a.mp4", recipe);
    let job = plan(&clip, 25, |spec| spec.quality = Quality::Constant(18));
    assert_eq!(job.brief.spec.field_order, FieldOrder::BottomFirst, "the clip is as it should be");
    let output = folder.path().join("out.mp4");
    crate::machine::join(&job, encode(&job), &output, false).unwrap();
    let flags = crate::clips::probe(
        &output,
        "-select_streams v -show_entries frame=interlaced_frame,top_field_first",
    );
    assert!(flags.lines().all(|line| line == "interlaced_frame=1|top_field_first=0"), "{flags}");
}

#[test]
fn interlaced_video_goes_bit_exactly_through_h264_and_its_pictures_say_their_fields() {
    let folder = tempfile::tempdir().unwrap();
    for (format, first, more) in [
        ("yuv420p", "tff", "noise=alls=12:allf=t"),
        ("yuv420p", "bff", "null"),
        ("yuv422p10le", "tff", "null"),
        ("yuv444p", "bff", "noise=alls=30:allf=t"),
    ] {
        let recipe = format!(
            "-f lavfi -i testsrc2=s=322x180:r=50:d=2 -vf {more},interlace=scan={first} -pix_fmt {format} \
             -c:v libx264 -preset ultrafast -flags +ildct+ilme -x264-params {first}=1"
        );
        let clip = make(folder.path(), "a.mp4", &recipe);
        let job = plan(&clip, 20, |_| {});
        assert_ne!(job.brief.spec.field_order, FieldOrder::Progressive, "{format}");
        let (expected, parts) = (shown(&clip), encode(&job));
        for name in ["out.mp4", "out.mkv"] {
            let output = folder.path().join(name);
            crate::machine::join(&job, parts.clone(), &output, false).unwrap();
            assert_eq!(expected, shown(&output), "{format} {first} {name}");
            let entries = "-select_streams v -show_entries stream=field_order";
            assert_eq!(crate::clips::probe(&clip, entries), crate::clips::probe(&output, entries));
            let entries = "-select_streams v -show_entries frame=interlaced_frame,top_field_first";
            assert_eq!(crate::clips::probe(&clip, entries), crate::clips::probe(&output, entries));
        }
    }
}
