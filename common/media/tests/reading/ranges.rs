//! Any range of frames decodes to what a whole decode shows there, wherever it begins.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cleanplate_media::decode::{DecodeOrder, Decoder};
use cleanplate_media::error::MediaError;
use cleanplate_media::sample::{SampleOrder, Wanted, sample};
use cleanplate_media::scan::Scanned;
use cleanplate_types::frames::FrameRange;

use crate::clips::{Clips, Local, X264_OPEN, X264_REFRESH, X265_OPEN, scanned};
use crate::reference::{assert_range, decode, plain, shown};

/// Decodes three frames from every frame of a clip of 100 on.
fn every_start(name: &str, options: &[&str]) {
    let clips = Clips::new();
    let path = clips.make(name, 100, options);
    let (scanned, shown) = (scanned(&path).unwrap(), shown(&path));
    for start in 0..100 {
        assert_range(&path, &scanned, &shown, plain(start, (start + 3).min(100)));
    }
}

#[test]
fn every_start_in_open_groups_of_x264_is_exact() {
    every_start("open.mp4", X264_OPEN);
}

#[test]
fn every_start_in_open_groups_of_x264_is_exact_in_a_transport_stream() {
    every_start("open.ts", X264_OPEN);
}

#[test]
fn every_start_in_open_groups_of_x265_is_exact() {
    every_start("open.mp4", X265_OPEN);
}

#[test]
fn every_start_in_open_groups_of_x265_is_exact_in_matroska() {
    every_start("open.mkv", X265_OPEN);
}

#[test]
fn every_start_in_an_intra_refresh_is_exact() {
    every_start("refresh.mp4", X264_REFRESH);
}

#[test]
fn every_start_in_mpeg2_is_exact() {
    every_start("group.ts", &["-c:v", "mpeg2video", "-bf", "2", "-g", "15", "-b:v", "800k"]);
}

#[test]
fn every_start_in_vp9_with_hidden_frames_is_exact() {
    let options = ["-c:v", "libvpx-vp9", "-lag-in-frames", "16", "-g", "25", "-cpu-used", "8"];
    every_start("super.webm", &options);
}

#[test]
fn every_start_in_an_avi_without_presentation_times_is_exact() {
    every_start("asp.avi", &["-c:v", "mpeg4", "-bf", "2", "-g", "15"]);
}

#[test]
fn every_start_in_a_bare_stream_is_exact() {
    every_start("bare.h264", &["-r", "25", "-c:v", "libx264", "-bf", "2", "-g", "20"]);
}

#[test]
fn every_start_behind_an_edit_list_is_exact() {
    let clips = Clips::new();
    let whole = clips.make("whole.mp4", 120, X264_OPEN);
    let whole = whole.to_str().unwrap();
    let path = clips.run("edited.mp4", &["-ss", "1.3", "-i", whole, "-c", "copy"]);
    let (scanned, shown) = (scanned(&path).unwrap(), shown(&path));
    for start in 0..scanned.table.range().end {
        let end = (start + 2).min(scanned.table.range().end);
        assert_range(&path, &scanned, &shown, plain(start, end));
    }
}

#[test]
fn the_whole_is_the_same_with_more_threads() {
    let clips = Clips::new();
    let path = clips.make("open.mp4", 100, X264_OPEN);
    let (scanned, shown) = (scanned(&path).unwrap(), shown(&path));
    assert_range(&path, &scanned, &shown, DecodeOrder { threads: 4, ..plain(0, 100) });
    assert_range(&path, &scanned, &shown, DecodeOrder { threads: 4, ..plain(61, 99) });
}

#[test]
fn ten_bits_are_exact_too() {
    let clips = Clips::new();
    let options = ["-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv422p10le"];
    let path = clips.make("ten.mp4", 40, &options);
    let (scanned, shown) = (scanned(&path).unwrap(), shown(&path));
    assert_range(&path, &scanned, &shown, plain(0, 40));
}

#[test]
fn reading_ends_with_the_range() {
    let clips = Clips::new();
    let options = ["-c:v", "libx264", "-qp", "1", "-g", "24", "-movflags", "+faststart"];
    let path = clips.make("big.mp4", 480, &options);
    let scanned = scanned(&path).unwrap();
    let source = Local::open(&path);
    let table = Arc::new(scanned.table.clone());
    let (name, description) = (path.to_str().unwrap(), &scanned.description);
    let order = plain(240, 264);
    let before = Arc::clone(&source);
    let mut decoder = Decoder::open(source, name, description, table, order).unwrap();
    while decoder.next().unwrap().is_some() {}
    let (read, size) =
        (before.read.load(Ordering::Relaxed), std::fs::metadata(&path).unwrap().len());
    assert!(read < size / 4, "{read} of {size} bytes read for a twentieth of the frames");
    assert!(decoder.frames_decoded() <= 48, "{}", decoder.frames_decoded());
    assert!(decoder.next().unwrap().is_none());
}

#[test]
fn a_table_that_is_wrong_is_told_with_the_frame() {
    let clips = Clips::new();
    let path = clips.make("closed.mp4", 60, &["-c:v", "libx264", "-g", "20"]);
    let mut scanned = scanned(&path).unwrap();
    scanned.table.pts.remove(47);
    let error = decode(&path, &scanned, plain(45, 50)).err().unwrap();
    let MediaError::TableMismatch { index: 47, expected: Some(expected), found: Some(found) } =
        error
    else {
        panic!("{error}")
    };
    assert!(found < expected);
    let error = decode(&path, &scanned, plain(40, 60)).err().unwrap();
    assert!(matches!(error, MediaError::OutsideTable { count: 59, .. }), "{error}");
}

#[test]
fn the_way_is_told_for_the_trail() {
    let clips = Clips::new();
    let path = clips.make("closed.mp4", 10, &["-c:v", "libx264", "-profile:v", "high"]);
    let scanned = scanned(&path).unwrap();
    let (decoder, _) = decode(&path, &scanned, plain(0, 10)).unwrap();
    assert_eq!(decoder.way(), "h264 High 192x108 yuv420p, software, 1 thread");
}

/// The wanted frames of a source, with the hashes of their samples.
fn samples(path: &Path, scanned: &Scanned, wanted: &Wanted, threads: u32) -> BTreeMap<u64, String> {
    let mut seen = BTreeMap::new();
    let table = Arc::new(scanned.table.clone());
    let order = SampleOrder { threads, ..SampleOrder::default() };
    let (source, hint) = (Local::open(path), path.to_str().unwrap());
    let mut look = |index, frame: &cleanplate_media::frame::VideoFrame| {
        seen.insert(index, frame.content_sha().to_string());
        Ok(())
    };
    sample(source, hint, &scanned.description, table, wanted, &order, &mut look).unwrap();
    seen
}

#[test]
fn samples_are_the_frames_of_a_whole_decode() {
    let clips = Clips::new();
    for (name, options) in [("a.mp4", X264_OPEN), ("b.mp4", X265_OPEN), ("c.mp4", X264_REFRESH)] {
        let path = clips.make(name, 100, options);
        let (scanned, shown) = (scanned(&path).unwrap(), shown(&path));
        // Every frame is wanted by one of these, each from another place in its group.
        for first in 0..7 {
            let wanted: Vec<u64> = (first..100).step_by(7).collect();
            let hash = |index: &u64| shown.frames[usize::try_from(*index).unwrap()].1.clone();
            let expected: BTreeMap<u64, String> = wanted.iter().map(|i| (*i, hash(i))).collect();
            let threads = 1 + u32::try_from(first % 2).unwrap();
            let seen = samples(&path, &scanned, &Wanted::Listed(wanted), threads);
            assert_eq!(seen, expected, "{name} from {first}");
        }
    }
}

#[test]
fn frames_to_which_others_refer_are_those_of_a_whole_decode_whatever_the_threads() {
    let clips = Clips::new();
    for (name, options) in [("a.mp4", X264_OPEN), ("b.ts", X264_OPEN), ("c.mp4", X265_OPEN)] {
        let path = clips.make(name, 100, options);
        let (scanned, shown) = (scanned(&path).unwrap(), shown(&path));
        for range in [FrameRange::new(0, 100), FrameRange::new(33, 78)] {
            let seen = samples(&path, &scanned, &Wanted::Referenced(range), 1);
            assert!((10..range.count() - 10).contains(&(seen.len() as u64)), "{name}: {seen:?}");
            for (index, hash) in &seen {
                assert!(range.contains(*index), "{name}: {index}");
                assert_eq!(*hash, shown.frames[usize::try_from(*index).unwrap()].1, "{name}");
            }
            assert_eq!(samples(&path, &scanned, &Wanted::Referenced(range), 3), seen, "{name}");
        }
    }
}

#[test]
fn few_samples_of_a_long_clip_cost_few_bytes() {
    let clips = Clips::new();
    let options = ["-c:v", "libx264", "-qp", "1", "-g", "24", "-movflags", "+faststart"];
    let path = clips.make("big.mp4", 480, &options);
    let scanned = scanned(&path).unwrap();
    let source = Local::open(&path);
    let counted = Arc::clone(&source);
    let table = Arc::new(scanned.table.clone());
    let (hint, order) = (path.to_str().unwrap(), SampleOrder::default());
    let mut seen = 0;
    let mut look = |_index, _frame: &cleanplate_media::frame::VideoFrame| {
        seen += 1;
        Ok(())
    };
    let wanted = Wanted::Listed(vec![100, 101, 400]);
    sample(source, hint, &scanned.description, table, &wanted, &order, &mut look).unwrap();
    assert_eq!(seen, 3);
    let (read, size) =
        (counted.read.load(Ordering::Relaxed), std::fs::metadata(&path).unwrap().len());
    assert!(read < size / 3, "{read} of {size}");
    assert_eq!(FrameRange::new(0, 480), scanned.table.range());
}
