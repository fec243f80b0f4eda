//! Model workers: honest ones, and such as are slow, die, lie, hang, or come back from the dead.

use std::collections::BTreeMap;

use cleanplate_core::effect::{Analyse, Grant, PreRoll, Work};
use cleanplate_core::input::{Attachment, Input, IntakeResult, Report};
use cleanplate_types::digest::{FrameHash, Sha};
use cleanplate_types::encode::{EncoderName, EncoderProof};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::EntryKind;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};
use cleanplate_types::model::{ModelClass, WorkerModels};
use cleanplate_types::overlay::Look;
use cleanplate_types::part::PartSummary;
use cleanplate_types::source::SourceRef;
use cleanplate_types::tier::Card;

use crate::random::Random;
use crate::samples;
use crate::truth::installed_model;
use crate::world::{Event, World};

/// When a worker finds out that its engine hangs: after the scheduler does, for the most part.
const HUNG_MS: u64 = 300_000;

/// How work fails. One in seventeen is the job's end.
const FAILURES: [FailureKind; 17] = [
    FailureKind::SourceUnavailable,
    FailureKind::SourceUnavailable,
    FailureKind::StoreUnavailable,
    FailureKind::StoreUnavailable,
    FailureKind::ObjectLost,
    FailureKind::WorkerLacks,
    FailureKind::WorkerLacks,
    FailureKind::EncoderFailed,
    FailureKind::EncoderFailed,
    FailureKind::EncoderFailed,
    FailureKind::EngineCrashed,
    FailureKind::EngineCrashed,
    FailureKind::EngineCrashed,
    FailureKind::EngineCrashed,
    FailureKind::EngineHung,
    FailureKind::PartRefused,
    FailureKind::Internal,
];

/// A model worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) card: Card,
    pub(crate) slots: u32,
    pub(crate) encoders: Vec<EncoderProof>,
    pub(crate) models: WorkerModels,
    /// Milliseconds for a frame.
    pub(crate) frame_ms: u64,
    /// It answers when a lease is revoked.
    pub(crate) acknowledges: bool,
    pub(crate) habits: Habits,
    /// Counts its processes; what an older one had to do is not done.
    pub(crate) boot: u32,
    pub(crate) up: bool,
    pub(crate) leaves: bool,
    /// It does nothing, hears nothing and says nothing until then.
    pub(crate) frozen_until: u64,
    pub(crate) session: Option<u64>,
    pub(crate) work: BTreeMap<LeaseId, Task>,
}

/// What a worker does wrong, in thousandths of its steps.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habits {
    fails: u64,
    lies: u64,
    /// Hands in parts whose bytes are not what it says.
    rubbish: u64,
    hangs: u64,
    /// Its decoder gives wrong pictures where it begins too late, of its segments.
    stale: u64,
    /// Its decoder gives wrong pictures, of its cells; nothing but another decoder can tell.
    spoils: u64,
}

/// A lease that a worker works on.
#[derive(Debug)]
pub(crate) struct Task {
    job: JobId,
    work: Work,
    cells_done: u32,
    frames_done: u64,
    /// Its engine does nothing any more, which the worker finds out in the end.
    hangs: bool,
    /// Cells that were handed in: said again after a new session, since there is no answer to them.
    said: Vec<PartSummary>,
}

impl Worker {
    pub(crate) fn random(index: u64, random: &mut Random) -> Self {
        let gpu = random.chance(500);
        let card = if gpu {
            Card::Gpu {
                name: "model".to_owned(),
                vram_mib: random.between(4, 40) * 1024,
                pretended: true,
            }
        } else {
            Card::None
        };
        let mut encoders = vec![samples::proof(EncoderName::Libx264)];
        if gpu {
            encoders.push(samples::proof(EncoderName::H264Nvenc));
        }
        let models = models(random);
        let bad = |random: &mut Random, most| {
            if random.chance(300) { random.between(1, most) } else { 0 }
        };
        let habits = Habits {
            fails: bad(random, 60),
            lies: bad(random, 40),
            rubbish: bad(random, 40),
            hangs: bad(random, 20),
            stale: bad(random, 500),
            spoils: bad(random, 100),
        };
        Self {
            id: WorkerId::parse(&format!("w{index}")).expect("a good name"),
            card,
            slots: u32::try_from(random.between(1, 3)).expect("a small number fits"),
            encoders,
            models,
            frame_ms: random.pick(&[2, 5, 5, 10, 20, 100]),
            acknowledges: random.chance(500),
            habits,
            boot: 0,
            up: false,
            leaves: false,
            frozen_until: 0,
            session: None,
            work: BTreeMap::new(),
        }
    }
}

/// What a worker can run models with: often all, sometimes only what is read from somewhere, or nothing.
fn models(random: &mut Random) -> WorkerModels {
    let runtime = random.chance(700).then(|| "1.22.0".to_owned());
    let installed = if random.chance(700) { vec![installed_model().sha] } else { Vec::new() };
    let class = ModelClass(if random.chance(800) { "usual" } else { "other" }.to_owned());
    let classes = runtime.iter().map(|_| class.clone()).collect();
    WorkerModels { runtime, installed, classes }
}

impl World {
    /// The worker opens a stream, and says again what may have been lost.
    pub(crate) fn attach(&mut self, index: usize) {
        let session = self.next_session();
        let worker = &mut self.workers[index];
        worker.session = Some(session);
        let boot = worker.boot;
        let attachment = Attachment {
            worker: worker.id.clone(),
            session,
            instance: boot.into(),
            card: worker.card.clone(),
            slots: worker.slots,
            encoders: worker.encoders.clone(),
            models: worker.models.clone(),
            holding: worker.work.keys().copied().collect(),
            acknowledges: worker.acknowledges,
        };
        let again: Vec<(LeaseId, PartSummary)> = worker
            .work
            .iter()
            .flat_map(|(lease, task)| task.said.iter().map(|part| (*lease, part.clone())))
            .collect();
        self.checkers.set_slots(attachment.worker.clone(), attachment.slots);
        self.tell(Input::Attach(Box::new(attachment)));
        if self.is_refused(index, session) {
            // The process before it is not known to be gone: it comes again.
            self.checkers.count("name in use");
            self.workers[index].session = None;
            self.later(3_000, Event::Attach { worker: index, boot });
            return;
        }
        for (lease, summary) in again {
            self.say(index, lease, Report::CellDone { summary: Box::new(summary) });
        }
    }

    /// A grant arrives.
    pub(crate) fn take_grant(&mut self, index: usize, lease: LeaseId, grant: Grant) {
        let Grant { job, work, .. } = grant;
        let task =
            Task { job, work, cells_done: 0, frames_done: 0, hangs: false, said: Vec::new() };
        let worker = &mut self.workers[index];
        worker.work.insert(lease, task);
        let boot = worker.boot;
        let wait = self.random.between(1, 500);
        self.later(wait, Event::Step { worker: index, boot, lease });
    }

    /// One step of work on a lease: a whole small piece, or a cell.
    pub(crate) fn work(&mut self, index: usize, lease: LeaseId) {
        let habits = self.workers[index].habits;
        let hangs = self.random.chance(habits.hangs);
        let Some(task) = self.workers[index].work.get_mut(&lease) else { return };
        if task.hangs {
            self.fail(index, lease, FailureKind::EngineHung);
            return;
        }
        if hangs {
            task.hangs = true;
            let boot = self.workers[index].boot;
            self.later(HUNG_MS, Event::Step { worker: index, boot, lease });
            return;
        }
        if self.random.chance(habits.fails) {
            let kind = self.random.pick(&FAILURES);
            self.fail(index, lease, kind);
            return;
        }
        if self.random.chance(habits.lies) {
            self.lie(index, lease);
        }
        let Some(task) = self.workers[index].work.get(&lease) else { return };
        let (job, work) = (task.job.clone(), task.work.clone());
        match work {
            Work::Intake { decode_all, .. } => {
                let decoded = decode_all.is_some();
                let frames = self.truths.of(&job).table_of_intake(decoded).range().count();
                let kind = if decoded { "decoded" } else { "packets" };
                let result = IntakeResult {
                    source: SourceRef { url: "file:///in.mp4".to_owned(), bytes: 1, version: None },
                    description: samples::object(&format!("{job}/description")),
                    table: samples::object(&format!("{job}/table/{kind}")),
                    rest: None,
                    notes: Vec::new(),
                    frames,
                };
                self.end(index, lease, Report::IntakeDone(Box::new(result)));
            }
            Work::Analyse(work) => {
                let Analyse { index: window, look, draft, .. } = *work;
                assert_eq!(draft.is_none(), look == Look::Find, "later looks are given a draft");
                let name = look.as_str();
                let evidence = samples::object(&format!("{job}/{name}/{window}"));
                self.end(index, lease, Report::WindowDone { evidence });
            }
            Work::Reduce { look, evidence, .. } => {
                let name = look.as_str();
                let of_look = format!("{job}/{name}/");
                let own =
                    evidence.iter().all(|one| one.key.starts_with(&of_look) || one.key == "lie");
                assert!(own, "{of_look} is reduced from its own look: {evidence:?}");
                let finding = samples::object(&format!("{job}/finding/{name}"));
                let mattes = samples::object(&format!("{job}/mattes"));
                let mattes = (look == Look::Learn).then_some(mattes);
                self.end(index, lease, Report::ReduceDone { finding, mattes });
            }
            Work::Segment { .. } => self.make_cell(index, lease),
            Work::Audit { manifest, .. } => {
                if self.spoilt.contains(&manifest.key) || self.random.chance(habits.lies) {
                    self.fail(index, lease, FailureKind::AuditMismatch);
                } else {
                    self.end(index, lease, Report::AuditDone { frames: 1 });
                }
            }
        }
    }

    fn make_cell(&mut self, index: usize, lease: LeaseId) {
        let Some(task) = self.workers[index].work.get_mut(&lease) else { return };
        let Work::Segment { brief, segment, pre_roll, .. } = &task.work else { return };
        let (pre_roll, begins) = (*pre_roll, task.cells_done == 0);
        if task.cells_done == segment.cells {
            self.end(index, lease, Report::SegmentDone);
            return;
        }
        let brief = self.truths.brief(brief);
        let cell = &brief.cells[(segment.first.0 + task.cells_done) as usize];
        let truth = self.truths.of(&task.job);
        if truth.packets_lie && cell.frames.end > truth.table.range().end {
            self.fail(index, lease, FailureKind::TableMismatch);
            return;
        }
        let manifest = format!("{}/part/{}/{lease}", task.job, cell.index);
        let mut summary = samples::summary(cell, brief.spec.fingerprint(), &manifest);
        if begins && cell.entry == Some(EntryKind::Idr) && pre_roll == PreRoll::default() {
            summary.before = None;
        }
        let habits = self.workers[index].habits;
        let late = begins && pre_roll.from.is_none() && summary.before.is_some();
        // A longer pre-roll helps for the most part, a common beginning always.
        let stale = if pre_roll.doublings > 0 { habits.stale / 2 } else { habits.stale };
        if late && self.random.chance(stale) {
            summary.before = Some(FrameHash(self.random.next()));
        }
        let task = self.workers[index].work.get_mut(&lease).expect("it works on it");
        task.cells_done += 1;
        task.frames_done += cell.frames.count();
        task.said.push(summary.clone());
        let frames = task.frames_done;
        let wait = cell.frames.count() * self.workers[index].frame_ms;
        if self.random.chance(habits.rubbish) {
            self.rubbish.insert(manifest.clone());
        }
        if self.random.chance(habits.spoils) {
            self.spoilt.insert(manifest);
        }
        self.say(index, lease, Report::Progress { frames });
        self.say(index, lease, Report::CellDone { summary: Box::new(summary) });
        let boot = self.workers[index].boot;
        self.later(wait.max(1), Event::Step { worker: index, boot, lease });
    }

    fn end(&mut self, index: usize, lease: LeaseId, report: Report) {
        self.workers[index].work.remove(&lease);
        self.say(index, lease, report);
    }

    /// A lease is revoked: it stops, and says so if it is one that does.
    pub(crate) fn take_revoke(&mut self, index: usize, lease: LeaseId) {
        self.workers[index].work.remove(&lease);
        if self.workers[index].acknowledges {
            self.say(index, lease, Report::Released);
        }
    }

    /// It is to hand in what it has: every cell that is done has been.
    pub(crate) fn take_hand_in(&mut self, index: usize, lease: LeaseId) {
        if self.workers[index].work.remove(&lease).is_some() {
            self.checkers.count("gave back");
            self.say(index, lease, Report::GaveBack);
        }
    }

    fn fail(&mut self, index: usize, lease: LeaseId, kind: FailureKind) {
        let failure = Failure::new(kind, Stage::Encode, "the model worker failed");
        self.end(index, lease, Report::Failed { failure: Box::new(failure) });
    }

    /// The part of another worker that is due next, as that one would tell of it.
    fn part_of_another(&mut self, index: usize) -> Option<(LeaseId, PartSummary)> {
        let other = self.random.below(self.workers.len() as u64);
        let other = usize::try_from(other).ok().filter(|other| *other != index)?;
        let (lease, task) = self.workers[other].work.first_key_value()?;
        let Work::Segment { brief, segment, .. } = &task.work else { return None };
        let brief = self.truths.brief(brief);
        let cell = brief.cells.get((segment.first.0 + task.cells_done) as usize)?;
        Some((*lease, samples::summary(cell, brief.spec.fingerprint(), "stolen")))
    }

    /// Says something untrue, of its own lease or of another's.
    fn lie(&mut self, index: usize, lease: LeaseId) {
        if let Some((other, summary)) = self.part_of_another(index) {
            // Under the other's lease, or under its own.
            let lease = self.random.pick(&[other, lease]);
            self.say(index, lease, Report::CellDone { summary: Box::new(summary) });
        }
        let other = LeaseId(self.random.between(1, lease.0 + 3));
        let lease = self.random.pick(&[lease, lease, other]);
        let cell = CellIndex(u32::try_from(self.random.below(30)).expect("a small number fits"));
        let report = match self.random.below(6) {
            0 => Report::SegmentDone,
            1 => Report::Progress { frames: self.random.next() },
            2 => Report::WindowDone { evidence: samples::object("lie") },
            _ => {
                let table = samples::table(40, 40);
                let cells = cleanplate_core::planning::cells::cut_cells(&table, None);
                let mut summary = samples::summary(&cells[0], Sha::of(b"lie"), "lie");
                summary.cell = cell;
                let truth = self.workers[index].work.get(&lease).and_then(|task| task.said.last());
                if let Some(truth) = truth {
                    summary = PartSummary { cell, ..truth.clone() };
                }
                Report::CellDone { summary: Box::new(summary) }
            }
        };
        self.say(index, lease, report);
    }

    fn say(&mut self, index: usize, lease: LeaseId, report: Report) {
        let worker = self.workers[index].id.clone();
        self.send(index, Input::Report { worker, lease, report });
    }
}
