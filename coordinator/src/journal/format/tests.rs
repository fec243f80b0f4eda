//! The bytes of records, of each format that is read.

use cleanplate_core::input::{IntakeResult, Survey};
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::planning::cutting::Cutting;
use cleanplate_types::digest::{FrameHash, PtsDigest, Sha};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::part::{CodedPicture, CodedSignal, PartSummary, Restored};
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::source::{
    Colour, FieldOrder, SourceDescription, SourceRef, VideoDescription,
};
use cleanplate_types::time::{Tick, Timebase};

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_the_first_format_stay() {
    let failure = Failure::new(FailureKind::PartRefused, Stage::Commit, "no");
    let cases = [
        (Event::StitchStarted { lease: LeaseId(7) }, "e807026a310f07"),
        (Event::Ended(JobOutcome::Cancelled), "e807026a311104"),
        (Event::Forgotten, "e807026a3113"),
        (Event::StitchFailed { failure: Box::new(failure) }, "e807026a31100a09026e6f00000000"),
    ];
    for (event, expected) in cases {
        let bytes = to_bytes(&record_of(event.clone())).unwrap();
        assert_eq!(hex(&bytes), expected, "the bytes of {}", kind(&event));
        assert_eq!(from_bytes(RECORD_FORMAT, &bytes).unwrap(), record_of(event));
    }
}

#[test]
fn an_intake_of_the_first_format_is_read_as_one_that_kept_no_packets() {
    let object = |key: &str| ObjectRef { key: key.to_owned(), bytes: 1, sha: Sha::of(b"x") };
    let source = SourceRef { url: "file:///in.mkv".to_owned(), bytes: 1, version: None };
    let (description, table) = (object("description"), object("table"));
    let intake =
        IntakeResult { source, description, table, frames: 300, rest: None, notes: vec![] };
    let event = Event::IntakeDone { lease: LeaseId(7), intake: Box::new(intake) };
    let record = Record { at: Tick(1000), job: JobId::parse("j1").unwrap(), event };
    let mut bytes = to_bytes(&record).unwrap();
    assert_eq!(bytes.pop(), Some(0), "the fields that the first format lacks are the last");
    assert_eq!(bytes.pop(), Some(0), "there are two of them");
    assert_eq!(from_bytes(1, &bytes).unwrap(), record);
    assert!(from_bytes(2, &bytes).is_err(), "the second format has it");
}

fn record_of(event: Event) -> Record {
    Record { at: Tick(1000), job: JobId::parse("j1").unwrap(), event }
}

/// Insists on the bytes of an event, and that no format before `first` is read of it.
fn assert_since(first: i64, event: Event, expected: &str) {
    let record = record_of(event);
    let bytes = to_bytes(&record).unwrap();
    assert_eq!(hex(&bytes), expected, "the bytes of {}", kind(&record.event));
    assert_eq!(from_bytes(RECORD_FORMAT, &bytes).unwrap(), record);
    for older in 1..first {
        assert!(from_bytes(older, &bytes).is_err(), "{} of format {older}", kind(&record.event));
    }
}

#[test]
fn a_survey_has_the_bytes_of_the_sixth_format() {
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
        width: 64,
        height: 48,
        layout,
        timebase: Timebase::new(1, 25).unwrap(),
        sample_aspect: (1, 1),
        frame_rate: (25, 1),
        colour: Colour { primaries: 1, transfer: 1, matrix: 1, range: 1, chroma_location: 1 },
        field_order: FieldOrder::Progressive,
        rotation: 0,
        mastering: None,
        light_level: Some((1000, 400)),
        dynamic_hdr: vec![],
        messages: vec!["captions".to_owned()],
        stereo: Some((1, true)),
        alpha: false,
        sets: None,
    };
    let description = SourceDescription {
        container: "mov".to_owned(),
        bytes: 9,
        duration_micros: Some(40),
        video,
        streams: vec![],
        chapters: 0,
        tags: vec![],
    };
    let survey = Survey {
        description,
        cells: vec![],
        given: OverlayPlan::new(64, 48, vec![]),
        windows: vec![],
        notes: vec![],
        cutting: Cutting { whole: false, compared_from: Some(3) },
        from_packets: true,
    };
    let expected = concat!(
        "e807026a3104036d6f76090150000468323634c80140300779757634323070080301010001190101",
        "1901010101010101000001e807900300010863617074696f6e73010101000000000000403000000000",
        "000000010301",
    );
    assert_since(6, Event::Surveyed(Box::new(survey)), expected);
}

#[test]
fn an_accepted_part_has_the_bytes_of_the_seventh_format() {
    let sha = Sha([1; 32]);
    let signal = CodedSignal {
        full_range: false,
        colour: [1, 1, 1],
        sample_aspect: (1, 1),
        frame_rate: Some((25, 1)),
    };
    let coded = CodedPicture {
        width: 64,
        height: 48,
        depth: 8,
        planes: 3,
        chroma_shift: (1, 1),
        reorder_frames: Some(2),
        signal,
    };
    let summary = PartSummary {
        cell: CellIndex(2),
        frames: 30,
        digest: PtsDigest(sha),
        reorder_frames: 2,
        starts_with_key: true,
        spec: sha,
        extradata: sha,
        manifest: ObjectRef { key: "m".to_owned(), bytes: 5, sha },
        part_bytes: 900,
        timebase: Timebase::new(1, 25).unwrap(),
        coded: Some(coded),
        before: None,
        last: Some(FrameHash(7)),
        restored: Restored {
            frames: 1,
            inverted: 2,
            fetched: 3,
            synthesised: 4,
            pixelated: 5,
            painted_frames: 6,
        },
    };
    let event = Event::CellCommitted { lease: LeaseId(7), summary: Box::new(summary) };
    let expected = format!(
        "e807026a310b07021e{sha}0201{sha}{sha}016d05{sha}84070119014030080301010102000101010101011901000107010203040506"
    );
    assert_since(7, event, &expected);
}
