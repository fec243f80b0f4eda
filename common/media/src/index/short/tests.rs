//! The view of a whole file against the file: what is needed is the same, the rest is short.

use std::path::{Path, PathBuf};

use cleanplate_types::source::SourceDescription;
use ffmpeg_next as libav;

use super::*;
use crate::clip::on_disk as source;
use crate::input::Input;
use crate::probe::describe;

/// Samples that are left of a track in these tests.
const LEFT: u64 = 16;

/// Twelve seconds of reordered pictures and of sound, and more as `options` say.
fn clip(folder: &Path, name: &str, options: &[&str]) -> PathBuf {
    crate::clip::clip(folder, name, 12, &[&["-g", "50"][..], options].concat())
}

/// A file opened through the view that is for what is `needed`.
fn through(path: &Path, needed: Needed) -> Option<Input> {
    let view = view_of(&source(path), needed, LEFT).unwrap()?;
    Some(Input::open(Arc::new(view), "clip.mp4").unwrap())
}

fn whole(path: &Path) -> Input {
    Input::open(source(path), "clip.mp4").unwrap()
}

/// Times, place and content of a packet.
type Seen = (Option<i64>, Option<i64>, i64, isize, u32);

/// Every packet of one stream.
fn packets(mut input: Input, stream: usize) -> Vec<Seen> {
    input.keep_only(stream);
    let mut packet = libav::Packet::empty();
    let mut all = Vec::new();
    while input.read(&mut packet).unwrap() {
        // What was read to find out about the streams comes first, of all of them.
        if packet.stream() != stream {
            continue;
        }
        let content = crc32fast::hash(packet.data().unwrap_or_default());
        let place = packet.position();
        all.push((packet.pts(), packet.dts(), packet.duration(), place, content));
    }
    all
}

fn described(mut input: Input) -> Result<SourceDescription, String> {
    describe(&mut input).map_err(|error| error.to_string())
}

#[test]
fn what_is_needed_is_the_same_and_what_is_not_is_short() {
    let folder = tempfile::tempdir().unwrap();
    let kinds: &[(&str, &[&str])] = &[
        ("plain.mp4", &[]),
        ("front.mp4", &["-movflags", "+faststart"]),
        ("negative.mov", &["-movflags", "+negative_cts_offsets"]),
        ("late.mp4", &["-output_ts_offset", "1.3"]),
        ("sound-first.mp4", &["-map", "1:a", "-map", "0:v"]),
    ];
    for (name, options) in kinds {
        let path = clip(folder.path(), name, options);
        let (video, sound) = if *name == "sound-first.mp4" { (1, 0) } else { (0, 1) };
        let all = [whole(&path).index_length(video), whole(&path).index_length(sound)];
        for needed in [Needed::Pictures, Needed::Only(video)] {
            let input = through(&path, needed).unwrap();
            let count = input.index_length(sound);
            assert!((16..100).contains(&count), "{name}: {count} of {}", all[1]);
            assert_eq!(input.index_length(video), all[0], "{name}");
            assert_eq!(packets(input, video), packets(whole(&path), video), "{name}");
        }
        let input = through(&path, Needed::AllBut(video)).unwrap();
        assert!(input.index_length(video) < 100, "{name}");
        assert_eq!(packets(input, sound), packets(whole(&path), sound), "{name}");
        assert!(through(&path, Needed::All).is_none(), "{name}");
        assert_eq!(described(through(&path, Needed::Pictures).unwrap()), described(whole(&path)));
    }
}

#[test]
fn samples_that_are_left_out_are_still_known_to_reach_as_far() {
    let folder = tempfile::tempdir().unwrap();
    // Behind the pictures there are seconds of sound alone: it reaches furthest.
    let path = clip(folder.path(), "longer.mp4", &["-vf", "trim=end=2"]);
    let view = view_of(&source(&path), Needed::Pictures, LEFT).unwrap().unwrap();
    let end = whole(&path).index_end();
    assert_eq!(view.reach, end);
    let through = Input::open(Arc::new(view), "clip.mp4").unwrap();
    assert!(through.index_end() < end, "libav alone does not know of it");
}

#[test]
fn files_that_are_unusual_are_shown_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let fragments = ["-movflags", "+frag_keyframe+empty_moov"];
    let fragmented = clip(folder.path(), "fragmented.mp4", &fragments);
    assert!(through(&fragmented, Needed::Only(0)).is_none());
    let raw = clip(folder.path(), "raw.mov", &["-c:a", "pcm_s16le"]);
    assert!(through(&raw, Needed::Only(0)).is_none());
    let bytes: Arc<dyn ReadAt> = Arc::new(super::super::boxes::tests::Bytes(vec![0, 0, 0, 3]));
    assert!(view_of(&bytes, Needed::Only(0), LEFT).unwrap().is_none());
}

#[test]
fn a_table_of_chunks_that_makes_no_sense_leaves_the_file_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "spoilt.mp4", &[]);
    let mut bytes = std::fs::read(&path).unwrap();
    // The sound's track is the second; its first run says that it begins at the second chunk.
    let found = |from: usize| from + bytes[from..].windows(4).position(|w| w == b"stsc").unwrap();
    let second = found(found(0) + 4);
    bytes[second + 15] = 2;
    let bytes: Arc<dyn ReadAt> = Arc::new(super::super::boxes::tests::Bytes(bytes));
    assert!(view_of(&bytes, Needed::Only(0), LEFT).unwrap().is_none());
}
