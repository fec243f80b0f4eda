//! Borders that do not hold, and audits.

use cleanplate_types::digest::FrameHash;

use super::*;
use crate::effect::PreRoll;

impl Rig {
    /// Hands in a cell before which its decoder saw another frame than the neighbour did.
    fn hand_in_broken(&mut self, name: &str, lease: LeaseId, cell: u32) {
        let part = PartSummary { before: Some(FrameHash(1)), ..self.part(lease, cell) };
        self.report(name, lease, Report::CellDone { summary: Box::new(part) });
    }

    /// The segment that was granted just now: its lease, its first cell and its pre-roll.
    fn segment(&self) -> (LeaseId, u32, PreRoll) {
        let (lease, _, grant) = self.grants().remove(0);
        let Work::Segment { segment, pre_roll, .. } = grant.work else { panic!("a segment") };
        (lease, segment.first.0, pre_roll)
    }

    fn fed(&self) -> Vec<u32> {
        let parts = self.effects.iter().filter_map(|effect| {
            let Effect::StitchPart { cell, .. } = effect else { return None };
            Some(cell.0)
        });
        parts.collect()
    }
}

/// Cells 0 to 2 are done, and cells 3 to 5 leased; the border at frame 90 is not at an IDR.
fn at_a_border() -> (Rig, LeaseId) {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, first, pre_roll) = rig.segment();
    assert_eq!((first, pre_roll), (0, PreRoll::default()));
    for cell in 0..3 {
        rig.hand_in("a", lease, cell);
    }
    assert_eq!(rig.fed(), [1], "cell 2 waits for its neighbour");
    rig.report("a", lease, Report::SegmentDone);
    let (lease, first, _) = rig.segment();
    assert_eq!(first, 3);
    (rig, lease)
}

#[test]
fn a_border_that_holds_lets_the_cell_before_it_into_the_movie() {
    let (mut rig, lease) = at_a_border();
    rig.hand_in("a", lease, 3);
    assert_eq!(rig.fed(), [2]);
}

#[test]
fn a_part_that_keeps_back_the_frame_before_its_border_is_refused() {
    let (mut rig, lease) = at_a_border();
    let part = Box::new(PartSummary { before: None, ..rig.part(lease, 3) });
    rig.report("a", lease, Report::CellDone { summary: part });
    assert_eq!(rig.view().cells_committed, 3);
    let failure = rig.view().failures[0].clone();
    assert_eq!(failure.kind, FailureKind::PartRefused);
    assert!(failure.message.contains("the frame before it"), "{failure}");
    let (lease, first, _) = rig.segment();
    assert_eq!(first, 3, "its cell is to be made again");
    rig.hand_in("a", lease, 3);
    assert_eq!(rig.view().cells_committed, 4);
}

#[test]
fn a_border_that_breaks_costs_a_longer_pre_roll_then_a_common_beginning_then_the_job() {
    let (mut rig, lease) = at_a_border();
    rig.hand_in_broken("a", lease, 3);
    assert!(rig.fed().is_empty());
    assert_eq!(rig.view().cells_committed, 3);
    for cell in 4..6 {
        rig.hand_in("a", lease, cell);
    }
    rig.report("a", lease, Report::SegmentDone);
    let (lease, first, pre_roll) = rig.segment();
    assert_eq!((first, pre_roll), (3, PreRoll { from: None, doublings: 1 }));

    rig.hand_in_broken("a", lease, 3);
    assert_eq!(rig.view().cells_committed, 4, "both sides of the border are void");
    rig.report("a", lease, Report::SegmentDone);
    let (lease, first, pre_roll) = rig.segment();
    assert_eq!((first, pre_roll), (2, PreRoll { from: None, doublings: 1 }));
    rig.hand_in("a", lease, 2);
    rig.report("a", lease, Report::SegmentDone);
    let (lease, first, pre_roll) = rig.segment();
    let together = PreRoll { from: Some(60), doublings: 1 };
    assert_eq!((first, pre_roll), (3, together), "decoded as one with cell 2");

    rig.hand_in_broken("a", lease, 3);
    let failure = rig.failure();
    assert_eq!(failure.kind, FailureKind::SeamMismatch);
    for word in ["frame 89", "cells 2 and 3", "as a decoded it"] {
        assert!(failure.message.contains(word), "{failure}");
    }
    assert_eq!(rig.view().failures.len(), 3);
}

#[test]
fn a_border_that_holds_after_a_longer_pre_roll_costs_nothing_more() {
    let (mut rig, lease) = at_a_border();
    rig.hand_in_broken("a", lease, 3);
    for cell in 4..6 {
        rig.hand_in("a", lease, cell);
    }
    rig.report("a", lease, Report::SegmentDone);
    let (lease, ..) = rig.segment();
    rig.hand_in("a", lease, 3);
    assert_eq!(rig.fed(), [2, 3, 4], "and what waited behind it");
}

/// A job of one cell, which one worker has made and another is to decode again.
fn audited(workers: &[&str]) -> (Rig, LeaseId, [WorkerId; 2]) {
    let wanted = JobRequest {
        audit: Some(10),
        segment_frames: Some(300),
        cell_frames: Some(300),
        ..cells_of_30()
    };
    let mut rig = Rig::encoding(SchedulerConfig::default(), wanted, workers);
    assert!(rig.view().notes.iter().any(|note| note.contains("audit: 1 of 1 cells")));
    let (lease, maker, _) = rig.grants().remove(0);
    rig.hand_in(maker.as_str(), lease, 0);
    assert!(rig.fed().is_empty(), "the last cell waits for the audits");
    let (audit, auditor, grant) = rig.grants().remove(0);
    rig.report(maker.as_str(), lease, Report::SegmentDone);
    let lease = audit;
    assert!(matches!(grant.work, Work::Audit { cell: CellIndex(0), .. }), "{grant:?}");
    assert_ne!(maker, auditor, "another worker is asked");
    (rig, lease, [maker, auditor])
}

#[test]
fn a_part_that_another_worker_finds_right_goes_into_the_movie() {
    let (mut rig, lease, [_, auditor]) = audited(&["a", "b"]);
    rig.report(auditor.as_str(), lease, Report::AuditDone { frames: 300 });
    assert_eq!(rig.fed(), [0]);
    assert!(!rig.view().notes.iter().any(|note| note.contains("which made it")));
}

#[test]
fn a_part_that_another_worker_finds_wrong_is_made_again_by_a_third() {
    let (mut rig, lease, both) = audited(&["a", "b", "c"]);
    rig.fail(both[1].as_str(), lease, FailureKind::AuditMismatch);
    assert_eq!(rig.view().cells_committed, 0);
    let discarded = |record: &Record| {
        let Event::PartDiscarded { failure, .. } = &record.event else { return false };
        failure.worker.as_ref() == Some(&both[1])
    };
    assert!(rig.journal.iter().any(discarded), "it is said who found it");
    let (_, third, grant) = rig.grants().remove(0);
    assert_eq!(segment_of(&grant), (0, 1));
    assert!(!both.contains(&third), "neither of the two is asked where a third is there");
}

#[test]
fn a_part_that_an_audit_finds_gone_is_made_again_and_nothing_rests() {
    let (mut rig, lease, both) = audited(&["a", "b"]);
    rig.fail(both[1].as_str(), lease, FailureKind::ObjectLost);
    assert_eq!(rig.view().cells_committed, 0);
    let (_, _, grant) = rig.grants().remove(0);
    assert_eq!(segment_of(&grant), (0, 1));
}

#[test]
fn a_part_that_is_never_found_right_ends_the_job_by_name() {
    let (mut rig, mut lease, [_, mut auditor]) = audited(&["a", "b"]);
    for _ in 0..2 {
        rig.fail(auditor.as_str(), lease, FailureKind::AuditMismatch);
        let (made, maker, _) = rig.grants().remove(0);
        rig.hand_in(maker.as_str(), made, 0);
        let granted = rig.grants().remove(0);
        (lease, auditor) = (granted.0, granted.1);
        assert_ne!(maker, auditor);
        rig.report(maker.as_str(), made, Report::SegmentDone);
    }
    rig.fail(auditor.as_str(), lease, FailureKind::AuditMismatch);
    assert_eq!(rig.failure().kind, FailureKind::AuditMismatch);
}

#[test]
fn a_worker_that_is_alone_decodes_its_own_parts_again() {
    let wanted = JobRequest { audit: Some(3), ..cells_of_30() };
    let mut rig = Rig::encoding(SchedulerConfig::default(), wanted, &["a"]);
    let mut audits = 0;
    while let [(lease, _, grant)] = &rig.grants()[..] {
        let lease = *lease;
        if let Work::Audit { .. } = grant.work {
            audits += 1;
            rig.report("a", lease, Report::AuditDone { frames: 30 });
            continue;
        }
        let (first, cells) = segment_of(grant);
        for cell in first..first + cells {
            rig.hand_in("a", lease, cell);
        }
        rig.report("a", lease, Report::SegmentDone);
    }
    assert_eq!((audits, rig.view().phase), (3, JobPhase::Stitch));
    let notes = rig.view().notes;
    let lone = notes.iter().filter(|note| note.contains("decoded again by the worker that made"));
    let lone: Vec<_> = lone.collect();
    assert_eq!(lone.len(), 1, "it is said once that nobody else has looked: {notes:?}");
    assert!(lone[0].starts_with("audit: 3 cells were"), "{notes:?}");
}
