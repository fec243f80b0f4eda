//! What is done again: tables, failed jobs, and everything after a restart of the coordinator.

use cleanplate_types::overlay::{Fill, Look};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::{Region, Review};

use super::*;

#[test]
fn a_table_that_proves_wrong_is_made_again_by_decoding_once() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    rig.fail("a", lease, FailureKind::TableMismatch);
    let (lease, _, grant) = rig.grants().remove(0);
    assert_eq!(segment_of(&grant), (0, 1), "the cell is tried once more first");
    rig.fail("a", lease, FailureKind::TableMismatch);
    let (_, _, grant) = rig.grants().remove(0);
    let Work::Intake { decode_all: Some(why), .. } = grant.work else { panic!("intake again") };
    assert!(why.contains("it broke"), "{why}");
    rig.take_in(FRAMES);
    assert!(rig.view().notes[0].contains("it broke"), "people are told");
    rig.tell(Input::BriefWritten { job: job(), brief: object("brief") });
    for _ in 0..2 {
        let (lease, _, _) = rig.grants().remove(0);
        rig.fail("a", lease, FailureKind::TableMismatch);
    }
    assert_eq!(rig.failure().kind, FailureKind::TableMismatch);
}

/// Makes the preview that the job waits for, so that a person can look at it.
fn to_review(rig: &mut Rig) {
    rig.tell(Input::DraftWritten { job: job(), look: Look::Preview, draft: object("draft") });
    let (lease, holder, _) = rig.grants().remove(0);
    let report = Report::WindowDone { evidence: object("preview") };
    rig.report(holder.as_str(), lease, report);
    assert_eq!(rig.waits_for(), Some(Waiting::Approval));
}

#[test]
fn an_approval_is_asked_for_again_where_the_table_proves_wrong_and_people_are_told_why() {
    let region = Region { rect: Rect { x: 8, y: 8, width: 16, height: 16 }, when: None };
    let (regions, fill, review) = (vec![region], Fill::Membrane, Review::Wait);
    let request = JobRequest { regions, fill, review, ..cells_of_30() };
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("a", &[EncoderName::Libx264]);
    rig.submit(request, FRAMES);
    to_review(&mut rig);
    assert!(!rig.view().notes.iter().any(|note| note.contains("approv")));
    rig.tell(Input::Approve { job: job(), dropped: Vec::new() });
    rig.tell(Input::BriefWritten { job: job(), brief: object("brief") });
    for _ in 0..2 {
        let (lease, _, _) = rig.grants().remove(0);
        rig.fail("a", lease, FailureKind::TableMismatch);
    }
    rig.take_in(FRAMES);
    to_review(&mut rig);
    let notes = rig.view().notes;
    assert!(notes.iter().any(|note| note.contains("waits for an approval again")), "{notes:?}");
}

#[test]
fn a_decoder_that_shows_other_frames_than_the_table_is_replaced_by_another_workers_first() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    let (lease, holder, _) = rig.grants().remove(0);
    let other = if holder == worker("a") { "b" } else { "a" };
    let (others, _, grant) = rig.grants().remove(1);
    rig.fail(holder.as_str(), lease, FailureKind::TableMismatch);
    assert!(rig.grants().iter().all(|(_, to, grant)| segment_of(grant).0 != 0 || *to != holder));
    let (first, cells) = segment_of(&grant);
    for cell in first..first + cells {
        rig.hand_in(other, others, cell);
    }
    rig.report(other, others, Report::SegmentDone);
    let (lease, to, grant) = rig.grants().remove(0);
    assert_eq!((to.as_str(), segment_of(&grant)), (other, (0, 1)));
    rig.hand_in(other, lease, 0);
    assert!(!rig.journal.iter().any(|record| matches!(record.event, Event::Retabled { .. })));
}

#[test]
fn a_failed_job_keeps_its_parts_when_it_is_tried_again_and_a_cancelled_one_starts_anew() {
    for cancelled in [false, true] {
        let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
        let (lease, _, _) = rig.grants().remove(0);
        rig.hand_in("a", lease, 0);
        if cancelled {
            rig.tell(Input::Cancel { job: job() });
            assert!(rig.effects.iter().any(|effect| matches!(effect, Effect::Sweep { .. })));
        } else {
            rig.fail("a", lease, FailureKind::Internal);
        }
        assert!(rig.outcome().is_some());
        rig.tell(Input::Retry { job: job() });
        let view = rig.view();
        assert_eq!(view.outcome, None);
        assert_eq!(view.cells_committed, if cancelled { 0 } else { 1 });
    }
}

#[test]
fn a_job_whose_objects_are_lost_starts_anew_when_it_is_tried_again() {
    let config = SchedulerConfig { lapses_max: 1, ..SchedulerConfig::default() };
    let mut rig = Rig::encoding(config, cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    rig.hand_in("a", lease, 0);
    rig.fail("a", lease, FailureKind::ObjectLost);
    assert_eq!(rig.failure().kind, FailureKind::ObjectLost);
    rig.tell(Input::Retry { job: job() });
    assert!(matches!(rig.grants()[0].2.work, Work::Intake { .. }), "what is lost is made again");
}

#[test]
fn a_void_part_is_not_held_against_a_worker_that_comes_back_after_a_restart() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    rig.hand_in("a", lease, 0);
    rig.discard(0);
    let mut rig = restarted(&rig);
    rig.attach_holding("a", &[EncoderName::Libx264], vec![lease]);
    for cell in 0..3 {
        rig.hand_in("a", lease, cell);
    }
    rig.report("a", lease, Report::SegmentDone);
    assert_eq!(rig.view().cells_committed, 2);
    assert_eq!(rig.view().failures.len(), 1, "that of the part");
}

/// The same after the coordinator was killed and started again.
fn restarted(rig: &Rig) -> Rig {
    let journal = rig.journal.clone();
    let scheduler =
        Scheduler::restore(SchedulerConfig::default(), journal.iter().cloned(), Tick(rig.now));
    assert!(rig.scheduler.remembers_the_same(&scheduler));
    assert_eq!(scheduler.next_deadline(), Some(Tick(rig.now)), "it wants the clock at once");
    let models = rig.models.clone();
    let mut rig = Rig { models, scheduler, now: rig.now, effects: Vec::new(), journal };
    rig.tell(Input::Clock);
    rig
}

#[test]
fn a_restart_asks_again_for_what_was_under_way() {
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("a", &[EncoderName::Libx264]);
    rig.submit(cells_of_30(), FRAMES);
    let rig = restarted(&rig);
    assert!(matches!(rig.effects[..], [Effect::WriteBrief { .. }]));
    assert!(!Scheduler::new(SchedulerConfig::default()).remembers_the_same(&rig.scheduler));
}

#[test]
fn after_a_restart_a_worker_that_comes_back_keeps_its_lease_and_one_that_does_not_loses_it() {
    let rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    let grants = rig.grants();
    let (kept, holder, _) = &grants[0];
    let mut rig = restarted(&rig);
    assert!(rig.effects.iter().any(|effect| matches!(effect, Effect::StartStitch { .. })));
    rig.now += 5_000;
    rig.attach_holding(holder.as_str(), &[EncoderName::Libx264], vec![*kept]);
    assert!(rig.grants().is_empty(), "its slot is taken");
    rig.wait(9_000);
    assert_eq!(rig.view().leases.len(), 2);
    rig.wait(2_000);
    let held: Vec<_> = rig.view().leases.iter().map(|lease| lease.lease).collect();
    assert_eq!(held, [*kept]);
}

#[test]
fn a_table_of_another_length_than_intake_told_fails_the_job() {
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("a", &[EncoderName::Libx264]);
    rig.submit(cells_of_30(), FRAMES - 1);
    assert_eq!(rig.failure().message, "the frame table has 300 frames, intake told 299");
}

#[test]
fn what_an_older_stitch_says_is_void() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let old = LeaseId(rig.stitch().0 - 1);
    let failure = Failure::new(FailureKind::OutputUnwritable, Stage::Publish, "no");
    rig.tell(Input::StitchFailed { job: job(), lease: old, cell: None, failure });
    assert!(matches!(rig.effects[..], [Effect::Ignored(_)]));
    assert_eq!(rig.outcome(), None);
}
