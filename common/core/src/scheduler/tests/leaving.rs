//! Workers that will be taken away, that go, that crash again and again, and that do not let go.

use super::*;
use crate::view::{SetAsideFor, WorkerView};

/// A worker named `name`, of the process `instance`.
fn come(rig: &mut Rig, name: &str, instance: u64, holding: Vec<LeaseId>, acknowledges: bool) {
    let session = rig.now + instance;
    rig.tell(Input::Attach(Box::new(Attachment {
        worker: worker(name),
        session,
        instance,
        card: Card::None,
        slots: 1,
        encoders: vec![proof(EncoderName::Libx264)],
        models: WorkerModels::default(),
        holding,
        acknowledges,
    })));
}

fn view_of<'a>(rig: &'a Rig, name: &str) -> WorkerView<'a> {
    let id = worker(name);
    rig.scheduler.worker_views().find(|view| *view.worker == id).expect("the worker is there")
}

fn notice(rig: &mut Rig, name: &str, remaining_ms: u64) {
    let session = view_of(rig, name).session.unwrap();
    rig.tell(Input::Notice { worker: worker(name), session, remaining_ms });
}

fn told_to_hand_in(rig: &Rig) -> Vec<(LeaseId, u64)> {
    let told = rig.effects.iter().filter_map(|effect| {
        let Effect::HandIn { lease, remaining_ms, .. } = effect else { return None };
        Some((*lease, *remaining_ms))
    });
    told.collect()
}

/// The process of `name` dies with what it had, and another one comes.
fn crash(rig: &mut Rig, name: &str, instance: u64) {
    let session = view_of(rig, name).session.unwrap();
    rig.tell(Input::Detach { worker: worker(name), session });
    rig.now += 1000;
    come(rig, name, instance, Vec::new(), false);
}

#[test]
fn a_worker_that_will_be_taken_away_keeps_what_fits_and_is_told_to_hand_in_what_does_not() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    // 90 frames; 30 in two seconds leave four seconds.
    rig.now += 2000;
    rig.report("a", lease, Report::Progress { frames: 30 });
    notice(&mut rig, "a", 4001);
    assert_eq!(told_to_hand_in(&rig), []);
    notice(&mut rig, "a", 3999);
    assert_eq!(told_to_hand_in(&rig), [(lease, 3999)]);
    assert_eq!(view_of(&rig, "a").leaves_by, Some(Tick(rig.now + 3999)));
}

#[test]
fn a_worker_that_is_drained_within_a_span_hands_in_what_does_not_fit_then_or_later() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    let drain = |within_ms| Input::Drain { worker: worker("a"), within_ms };
    rig.now += 2000;
    rig.report("a", lease, Report::Progress { frames: 30 });
    rig.tell(drain(None));
    assert_eq!(told_to_hand_in(&rig), [], "it has as long as it takes");
    // 60 frames at 15 a second take four seconds.
    rig.tell(drain(Some(10_000)));
    assert_eq!(told_to_hand_in(&rig), []);
    let drained = |effect: &Effect| matches!(effect, Effect::DrainWorker { .. });
    assert!(rig.effects.iter().any(drained));
    rig.effects.clear();
    rig.wait(7_000);
    assert_eq!(told_to_hand_in(&rig), [(lease, 3_000)], "it got no further");
    rig.effects.clear();
    rig.wait(3_000);
    assert_eq!(told_to_hand_in(&rig), [(lease, 0)]);
    rig.report("a", lease, Report::GaveBack);
    assert_eq!(rig.view().failures.len(), 0, "nobody is to blame");
}

#[test]
fn what_is_given_back_is_free_at_once_and_nobody_is_to_blame() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    notice(&mut rig, "a", 100);
    rig.hand_in("a", lease, 0);
    rig.report("a", lease, Report::GaveBack);
    assert!(rig.grants().is_empty(), "it gets no more");
    assert_eq!((rig.view().cells_committed, rig.view().failures.len()), (1, 0));
    rig.now += 1;
    rig.attach("b", &[EncoderName::Libx264]);
    let (_, _, grant) = rig.grants().remove(0);
    assert_eq!((segment_of(&grant).0, grant.attempt), (1, 1));
    assert_eq!(view_of(&rig, "a").failures_in_a_row, 0);
}

#[test]
fn a_worker_that_gives_back_without_being_told_gets_no_more_until_another_process_comes() {
    let mut rig = Rig::new(SchedulerConfig::default());
    come(&mut rig, "a", 1, Vec::new(), false);
    rig.encode(cells_of_30());
    let (lease, _, _) = rig.grants().remove(0);
    rig.report("a", lease, Report::GaveBack);
    assert!(rig.grants().is_empty());
    let session = view_of(&rig, "a").session.unwrap();
    rig.tell(Input::Detach { worker: worker("a"), session });
    come(&mut rig, "a", 2, Vec::new(), false);
    assert_eq!(rig.grants().len(), 1);
}

#[test]
fn a_worker_that_leaves_gives_back_what_it_has_and_its_next_process_is_no_crash() {
    let mut rig = Rig::new(SchedulerConfig::default());
    come(&mut rig, "a", 0, Vec::new(), false);
    rig.encode(cells_of_30());
    for instance in 1..10 {
        let session = view_of(&rig, "a").session.unwrap();
        assert_eq!(rig.view().leases.len(), 1);
        rig.tell(Input::Leave { worker: worker("a"), session });
        assert!(rig.view().leases.is_empty());
        rig.now += 1000;
        come(&mut rig, "a", instance, Vec::new(), false);
    }
    assert_eq!(rig.view().failures.len(), 0);
}

#[test]
fn a_worker_whose_process_dies_three_times_within_minutes_backs_off_and_longer_each_time() {
    let mut rig = Rig::new(SchedulerConfig::default());
    come(&mut rig, "a", 0, Vec::new(), false);
    rig.encode(cells_of_30());
    crash(&mut rig, "a", 1);
    crash(&mut rig, "a", 2);
    assert_eq!(rig.grants().len(), 1, "twice is no loop");
    crash(&mut rig, "a", 3);
    assert!(rig.grants().is_empty());
    let until = Tick(rig.now + 60_000);
    assert_eq!(view_of(&rig, "a").set_aside_until, Some(until));
    let why = view_of(&rig, "a").set_aside_for.unwrap().to_string();
    assert_eq!(why, "crash loop: its process died 3 times within minutes");
    assert_eq!(rig.waits_for(), Some(Waiting::CrashLoop { workers: 1, until }));
    rig.wait(60_000);
    assert_eq!(rig.view().leases.len(), 1, "it is tried again");
    crash(&mut rig, "a", 4);
    assert_eq!(view_of(&rig, "a").set_aside_until, Some(Tick(rig.now + 120_000)));
}

#[test]
fn a_worker_that_dies_now_and_then_is_in_no_crash_loop() {
    let mut rig = Rig::new(SchedulerConfig::default());
    come(&mut rig, "a", 0, Vec::new(), false);
    for instance in 1..10 {
        rig.wait(200_000);
        crash(&mut rig, "a", instance);
        assert_eq!(view_of(&rig, "a").set_aside_until, None);
    }
}

#[test]
fn the_crashes_of_a_name_that_is_gone_are_forgotten_in_time() {
    let mut rig = Rig::new(SchedulerConfig::default());
    come(&mut rig, "a", 0, Vec::new(), false);
    crash(&mut rig, "a", 1);
    let session = view_of(&rig, "a").session.unwrap();
    rig.tell(Input::Detach { worker: worker("a"), session });
    assert_eq!(rig.scheduler.lives.len(), 1);
    rig.wait(600_000);
    assert_eq!(rig.scheduler.lives.len(), 0);
}

#[test]
fn a_stream_that_breaks_again_and_again_is_no_crash() {
    let mut rig = Rig::new(SchedulerConfig::default());
    come(&mut rig, "a", 7, Vec::new(), false);
    for _ in 0..10 {
        crash(&mut rig, "a", 7);
    }
    assert_eq!(view_of(&rig, "a").set_aside_until, None);
}

/// A worker that acknowledges, and whose lease was revoked by a cancel; another job waits.
fn revoked() -> (Rig, LeaseId) {
    let mut rig = Rig::new(SchedulerConfig::default());
    come(&mut rig, "a", 1, Vec::new(), true);
    rig.encode(cells_of_30());
    let (lease, _, _) = rig.grants().remove(0);
    rig.tell(Input::Cancel { job: job() });
    let request = Box::new(cells_of_30());
    rig.tell(Input::Submit { job: JobId::parse("next").unwrap(), request });
    (rig, lease)
}

#[test]
fn a_slot_is_taken_until_its_revoked_lease_is_let_go_of() {
    let (mut rig, lease) = revoked();
    assert!(rig.grants().is_empty());
    rig.report("a", lease, Report::Released);
    assert_eq!(rig.grants().len(), 1);
}

#[test]
fn a_worker_that_does_not_let_go_is_told_again_then_shown_and_then_set_aside() {
    let (mut rig, lease) = revoked();
    assert!(view_of(&rig, "a").not_letting_go.is_empty());
    rig.wait(10_000);
    assert_eq!(view_of(&rig, "a").not_letting_go, [lease]);
    let again =
        |effect: &Effect| matches!(effect, Effect::Revoke { lease: it, .. } if *it == lease);
    assert!(rig.effects.iter().any(again));
    assert_eq!(view_of(&rig, "a").set_aside_until, None);
    rig.wait(20_000);
    assert_eq!(view_of(&rig, "a").set_aside_for, Some(&SetAsideFor::NotLettingGo { lease }));
    rig.report("a", lease, Report::Released);
    assert_eq!(view_of(&rig, "a").set_aside_for, None);
    assert_eq!(rig.grants().len(), 1);
}

#[test]
fn a_worker_whose_own_lease_failed_has_nothing_to_let_go_of() {
    let mut rig = Rig::new(SchedulerConfig::default());
    come(&mut rig, "a", 1, Vec::new(), true);
    rig.encode(cells_of_30());
    let (lease, _, _) = rig.grants().remove(0);
    rig.fail("a", lease, FailureKind::EngineCrashed);
    assert_eq!(rig.grants().len(), 1);
}
