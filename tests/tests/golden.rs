//! Every frame once: a pass through the whole machine, encoded bit-exactly, is the source.
//!
//! The reference is the ffmpeg command line, never our own frame table.

use std::path::Path;

use cleanplate_tests::{binary, clips, reference};

fn comes_back(source: &Path, folder: &Path) {
    let output = folder.join("out.mp4");
    let (input, target) = (source.to_str().unwrap(), output.to_str().unwrap());
    binary::run_ok([
        "run",
        input,
        "-o",
        target,
        "--detect",
        "none",
        "--lossless",
        "--cell-frames",
        "30",
        "--segment-frames",
        "30",
        "--workers",
        "2",
    ]);
    let what = source.display().to_string();
    reference::assert_same(&reference::frames(source), &reference::frames(&output), &what);
    assert_eq!(reference::other_streams(source), reference::other_streams(&output), "{what}");
    let left: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".cleanplate"))
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn the_shipped_clip_comes_back_frame_for_frame() {
    let folder = tempfile::tempdir().unwrap();
    comes_back(&binary::shipped_clip(), folder.path());
}

#[test]
fn open_gop_h264_comes_back_frame_for_frame() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::make(folder.path(), "open264.mp4", "426x240", 400, &clips::X264_OPEN);
    comes_back(&clip, folder.path());
}

#[test]
fn open_gop_hevc_comes_back_frame_for_frame() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::make(folder.path(), "open265.mp4", "426x240", 300, &clips::X265_OPEN);
    comes_back(&clip, folder.path());
}
