//! What containers refuse before any work.

use cleanplate_media::container::check;
use cleanplate_types::encode::VideoCodec;
use cleanplate_types::source::FieldOrder;

use crate::clips::make;
use crate::machine::plan;

#[test]
fn a_container_is_refused_by_name_with_what_to_do_instead() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "-f lavfi -i testsrc2=s=160x96:r=24000/1001:d=1 -c:v libx264 -preset ultrafast";
    let clip = make(folder.path(), "a.mp4", recipe);
    let job = plan(&clip, 24, |_| {});
    let description = &job.brief.description;
    let refusal = |name: &str| {
        let checked = check(description, &job.table, name, VideoCodec::H264, false);
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    };
    for (name, words) in [
        ("x.webm", "VP9 and AV1, not H.264"),
        ("s3://b/x.avi?v=1.mp4", "presentation timestamps"),
        ("x.flv", ".mp4"),
        ("x.mka", "sound"),
        ("x.mkv", "name the output .mp4 or .mov"),
        ("x.ts", "90 kHz"),
    ] {
        assert!(refusal(name).contains(words), "{name}: {}", refusal(name));
    }
    for name in ["x.mp4", "X.MOV", "x.m4v", "folder.d/x", "file:///a/b.c/x"] {
        assert_eq!(refusal(name), "", "{name}");
    }
}

#[test]
fn a_codec_that_the_container_has_no_place_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "-f lavfi -i testsrc2=s=160x96:r=25:d=1 -c:v libx264 -preset ultrafast";
    let clip = make(folder.path(), "a.mp4", recipe);
    let job = plan(&clip, 24, |_| {});
    let (mut description, table) = (job.brief.description, job.table);
    let refusal = |description: &_, name: &str, codec, allow| {
        check(description, &table, name, codec, allow).err().map(|error| error.to_string())
    };
    use VideoCodec::{Av1, H264, Hevc, Vp9};
    for (name, codec) in
        [("x.webm", Vp9), ("x.webm", Av1), ("x.mkv", Vp9), ("x.mp4", Av1), ("x.mp4", Vp9)]
    {
        assert_eq!(refusal(&description, name, codec, false), None, "{name}");
    }
    for (name, codec) in [("x.webm", Hevc), ("x.ts", Vp9), ("x.ts", Av1), ("x.mov", Vp9)] {
        assert!(refusal(&description, name, codec, true).is_some(), "{name}");
    }
    description.video.field_order = FieldOrder::TopFirst;
    for (name, codec) in [("x.webm", Vp9), ("x.ts", Hevc)] {
        let refused = refusal(&description, name, codec, false).unwrap();
        assert!(refused.contains("the field order"), "{refused}");
        assert_eq!(refusal(&description, name, codec, true), None);
    }
    for (name, codec) in [("x.ts", H264), ("x.mp4", Hevc), ("x.mkv", Vp9)] {
        assert_eq!(refusal(&description, name, codec, false), None, "{name}");
    }
}

#[test]
fn advice_never_leads_to_another_refusal() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f.ttf"), "not really a font ".repeat(100)).unwrap();
    let recipe = "-f lavfi -i testsrc2=s=160x96:r=25:d=1 -attach {}/f.ttf \
        -metadata:s:t mimetype=application/x-truetype-font -c:v libx264 -preset ultrafast";
    let clip = make(folder.path(), "a.mkv", recipe);
    let job = plan(&clip, 24, |_| {});
    let (mut description, table) = (job.brief.description, job.table);
    let refusal = |description: &_, name: &str| {
        let checked = check(description, &table, name, VideoCodec::H264, false);
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(refusal(&description, "x.mp4").contains("name the output .mkv, or leave that out"));
    description.video.rotation = 90;
    for name in ["x.mp4", "x.mkv", "x.mov", "x.ts"] {
        let words = refusal(&description, name);
        assert!(words.contains("no container holds all of it: leave that out with"), "{words}");
        assert!(words.contains("--allow-metadata-loss"), "{words}");
        let named = if name == "x.mkv" { "the rotation" } else { "attachment" };
        assert!(words.contains(named), "{words}");
        assert!(check(&description, &table, name, VideoCodec::H264, true).is_ok(), "{name}");
    }
    description.streams.truncate(1);
    assert!(refusal(&description, "x.mkv").contains("name the output .mp4"));
}

#[test]
fn alpha_beside_the_pictures_is_seen_though_the_layout_does_not_show_it() {
    let folder = tempfile::tempdir().unwrap();
    let alpha = |name: &str, format: &str| {
        let recipe = format!(
            "-f lavfi -i testsrc2=s=160x96:r=25:d=0.4,format={format} -c:v libvpx -auto-alt-ref 0"
        );
        let clip = make(folder.path(), name, &recipe);
        plan(&clip, 24, |_| {}).brief.description.video.alpha
    };
    assert!(alpha("a.webm", "yuva420p"));
    assert!(!alpha("b.webm", "yuv420p"));
}
