//! Pieces of work that fail: who is asked next, how often, and when the job ends.

use super::*;

#[test]
fn a_part_that_shows_other_frames_is_refused_and_its_cell_goes_to_another_worker() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    let grants = rig.grants();
    let (lease, holder, _) = &grants[0];
    let (other_lease, other, _) = &grants[1];
    let mut wrong = rig.part(*lease, 0);
    wrong.digest = rig.part(*lease, 1).digest;
    rig.report(holder.as_str(), *lease, Report::CellDone { summary: Box::new(wrong) });
    let (_, again, grant) = rig.grants().remove(0);
    assert_eq!(&again, holder, "the holder is idle and takes other cells");
    assert!(segment_of(&grant).0 > 0, "but not the one that it failed at");
    rig.fail(other.as_str(), *other_lease, FailureKind::EngineCrashed);
    let (_, again, grant) = rig.grants().remove(0);
    assert_eq!((&again, segment_of(&grant)), (other, (0, 1)), "which goes alone");
    assert_eq!(grant.attempt, 2);
}

#[test]
fn a_cell_that_fails_three_times_fails_its_job_with_who_and_what() {
    let config = SchedulerConfig { second_worker_ms: 0, ..SchedulerConfig::default() };
    let mut rig = Rig::encoding(config, cells_of_30(), &["a"]);
    for _ in 0..3 {
        let (lease, _, grant) = rig.grants().remove(0);
        assert_eq!(segment_of(&grant).0, 0);
        rig.fail("a", lease, FailureKind::EngineCrashed);
    }
    let failure = rig.failure();
    assert_eq!((failure.kind, failure.attempt), (FailureKind::EngineCrashed, 3));
    assert_eq!(failure.worker, Some(worker("a")));
    assert!(failure.frames.is_some() && failure.lease.is_some());
}

#[test]
fn an_outage_of_the_store_is_borne_longer_than_a_failure() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let mut outages = 0;
    while rig.outcome().is_none() {
        let (lease, _, _) = rig.grants().remove(0);
        rig.fail("a", lease, FailureKind::StoreUnavailable);
        outages += 1;
        if rig.outcome().is_none() {
            assert!(matches!(rig.waits_for(), Some(Waiting::Resting { .. })));
            rig.wait(33_000);
        }
    }
    assert_eq!(outages, 10);
    assert_eq!(rig.failure().kind, FailureKind::StoreUnavailable);
}

#[test]
fn all_that_fails_in_one_outage_makes_one_rest() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    for (lease, holder, _) in rig.grants() {
        rig.fail(holder.as_str(), lease, FailureKind::StoreUnavailable);
    }
    rig.wait(1_999);
    assert!(rig.view().leases.is_empty());
    rig.wait(1);
    assert_eq!(rig.view().leases.len(), 2);
}

#[test]
fn a_part_that_turns_out_bad_three_times_fails_its_job() {
    let config = SchedulerConfig { second_worker_ms: 0, ..SchedulerConfig::default() };
    let mut rig = Rig::encoding(config, cells_of_30(), &["a"]);
    for discards in 1..=3 {
        let (lease, _, _) = rig.grants().remove(0);
        rig.hand_in("a", lease, 0);
        rig.discard(0);
        if discards < 3 {
            assert_eq!(rig.outcome(), None);
            // The worker does not know; the segment goes on and ends well, but for that cell.
            for cell in 1..3 {
                rig.hand_in("a", lease, cell);
            }
            rig.report("a", lease, Report::SegmentDone);
        }
    }
    assert_eq!(rig.failure().kind, FailureKind::PartRefused);
}

#[test]
fn a_part_that_is_void_is_not_taken_again_when_all_of_its_lease_is_told_again() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    rig.hand_in("a", lease, 0);
    rig.discard(0);
    assert_eq!(rig.view().cells_committed, 0);
    // A worker that attaches again does not know what the coordinator heard.
    for cell in 0..2 {
        rig.hand_in("a", lease, cell);
    }
    assert_eq!(rig.view().cells_committed, 1, "the part that is good");
    rig.hand_in("a", lease, 2);
    rig.report("a", lease, Report::SegmentDone);
    let (again, _, grant) = rig.grants().remove(0);
    assert_eq!(segment_of(&grant), (0, 1));
    rig.hand_in("a", again, 0);
    assert_eq!(rig.view().cells_committed, 3, "another part of the cell is taken");
}

#[test]
fn a_worker_that_only_counts_up_does_not_keep_its_lease() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    for frames in [45, 90, 91, 5000] {
        rig.report("a", lease, Report::Progress { frames });
        rig.wait(60_000);
    }
    let lapsed = rig.view().failures[0].clone();
    assert_eq!((lapsed.kind, lapsed.lease), (FailureKind::LeaseLapsed, Some(lease)));
}

#[test]
fn a_silent_workers_cells_go_to_another_and_it_gets_no_more() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    let (lease, silent, _) = rig.grants().remove(0);
    let heard = if silent == worker("a") { "b" } else { "a" };
    for _ in 0..11 {
        rig.now += 1000;
        rig.tell(Input::Heartbeat { worker: worker(heard), session: 1000 });
    }
    let views: Vec<_> =
        rig.scheduler.worker_views().filter(|view| view.leases.is_empty()).collect();
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].worker, &silent);
    let failures = rig.view().failures;
    assert_eq!(failures[0].lease, Some(lease));
}
