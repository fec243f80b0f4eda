//! Played media: a source of thirty frames, parts whose bytes say which cell they are, and a stitch
//! that puts them one after another.

use cleanplate_media::error::MediaError;
use cleanplate_media::stitch::{Parts, StitchError, StitchJob, Stitched};
use cleanplate_media::verify::Checked;
use cleanplate_types::access::PartSink;
use cleanplate_types::brief::JobBrief;
use cleanplate_types::digest::{FrameHash, Sha};
use cleanplate_types::frames::{Entry, EntryKind, FrameTable, TableOrigin};
use cleanplate_types::ids::{CellIndex, LeaseId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::part::{CodedPicture, CodedSignal, PacketRow, PartManifest, Restored};
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::source::{
    Colour, FieldOrder, SourceDescription, StreamDescription, StreamKind, VideoDescription,
};
use cleanplate_types::time::{Pts, Timebase};

/// How this test program is started as a stitch child.
pub(super) const CHILD: [&str; 3] =
    ["tests::part::the_stitch_child_plays_its_part", "--exact", "--nocapture"];

/// What the child plays: `join`, or `crash once`.
pub(super) const PLAY: &str = "CLEANPLATE_TEST_STITCH";

/// A file by which a child knows that another came before it.
pub(super) const MARKER: &str = "CLEANPLATE_TEST_MARKER";

pub(super) const FRAMES: u64 = 30;

/// What intake tells people.
pub(super) const INTAKE_NOTE: &str = "damage at frames 3..5";

/// How a part is spoilt after it was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoilt {
    Lost,
    Damaged,
    ManifestLost,
}

/// The child's side. Does nothing when the test runner calls it.
#[test]
fn the_stitch_child_plays_its_part() {
    let Ok(play) = std::env::var(PLAY) else { return };
    let marker = std::env::var(MARKER).unwrap();
    if play == "crash once" && !std::fs::exists(&marker).unwrap() {
        std::fs::write(&marker, b"").unwrap();
        std::process::abort();
    }
    assert_eq!(crate::finish::main_joining_by(join), 0);
}

fn join(
    job: StitchJob<'_>,
    parts: &mut dyn Parts,
    mut sink: Box<dyn PartSink>,
    _progress: &mut dyn FnMut(u64),
) -> Result<Stitched, StitchError> {
    let failed = |error| StitchError { cell: None, error };
    assert_eq!(job.table.pts.len() as u64, FRAMES);
    assert_eq!(job.output_name, "out.mp4");
    assert!(job.source.size() > 0);
    let (mut end, mut next) = (0, 0);
    while let Some(part) = parts.next().map_err(failed)? {
        let cell = part.manifest.cell;
        assert_eq!(cell, CellIndex(next), "parts come in order");
        next += 1;
        let mut bytes = vec![0; bytes(cell).len()];
        let read = part.bytes.read_at(0, &mut bytes).map_err(MediaError::Read).map_err(failed)?;
        assert_eq!(read, bytes.len());
        if Sha::of(&bytes) != part.manifest.part.sha {
            let range = job.brief.cells[cell.0 as usize].frames;
            let error = MediaError::PartRefused { range, detail: "another hash".to_owned() };
            return Err(StitchError { cell: Some(cell), error });
        }
        sink.write_at(end, &bytes).map_err(MediaError::Write).map_err(failed)?;
        end += bytes.len() as u64;
    }
    assert_eq!(next as usize, job.brief.cells.len(), "every part came");
    let stored = sink.finish().map_err(MediaError::Write).map_err(failed)?;
    let checked =
        Checked { video_packets: FRAMES, other_packets: 0, other_streams: 0, spent_micros: 1 };
    Ok(Stitched { bytes: stored.bytes, notes: vec!["played".to_owned()], checked })
}

/// The bytes of a cell's part.
pub(super) fn bytes(cell: CellIndex) -> Vec<u8> {
    let letter = b'a' + u8::try_from(cell.0).unwrap();
    vec![letter; 1000 + cell.0 as usize]
}

/// What the movie must be.
pub(super) fn movie() -> Vec<u8> {
    (0..3).map(CellIndex).flat_map(bytes).collect()
}

pub(super) fn manifest(
    brief: &JobBrief,
    cell: CellIndex,
    lease: LeaseId,
    part: ObjectRef,
) -> PartManifest {
    let frames = brief.cells[cell.0 as usize].frames;
    let row = |index: u64| PacketRow { pts: pts(index), bytes: 1, key: index == frames.start };
    PartManifest {
        cell,
        lease,
        spec: brief.spec.fingerprint(),
        extradata: b"parameter sets".to_vec(),
        timebase: timebase(),
        coded: Some(CodedPicture {
            width: brief.spec.width,
            height: brief.spec.height,
            depth: 8,
            planes: 3,
            chroma_shift: (1, 1),
            reorder_frames: Some(0),
            signal: CodedSignal::default(),
        }),
        packets: (frames.start..frames.end).map(row).collect(),
        part,
        decoded: (frames.start..frames.end).map(FrameHash).collect(),
        outside: (frames.start..frames.end).map(FrameHash).collect(),
        restored: Restored::default(),
        before: frames.start.checked_sub(1).map(FrameHash),
    }
}

fn pts(index: u64) -> Pts {
    Pts(i64::try_from(index).unwrap() * 512)
}

fn timebase() -> Timebase {
    Timebase::new(1, 12_800).unwrap()
}

pub(super) fn table() -> FrameTable {
    FrameTable {
        timebase: timebase(),
        pts: (0..FRAMES).map(pts).collect(),
        last_duration: 512,
        entries: vec![Entry { frame: 0, pts: Pts(0), dts: None, byte: None, kind: EntryKind::Idr }],
        origin: TableOrigin::Packets,
    }
}

pub(super) fn description() -> SourceDescription {
    let layout = PixelLayout {
        name: "yuv420p".to_owned(),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    };
    let colour = Colour { primaries: 2, transfer: 2, matrix: 2, range: 0, chroma_location: 0 };
    let video = VideoDescription {
        stream: 0,
        codec: "h264".to_owned(),
        profile: 100,
        width: 320,
        height: 180,
        layout,
        timebase: timebase(),
        sample_aspect: (0, 1),
        frame_rate: (25, 1),
        colour,
        field_order: FieldOrder::Progressive,
        rotation: 0,
        mastering: None,
        light_level: None,
        dynamic_hdr: Vec::new(),
        messages: Vec::new(),
        stereo: None,
        alpha: false,
        sets: None,
    };
    let stream = StreamDescription {
        index: 0,
        kind: StreamKind::Video,
        codec: "h264".to_owned(),
        timebase: timebase(),
        start: Some(0),
        language: None,
        attached_picture: false,
    };
    SourceDescription {
        container: "mov,mp4,m4a,3gp,3g2,mj2".to_owned(),
        bytes: 37,
        duration_micros: None,
        video,
        streams: vec![stream],
        chapters: 0,
        tags: Vec::new(),
    }
}
