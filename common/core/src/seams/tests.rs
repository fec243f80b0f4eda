//! What must hold of `seams`.

use cleanplate_types::encode::{CopiedCells, EncoderName};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::part::{CodedPicture, CodedSignal};

use super::*;
use crate::planning::cells::cut_cells;
use crate::planning::encoder::encode_spec;
use crate::samples::{coded, description, proof, request, summary, table};

/// Checks the honest summary of cell 1 after `change`.
fn checked(change: impl FnOnce(&mut PartSummary)) -> Option<SeamError> {
    let source = table(90, 30);
    let cells = cut_cells(&source, Some(30));
    let proof = proof(EncoderName::Libx264);
    let spec = encode_spec(&description().video, &request(), &proof, &cells)
        .expect("libx264 takes the sample source");
    let fingerprint = spec.fingerprint();
    let mut part = summary(&cells[1], fingerprint, "m");
    let extradata = Some(part.extradata);
    change(&mut part);
    let shared = Shared { before: true, after: true };
    check(Seam { cell: &cells[1], spec: &spec, fingerprint, extradata, shared }, &part).err()
}

#[test]
fn an_honest_part_is_accepted() {
    assert_eq!(checked(|_| {}), None);
    assert_eq!(checked(|part| part.reorder_frames = 2), None);
}

#[test]
fn the_right_number_of_wrong_frames_is_refused() {
    let other = table(90, 30).digest_of(FrameRange::new(31, 61));
    assert!(matches!(checked(|part| part.digest = other), Some(SeamError::Times { .. })));
}

#[test]
fn each_thing_that_does_not_fit_is_refused_by_its_name() {
    let other = Sha::of(b"other");
    assert!(matches!(checked(|part| part.cell = CellIndex(2)), Some(SeamError::Cell { .. })));
    assert!(matches!(checked(|part| part.spec = other), Some(SeamError::Spec { .. })));
    assert!(matches!(checked(|part| part.frames = 29), Some(SeamError::Frames { .. })));
    assert!(matches!(checked(|part| part.starts_with_key = false), Some(SeamError::NotKey { .. })));
    assert!(matches!(checked(|part| part.reorder_frames = 3), Some(SeamError::Reorder { .. })));
    assert!(matches!(checked(|part| part.extradata = other), Some(SeamError::Extradata { .. })));
    assert!(matches!(checked(|part| part.part_bytes = 0), Some(SeamError::Empty { .. })));
    assert!(matches!(checked(|part| part.coded = None), Some(SeamError::Unread { .. })));
    let clock = Timebase::new(1, 90_000).expect("no number is zero");
    assert!(matches!(checked(|part| part.timebase = clock), Some(SeamError::Clock { .. })));
}

#[test]
fn a_part_is_held_to_what_its_parameter_sets_say() {
    let coded = |change: fn(&mut CodedPicture)| {
        let mut picture = coded();
        change(&mut picture);
        checked(|part| part.coded = Some(picture))
    };
    assert_eq!(coded(|_| {}), None);
    assert!(matches!(coded(|it| it.width = 304), Some(SeamError::Size { .. })));
    assert!(matches!(coded(|it| it.depth = 10), Some(SeamError::Samples { .. })));
    assert!(matches!(coded(|it| it.planes = 1), Some(SeamError::Samples { .. })));
    assert!(matches!(coded(|it| it.reorder_frames = Some(3)), Some(SeamError::Reorder { .. })));
    assert_eq!(coded(|it| it.reorder_frames = None), None);
    let text = coded(|it| it.chroma_shift = (0, 0)).map(|error| error.to_string());
    let expected = "the part of cell 1 has 3 planes of 8 bits, chroma 1x1, \
                    the job 3 planes of 8 bits, chroma 2x2";
    assert_eq!(text.as_deref(), Some(expected));
}

#[test]
fn a_part_of_own_packets_is_held_to_the_sources_parameter_sets() {
    let (own, other) = (Sha::of(b"own"), Sha::of(b"other"));
    let checked = |change: fn(&mut PartSummary)| {
        let source = table(90, 30);
        let cells = cut_cells(&source, Some(30));
        let proof = proof(EncoderName::Libx264);
        let mut spec = encode_spec(&description().video, &request(), &proof, &cells)
            .expect("libx264 takes the sample source");
        let copied = CopiedCells { cells: vec![CellIndex(1)], extradata: own, sets_in_band: true };
        spec.copied = Some(copied);
        let fingerprint = spec.fingerprint();
        let mut part = summary(&cells[1], fingerprint, "m");
        part.extradata = own;
        change(&mut part);
        // Encoded parts have others.
        let (extradata, shared) = (Some(other), Shared::default());
        check(Seam { cell: &cells[1], spec: &spec, fingerprint, extradata, shared }, &part).err()
    };
    assert_eq!(checked(|_| {}), None);
    let refused = checked(|part| part.extradata = Sha::of(b"other"));
    assert_eq!(
        refused,
        Some(SeamError::Extradata { cell: CellIndex(1), expected: own, found: other })
    );
    assert_eq!(
        checked(|part| {
            if let Some(coded) = &mut part.coded {
                coded.signal.frame_rate = Some((50, 1));
            }
        }),
        None,
        "planning has looked at it"
    );
    let narrow = checked(|part| {
        if let Some(coded) = &mut part.coded {
            coded.width = 304;
        }
    });
    assert!(matches!(narrow, Some(SeamError::Size { .. })));
}

#[test]
fn what_a_neighbour_is_compared_with_is_not_kept_back() {
    let which = |error: Option<SeamError>| match error {
        Some(SeamError::Border { which, .. }) => which,
        other => panic!("{other:?}"),
    };
    assert_eq!(which(checked(|part| part.before = None)), "the frame before it");
    assert_eq!(which(checked(|part| part.last = None)), "its last frame");
}

#[test]
fn a_part_whose_samples_are_to_be_shown_otherwise_is_refused() {
    let says = |change: fn(&mut CodedSignal)| {
        let mut picture = coded();
        change(&mut picture.signal);
        match checked(|part| part.coded = Some(picture)) {
            Some(SeamError::Signal { differs, .. }) => differs,
            None => "as asked".to_owned(),
            Some(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(says(|it| it.full_range = true), "full range instead of video range");
    assert_eq!(says(|it| it.colour = [1, 1, 1]), "primaries 1 instead of 2");
    assert_eq!(says(|it| it.colour[1] = 16), "transfer 16 instead of 2");
    assert_eq!(says(|it| it.colour[2] = 9), "matrix 9 instead of 2");
    assert_eq!(says(|it| it.sample_aspect = (4, 3)), "sample aspect 4:3 instead of 1:1");
    assert_eq!(says(|it| it.sample_aspect = (7, 7)), "as asked");
    assert_eq!(says(|it| it.frame_rate = Some((30, 1))), "30/1 frames a second instead of 25/1");
    assert_eq!(says(|it| it.frame_rate = Some((50, 2))), "as asked");
}

#[test]
fn a_refusal_says_what_was_expected_and_what_came() {
    let text = checked(|part| part.frames = 29).unwrap().to_string();
    assert_eq!(text, "the part of cell 1 has 29 frames, the cell has 30");
}
