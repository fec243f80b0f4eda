use cleanplate_types::encode::EncoderName;
use cleanplate_types::frames::FrameRange;

use super::*;
use crate::planning::cells::cut_cells;
use crate::planning::encoder::encode_spec;
use crate::samples::{description, proof, request, summary, table};

/// Checks the honest summary of cell 1 after `change`.
fn checked(change: impl FnOnce(&mut PartSummary)) -> Result<(), SeamError> {
    let source = table(90, 30);
    let cells = cut_cells(&source, Some(30));
    let proof = proof(EncoderName::Libx264);
    let spec = encode_spec(&description().video, &request(), &proof, &cells).unwrap();
    let fingerprint = spec.fingerprint();
    let mut part = summary(&cells[1], fingerprint, "m");
    let extradata = Some(part.extradata);
    change(&mut part);
    check(Seam { cell: &cells[1], spec: &spec, fingerprint, extradata }, &part)
}

#[test]
fn an_honest_part_is_accepted() {
    assert_eq!(checked(|_| {}), Ok(()));
    assert_eq!(checked(|part| part.reorder_frames = 2), Ok(()));
}

#[test]
fn the_right_number_of_wrong_frames_is_refused() {
    let other = table(90, 30).digest_of(FrameRange::new(31, 61));
    assert!(matches!(checked(|part| part.digest = other), Err(SeamError::Times { .. })));
}

#[test]
fn each_thing_that_does_not_fit_is_refused_by_its_name() {
    let other = Sha::of(b"other");
    assert!(matches!(checked(|part| part.cell = CellIndex(2)), Err(SeamError::Cell { .. })));
    assert!(matches!(checked(|part| part.spec = other), Err(SeamError::Spec { .. })));
    assert!(matches!(checked(|part| part.frames = 29), Err(SeamError::Frames { .. })));
    assert!(matches!(checked(|part| part.starts_with_key = false), Err(SeamError::NotKey { .. })));
    assert!(matches!(checked(|part| part.reorder_frames = 3), Err(SeamError::Reorder { .. })));
    assert!(matches!(checked(|part| part.extradata = other), Err(SeamError::Extradata { .. })));
    assert!(matches!(checked(|part| part.part_bytes = 0), Err(SeamError::Empty { .. })));
}

#[test]
fn a_refusal_says_what_was_expected_and_what_came() {
    let text = checked(|part| part.frames = 29).unwrap_err().to_string();
    assert_eq!(text, "the part of cell 1 has 29 frames, the cell has 30");
}
