//! The scheduler, step by step: a rig that looks at what it wants, and the way of a job from intake to publication.

mod again;
mod encoders;
mod failing;
mod judging;
mod keeping;
mod leaving;
mod looking;
mod models;
mod poison;
mod progress;
mod queueing;
mod scaling;
mod tail;

use cleanplate_types::encode::{EncoderName, EncoderProof};
use cleanplate_types::ids::CellIndex;
use cleanplate_types::model::WorkerModels;
use cleanplate_types::part::PartSummary;
use cleanplate_types::request::{EncoderChoice, JobRequest};
use cleanplate_types::source::{SourceDescription, SourceRef};
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
    /// What workers that attach can run models with.
    models: WorkerModels,
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
            models: WorkerModels::default(),
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

    /// Ends the intake that was granted just now, and loads a table of [`FRAMES`].
    fn take_in(&mut self, frames: u64) {
        self.end_intake(frames);
        self.load_table(FRAMES);
    }

    /// Ends the intake that was granted just now; it tells of `frames` frames.
    fn end_intake(&mut self, frames: u64) {
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
    }

    fn load_table(&mut self, frames: u64) {
        let SourceDescription { video, .. } = description();
        self.load_table_of((video.width, video.height), frames);
    }

    fn load_table_of(&mut self, (width, height): (u32, u32), frames: u64) {
        let mut description = description();
        (description.video.width, description.video.height) = (width, height);
        self.tell(Input::TableLoaded {
            job: job(),
            description: Box::new(description),
            table: Box::new(table(frames, 50)),
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
            instance: 0,
            card: Card::None,
            slots: 1,
            encoders,
            models: self.models.clone(),
            holding,
            acknowledges: false,
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

    fn part(&self, lease: LeaseId, cell: u32) -> PartSummary {
        let job = &self.scheduler.ledger.jobs[&job()];
        let spec = job.encoding().unwrap().fingerprint;
        summary(&job.cells()[cell as usize], spec, &format!("part {cell} of {lease}"))
    }

    fn hand_in(&mut self, name: &str, lease: LeaseId, cell: u32) {
        let summary = Box::new(self.part(lease, cell));
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
