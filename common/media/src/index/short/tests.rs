use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cleanplate_types::source::SourceDescription;
use ffmpeg_next as libav;

use super::*;
use crate::input::Input;
use crate::probe::describe;

/// Samples that are left of a track in these tests.
const LEFT: u64 = 16;

struct OnDisk(File);

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

fn source(path: &Path) -> Arc<dyn ReadAt> {
    Arc::new(OnDisk(File::open(path).unwrap()))
}

/// Twelve seconds of reordered pictures and of sound, and more as `options` say.
fn clip(folder: &Path, name: &str, options: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let pictures = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=12"];
    let sound = ["-f", "lavfi", "-i", "sine=sample_rate=44100:duration=12"];
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(pictures).args(sound);
    command.args(["-c:v", "libx264", "-bf", "2", "-g", "50", "-c:a", "aac"]).args(options);
    assert!(command.arg(&path).status().unwrap().success(), "{name}");
    path
}

/// A file opened through the view that is for what is `needed`.
fn through(path: &Path, needed: Needed) -> Option<Input> {
    let view = view_of(&source(path), needed, LEFT).unwrap()?;
    Some(Input::open(Arc::new(view), "clip.mp4").unwrap())
}

fn whole(path: &Path) -> Input {
    Input::open(source(path), "clip.mp4").unwrap()
}

/// Times, place and content of every packet of one stream.
fn packets(mut input: Input, stream: usize) -> Vec<(Option<i64>, Option<i64>, i64, isize, u32)> {
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

#[test]
fn real_files_are_described_alike_through_the_view() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.is_dir() {
        println!("skipped: ../shared/data is absent");
        return;
    }
    let mut short = 0;
    for folder in ["clean", "hostile", "overlay"] {
        for entry in std::fs::read_dir(data.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let is_boxed = path.extension().is_some_and(|end| end == "mp4" || end == "mov");
            let source = is_boxed.then(|| source(&path));
            let view = source.and_then(|it| view_of(&it, Needed::Pictures, LEFT).unwrap());
            let Some(view) = view else { continue };
            short += 1;
            let told = |bytes: Arc<dyn ReadAt>| {
                Input::open(bytes, "clip.mp4")
                    .map_err(|error| error.to_string())
                    .and_then(described)
            };
            let whole = told(Arc::clone(&view.source));
            assert_eq!(told(Arc::new(view)), whole, "{}", path.display());
        }
    }
    assert!(short > 0, "no real file has sound to leave out");
}
