//! The view of a stretch against the whole file, packet by packet.

use std::path::{Path, PathBuf};

use ffmpeg_next as libav;

use super::*;
use crate::clip::on_disk as source;
use crate::input::Input;

/// Samples that must be left out in these tests.
const WORTH: u64 = 20;

/// Twenty seconds of reordered pictures and of sound, and more as `options` say.
fn clip(folder: &Path, name: &str, options: &[&str]) -> PathBuf {
    crate::clip::clip(folder, name, 20, &[&["-g", "25"][..], options].concat())
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Packet {
    pts: Option<i64>,
    dts: Option<i64>,
    place: isize,
    key: bool,
    content: u32,
}

fn packets(bytes: Arc<dyn ReadAt>, stream: usize) -> Vec<Packet> {
    let mut input = Input::open(bytes, "clip.mp4").unwrap();
    input.keep_only(stream);
    let mut packet = libav::Packet::empty();
    let mut all = Vec::new();
    while input.read(&mut packet).unwrap() {
        // What was read to find out about the streams comes first, of all of them.
        if packet.stream() != stream {
            continue;
        }
        all.push(Packet {
            pts: packet.pts(),
            dts: packet.dts(),
            place: packet.position(),
            key: packet.is_key(),
            content: crc32fast::hash(packet.data().unwrap_or_default()),
        });
    }
    all
}

#[test]
fn the_packets_of_a_stretch_are_those_of_the_whole_at_their_times() {
    let folder = tempfile::tempdir().unwrap();
    let vfr = ["-vf", "select='not(mod(n,3))+not(mod(n,7))'", "-vsync", "vfr"];
    let kinds: &[(&str, &[&str])] = &[
        ("plain.mp4", &[]),
        ("front.mp4", &["-movflags", "+faststart"]),
        ("late.mp4", &["-output_ts_offset", "1.3"]),
        ("vfr.mp4", &vfr),
        ("no-edit.mp4", &["-use_editlist", "0"]),
        ("no-b.mp4", &["-bf", "0"]),
    ];
    for (name, options) in kinds {
        let path = clip(folder.path(), name, options);
        let whole = packets(source(&path), 0);
        let zero = whole[0].dts.unwrap();
        let count = whole.len();
        for (from, until) in [(count / 2, count / 2 + 20), (count - 60, count), (100, 101)] {
            let time = |at: usize| whole.get(at).map(|packet| packet.dts.unwrap() - zero);
            let stretch = Stretch { stream: 0, from: time(from).unwrap(), until: time(until) };
            let view = view_of(&source(&path), stretch, WORTH).unwrap();
            let view: Arc<dyn ReadAt> = Arc::new(view.unwrap_or_else(|| panic!("{name} {from}")));
            let input = Input::open(Arc::clone(&view), "clip.mp4").unwrap();
            let indexed = input.index_length(0);
            assert!(indexed < (until - from) + 60, "{name}: {indexed} of {from}..{until}");
            let found = packets(view, 0);
            assert_eq!(found.len(), indexed, "{name}");
            let start =
                whole.iter().position(|packet| packet == found.last().unwrap()).unwrap() + 1;
            let head = found.iter().zip(&whole).take_while(|(one, other)| one.place == other.place);
            let head = head.count();
            let tail = &found[head..];
            assert_eq!(tail, &whole[start - tail.len()..start], "{name} {from}..{until}");
            assert!(start - tail.len() <= from && start >= until, "{name} {from}..{until}");
            assert_eq!(found[..head], whole[..head], "{name}: the first chunk");
        }
    }
}

#[test]
fn sound_beside_a_stretch_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "plain.mp4", &[]);
    let whole = packets(source(&path), 0);
    let from = whole[300].dts.unwrap() - whole[0].dts.unwrap();
    let stretch = Stretch { stream: 0, from, until: None };
    let view = view_of(&source(&path), stretch, WORTH).unwrap().unwrap();
    assert_eq!(packets(Arc::new(view), 1), packets(source(&path), 1));
}

#[test]
fn what_is_not_worth_it_or_not_known_is_shown_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "plain.mp4", &[]);
    let at = |from, until| Stretch { stream: 0, from, until };
    let is_cut = |path: &Path, stretch| view_of(&source(path), stretch, WORTH).unwrap().is_some();
    assert!(is_cut(&path, at(128_000, None)));
    assert!(!is_cut(&path, at(0, None)), "from the start");
    assert!(!is_cut(&path, at(128_000, Some(128_000))), "nothing");
    assert!(!is_cut(&path, at(i64::MAX, None)), "beyond the end");
    assert!(!is_cut(&path, Stretch { stream: 7, ..at(128_000, None) }), "no such track");
    assert!(view(&source(&path), at(128_000, None)).unwrap().is_none(), "a short film");
    let fragmented = clip(folder.path(), "f.mp4", &["-movflags", "+frag_keyframe+empty_moov"]);
    assert!(!is_cut(&fragmented, at(128_000, None)));
    // A table that is not known: one that groups samples.
    let mut bytes = std::fs::read(&path).unwrap();
    let name = bytes.windows(4).position(|four| four == b"stss").unwrap();
    bytes[name..name + 4].copy_from_slice(b"sbgp");
    let spoilt = folder.path().join("spoilt.mp4");
    std::fs::write(&spoilt, &bytes).unwrap();
    assert!(!is_cut(&spoilt, at(128_000, None)));
    // More boxes beside the index than are looked at.
    let mut crowded = std::fs::read(&path).unwrap();
    crowded.extend([0, 0, 0, 8, b'f', b'r', b'e', b'e'].repeat(10_001));
    std::fs::write(&spoilt, &crowded).unwrap();
    assert!(!is_cut(&spoilt, at(128_000, None)));
    // Behind the index a box that reaches as far as the file does.
    crowded = std::fs::read(&path).unwrap();
    crowded.extend(*b"\0\0\0\0free");
    std::fs::write(&spoilt, &crowded).unwrap();
    assert!(!is_cut(&spoilt, at(128_000, None)));
}
