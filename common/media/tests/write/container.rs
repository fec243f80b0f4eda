//! What containers refuse before any work.

use cleanplate_media::container::{OutputCodec, check, check_times};

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
        let checked = check(description, name, OutputCodec::H264, false)
            .and_then(|_notes| check_times(description, name, &job.table));
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    };
    for (name, words) in [
        ("x.webm", "H.264"),
        ("s3://b/x.avi?v=1.mp4", "presentation timestamps"),
        ("x.flv", ".mp4"),
        ("x.mka", "sound"),
        ("x.mkv", "mp4 or mov holds it exactly"),
        ("x.ts", "90 kHz"),
    ] {
        assert!(refusal(name).contains(words), "{name}: {}", refusal(name));
    }
    for name in ["x.mp4", "X.MOV", "x.m4v", "folder.d/x", "file:///a/b.c/x"] {
        assert_eq!(refusal(name), "", "{name}");
    }
}
