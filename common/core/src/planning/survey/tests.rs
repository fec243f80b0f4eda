//! What must hold of `survey`.

use cleanplate_types::encode::EncoderName;
use cleanplate_types::picture::Rect;
use cleanplate_types::request::{Detect, EncoderChoice, Region};

use super::*;
use crate::samples::{description, request, table};

fn kind_of(
    request: &JobRequest,
    description: SourceDescription,
    table: &FrameTable,
) -> FailureKind {
    survey(request, description, table).unwrap_err().kind()
}

#[test]
fn a_request_that_looks_for_nothing_has_no_windows() {
    let survey = survey(&request(), description(), &table(1800, 250)).unwrap();
    assert_eq!(survey.cells.len(), 10);
    assert!(survey.windows.is_empty() && survey.given.overlays.is_empty());
    assert!(survey.notes.is_empty());
}

#[test]
fn a_request_that_looks_for_overlays_has_windows() {
    let request = JobRequest { detect: vec![Detect::Static], ..request() };
    let survey = survey(&request, description(), &table(1800, 250)).unwrap();
    assert_eq!(survey.windows.len(), 6);
}

#[test]
fn a_raised_cell_length_leaves_a_note() {
    let request = JobRequest { cell_frames: Some(1), ..request() };
    let survey = survey(&request, description(), &table(10, 250)).unwrap();
    assert_eq!(survey.notes, ["cells of 1 frames were asked for; the shortest is 2"]);
}

#[test]
fn whose_fault_it_is_decides_the_kind() {
    let table = |frames| table(frames, 250);
    assert_eq!(kind_of(&request(), description(), &table(0)), FailureKind::BadInput);

    let rect = Rect { x: 319, y: 0, width: 2, height: 2 };
    let outside = JobRequest { regions: vec![Region { rect, when: None }], ..request() };
    assert_eq!(kind_of(&outside, description(), &table(9)), FailureKind::BadRequest);

    let mut clock = description();
    clock.video.timebase = Timebase::new(1, 90_000).unwrap();
    assert_eq!(kind_of(&request(), clock, &table(9)), FailureKind::Internal);

    let mut flat = description();
    flat.video.height = 0;
    assert_eq!(kind_of(&request(), flat, &table(9)), FailureKind::BadInput);

    let mut deep = description();
    deep.video.layout.depth = 16;
    assert_eq!(kind_of(&request(), deep.clone(), &table(9)), FailureKind::BadInput);
    let named = JobRequest { encoder: EncoderChoice::Named(EncoderName::Libx264), ..request() };
    assert_eq!(kind_of(&named, deep, &table(9)), FailureKind::BadRequest);
}
