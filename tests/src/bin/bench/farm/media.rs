//! Played media: a source of so many frames, and summaries of parts that are never made.

use cleanplate_proto::v1 as pb;
use cleanplate_types::brief::JobBrief;
use cleanplate_types::digest::{FrameHash, Sha};
use cleanplate_types::frames::{Entry, EntryKind, FrameTable, TableOrigin};
use cleanplate_types::ids::{CellIndex, LeaseId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::part::{
    CodedPicture, CodedSignal, PacketRow, PartManifest, PartSummary, Restored,
};
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::source::{
    Colour, FieldOrder, SourceDescription, StreamDescription, StreamKind, VideoDescription,
};
use cleanplate_types::time::{Pts, Timebase};

/// Cells of a job.
pub(crate) const CELLS: u64 = 1000;

/// Frames of a cell, and of a segment: a lease is a cell.
const CELL_FRAMES: u32 = 24;

/// Frames of a source.
pub(crate) const FRAMES: u64 = CELLS * CELL_FRAMES as u64;

/// A job that removes a region, so that nothing has to be looked for.
pub(crate) fn request(input: &str, output: &str) -> pb::JobRequest {
    let rect = pb::Rect { x: 20, y: 20, width: 100, height: 40 };
    pb::JobRequest {
        input: input.to_owned(),
        output: output.to_owned(),
        regions: vec![pb::Region { rect: Some(rect), when: None }],
        fill: "membrane".to_owned(),
        encoder: "libx264".to_owned(),
        cell_frames: Some(CELL_FRAMES),
        segment_frames: Some(CELL_FRAMES),
        ..pb::JobRequest::default()
    }
}

fn timebase() -> Timebase {
    Timebase::new(1, 12_800).expect("it is none of zero")
}

fn pts(index: u64) -> Pts {
    Pts(i64::try_from(index).expect("a short source") * 512)
}

/// The frame table.
pub(crate) fn table() -> FrameTable {
    FrameTable {
        timebase: timebase(),
        pts: (0..FRAMES).map(pts).collect(),
        last_duration: 512,
        entries: vec![Entry { frame: 0, pts: Pts(0), dts: None, byte: None, kind: EntryKind::Idr }],
        origin: TableOrigin::Packets,
    }
}

/// What the source is.
pub(crate) fn description() -> SourceDescription {
    let layout = PixelLayout {
        name: "yuv420p".to_owned(),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    };
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
        colour: Colour { primaries: 2, transfer: 2, matrix: 2, range: 0, chroma_location: 0 },
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
        bytes: 1 << 20,
        duration_micros: None,
        video,
        streams: vec![stream],
        chapters: 0,
        tags: Vec::new(),
    }
}

/// What a worker hands in for a cell.
pub(crate) fn summary(brief: &JobBrief, cell: CellIndex, lease: LeaseId) -> PartSummary {
    let stored = |ending: &str| ObjectRef {
        key: format!("played/{}.{lease}.{ending}", cell.0),
        bytes: 1000,
        sha: Sha::of(b"played"),
    };
    let place = usize::try_from(cell.0).expect("a place in a list");
    let frames = brief.cells[place].frames;
    let row = |index: u64| PacketRow { pts: pts(index), bytes: 1, key: index == frames.start };
    let manifest = PartManifest {
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
        part: stored("part"),
        decoded: (frames.start..frames.end).map(FrameHash).collect(),
        outside: (frames.start..frames.end).map(FrameHash).collect(),
        restored: Restored::default(),
        before: frames.start.checked_sub(1).map(FrameHash),
    };
    manifest.summary(stored("manifest"))
}
