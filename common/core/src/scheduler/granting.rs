//! Matching idle workers with free pieces of work.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use cleanplate_types::encode::EncoderProof;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};
use cleanplate_types::model::{Detector, WorkerModels};
use cleanplate_types::overlay::Look;
use cleanplate_types::request::JobRequest;
use cleanplate_types::time::Tick;

use crate::effect::{Analyse, Effect, Grant, Work};
use crate::ledger::job::{Analysis, Encoding, Job, Phase};
use crate::ledger::tries::{Blamed, Tries};
use crate::record::{Event, Piece, Window};
use crate::scheduler::fleet::Worker;
use crate::scheduler::need::Need;
use crate::scheduler::queue::Cost;
use crate::scheduler::tending::Watch;
use crate::scheduler::timers::Timer;
use crate::scheduler::{Scheduler, place_of};
use crate::segments::{self, Sizing, Stance};

/// How much work a window should be, in milliseconds: beside that, the 3 s that a lease costs are small, and whoever
/// is slow takes one of the short. Found by the simulation (`--example makespan`), as the next.
const WINDOW_MS: u64 = 20_000;

/// The part of its slot's share of what is free that a worker gets whose speed is not known: one of so many.
pub(super) const FIRST_OF_SHARE: u64 = 12;

impl Scheduler {
    /// Gives idle workers work until no more fits. Those for whom there is nothing are not asked again
    /// before a piece of work becomes free: in a fleet of many kinds they may be hundreds. Of a kind that
    /// lacks what every job needs one worker is asked, since each asks all jobs.
    pub(super) fn grant_all(&mut self, effects: &mut Vec<Effect>) {
        let mut lacking: Vec<(Vec<EncoderProof>, WorkerModels)> = Vec::new();
        while !self.grantable.is_empty()
            && let Some(id) = self.fleet.next_idle()
        {
            let worker = self.fleet.worker(&id);
            let is_of = |(encoders, models): &(Vec<EncoderProof>, WorkerModels)| {
                worker.is_some_and(|it| it.encoders == *encoders && it.models == *models)
            };
            if lacking.iter().any(is_of) {
                self.fleet.pass(id);
                continue;
            }
            match self.match_for(&id) {
                Some((job, piece)) => self.grant(&job, &id, piece, effects),
                None => {
                    let lacks = worker.filter(|worker| self.lacks_all(worker));
                    lacking.extend(lacks.map(|it| (it.encoders.clone(), it.models.clone())));
                    self.fleet.pass(id);
                }
            }
        }
    }

    /// Whether `worker` could take nothing of any job, whatever its name: an audit needs nothing.
    fn lacks_all(&self, worker: &Worker) -> bool {
        let jobs = self.grantable.iter().filter_map(|job| self.ledger.jobs.get(job));
        let audits = |job: &Job| job.encoding().is_some_and(|it| it.audits_free().next().is_some());
        jobs.into_iter().all(|job| !Need::of(job).is_met_by(worker) && !audits(job))
    }

    /// Whether no idle worker could take a free piece of work.
    pub(super) fn is_settled(&self) -> bool {
        let mut idle = self.fleet.workers().filter(|(_, worker)| worker.is_idle());
        idle.all(|(id, _)| self.match_for(id).is_none())
    }

    /// The first job that has something for `worker`, and what.
    fn match_for(&self, id: &WorkerId) -> Option<(JobId, Piece)> {
        let worker = self.fleet.worker(id)?;
        self.grantable.iter().find_map(|job| {
            let piece = self.piece_for(id, worker, self.ledger.jobs.get(job)?)?;
            Some((job.clone(), piece))
        })
    }

    fn piece_for(&self, id: &WorkerId, worker: &Worker, job: &Job) -> Option<Piece> {
        let may = |blamed: Blamed| self.may_take(id, job, blamed, Need::Nothing);
        match &job.phase {
            Phase::Intake => may(Blamed::Intake).then_some(Piece::Intake),
            Phase::Analyse(analysis) => {
                let need = Need::of_look(job, analysis.look);
                if !need.is_met_by(worker) {
                    return None;
                }
                let may = |index: u32| self.may_take(id, job, Blamed::Window(index), need);
                self.window_for(worker, job, analysis, may).map(Piece::Window)
            }
            Phase::Reduce { .. } => may(Blamed::Reduce).then_some(Piece::Reduce),
            Phase::Encode(encoding) => self
                .segment_for(id, worker, job, encoding)
                .or_else(|| self.audit_for(id, job, encoding).map(Piece::Audit)),
            Phase::Survey
            | Phase::Draft { .. }
            | Phase::Finding { .. }
            | Phase::Review
            | Phase::Previewed
            | Phase::Encoder
            | Phase::Brief { .. }
            | Phase::Copy { .. } => None,
        }
    }

    /// The longest free window that the worker should take, or the shortest there is: some
    /// [`WINDOW_MS`] of work at the speed at which it looked before, and a small part of its share
    /// where that is not known, since nobody knows then whom the others would wait for.
    fn window_for(
        &self,
        worker: &Worker,
        job: &Job,
        analysis: &Analysis,
        may: impl Fn(u32) -> bool,
    ) -> Option<Window> {
        let look = analysis.look;
        let most = worker.look_speed.map_or_else(
            || analysis.frames_free() / self.fleet.slots().max(1) / FIRST_OF_SHARE,
            |speed| {
                job.at_its_size(speed).saturating_mul(WINDOW_MS) / 1_000_000 / look.passes().max(1)
            },
        );
        let free = analysis.free().filter(|(index, _)| may(*index));
        let (index, frames) = free.min_by_key(|(_, frames)| {
            let count = frames.count();
            let beyond = count.saturating_sub(most);
            (beyond, Reverse(count))
        })?;
        Some(Window { look, index, frames })
    }

    fn segment_for(
        &self,
        id: &WorkerId,
        worker: &Worker,
        job: &Job,
        encoding: &Encoding,
    ) -> Option<Piece> {
        let need = Need::of(job);
        if !need.is_met_by(worker) {
            return None;
        }
        let whole = encoding.borders.is_whole();
        let mut target = segments::target(Sizing {
            measured: worker.speed.map(|speed| job.at_its_size(speed)),
            speed: job.at_its_size(worker.slot_speed()),
            fleet: job.at_its_size(self.fleet.speed()),
            slots: self.fleet.slots(),
            tier_frames: worker.card.tier().segment_frames,
            frames_max: job.request.segment_frames,
            frames_free: encoding.frames_free,
            segment_ms: self.config.segment_ms,
        });
        target.frames = if whole { u64::MAX } else { self.apart(worker, target.frames) };
        let stance = |cell| {
            let blamed = Blamed::Cell(cell);
            if !job.tries.contains_key(&blamed) {
                Stance::Together
            } else if self.may_take(id, job, blamed, need) {
                Stance::Alone
            } else {
                Stance::NotHere
            }
        };
        segments::cut(encoding.frontier.runs(), job.cells(), target, stance).map(Piece::Segment)
    }

    /// `target`, or half of it where another lease of the worker would end at the same time: while one
    /// fetches and uploads, the other should compute.
    fn apart(&self, worker: &Worker, target: u64) -> u64 {
        let left = |id: &LeaseId| {
            let piece = self.ledger.leases.get(id)?.piece;
            let Piece::Segment(segment) = piece else { return None };
            let made = self.watches.get(id).and_then(|watch| watch.frames).unwrap_or(0);
            Some(segment.frames.count().saturating_sub(made))
        };
        let meets = |left: u64| left.saturating_mul(4).abs_diff(target.saturating_mul(4)) < target;
        if worker.leases.iter().filter_map(left).any(meets) { target / 2 } else { target }.max(1)
    }

    /// A part that `id` may decode again: not one of its own, nor one at which it failed, where there
    /// is another worker of whom neither is true.
    fn audit_for(&self, id: &WorkerId, job: &Job, encoding: &Encoding) -> Option<CellIndex> {
        encoding.audits_free().find(|cell| {
            let failed = job.tries.get(&Blamed::Audit(*cell)).map(|tries| &tries.workers);
            let mut passed: BTreeSet<&WorkerId> = failed.into_iter().flatten().collect();
            passed.extend(encoding.part(*cell).map(|part| &part.worker));
            let taking = |id: &&&WorkerId| self.fleet.worker(id).is_some_and(Worker::takes_work);
            !passed.contains(id)
                || self.fleet.able(Need::Nothing) <= passed.iter().filter(taking).count()
        })
    }

    /// Whether `id` may take a piece of work: not where it failed at it and another worker, that did
    /// not, could take it.
    pub(super) fn may_take(
        &self,
        id: &WorkerId,
        job: &Job,
        blamed: Blamed,
        need: Need<'_>,
    ) -> bool {
        let Some(tries) = job.tries.get(&blamed) else {
            return true;
        };
        if !tries.workers.contains(id) {
            return true;
        }
        if self.awaits_second_worker(tries) {
            return false;
        }
        let able = |worker: &Worker| worker.takes_work() && need.is_met_by(worker);
        let failed = tries.workers.iter().filter_map(|id| self.fleet.worker(id));
        self.fleet.able(need) <= failed.filter(|worker| able(worker)).count()
    }

    /// Whether the last attempt at a piece of work is kept for a worker that has not failed at it: until
    /// `second_worker_ms` after the last failure.
    fn awaits_second_worker(&self, tries: &Tries) -> bool {
        let until = tries.last.after(self.config.second_worker_ms);
        tries.is_last_of_one(self.ledger.limits) && self.now < until
    }

    /// When the last attempt at a piece of a job goes to the worker that failed at it after all.
    pub(super) fn second_worker_due(&self, id: &JobId) -> Option<Tick> {
        let tries = self.open_job(id)?.tries.values();
        let waits = tries.filter(|tries| self.awaits_second_worker(tries));
        waits.map(|tries| tries.last.after(self.config.second_worker_ms)).min()
    }

    /// Looks again when a last attempt is no longer kept for another worker.
    pub(super) fn arm_second_worker(&mut self, id: &JobId) {
        if let Some(due) = self.second_worker_due(id) {
            self.arm(due, Timer::SecondWorker(id.clone()));
        }
    }

    pub(super) fn grant(
        &mut self,
        id: &JobId,
        worker: &WorkerId,
        piece: Piece,
        effects: &mut Vec<Effect>,
    ) {
        let lease = self.ledger.next_lease();
        let attempt = self.ledger.jobs.get(id).map_or(1, |job| attempt_at(job, piece));
        let event = Event::Leased { lease, worker: worker.clone(), piece, attempt };
        self.record(id, event, effects);
        self.fleet.hold(worker, lease);
        self.charge(id, worker, lease);
        let now = self.now;
        self.watches.insert(lease, Watch::granted(now));
        let renew_ms = self.config.lease_stuck_ms;
        let deadline = now.after(renew_ms);
        self.arm(deadline, Timer::Lease(lease));
        let session = self.fleet.worker(worker).and_then(|worker| worker.session);
        let work = self.ledger.jobs.get(id).and_then(|job| work_of(job, piece));
        if let (Some(session), Some(work)) = (session, work) {
            let grant = Box::new(Grant { job: id.clone(), attempt, deadline, renew_ms, work });
            effects.push(Effect::Grant { worker: worker.clone(), session, lease, grant });
        }
        self.tend_stitch(id, effects);
        self.refresh(id);
    }

    /// Puts a lease on its owner's account.
    fn charge(&mut self, id: &JobId, worker: &WorkerId, lease: LeaseId) {
        let Some(job) = self.ledger.jobs.get(id) else { return };
        let speed = self.fleet.worker(worker).map_or(0, Worker::tier_speed);
        let cost = Cost { speed, expected_ms: self.config.segment_ms, since: self.now };
        self.grantable.granted(lease, id, place_of(job), cost);
    }
}

/// The models that look for overlays, in the look that does.
fn detectors(request: &JobRequest, look: Look) -> Vec<Detector> {
    if look == Look::Find { request.detectors.clone() } else { Vec::new() }
}

fn attempt_at(job: &Job, piece: Piece) -> u32 {
    let blamed = match piece {
        Piece::Intake => Blamed::Intake,
        Piece::Window(window) => Blamed::Window(window.index),
        Piece::Reduce => Blamed::Reduce,
        Piece::Segment(segment) => Blamed::Cell(segment.first),
        Piece::Audit(cell) => Blamed::Audit(cell),
    };
    job.tries.get(&blamed).map_or(1, Tries::next_attempt)
}

fn work_of(job: &Job, piece: Piece) -> Option<Work> {
    if let Piece::Intake = piece {
        return Some(Work::Intake {
            url: job.request.input.clone(),
            output: job.request.output.clone(),
            decode_all: job.decode_all.clone(),
            on_damage: job.request.on_damage,
            allow_metadata_loss: job.request.allow_metadata_loss,
            encoder: job.request.encoder,
            lossless: job.request.lossless,
            read_packets: job.request.copy_untouched,
            drawn_for: job.request.drawn_for(),
        });
    }
    let intake = job.intake.as_ref()?;
    match (piece, &job.phase) {
        (Piece::Window(window), Phase::Analyse(analysis)) => {
            Some(Work::Analyse(Box::new(Analyse {
                look: window.look,
                draft: analysis.draft.clone(),
                source: intake.source.clone(),
                description: intake.description.clone(),
                table: intake.table.clone(),
                detect: job.request.detect.clone(),
                detectors: detectors(&job.request, window.look),
                painter: job.request.painter.clone().filter(|_| window.look == Look::Fetch),
                index: window.index,
                window: window.frames,
            })))
        }
        (Piece::Reduce, Phase::Reduce { look, draft, evidence }) => Some(Work::Reduce {
            look: *look,
            draft: draft.clone(),
            description: intake.description.clone(),
            table: intake.table.clone(),
            evidence: evidence.clone(),
            fill: job.request.fill,
        }),
        (Piece::Segment(segment), Phase::Encode(encoding)) => {
            let on_damage = job.request.on_damage;
            let pre_roll = encoding.borders.pre_roll(segment.first, job.cells());
            Some(Work::Segment { brief: encoding.brief.clone(), segment, on_damage, pre_roll })
        }
        (Piece::Audit(cell), Phase::Encode(encoding)) => Some(Work::Audit {
            brief: encoding.brief.clone(),
            cell,
            manifest: encoding.part(cell)?.summary.manifest.clone(),
            on_damage: job.request.on_damage,
        }),
        (
            Piece::Intake | Piece::Window(_) | Piece::Reduce | Piece::Segment(_) | Piece::Audit(_),
            _,
        ) => None,
    }
}
