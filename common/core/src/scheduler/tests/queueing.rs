//! Whose turn it is: priorities that change, owners, caps.

use super::*;
use crate::config::Caps;

fn id(name: &str) -> JobId {
    JobId::parse(name).unwrap()
}

fn submit(rig: &mut Rig, name: &str, owner: &str) {
    submit_to(rig, name, owner, name);
}

fn submit_to(rig: &mut Rig, name: &str, owner: &str, output: &str) {
    let (owner, output) = (owner.to_owned(), format!("file:///{output}.mp4"));
    let request = Box::new(JobRequest { owner, output, ..cells_of_30() });
    rig.tell(Input::Submit { job: id(name), request });
}

/// Ends the intake that was granted just now, after a second; says whose is granted next.
fn next(rig: &mut Rig) -> Option<String> {
    let (lease, holder, _) = rig.grants().remove(0);
    rig.now += 1000;
    let result = IntakeResult {
        source: SourceRef { url: "file:///in.mp4".to_owned(), bytes: 1, version: None },
        description: object("description"),
        table: object("table"),
        rest: None,
        notes: Vec::new(),
        frames: FRAMES,
    };
    rig.report(holder.as_str(), lease, Report::IntakeDone(Box::new(result)));
    rig.grants().first().map(|(_, _, grant)| grant.job.as_str().to_owned())
}

#[test]
fn a_source_is_where_the_request_says_whatever_a_worker_tells() {
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("w", &[EncoderName::Libx264]);
    submit(&mut rig, "a0", "a");
    let (lease, holder, _) = rig.grants().remove(0);
    let elsewhere = IntakeResult {
        source: SourceRef { url: "file:///etc/other".to_owned(), bytes: 1, version: None },
        description: object("description"),
        table: object("table"),
        rest: None,
        notes: Vec::new(),
        frames: FRAMES,
    };
    rig.report(holder.as_str(), lease, Report::IntakeDone(Box::new(elsewhere)));
    let told = rig.journal.iter().find_map(|record| {
        let Event::IntakeDone { intake, .. } = &record.event else { return None };
        Some(intake.source.url.clone())
    });
    assert_eq!(told, Some(cells_of_30().input));
}

fn with_caps(caps: Caps) -> SchedulerConfig {
    SchedulerConfig { caps, ..SchedulerConfig::default() }
}

#[test]
fn an_owners_thousand_jobs_do_not_keep_anothers_one_waiting() {
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("w", &[EncoderName::Libx264]);
    submit(&mut rig, "a0", "a");
    let first = rig.effects.clone();
    for number in 1..1000 {
        submit(&mut rig, &format!("a{number}"), "a");
    }
    submit(&mut rig, "b", "b");
    rig.effects = first;
    assert_eq!(next(&mut rig).as_deref(), Some("b"));
    assert_eq!(next(&mut rig).as_deref(), Some("a1"));
}

#[test]
fn a_priority_that_changes_while_a_job_is_queued_changes_its_turn_and_survives_a_restart() {
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("w", &[EncoderName::Libx264]);
    submit(&mut rig, "running", "a");
    let first = rig.effects.clone();
    submit(&mut rig, "older", "a");
    submit(&mut rig, "newer", "a");
    rig.tell(Input::Prioritise { job: id("newer"), priority: 1 });
    rig.effects = first;
    let journal = rig.journal.clone();
    let restored = Scheduler::restore(SchedulerConfig::default(), journal, Tick(rig.now));
    assert!(restored.remembers_the_same(&rig.scheduler));
    assert_eq!(restored.job_view(&id("newer")).unwrap().request.priority, 1);
    assert_eq!(next(&mut rig).as_deref(), Some("newer"));
    assert_eq!(next(&mut rig).as_deref(), Some("older"));
}

#[test]
fn a_running_job_that_falls_in_priority_keeps_its_lease_and_gets_no_more_before_the_others() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["w"]);
    let granted = rig.effects.clone();
    submit(&mut rig, "other", "a");
    rig.tell(Input::Prioritise { job: job(), priority: -1 });
    assert_eq!(rig.view().leases.len(), 1);
    rig.effects = granted;
    let (lease, _, grant) = rig.grants().remove(0);
    let (first, cells) = segment_of(&grant);
    for cell in first..first + cells {
        rig.hand_in("w", lease, cell);
    }
    rig.report("w", lease, Report::SegmentDone);
    assert_eq!(rig.grants()[0].2.job, id("other"));
}

#[test]
fn a_priority_of_an_ended_job_means_nothing() {
    let mut rig = Rig::new(SchedulerConfig::default());
    submit(&mut rig, "a", "a");
    rig.tell(Input::Cancel { job: id("a") });
    rig.tell(Input::Prioritise { job: id("a"), priority: 1 });
    assert!(matches!(rig.effects[..], [Effect::Ignored(Ignored::NotNow { .. })]));
}

#[test]
fn a_job_at_its_cap_leaves_free_workers_to_others() {
    let caps = Caps { job_leases: Some(1), ..Caps::default() };
    let mut rig = Rig::encoding(with_caps(caps), cells_of_30(), &["v", "w"]);
    assert_eq!(rig.view().leases.len(), 1);
    submit(&mut rig, "other", "a");
    assert_eq!(rig.grants()[0].2.job, id("other"));
}

#[test]
fn an_owner_at_the_cap_waits_and_is_told_so_until_a_lease_ends() {
    let caps = Caps { owner_leases: Some(1), ..Caps::default() };
    let mut rig = Rig::new(with_caps(caps));
    rig.attach("v", &[EncoderName::Libx264]);
    rig.attach("w", &[EncoderName::Libx264]);
    submit(&mut rig, "first", "a");
    let granted = rig.effects.clone();
    submit(&mut rig, "second", "a");
    let waiting = |rig: &Rig| rig.scheduler.job_view(&id("second")).unwrap().waiting;
    let full = Waiting::OwnerCap { owner: "a".to_owned(), leases_max: 1 };
    assert_eq!(waiting(&rig), Some(full));
    submit(&mut rig, "another", "b");
    assert_eq!(rig.grants().len(), 1, "another owner is not held up");
    rig.effects = granted;
    assert_eq!(next(&mut rig).as_deref(), Some("second"));
    assert_eq!(waiting(&rig), None);
}

#[test]
fn a_job_beyond_its_owners_queue_is_refused_and_one_after_an_end_is_not() {
    let caps = Caps { owner_queued: Some(1), ..Caps::default() };
    let mut rig = Rig::new(with_caps(caps));
    submit(&mut rig, "first", "a");
    submit(&mut rig, "second", "a");
    let refused = matches!(&rig.effects[..], [Effect::Ignored(Ignored::OwnerQueueFull { owner, most: 1, .. })] if owner == "a");
    assert!(refused, "{:?}", rig.effects);
    submit(&mut rig, "another", "b");
    assert!(rig.scheduler.job_view(&id("another")).is_some());
    rig.tell(Input::Cancel { job: id("first") });
    submit(&mut rig, "second", "a");
    assert!(rig.scheduler.job_view(&id("second")).is_some());
    rig.tell(Input::Retry { job: id("first") });
    assert!(matches!(rig.effects[..], [Effect::Ignored(Ignored::OwnerQueueFull { .. })]));
}

/// The writer of the output for which the last submission or retry was refused.
fn taken_by(rig: &Rig) -> Option<&str> {
    match &rig.effects[..] {
        [Effect::Ignored(Ignored::OutputTaken { writer, .. })] => Some(writer.as_str()),
        _ => None,
    }
}

#[test]
fn an_output_that_an_open_job_writes_is_refused_to_another_until_that_one_has_ended() {
    let mut rig = Rig::new(SchedulerConfig::default());
    submit_to(&mut rig, "first", "a", "out");
    submit_to(&mut rig, "second", "b", "out");
    assert_eq!(taken_by(&rig), Some("first"));
    assert!(rig.scheduler.job_view(&id("second")).is_none());
    submit_to(&mut rig, "first", "a", "out");
    let again = |effects: &[Effect]| matches!(effects, [Effect::Ignored(Ignored::NotNow { job, .. })] if *job == id("first"));
    assert!(again(&rig.effects), "the same id is the same job: {:?}", rig.effects);
    rig.tell(Input::Cancel { job: id("first") });
    submit_to(&mut rig, "second", "b", "out");
    assert!(rig.scheduler.job_view(&id("second")).is_some());
    rig.tell(Input::Retry { job: id("first") });
    assert_eq!(taken_by(&rig), Some("second"), "what was taken meanwhile is not taken back");
    rig.tell(Input::Cancel { job: id("second") });
    rig.tell(Input::Retry { job: id("first") });
    assert_eq!(taken_by(&rig), None);
    assert!(rig.scheduler.job_view(&id("first")).unwrap().outcome.is_none());
}

#[test]
fn a_journal_with_two_open_jobs_of_one_output_is_taken_and_a_third_is_refused_until_both_have_ended()
 {
    let mut rig = Rig::new(SchedulerConfig::default());
    let submitted = |name: &str| Record {
        at: Tick(1),
        job: id(name),
        event: Event::Submitted { request: Box::new(cells_of_30()) },
    };
    let records = ["one", "two"].map(submitted);
    rig.scheduler = Scheduler::restore(SchedulerConfig::default(), records, Tick(1000));
    rig.tell(Input::Clock);
    assert_eq!(rig.scheduler.jobs_open(), 2);
    let request = || Box::new(cells_of_30());
    for (ended, left) in [("one", Some("two")), ("two", None)] {
        rig.tell(Input::Cancel { job: id(ended) });
        rig.tell(Input::Submit { job: id("three"), request: request() });
        assert_eq!(taken_by(&rig), left);
    }
}

#[test]
fn a_queued_job_says_how_many_are_served_before_it() {
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("w", &[EncoderName::Libx264]);
    for name in ["a1", "a2", "a3"] {
        submit(&mut rig, name, "a");
    }
    submit(&mut rig, "b1", "b");
    let jobs: Vec<_> = rig.scheduler.jobs().map(|view| (view.job.clone(), view.waiting)).collect();
    let before: Vec<_> = jobs
        .iter()
        .map(|(job, waiting)| match waiting {
            Some(Waiting::NoSlot { jobs_before }) => (job.as_str(), Some(*jobs_before)),
            _ => (job.as_str(), None),
        })
        .collect();
    // `a` has spent the running lease: `b` comes first.
    assert_eq!(before, [("a1", None), ("a2", Some(1)), ("a3", Some(2)), ("b1", Some(0))]);
    let one = rig.scheduler.job_view(&id("a3")).unwrap().waiting;
    assert_eq!(one, Some(Waiting::NoSlot { jobs_before: 2 }));
}
