//! Who keeps a name, and how long an ended job is kept.

use super::*;
use crate::config::Retention;
use crate::scheduler::timers::FORGOTTEN_MAX;

/// A worker named `a`, of the process `instance`; `false` where it is refused.
fn attach(rig: &mut Rig, session: u64, instance: u64) -> bool {
    rig.tell(Input::Attach(Box::new(Attachment {
        worker: worker("a"),
        session,
        instance,
        card: Card::None,
        slots: 1,
        encoders: vec![proof(EncoderName::Libx264)],
        models: WorkerModels::default(),
        holding: Vec::new(),
        acknowledges: false,
    })));
    let refused = |effect: &Effect| matches!(effect, Effect::Ignored(Ignored::NameInUse { .. }));
    !rig.effects.iter().any(refused)
}

fn session(rig: &Rig) -> Option<u64> {
    rig.scheduler.worker_views().find_map(|view| view.session)
}

#[test]
fn a_name_is_free_when_its_worker_was_silent_for_too_long_and_not_before() {
    let mut rig = Rig::new(SchedulerConfig::default());
    let silent_ms = SchedulerConfig::default().worker_silent_ms;
    assert!(attach(&mut rig, 1, 7));
    rig.now += silent_ms - 1;
    assert!(!attach(&mut rig, 2, 8));
    assert_eq!(session(&rig), Some(1), "the first one works on");
    rig.now += 1;
    assert!(attach(&mut rig, 3, 8));
    assert_eq!(session(&rig), Some(3));
}

#[test]
fn a_process_takes_over_from_its_own_older_stream_and_a_name_whose_stream_ended_is_free() {
    let mut rig = Rig::new(SchedulerConfig::default());
    assert!(attach(&mut rig, 1, 7));
    assert!(attach(&mut rig, 2, 7));
    rig.tell(Input::Detach { worker: worker("a"), session: 2 });
    assert!(attach(&mut rig, 3, 8));
    assert_eq!(session(&rig), Some(3));
}

#[test]
fn an_ended_job_is_forgotten_with_all_its_objects_when_its_time_is_over() {
    let config =
        SchedulerConfig { retention: Retention::all(Some(1000)), ..SchedulerConfig::default() };
    let mut rig = Rig::encoding(config.clone(), cells_of_30(), &["a"]);
    rig.tell(Input::Cancel { job: job() });
    let ended = rig.now;
    rig.now = ended + 900;
    rig.tell(Input::Retry { job: job() });
    rig.now = ended + 1000;
    rig.tell(Input::Clock);
    assert!(rig.scheduler.job_view(&job()).is_some(), "it is open again");
    rig.tell(Input::Cancel { job: job() });
    assert_eq!(rig.scheduler.next_deadline().map(|due| due.0 <= ended + 2000), Some(true));
    let journal = rig.journal.clone();
    rig.now = ended + 2000;
    rig.tell(Input::Clock);
    assert!(rig.scheduler.job_view(&job()).is_none());
    assert!(matches!(
        &rig.effects[..],
        [
            ..,
            Effect::Record(Record { event: Event::Forgotten, .. }),
            Effect::Sweep { keep: None, .. }
        ]
    ));
    // A coordinator that was away meanwhile does it when it starts.
    let mut restored = Scheduler::restore(config, journal, Tick(rig.now));
    let mut effects = Vec::new();
    restored.step(Tick(rig.now), Input::Clock, &mut effects);
    assert!(restored.job_view(&job()).is_none());
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Sweep { keep: None, .. })));
}

#[test]
fn what_a_job_writes_when_it_is_tried_again_is_not_what_its_sweep_deletes() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let old = rig.grants().remove(0).0;
    rig.tell(Input::Cancel { job: job() });
    let before = rig.effects.iter().find_map(|effect| {
        let Effect::Sweep { before, .. } = effect else { return None };
        Some(*before)
    });
    let before = before.unwrap();
    assert!(old < before);
    // The sweep is still under way.
    rig.tell(Input::Retry { job: job() });
    assert!(rig.grants()[0].0 >= before, "the intake's objects stay");
    rig.take_in(FRAMES);
    let after = rig.effects.iter().find_map(|effect| {
        let Effect::WriteBrief { after, .. } = effect else { return None };
        Some(*after)
    });
    assert!(after.unwrap() >= before);
}

#[test]
fn an_ended_job_without_an_end_of_its_retention_is_kept() {
    let mut rig =
        Rig::encoding(SchedulerConfig::default().for_one_machine(), cells_of_30(), &["a"]);
    rig.tell(Input::Cancel { job: job() });
    rig.now += 1 << 40;
    rig.tell(Input::Clock);
    assert!(rig.scheduler.job_view(&job()).is_some());
}

#[test]
fn each_kind_of_end_is_kept_for_its_own_time() {
    let retention = Retention { done_ms: None, failed_ms: Some(5_000), cancelled_ms: Some(1_000) };
    let config = SchedulerConfig { retention, ..SchedulerConfig::default() };
    let config = SchedulerConfig { second_worker_ms: 0, attempts_max: 1, ..config };
    let mut rig = Rig::encoding(config, cells_of_30(), &["a"]);
    let (lease, _, _) = rig.grants().remove(0);
    rig.fail("a", lease, FailureKind::EngineCrashed);
    let other = JobId::parse("other").unwrap();
    rig.tell(Input::Submit { job: other.clone(), request: Box::new(cells_of_30()) });
    rig.tell(Input::Cancel { job: other.clone() });
    let swept = |effect: &Effect| matches!(effect, Effect::Sweep { keep: None, .. });
    assert!(rig.effects.iter().any(swept), "what is cancelled leaves nothing");
    rig.now += 1_000;
    rig.tell(Input::Clock);
    assert!(rig.scheduler.job_view(&other).is_none());
    assert!(rig.scheduler.job_view(&job()).is_some(), "a failed job may still be tried again");
    rig.now += 4_000;
    rig.tell(Input::Clock);
    assert!(rig.scheduler.job_view(&job()).is_none());
    assert!(rig.effects.iter().any(swept), "with all that it had made");
}

#[test]
fn thousands_whose_time_is_over_are_forgotten_some_at_a_time() {
    let config =
        SchedulerConfig { retention: Retention::all(Some(1000)), ..SchedulerConfig::default() };
    let mut rig = Rig::new(config);
    let name = |number: usize| JobId::parse(&format!("j{number}")).unwrap();
    let jobs = 3 * FORGOTTEN_MAX + 1;
    for number in 0..jobs {
        let output = format!("file:///{number}.mp4");
        let request = Box::new(JobRequest { output, ..cells_of_30() });
        rig.tell(Input::Submit { job: name(number), request });
        rig.tell(Input::Cancel { job: name(number) });
    }
    rig.now += 1000;
    let mut forgotten = 0;
    for _ in 0..4 {
        assert!(rig.scheduler.next_deadline().is_some_and(|due| due.0 <= rig.now), "more is due");
        rig.tell(Input::Clock);
        let is_forgotten = |effect: &&Effect| {
            matches!(effect, Effect::Record(Record { event: Event::Forgotten, .. }))
        };
        let now = rig.effects.iter().filter(is_forgotten).count();
        assert!((1..=FORGOTTEN_MAX).contains(&now), "{now} at once");
        forgotten += now;
    }
    assert_eq!(forgotten, jobs);
}
