//! Copies of what is slow, at the end of a job's cells and of a look.

use cleanplate_types::request::Detect;

use super::*;
use crate::ledger::job::Phase;
use crate::record::LeaseEnd;

/// Ten cells, of which "slow" holds the first six and has done none, and "fast" has done the others at 30
/// frames a second.
fn at_the_tail() -> (Rig, LeaseId) {
    let request = JobRequest { segment_frames: None, ..cells_of_30() };
    let mut rig = Rig::encoding(SchedulerConfig::default(), request, &["slow"]);
    let (slow, _, grant) = rig.grants().remove(0);
    assert_eq!(segment_of(&grant), (0, 6));
    // Seven frames a second of this job's size, as far as is known.
    rig.scheduler.edit_worker(&worker("slow"), |worker| worker.speed = Some(800));
    rig.attach("fast", &[EncoderName::Libx264]);
    while let Some((lease, _, grant)) = rig.grants().pop() {
        let (first, cells) = segment_of(&grant);
        for cell in first..first + cells {
            rig.now += 1000;
            rig.hand_in("fast", lease, cell);
        }
        rig.report("fast", lease, Report::SegmentDone);
    }
    assert_eq!(rig.view().cells_committed, 4);
    (rig, slow)
}

/// Lets time pass; what is wanted meanwhile is kept, and nothing else.
fn wait_anew(rig: &mut Rig, millis: u64) {
    rig.effects.clear();
    rig.wait(millis);
}

/// Lets time pass until a copy is granted, which goes to the end of the slow one's cells; its lease and its
/// first cell.
fn copy(rig: &mut Rig) -> (LeaseId, u32) {
    wait_anew(rig, 1000);
    let [(lease, holder, grant)] = &rig.grants()[..] else { panic!("one copy") };
    assert_eq!(holder.as_str(), "fast");
    let (first, cells) = segment_of(grant);
    assert_eq!(first + cells, 6);
    (*lease, first)
}

fn outrun(rig: &Rig) -> Vec<LeaseId> {
    let ended = rig.effects.iter().filter_map(|effect| {
        let Effect::Record(Record { event, .. }) = effect else { return None };
        let Event::LeaseEnded { lease, end: LeaseEnd::Outrun } = event else { return None };
        Some(*lease)
    });
    ended.collect()
}

fn revoked(rig: &Rig) -> Vec<(WorkerId, LeaseId)> {
    let revoked = rig.effects.iter().filter_map(|effect| {
        let Effect::Revoke { worker, lease, .. } = effect else { return None };
        Some((worker.clone(), *lease))
    });
    revoked.collect()
}

#[test]
fn an_idle_worker_gets_the_last_cells_of_the_slow_one_and_both_end_together() {
    let (mut rig, slow) = at_the_tail();
    rig.report("slow", slow, Report::Progress { frames: 60 });
    let (lease, first) = copy(&mut rig);
    assert!(0 < first && first < 6, "it leaves the slow one what that does meanwhile: {first}");
    for (cell, before) in (first..6).zip(4..) {
        assert_eq!(rig.view().cells_committed, before);
        rig.hand_in("fast", lease, cell);
    }
    rig.report("fast", lease, Report::SegmentDone);
    for cell in 0..first {
        assert!(outrun(&rig).is_empty(), "something is left to do");
        rig.hand_in("slow", slow, cell);
    }
    assert_eq!(outrun(&rig), [slow], "the slow one has nothing left to do");
    assert_eq!(revoked(&rig), [(worker("slow"), slow)]);
    assert_eq!(rig.view().cells_committed, 10);
    assert!(rig.view().leases.is_empty());
}

#[test]
fn the_slow_ones_lease_ends_with_the_last_cell_that_the_copy_hands_in() {
    let (mut rig, slow) = at_the_tail();
    let (lease, first) = copy(&mut rig);
    for cell in 0..first {
        rig.hand_in("slow", slow, cell);
    }
    for cell in first..5 {
        rig.hand_in("fast", lease, cell);
        assert!(outrun(&rig).is_empty(), "one cell is missing");
    }
    rig.hand_in("fast", lease, 5);
    assert_eq!(outrun(&rig), [slow]);
    assert_eq!(revoked(&rig), [(worker("slow"), slow)]);
    rig.report("fast", lease, Report::SegmentDone);
    assert!(rig.view().leases.is_empty());
}

#[test]
fn a_cell_that_two_hold_counts_once_for_whoever_comes_first() {
    let (mut rig, slow) = at_the_tail();
    let (lease, _) = copy(&mut rig);
    rig.hand_in("slow", slow, 5);
    assert_eq!(rig.view().cells_committed, 5);
    rig.hand_in("fast", lease, 5);
    assert_eq!(rig.view().cells_committed, 5);
    let ignored = |effect: &Effect| matches!(effect, Effect::Ignored(Ignored::OutOfPlace { .. }));
    assert!(rig.effects.iter().any(ignored), "the second is void");
}

#[test]
fn a_cell_that_two_hold_is_free_only_when_both_are_gone() {
    let (mut rig, slow) = at_the_tail();
    let (lease, _) = copy(&mut rig);
    rig.fail("fast", lease, FailureKind::EngineCrashed);
    assert!(rig.grants().is_empty(), "the slow one still has it");
    rig.fail("slow", slow, FailureKind::EngineCrashed);
    let granted: Vec<u32> = rig.grants().iter().map(|(_, _, it)| segment_of(it).0).collect();
    assert_eq!(granted.len(), 2, "both get some of what nobody holds");
    assert!(granted.iter().all(|cell| *cell < 6), "{granted:?}");
}

#[test]
fn a_restart_remembers_which_cells_two_hold() {
    let (mut rig, _) = at_the_tail();
    copy(&mut rig);
    let config = SchedulerConfig::default();
    let mut restored = Scheduler::restore(config, rig.journal.clone(), Tick(rig.now));
    assert!(rig.scheduler.remembers_the_same(&restored));
    let mut effects = Vec::new();
    restored.step(Tick(rig.now), Input::Clock, &mut effects);
    let granted = effects.iter().any(|effect| matches!(effect, Effect::Grant { .. }));
    assert!(!granted, "no cell is free");
}

#[test]
fn after_a_restart_what_a_lease_did_before_is_not_taken_for_its_speed() {
    let (mut rig, slow) = at_the_tail();
    let journal = rig.journal.clone();
    rig.scheduler = Scheduler::restore(SchedulerConfig::default(), journal, Tick(rig.now));
    rig.tell(Input::Clock);
    rig.attach_holding("slow", &[EncoderName::Libx264], vec![slow]);
    rig.attach("fast", &[EncoderName::Libx264]);
    // 60 were made before, in nobody knows what time; one a second is.
    let mut copied = Vec::new();
    for frames in 60..80 {
        rig.report("slow", slow, Report::Progress { frames });
        wait_anew(&mut rig, 1000);
        copied.extend(rig.grants());
    }
    let [(_, holder, grant)] = &copied[..] else { panic!("one copy") };
    let (first, cells) = segment_of(grant);
    assert_eq!((holder.as_str(), first + cells), ("fast", 6));
}

#[test]
fn nothing_is_copied_that_is_not_expected_to_end_sooner() {
    let (mut rig, slow) = at_the_tail();
    // 160 of 180 frames in four seconds: the rest is done before a copy could begin.
    rig.report("slow", slow, Report::Progress { frames: 160 });
    wait_anew(&mut rig, 600);
    assert!(rig.grants().is_empty());
}

#[test]
fn a_copy_keeps_to_the_caps_and_adds_nothing_to_the_progress() {
    let (mut rig, slow) = at_the_tail();
    rig.scheduler.config.caps.job_leases = Some(1);
    wait_anew(&mut rig, 20_000);
    assert!(rig.grants().is_empty(), "the job holds as many leases as it may");
    rig.scheduler.config.caps.job_leases = None;
    rig.report("slow", slow, Report::Progress { frames: 20 });
    wait_anew(&mut rig, 5000);
    let [(lease, ..)] = rig.grants()[..] else { panic!("one copy") };
    let before = rig.view().frames_best;
    rig.report("fast", lease, Report::Progress { frames: 25 });
    assert_eq!(rig.view().frames_best, before, "the holder's own frames count");
}

#[test]
fn what_a_copy_hands_in_first_counts_once_and_nothing_is_made_again() {
    let (mut rig, slow) = at_the_tail();
    rig.report("slow", slow, Report::Progress { frames: 60 });
    let (lease, first) = copy(&mut rig);
    let reached = u64::from(first) * 30 + 10;
    rig.report("slow", slow, Report::Progress { frames: reached });
    for (cell, done) in (first..6).zip(1..) {
        rig.hand_in("fast", lease, cell);
        // What the slow one has of the first of them is not in flight any more.
        assert_eq!(rig.view().frames_best, 120 + reached - 10 + done * 30);
        assert!(rig.view().made_again.is_none(), "nothing was lost");
    }
    for cell in 0..first {
        rig.hand_in("slow", slow, cell);
    }
    assert_eq!(outrun(&rig), [slow]);
    assert_eq!(rig.view().frames_best, 300);
}

#[test]
fn a_job_that_rests_gets_no_copies() {
    let (mut rig, _) = at_the_tail();
    let (lease, _) = copy(&mut rig);
    rig.scheduler.config.rest_ms = 60_000;
    rig.fail("fast", lease, FailureKind::StoreUnavailable);
    rig.attach("third", &[EncoderName::Libx264]);
    // Each copy would fail in the same way, and count against the cell.
    wait_anew(&mut rig, 30_000);
    assert!(rig.grants().is_empty(), "the store is out");
    wait_anew(&mut rig, 40_000);
    assert!(!rig.grants().is_empty(), "it has rested");
}

#[test]
fn leases_of_one_worker_end_apart() {
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.tell(Input::Attach(Box::new(Attachment {
        worker: worker("w"),
        session: 1,
        instance: 0,
        card: Card::None,
        slots: 2,
        encoders: vec![proof(EncoderName::Libx264)],
        models: WorkerModels::default(),
        holding: Vec::new(),
        acknowledges: false,
    })));
    rig.encode(cells_of_30());
    let granted: Vec<_> = rig.grants().iter().map(|(_, _, it)| segment_of(it)).collect();
    assert_eq!(granted, [(0, 3), (3, 1)], "the second is half as long as the first");
}

#[test]
fn nobody_copies_what_it_is_slow_at_itself() {
    let request = JobRequest { segment_frames: None, ..cells_of_30() };
    let mut rig = Rig::encoding(SchedulerConfig::default(), request, &["only"]);
    wait_anew(&mut rig, 100_000);
    assert!(rig.grants().is_empty());
}

#[test]
fn a_window_that_takes_long_is_looked_at_by_an_idle_worker_too_and_the_first_evidence_counts() {
    let mut rig = Rig::new(SchedulerConfig::default());
    for name in ["fast", "slow"] {
        rig.attach(name, &[EncoderName::Libx264]);
    }
    rig.submit(JobRequest { detect: vec![Detect::Static], ..cells_of_30() }, FRAMES);
    let (held, holder, _) = rig.grants().remove(0);
    let other = if holder.as_str() == "fast" { "slow" } else { "fast" };
    // It has looked before, at 300 frames a second.
    rig.scheduler.fleet.touch(&worker(other)).unwrap().look_speed = Some(300_000);
    wait_anew(&mut rig, 20_000);
    let [(lease, copier, _)] = &rig.grants()[..] else { panic!("one copy") };
    let lease = *lease;
    assert_eq!(copier.as_str(), other);
    rig.report(other, lease, Report::WindowDone { evidence: object("first") });
    assert_eq!(outrun(&rig), [held]);
    assert_eq!(revoked(&rig), [(holder.clone(), held)]);
    rig.report(holder.as_str(), held, Report::WindowDone { evidence: object("second") });
    let reduced = &rig.scheduler.ledger.jobs[&job()].phase;
    let Phase::Reduce { evidence, .. } = reduced else { panic!("the look is done") };
    assert_eq!(evidence, &[object("first")]);
}
