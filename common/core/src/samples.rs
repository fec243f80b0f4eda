//! Made-up sources, tables and parts for tests, the simulation and the speed example. Knows nouns only.

use cleanplate_types::cell::Cell;
use cleanplate_types::digest::{FrameHash, Sha};
use cleanplate_types::encode::{EncoderName, EncoderProof};
use cleanplate_types::frames::{Entry, EntryKind, FrameTable, TableOrigin};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::Fill;
use cleanplate_types::part::{CodedPicture, CodedSignal, PartSummary, Restored};
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::request::{EncoderChoice, JobRequest, OnDamage, Review};
use cleanplate_types::source::{Colour, FieldOrder, SourceDescription, VideoDescription};
use cleanplate_types::time::{Pts, Timebase};

/// A request that passes every frame untouched and leaves all else to its defaults.
pub(crate) fn request() -> JobRequest {
    JobRequest {
        input: "file:///in.mp4".to_owned(),
        output: "file:///out.mp4".to_owned(),
        regions: Vec::new(),
        masks: Vec::new(),
        logos: Vec::new(),
        told: None,
        detect: Vec::new(),
        detectors: Vec::new(),
        fill: Fill::Auto,
        painter: None,
        encoder: EncoderChoice::Auto,
        quality: None,
        preset: None,
        lossless: false,
        cell_frames: None,
        segment_frames: None,
        priority: 0,
        owner: "test".to_owned(),
        on_damage: OnDamage::Fail,
        allow_unchanged: false,
        allow_metadata_loss: false,
        restart_on_encoder_loss: false,
        audit: Some(0),
        review: Review::Go,
        keep_plan: false,
        copy_untouched: false,
    }
}

/// An H.264 source of 320x180 in 4:2:0, 8 bits, with a clock of 1/25 s.
pub(crate) fn description() -> SourceDescription {
    let timebase = Timebase::new(1, 25).expect("no number is zero");
    SourceDescription {
        container: "mov,mp4,m4a,3gp,3g2,mj2".to_owned(),
        bytes: 1_000_000,
        duration_micros: None,
        video: VideoDescription {
            stream: 0,
            codec: "h264".to_owned(),
            profile: 100,
            width: 320,
            height: 180,
            layout: PixelLayout {
                name: "yuv420p".to_owned(),
                depth: 8,
                planes: 3,
                chroma_shift_x: 1,
                chroma_shift_y: 1,
                full_range: false,
            },
            timebase,
            sample_aspect: (1, 1),
            frame_rate: (25, 1),
            colour: Colour { primaries: 2, transfer: 2, matrix: 2, range: 1, chroma_location: 1 },
            field_order: FieldOrder::Progressive,
            rotation: 0,
            mastering: None,
            light_level: None,
            dynamic_hdr: Vec::new(),
            messages: Vec::new(),
            stereo: None,
            alpha: false,
            sets: None,
        },
        streams: Vec::new(),
        chapters: 0,
        tags: Vec::new(),
    }
}

/// A table of `frames` frames, one a tick from tick 100 on, with an IDR every `keyframes` frames.
pub(crate) fn table(frames: u64, keyframes: u64) -> FrameTable {
    let pts = |frame: u64| Pts(100 + i64::try_from(frame).expect("frames fit"));
    let step = usize::try_from(keyframes.max(1)).expect("keyframes fit");
    let entry =
        |frame| Entry { frame, pts: pts(frame), dts: None, byte: None, kind: EntryKind::Idr };
    FrameTable {
        timebase: Timebase::new(1, 25).expect("no number is zero"),
        pts: (0..frames).map(pts).collect(),
        last_duration: 1,
        entries: (0..frames).step_by(step).map(entry).collect(),
        origin: TableOrigin::Packets,
    }
}

/// An object of this key.
pub(crate) fn object(key: &str) -> ObjectRef {
    ObjectRef { key: key.to_owned(), bytes: 100, sha: Sha::of(key.as_bytes()) }
}

/// A proof of `name` in the build that all workers share.
pub(crate) fn proof(name: EncoderName) -> EncoderProof {
    EncoderProof { name, build: "59.37.100".to_owned() }
}

/// What an honest worker tells of the part that it made of `cell`, stored as `manifest`.
pub(crate) fn summary(cell: &Cell, spec: Sha, manifest: &str) -> PartSummary {
    PartSummary {
        cell: cell.index,
        frames: cell.frames.count(),
        digest: cell.digest,
        reorder_frames: 0,
        starts_with_key: true,
        spec,
        extradata: Sha::of(b"extradata"),
        manifest: object(manifest),
        part_bytes: 1000,
        timebase: Timebase::new(1, 25).expect("no number is zero"),
        coded: Some(coded()),
        before: cell.frames.start.checked_sub(1).map(frame_hash),
        last: cell.frames.end.checked_sub(1).map(frame_hash),
        restored: Restored { frames: cell.frames.count(), fetched: 7, ..Restored::default() },
    }
}

/// What the parameter sets of a sound part say.
pub(crate) fn coded() -> CodedPicture {
    CodedPicture {
        width: 320,
        height: 180,
        depth: 8,
        planes: 3,
        chroma_shift: (1, 1),
        reorder_frames: Some(0),
        signal: CodedSignal::default(),
    }
}

/// The hash of a frame that was decoded right.
pub(crate) fn frame_hash(frame: u64) -> FrameHash {
    FrameHash(frame.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
