mod judging;

use cleanplate_types::encode::{EncoderName, EncoderProof};
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::PartSummary;
use cleanplate_types::request::{EncoderChoice, JobRequest};
use cleanplate_types::source::SourceRef;
use cleanplate_types::tier::Card;

use super::*;
use crate::effect::{Grant, Work};
use crate::input::{Attachment, IntakeResult, Report};
use crate::outcome::{JobOutcome, Published};
use crate::samples::{description, object, proof, request, summary, table};
use crate::view::{JobPhase, JobView, Waiting};

const FRAMES: u64 = 300;
const CELL_FRAMES: u64 = 30;

/// A scheduler with one job and a clock; what it wants is looked at after each step.
struct Rig {
    scheduler: Scheduler,
    now: u64,
    effects: Vec<Effect>,
    journal: Vec<Record>,
}

fn job() -> JobId {
    JobId::parse("j").unwrap()
}

fn worker(name: &str) -> WorkerId {
    WorkerId::parse(name).unwrap()
}

fn cells_of_30() -> JobRequest {
    JobRequest {
        encoder: EncoderChoice::Named(EncoderName::Libx264),
        cell_frames: u32::try_from(CELL_FRAMES).ok(),
        segment_frames: Some(90),
        ..request()
    }
}

impl Rig {
    fn new(config: SchedulerConfig) -> Self {
        Self {
            scheduler: Scheduler::new(config),
            now: 1000,
            effects: Vec::new(),
            journal: Vec::new(),
        }
    }

    /// A job whose first segments are leased to `workers`, of one slot each.
    fn encoding(config: SchedulerConfig, request: JobRequest, workers: &[&str]) -> Self {
        let mut rig = Self::new(config);
        for name in workers {
            rig.attach(name, &[EncoderName::Libx264]);
        }
        rig.encode(request);
        rig
    }

    /// Submits a job and takes it to its first segments.
    fn encode(&mut self, request: JobRequest) {
        self.submit(request, FRAMES);
        self.tell(Input::BriefWritten { job: job(), brief: object("brief") });
    }

    /// Submits a job and takes it to where its table is loaded; intake tells of `frames` frames.
    fn submit(&mut self, request: JobRequest, frames: u64) {
        self.tell(Input::Submit { job: job(), request: Box::new(request) });
        self.take_in(frames);
    }

    /// Ends the intake that was granted just now, and loads its table.
    fn take_in(&mut self, frames: u64) {
        let (lease, holder, _) = self.grants().remove(0);
        let result = IntakeResult {
            source: SourceRef { url: "file:///in.mp4".to_owned(), bytes: 1, version: None },
            description: object("description"),
            table: object("table"),
            rest: None,
            notes: Vec::new(),
            frames,
        };
        self.report(holder.as_str(), lease, Report::IntakeDone(Box::new(result)));
        self.tell(Input::TableLoaded {
            job: job(),
            description: Box::new(description()),
            table: Box::new(table(FRAMES, 50)),
        });
    }

    fn tell(&mut self, input: Input) {
        self.effects.clear();
        self.scheduler.step(Tick(self.now), input, &mut self.effects);
        for effect in &self.effects {
            if let Effect::Record(record) = effect {
                self.journal.push(record.clone());
            }
        }
    }

    fn attach(&mut self, name: &str, encoders: &[EncoderName]) {
        self.attach_holding(name, encoders, Vec::new());
    }

    fn attach_holding(&mut self, name: &str, encoders: &[EncoderName], holding: Vec<LeaseId>) {
        let encoders: Vec<EncoderProof> = encoders.iter().map(|name| proof(*name)).collect();
        self.tell(Input::Attach(Box::new(Attachment {
            worker: worker(name),
            session: self.now,
            card: Card::None,
            slots: 1,
            encoders,
            holding,
        })));
    }

    fn report(&mut self, name: &str, lease: LeaseId, report: Report) {
        self.tell(Input::Report { worker: worker(name), lease, report });
    }

    fn fail(&mut self, name: &str, lease: LeaseId, kind: FailureKind) {
        let failure = Box::new(Failure::new(kind, Stage::Encode, "it broke"));
        self.report(name, lease, Report::Failed { failure });
    }

    /// Lets so much time pass, with heartbeats and steps whenever they are due.
    fn wait(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(due) = self.scheduler.next_deadline().filter(|due| due.0 <= end) {
            self.now = self.now.max(due.0);
            let views = self.scheduler.worker_views();
            let beats: Vec<_> = views
                .filter_map(|view| {
                    Some(Input::Heartbeat { worker: view.worker.clone(), session: view.session? })
                })
                .collect();
            let before = self.effects.clone();
            let mut all = before;
            for input in beats.into_iter().chain([Input::Clock]) {
                self.tell(input);
                all.append(&mut self.effects);
            }
            self.effects = all;
        }
        self.now = end;
    }

    fn grants(&self) -> Vec<(LeaseId, WorkerId, Grant)> {
        let grants = self.effects.iter().filter_map(|effect| {
            let Effect::Grant { worker, lease, grant, .. } = effect else { return None };
            Some((*lease, worker.clone(), (**grant).clone()))
        });
        grants.collect()
    }

    fn part(&self, cell: u32) -> PartSummary {
        let job = &self.scheduler.ledger.jobs[&job()];
        let spec = job.encoding().unwrap().fingerprint;
        summary(&job.cells()[cell as usize], spec, &format!("part {cell}"))
    }

    fn hand_in(&mut self, name: &str, lease: LeaseId, cell: u32) {
        let summary = Box::new(self.part(cell));
        self.report(name, lease, Report::CellDone { summary });
    }

    fn view(&self) -> JobView<'_> {
        self.scheduler.job_view(&job()).expect("the job is there")
    }

    fn outcome(&self) -> Option<JobOutcome> {
        self.view().outcome.cloned()
    }

    fn waits_for(&self) -> Option<Waiting> {
        self.view().waiting
    }

    fn stitch(&self) -> LeaseId {
        self.scheduler.tended[&job()].stitch.unwrap().lease
    }

    fn discard(&mut self, cell: u32) {
        let failure = Failure::new(FailureKind::PartRefused, Stage::Stitch, "bytes do not match");
        let (lease, cell) = (self.stitch(), Some(CellIndex(cell)));
        self.tell(Input::StitchFailed { job: job(), lease, cell, failure });
    }

    fn failure(&self) -> Failure {
        match self.outcome() {
            Some(JobOutcome::Failed(failure)) => *failure,
            other => panic!("the job has failed, and not {other:?}"),
        }
    }
}

fn segment_of(grant: &Grant) -> (u32, u32) {
    let Work::Segment { segment, .. } = &grant.work else { panic!("a segment is granted") };
    (segment.first.0, segment.cells)
}

#[test]
fn a_job_goes_from_intake_to_publication_and_no_cell_is_granted_twice() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let mut next = 0;
    while let [(lease, _, grant)] = &rig.grants()[..] {
        let (first, cells) = segment_of(grant);
        assert_eq!(first, next);
        assert!(cells <= 3, "no more than the user allows");
        for cell in first..first + cells {
            rig.hand_in("a", *lease, cell);
        }
        next = first + cells;
        rig.report("a", *lease, Report::SegmentDone);
    }
    assert_eq!(next, 10);
    assert_eq!(rig.view().phase, JobPhase::Stitch);
    let published = Published { bytes: 7, notes: Vec::new() };
    let lease = rig.stitch();
    rig.tell(Input::Published { job: job(), lease, published: published.clone() });
    assert_eq!(rig.outcome(), Some(JobOutcome::Done(published)));
}

#[test]
fn a_part_under_a_lease_that_is_over_counts_for_nothing() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    let (lease, holder, _) = rig.grants().remove(0);
    rig.fail(holder.as_str(), lease, FailureKind::EngineCrashed);
    rig.hand_in(holder.as_str(), lease, 0);
    assert!(matches!(
        rig.effects[..],
        [Effect::Ignored(Ignored::StaleLease { .. }), Effect::Revoke { .. }]
    ));
    assert_eq!(rig.view().cells_committed, 0);
}

#[test]
fn a_part_that_another_than_the_holder_tells_of_counts_for_nothing() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    let (lease, holder, _) = rig.grants().remove(0);
    let other = if holder == worker("a") { "b" } else { "a" };
    rig.hand_in(other, lease, 0);
    assert_eq!(rig.view().cells_committed, 0);
    rig.hand_in(holder.as_str(), lease, 0);
    assert_eq!(rig.view().cells_committed, 1);
}

#[test]
fn a_part_of_a_cell_that_is_not_the_leases_counts_for_nothing() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let (lease, _, grant) = rig.grants().remove(0);
    let (first, cells) = segment_of(&grant);
    rig.hand_in("a", lease, first + cells);
    assert_eq!(rig.view().cells_committed, 0);
    // Nor does the same part count twice.
    rig.hand_in("a", lease, first);
    rig.hand_in("a", lease, first);
    assert_eq!(rig.view().cells_committed, 1);
    assert!(matches!(rig.effects[..], [Effect::Ignored(Ignored::OutOfPlace { .. })]));
}

#[test]
fn a_publication_before_all_parts_are_there_is_void() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
    let lease = rig.stitch();
    let published = Published { bytes: 7, notes: Vec::new() };
    rig.tell(Input::Published { job: job(), lease, published });
    assert_eq!(rig.outcome(), None);
}

#[test]
fn a_part_that_shows_other_frames_is_refused_and_its_cell_goes_to_another_worker() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a", "b"]);
    let grants = rig.grants();
    let (lease, holder, _) = &grants[0];
    let (other_lease, other, _) = &grants[1];
    let mut wrong = rig.part(0);
    wrong.digest = rig.part(1).digest;
    rig.report(holder.as_str(), *lease, Report::CellDone { summary: Box::new(wrong) });
    let (_, again, grant) = rig.grants().remove(0);
    assert_eq!(&again, holder, "the holder is idle and takes other cells");
    assert!(segment_of(&grant).0 > 0, "but not the one that it failed at");
    rig.fail(other.as_str(), *other_lease, FailureKind::WorkerLacks);
    let (_, again, grant) = rig.grants().remove(0);
    assert_eq!((&again, segment_of(&grant)), (other, (0, 1)), "which goes alone");
    assert_eq!(grant.attempt, 2);
}

#[test]
fn a_cell_that_fails_three_times_fails_its_job_with_who_and_what() {
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
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
    let mut rig = Rig::encoding(SchedulerConfig::default(), cells_of_30(), &["a"]);
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

#[test]
fn on_one_machine_an_encoder_that_is_missing_ends_the_job_at_once() {
    let config = SchedulerConfig::default().for_one_machine();
    let named = EncoderChoice::Named(EncoderName::H264Nvenc);
    let rig = Rig::encoding(config, JobRequest { encoder: named, ..cells_of_30() }, &["a"]);
    let failure = rig.failure();
    assert_eq!((failure.kind, failure.kind.exit_status()), (FailureKind::WorkerLacks, 4));
    assert!(failure.message.contains("h264_nvenc"), "{failure}");
}

#[test]
fn in_a_cluster_a_missing_encoder_is_waited_for_and_then_the_job_ends() {
    let named = EncoderChoice::Named(EncoderName::H264Nvenc);
    let wanted = JobRequest { encoder: named, ..cells_of_30() };
    let mut rig = Rig::encoding(SchedulerConfig::default(), wanted.clone(), &["a"]);
    let encoder = EncoderName::H264Nvenc;
    assert_eq!(rig.waits_for(), Some(Waiting::NoEncoderNamed { encoder }));
    rig.wait(119_000);
    assert_eq!(rig.outcome(), None);
    rig.wait(2_000);
    assert_eq!(rig.failure().kind, FailureKind::WorkerLacks);
    // Where one attaches in time, it is taken.
    let mut rig = Rig::encoding(SchedulerConfig::default(), wanted, &["a"]);
    rig.attach("b", &[encoder]);
    let spec = rig.view().spec.cloned();
    assert_eq!(spec.map(|spec| spec.encoder.name), Some(encoder));
}

#[test]
fn a_lost_encoder_starts_the_cells_anew_in_software_where_the_user_allows_it() {
    for allowed in [true, false] {
        let wanted = JobRequest {
            encoder: EncoderChoice::Auto,
            restart_on_encoder_loss: allowed,
            ..cells_of_30()
        };
        let config = SchedulerConfig::default().for_one_machine();
        let mut rig = Rig::new(config);
        rig.attach("a", &[EncoderName::H264Nvenc, EncoderName::Libx264]);
        rig.encode(wanted);
        let (lease, _, _) = rig.grants().remove(0);
        rig.hand_in("a", lease, 0);
        rig.now += 1;
        rig.attach("a", &[EncoderName::Libx264]);
        let view = rig.view();
        assert_eq!(view.cells_committed, if allowed { 0 } else { 1 });
        if allowed {
            assert_eq!(view.spec.unwrap().encoder.name, EncoderName::Libx264);
            rig.tell(Input::BriefWritten { job: job(), brief: object("brief 2") });
            assert_eq!(segment_of(&rig.grants()[0].2).0, 0);
        } else {
            assert_eq!(rig.failure().kind, FailureKind::WorkerLacks);
        }
    }
}

#[test]
fn an_encoder_that_goes_with_its_worker_is_missed_from_then_on() {
    let wanted = JobRequest { encoder: EncoderChoice::Auto, ..cells_of_30() };
    let mut rig = Rig::new(SchedulerConfig::default());
    rig.attach("a", &[EncoderName::H264Nvenc]);
    rig.encode(wanted);
    for _ in 0..4 {
        let (lease, _, _) = rig.grants().remove(0);
        rig.fail("a", lease, FailureKind::WorkerLacks);
    }
    assert_eq!(rig.waits_for(), Some(Waiting::NoWorkerTakesWork), "it is set aside");
    rig.now += 1;
    rig.attach("b", &[EncoderName::Libx264]);
    rig.tell(Input::Detach { worker: worker("a"), session: 1000 });
    rig.wait(119_999);
    assert_eq!(rig.outcome(), None);
    rig.wait(1);
    assert_eq!(rig.failure().kind, FailureKind::WorkerLacks);
}

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

/// The same after the coordinator was killed and started again.
fn restarted(rig: &Rig) -> Rig {
    let journal = rig.journal.clone();
    let scheduler =
        Scheduler::restore(SchedulerConfig::default(), journal.iter().cloned(), Tick(rig.now));
    assert!(rig.scheduler.remembers_the_same(&scheduler));
    assert_eq!(scheduler.next_deadline(), Some(Tick(rig.now)), "it wants the clock at once");
    let mut rig = Rig { scheduler, now: rig.now, effects: Vec::new(), journal };
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
