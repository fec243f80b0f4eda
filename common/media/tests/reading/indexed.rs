//! A table from the container's index is the table that its packets give, and ranges decode by it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cleanplate_media::decode::{DecodeOrder, Decoder, PreRoll};
use cleanplate_media::index::IndexUse;
use cleanplate_media::scan::{ScanOrder, Scanned, scan};
use cleanplate_types::digest::Sha;
use cleanplate_types::frames::{EntryKind, FrameRange, TableOrigin};

use crate::clips::{Clips, Local, MOVING, X264_OPEN, X265_OPEN, scanned_by};

fn by(path: &Path, index: IndexUse) -> Scanned {
    let order = ScanOrder { threads: 1, index, ..ScanOrder::default() };
    scanned_by(path, &order).unwrap()
}

/// Insists that the index gives what the packets give; returns the table from the index.
fn agree(path: &Path) -> Scanned {
    let what = path.display();
    let (packets, index) = (by(path, IndexUse::Never), by(path, IndexUse::Always));
    assert_eq!(packets.table.origin, TableOrigin::Packets, "{what}: {:?}", packets.notes);
    assert_eq!(index.table.origin, TableOrigin::Index, "{what}: {:?}", index.notes);
    assert_eq!(packets.table.pts, index.table.pts, "{what}");
    assert_eq!(packets.table.last_duration, index.table.last_duration, "{what}: last duration");
    assert_eq!(packets.table.timebase, index.table.timebase, "{what}");
    let place = |scanned: &Scanned| -> Vec<_> {
        let entries = scanned.table.entries.iter();
        entries.map(|one| (one.frame, one.pts, one.dts, one.byte)).collect()
    };
    // Recovery points without a key flag are seen by packets alone.
    let known = place(&packets);
    for entry in place(&index) {
        assert!(known.contains(&entry), "{what}: {entry:?} of {known:?}");
    }
    index
}

/// Why a clip's index is not taken.
fn doubted(path: &Path) -> String {
    let scanned = by(path, IndexUse::Always);
    assert_ne!(scanned.table.origin, TableOrigin::Index, "{}", path.display());
    let note = scanned.notes.iter().find(|note| note.contains("since of its index"));
    note.unwrap_or_else(|| panic!("{}: {:?}", path.display(), scanned.notes)).clone()
}

#[test]
fn the_index_and_the_packets_give_the_same_table() {
    let clips = Clips::new();
    let x264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "24", "-bf", "3"];
    let with = |more: &[&'static str]| [&x264[..], more].concat();
    let vfr = "select='not(mod(n,3))+not(mod(n,7))'";
    let recipes: Vec<(&str, Vec<&str>)> = vec![
        ("reordered.mp4", with(&[])),
        ("plain.mp4", with(&["-bf", "0"])),
        ("front.mp4", with(&["-movflags", "+faststart"])),
        ("negative.mp4", with(&["-movflags", "+negative_cts_offsets"])),
        ("no-edit.mp4", with(&["-use_editlist", "0"])),
        ("vfr.mp4", with(&["-vf", vfr, "-vsync", "vfr", "-video_track_timescale", "24000"])),
        ("late.mp4", with(&["-output_ts_offset", "1.3"])),
        ("turned.mp4", with(&["-metadata:s:v", "rotate=90"])),
        ("fine.mov", with(&["-video_track_timescale", "10000000"])),
        ("open.mp4", X264_OPEN.to_vec()),
        ("open265.mp4", [X265_OPEN, &["-tag:v", "hvc1"]].concat()),
        ("hev1.mp4", [X265_OPEN, &["-tag:v", "hev1"]].concat()),
        ("avc3.mp4", with(&["-tag:v", "avc3"])),
        ("studio.mov", vec!["-c:v", "prores_ks", "-profile:v", "2"]),
        ("jpeg.mov", vec!["-c:v", "mjpeg", "-pix_fmt", "yuvj422p"]),
        (
            "vp9.mp4",
            vec!["-c:v", "libvpx-vp9", "-lag-in-frames", "16", "-g", "30", "-cpu-used", "8"],
        ),
    ];
    for (name, options) in recipes {
        agree(&clips.make(name, 70, &options));
    }
    let sound = ["-f", "lavfi", "-i", "sine=frequency=440", "-f", "lavfi", "-i", MOVING];
    let both = ["-c:a", "aac", "-frames:v", "70", "-shortest"];
    agree(&clips.run("sound.mov", &[&sound[..], &both, &x264].concat()));
}

#[test]
fn a_trim_that_hides_nothing_and_large_offsets_keep_their_table() {
    let clips = Clips::new();
    let whole = clips.make("whole.mp4", 100, &["-c:v", "libx264", "-g", "24", "-bf", "2"]);
    let whole = whole.to_str().unwrap();
    agree(&clips.run("looped.mp4", &["-stream_loop", "4", "-i", whole, "-c", "copy"]));
    agree(&clips.run("moved.mp4", &["-itsoffset", "2.5", "-i", whole, "-c", "copy"]));
    // Chunk offsets of 64 bits, as in files beyond 4 GB.
    let path = clips.path("co64.mp4");
    let bytes = std::fs::read(whole).unwrap();
    std::fs::write(&path, with_long_offsets(&bytes)).unwrap();
    agree(&path);
}

/// Gives a file whose `moov` is last a `co64` in place of its only `stco`.
fn with_long_offsets(bytes: &[u8]) -> Vec<u8> {
    let at = |name: &[u8; 4]| bytes.windows(4).position(|four| four == name).unwrap() - 4;
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let stco = at(b"stco");
    let count = number(stco + 12);
    let grown = count * 4;
    let mut out = bytes.to_vec();
    let mut grow = |at: usize| {
        let size = number(at) + grown;
        out[at..at + 4].copy_from_slice(&size.to_be_bytes());
    };
    for name in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stco"] {
        grow(at(name));
    }
    out[stco + 4..stco + 8].copy_from_slice(b"co64");
    let end = stco + number(stco) as usize;
    let offsets = bytes[stco + 16..end].chunks(4);
    let long: Vec<u8> = offsets.flat_map(|four| [&[0; 4], four].concat()).collect();
    out.splice(stco + 16..end, long);
    out
}

#[test]
fn what_an_index_cannot_vouch_for_is_read_whole() {
    let clips = Clips::new();
    let x264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "24"];
    let fragmented = [&x264[..], &["-movflags", "frag_keyframe+empty_moov"]].concat();
    let why = doubted(&clips.make("fragments.mp4", 70, &fragmented));
    assert!(why.contains("fragmented"), "{why}");
    let fields = [&x264[..], &["-flags", "+ildct+ilme", "-x264-params", "tff=1"]].concat();
    let why = doubted(&clips.make("fields.mp4", 30, &fields));
    assert!(why.contains("fields"), "{why}");
    let why = doubted(&clips.make("asp.mp4", 30, &["-c:v", "mpeg4", "-bf", "2"]));
    assert!(why.contains("mpeg4"), "{why}");
    let whole = clips.make("whole.mp4", 100, &["-c:v", "libx264", "-g", "48", "-bf", "2"]);
    let whole = whole.to_str().unwrap();
    let why = doubted(&clips.run("edited.mp4", &["-ss", "1.3", "-i", whole, "-c", "copy"]));
    assert!(why.contains("edit list"), "{why}");
}

#[test]
fn parameter_sets_among_the_samples_are_a_doubt_where_they_are_the_only_ones_or_change() {
    let clips = Clips::new();
    let repeated = ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hev1", "-x265-params"];
    let repeated = [&repeated[..], &["repeat-headers=1:keyint=24:log-level=none"]].concat();
    let whole = clips.make("repeated.mp4", 70, &repeated);
    agree(&whole);
    let mut bytes = std::fs::read(&whole).unwrap();
    let arrays = bytes.windows(4).position(|four| four == b"hvcC").unwrap() + 4 + 22;
    bytes[arrays] = 0;
    let bare = clips.path("bare.mp4");
    std::fs::write(&bare, bytes).unwrap();
    let why = doubted(&bare);
    assert!(why.contains("among its samples alone"), "{why}");
    let coded = |name: &str, references: &str| {
        let options = ["-c:v", "libx264", "-bf", "0", "-g", "24", "-refs", references];
        std::fs::read(clips.make(name, 50, &options)).unwrap()
    };
    let raw = clips.path("changing.h264");
    std::fs::write(&raw, [coded("one.h264", "1"), coded("other.h264", "4")].concat()).unwrap();
    let raw = raw.to_str().unwrap();
    let why = doubted(&clips.run("changing.mp4", &["-i", raw, "-c", "copy", "-tag:v", "avc3"]));
    assert!(why.contains("sequence parameters change"), "{why}");
}

#[test]
fn a_large_file_is_not_read_for_its_table() {
    let clips = Clips::new();
    let options = ["-c:v", "mjpeg", "-pix_fmt", "yuvj422p", "-q:v", "1"];
    let path = clips.make("large.mov", 600, &options);
    let source = Local::open(&path);
    let order = ScanOrder { threads: 1, index: IndexUse::Always, ..ScanOrder::default() };
    let scanned = scan(source.clone(), "large.mov", &order, &mut |_frames| ()).unwrap();
    assert_eq!(scanned.table.origin, TableOrigin::Index);
    let size = std::fs::metadata(&path).unwrap().len();
    let read = source.read.load(Ordering::Relaxed);
    assert!(size > 8 << 20, "{size} bytes are more than a handful of buffers");
    assert!(read < size * 2 / 3, "{read} of {size} bytes were read");
}

/// Decodes `range` and returns the number of frames that this took, and the digests of those shown.
fn decoded(path: &Path, scanned: &Scanned, range: FrameRange) -> (u64, Vec<(u64, i64, Sha)>) {
    let order =
        DecodeOrder { range, threads: 1, card: None, conceal: false, pre_roll: PreRoll::default() };
    let table = Arc::new(scanned.table.clone());
    let name = path.to_str().unwrap();
    let mut decoder =
        Decoder::open(Local::open(path), name, &scanned.description, table, order).unwrap();
    let mut shown = Vec::new();
    while let Some((index, frame)) = decoder.next().unwrap() {
        shown.push((index, frame.pts().0, frame.content_sha()));
    }
    (decoder.frames_decoded(), shown)
}

#[test]
fn a_range_by_the_index_begins_at_an_idr_that_is_found_there_and_before_anything_else() {
    let clips = Clips::new();
    let closed = ["-c:v", "libx264", "-preset", "veryfast", "-g", "24", "-sc_threshold", "0"];
    let range = FrameRange::new(75, 80);
    for (name, options, frames_max) in
        [("closed.mp4", &closed[..], 8 + 6), ("open.mp4", X264_OPEN, 24 + 8 + 6)]
    {
        let path = clips.make(name, 100, options);
        let (packets, index) = (by(&path, IndexUse::Never), by(&path, IndexUse::Always));
        let unknown = index.table.entries.iter().filter(|one| one.kind == EntryKind::Unknown);
        assert_eq!(unknown.count(), 4, "{name}");
        let (taken, shown) = decoded(&path, &index, range);
        assert_eq!(shown, decoded(&path, &packets, range).1, "{name}");
        assert!(taken <= frames_max, "{name}: {taken} frames were decoded");
        let least = if name == "open.mp4" { 24 + 8 } else { 8 };
        assert!(taken >= least, "{name}: {taken} frames were decoded");
    }
}

#[test]
fn every_cut_of_an_index_of_open_groups_shows_the_right_frames() {
    let clips = Clips::new();
    let path = clips.run(
        "open.mp4",
        &[&["-f", "lavfi", "-i", MOVING, "-frames:v", "100"], X265_OPEN, &["-tag:v", "hvc1"]]
            .concat(),
    );
    let (packets, index) = (by(&path, IndexUse::Never), by(&path, IndexUse::Always));
    let (_, whole) = decoded(&path, &packets, FrameRange::new(0, 100));
    for start in [1, 23, 24, 25, 47, 48, 60, 71, 72, 73, 95, 96, 99] {
        let (_, shown) = decoded(&path, &index, FrameRange::new(start, 100));
        let from = usize::try_from(start).unwrap();
        assert!(shown == whole[from..], "from frame {start}");
    }
}

#[test]
fn ranges_of_a_long_film_are_decoded_by_an_index_of_their_own_and_are_the_same() {
    let clips = Clips::new();
    let film = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=800"];
    let sound = ["-f", "lavfi", "-i", "sine=r=8000:d=800", "-c:a", "aac"];
    let coded = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "100"];
    let open = ["-x264-params", "open-gop=1", "-b_strategy", "0"];
    let path = clips.run("long.mp4", &[&film[..], &sound, &coded, &open].concat());
    let packets = clips.run("long.mkv", &["-i", path.to_str().unwrap(), "-c", "copy", "-map", "0"]);
    let (index, other) = (by(&path, IndexUse::Always), by(&packets, IndexUse::Never));
    assert_eq!(index.table.origin, TableOrigin::Index, "{:?}", index.notes);
    for start in [0, 99, 100, 9_000, 9_099, 18_990] {
        let range = FrameRange::new(start, start + 10);
        let content = |(_, shown): (u64, Vec<(u64, i64, Sha)>)| -> Vec<_> {
            shown.into_iter().map(|(index, _, content)| (index, content)).collect()
        };
        let (own, theirs) = (decoded(&path, &index, range), decoded(&packets, &other, range));
        assert_eq!(content(own), content(theirs), "from frame {start}");
    }
}
