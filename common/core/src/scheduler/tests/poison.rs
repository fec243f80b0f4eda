//! Whose fault a failure is: the piece of work's, or the worker's.

use super::*;
use crate::view::SetAsideFor;

/// Lets the last grant to `name` fail.
fn fail_granted(rig: &mut Rig, kind: FailureKind) -> WorkerId {
    let (lease, holder, _) = rig.grants().remove(0);
    rig.fail(holder.as_str(), lease, kind);
    holder
}

#[test]
fn the_last_attempt_waits_a_while_for_a_second_worker() {
    let request = JobRequest { cell_frames: Some(300), ..cells_of_30() };
    let mut rig = Rig::encoding(SchedulerConfig::default(), request, &["a"]);
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    let until = Some(Tick(rig.now + 30_000));
    assert_eq!(rig.waits_for(), Some(Waiting::AnotherWorker { until }));
    rig.wait(29_000);
    assert!(rig.view().leases.is_empty());
    rig.attach("b", &[EncoderName::Libx264]);
    let holder = fail_granted(&mut rig, FailureKind::EngineCrashed);
    assert_eq!(holder, worker("b"));
    let failure = rig.failure();
    assert_eq!((failure.attempt, failure.worker), (3, Some(worker("b"))));
    let trail: Vec<_> = rig.view().failures.iter().map(|it| it.worker.clone().unwrap()).collect();
    assert_eq!(trail, [worker("a"), worker("a"), worker("b")]);
}

#[test]
fn where_no_second_worker_comes_the_only_one_gets_the_last_attempt_after_a_restart_too() {
    let request = JobRequest { cell_frames: Some(300), ..cells_of_30() };
    let mut rig = Rig::encoding(SchedulerConfig::default(), request, &["a"]);
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    let journal = rig.journal.clone();
    rig.scheduler = Scheduler::restore(SchedulerConfig::default(), journal, Tick(rig.now));
    rig.attach("a", &[EncoderName::Libx264]);
    rig.wait(29_999);
    assert!(rig.view().leases.is_empty());
    rig.wait(1);
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    assert_eq!(rig.failure().attempt, 3);
}

#[test]
fn what_a_worker_lacks_sets_it_aside_at_once_and_longer_each_time_and_is_no_attempt() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    for doublings in 0..3 {
        fail_granted(&mut rig, FailureKind::WorkerLacks);
        assert!(rig.grants().is_empty());
        let view = rig.scheduler.worker_views().next().unwrap();
        let lacking = SetAsideFor::Lacking { message: "it broke".to_owned() };
        assert_eq!(view.set_aside_for, Some(&lacking));
        assert_eq!(view.set_aside_until, Some(Tick(rig.now + (60_000 << doublings))));
        assert_eq!(rig.waits_for(), Some(Waiting::NoWorkerTakesWork));
        rig.wait(60_000 << doublings);
        assert_eq!(rig.grants().len(), 1);
    }
    // The piece has its attempts still: two failures do not end the job.
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    assert_eq!(rig.outcome(), None);
    assert!(rig.view().failures.len() == 5);
}

#[test]
fn a_lapse_is_no_attempt_and_a_job_that_too_many_end_says_how_many() {
    let config = SchedulerConfig { lapses_max: 3, ..SchedulerConfig::default() };
    let mut rig = Rig::encoding(config, cells_of_30(), &["a"]);
    for _ in 0..2 {
        assert_eq!(rig.grants()[0].2.attempt, 1);
        fail_granted(&mut rig, FailureKind::WorkerLacks);
        rig.wait(120_000);
    }
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    assert_eq!(rig.view().failures.last().unwrap().attempt, 1);
    assert_eq!(rig.grants()[0].2.attempt, 2);
    fail_granted(&mut rig, FailureKind::WorkerLacks);
    let failure = rig.failure();
    assert_eq!(failure.attempt, 2);
    assert!(failure.message.contains("lapse 3 of the same piece"), "{failure}");
}

#[test]
fn something_good_ends_the_doubling() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    fail_granted(&mut rig, FailureKind::WorkerLacks);
    rig.wait(60_000);
    let (lease, _, _) = rig.grants().remove(0);
    rig.hand_in("a", lease, 0);
    rig.fail("a", lease, FailureKind::WorkerLacks);
    let view = rig.scheduler.worker_views().next().unwrap();
    assert_eq!(view.set_aside_until, Some(Tick(rig.now + 60_000)));
}

#[test]
fn a_worker_is_set_aside_after_four_failures_and_not_before_a_piece_has_failed_for_good() {
    let config = SchedulerConfig { worker_failures_max: 1, ..SchedulerConfig::default() };
    let config = SchedulerConfig { second_worker_ms: 0, ..config };
    let mut rig = Rig::encoding(config, cells_of_30(), &["a"]);
    for _ in 0..3 {
        assert!(rig.scheduler.worker_views().all(|view| view.set_aside_until.is_none()));
        fail_granted(&mut rig, FailureKind::EngineCrashed);
    }
    assert_eq!(rig.failure().kind, FailureKind::EngineCrashed);
    let other = JobId::parse("other").unwrap();
    rig.tell(Input::Submit { job: other, request: Box::new(cells_of_30()) });
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    let view = rig.scheduler.worker_views().next().unwrap();
    assert_eq!(view.set_aside_for, Some(&SetAsideFor::Failures { in_a_row: 4 }));
}

#[test]
fn leases_that_lapse_together_with_their_worker_are_one_failure_of_its_own() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    rig.now += 10_000;
    rig.tell(Input::Clock);
    let view = rig.scheduler.worker_views().next().unwrap();
    assert_eq!((view.failures_in_a_row, view.leases.len()), (1, 0));
    let tries = rig.scheduler.ledger.jobs[&job()].tries.values().next().unwrap();
    assert_eq!((tries.failures, tries.lapses), (0, 1));
}

#[test]
fn each_last_attempt_that_waits_has_its_own_time() {
    let request = JobRequest { cell_frames: Some(150), segment_frames: Some(150), ..cells_of_30() };
    let mut rig = Rig::encoding(SchedulerConfig::default(), request, &["a"]);
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    rig.now += 1_000;
    // The second cell, while the first one waits; a success in between keeps the worker in.
    rig.scheduler.worker_succeeded(&worker("a"));
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    fail_granted(&mut rig, FailureKind::EngineCrashed);
    rig.scheduler.worker_succeeded(&worker("a"));
    rig.wait(29_000);
    let (lease, _, grant) = rig.grants().remove(0);
    assert_eq!(segment_of(&grant), (0, 1));
    rig.hand_in("a", lease, 0);
    rig.report("a", lease, Report::SegmentDone);
    assert!(rig.view().leases.is_empty());
    rig.wait(1_000);
    let cells: Vec<_> = rig.grants().iter().map(|(_, _, grant)| segment_of(grant)).collect();
    assert_eq!(cells, [(1, 1)]);
}

#[test]
fn a_worker_whose_stream_breaks_is_still_set_aside_and_still_drains() {
    let session = |rig: &Rig| rig.scheduler.worker_views().next().unwrap().session.unwrap();
    let comes_back = |rig: &mut Rig| {
        let session = session(rig);
        rig.tell(Input::Detach { worker: worker("a"), session });
        assert_eq!(rig.scheduler.worker_views().count(), 0, "it holds nothing to come back to");
        rig.now += 1;
        rig.attach("a", &[EncoderName::Libx264]);
    };
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    fail_granted(&mut rig, FailureKind::WorkerLacks);
    let until = Some(Tick(rig.now + 60_000));
    comes_back(&mut rig);
    assert!(rig.grants().is_empty());
    assert_eq!(rig.scheduler.worker_views().next().unwrap().set_aside_until, until);
    rig.wait(60_000);
    assert_eq!(rig.grants().len(), 1, "and no longer than that");

    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("a", &[EncoderName::Libx264]);
    rig.tell(Input::Drain { worker: worker("a"), within_ms: None });
    comes_back(&mut rig);
    assert!(rig.effects.iter().any(|effect| matches!(effect, Effect::DrainWorker { .. })));
}
