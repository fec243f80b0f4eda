//! Where jobs and workers stand, for people: borrowed, made on demand, no part of any decision.

use std::collections::VecDeque;

use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::overlay::Look;
use cleanplate_types::tier::Card;
use cleanplate_types::time::Tick;

use crate::ledger::job::{Encoding, Job, Phase};
use crate::outcome::JobOutcome;
use crate::scheduler::fleet::Worker;
use crate::scheduler::tending::{Loss, Tending};
use crate::scheduler::{Scheduler, place_of};
use crate::view::{HeldView, JobPhase, JobView, LeaseView, LostBy, MadeAgain, WorkerView};

impl Scheduler {
    /// Every job that is listed, in the order of submission.
    pub fn jobs(&self) -> impl Iterator<Item = JobView<'_>> {
        let jobs = self.ledger.order.values();
        let before = self.grantable.places();
        jobs.filter_map(move |id| {
            Some(self.view_of(id, self.ledger.jobs.get(id)?, || before.get(id).copied()))
        })
    }

    /// Every job that is listed with when it was submitted, newest first.
    pub fn submissions(&self) -> impl Iterator<Item = (&JobId, Tick)> {
        let jobs = self.ledger.order.values().rev();
        jobs.filter_map(|id| Some((id, self.ledger.jobs.get(id)?.submitted)))
    }

    /// As [`Scheduler::jobs`], newest first and without the newest `skipped`; each is made as it is asked for.
    pub fn newest_first(&self, skipped: usize) -> impl Iterator<Item = JobView<'_>> {
        let before = self.grantable.places();
        let jobs = self.submissions().skip(skipped);
        jobs.filter_map(move |(id, _)| {
            Some(self.view_of(id, self.ledger.jobs.get(id)?, || before.get(id).copied()))
        })
    }

    /// The id of every job, in the order of the alphabet.
    pub fn job_ids(&self) -> impl Iterator<Item = &JobId> {
        self.ledger.jobs.keys()
    }

    /// Where one job stands; `None` where there is no such job.
    #[must_use]
    pub fn job_view(&self, id: &JobId) -> Option<JobView<'_>> {
        let (id, job) = self.ledger.jobs.get_key_value(id)?;
        Some(self.view_of(id, job, || Some(self.grantable.before(place_of(job)))))
    }

    /// Every worker that is attached or may still come back, by name.
    pub fn worker_views(&self) -> impl Iterator<Item = WorkerView<'_>> {
        self.fleet.workers().map(|(id, worker)| self.worker_view(id, worker))
    }

    /// The process that a worker is of and the leases that it holds, each with its job; `None` where no such worker is
    /// attached.
    #[must_use]
    pub fn held_by(&self, worker: &WorkerId) -> Option<HeldView<'_>> {
        let worker = self.fleet.worker(worker).filter(|worker| worker.session.is_some())?;
        let leases = worker.leases.iter().filter_map(|lease| {
            let job = &self.ledger.leases.get(lease)?.job;
            Some((*lease, job, &self.ledger.jobs.get(job)?.request))
        });
        Some(HeldView { instance: worker.instance, leases: leases.collect() })
    }

    /// What a worker computes on, where it is known.
    #[must_use]
    pub fn card_of(&self, worker: &WorkerId) -> Option<&Card> {
        self.fleet.worker(worker).filter(|worker| worker.slots > 0).map(|worker| &worker.card)
    }

    /// `before` says how many queued jobs are served before this one.
    fn view_of<'a>(
        &'a self,
        id: &'a JobId,
        job: &'a Job,
        before: impl FnOnce() -> Option<usize>,
    ) -> JobView<'a> {
        let tending = self.tended.get(id);
        let encoding = job.encoding();
        let frames_committed = encoding.map_or(0, |encoding| encoding.frames_committed);
        let frames_in_flight =
            job.leases.iter().map(|lease| self.frames_in_flight(job, *lease)).sum::<u64>();
        let frames_total = job.intake.as_ref().map_or(0, |intake| intake.frames);
        // Two may be at work on one cell.
        let frames_in_flight = frames_in_flight.min(frames_total.saturating_sub(frames_committed));
        let fps_milli = tending.and_then(|tending| tending.meter.fps_milli());
        let frames_now = frames_committed + frames_in_flight;
        let left = frames_total.saturating_sub(frames_now);
        let waiting = self.waiting(id, job, before);
        // At the end of the cells an audit may be waited for.
        let stands = job.leases.is_empty() && (left > 0 || waiting.is_some());
        let eta = |fps: u64| left.saturating_mul(1_000_000).checked_div(fps).filter(|_| !stands);
        let spread = tending.and_then(|tending| tending.meter.spread_milli());
        let frames_best = tending.map_or(0, |tending| tending.frames_best).max(frames_now);
        let (windows_total, windows_done) = windows(job);
        JobView {
            job: id,
            request: &job.request,
            submitted: job.submitted,
            ended: job.ended,
            phase: phase(job),
            waiting,
            description: job.survey.as_ref().map(|survey| &survey.description),
            plan: job.plan.as_deref(),
            spec: match &job.phase {
                Phase::Brief { spec } => Some(spec),
                Phase::Encode(encoding) => Some(&encoding.spec),
                Phase::Intake
                | Phase::Survey
                | Phase::Draft { .. }
                | Phase::Analyse(_)
                | Phase::Reduce { .. }
                | Phase::Finding { .. }
                | Phase::Review
                | Phase::Previewed
                | Phase::Encoder
                | Phase::Copy { .. } => None,
            },
            frames_total,
            frames_committed,
            frames_in_flight,
            cells_total: count(job.cells().len()),
            cells_committed: encoding.map_or(0, |encoding| encoding.cells_committed),
            restored: encoding.map(|encoding| encoding.restored).unwrap_or_default(),
            cells_stitched: cells_stitched(job, tending),
            look: look(job),
            preview: job.preview.as_ref(),
            windows_total,
            windows_done,
            fps_milli,
            eta_ms: fps_milli.and_then(eta),
            eta_range_ms: spread.and_then(|(slow, fast)| Some((eta(fast)?, eta(slow)?))),
            frames_best,
            made_again: tending
                .filter(|_| frames_best > frames_now)
                .and_then(|tending| lost_by(job, tending))
                .map(|why| MadeAgain { frames: frames_best - frames_now, why }),
            leases: job.leases.iter().filter_map(|lease| self.lease_view(*lease)).collect(),
            failures: VecDeque::iter(&job.failures).collect(),
            notes: job.survey.as_ref().map_or(&[], |survey| &survey.notes),
            outcome: job.outcome.as_ref(),
        }
    }

    fn worker_view<'a>(&self, id: &'a WorkerId, worker: &'a Worker) -> WorkerView<'a> {
        let unheard_ms = self.config.cancel_unheard_ms;
        let unheard =
            worker.letting_go.iter().filter(|(_, since)| since.after(unheard_ms) <= self.now);
        WorkerView {
            worker: id,
            session: worker.session,
            card: &worker.card,
            slots: worker.slots,
            encoders: &worker.encoders,
            models: &worker.models,
            leases: worker.leases.iter().copied().collect(),
            draining: worker.draining,
            set_aside_until: worker.set_aside.as_ref().map(|aside| aside.until),
            set_aside_for: worker.set_aside.as_ref().map(|aside| &aside.why),
            leaves_by: worker.leaves_by,
            not_letting_go: unheard.map(|(lease, _)| *lease).collect(),
            failures_in_a_row: worker.failures_in_a_row,
            last_seen: worker.last_seen,
            silent: worker.silent,
            fps_milli: worker.speed,
        }
    }

    pub(super) fn lease_view(&self, id: LeaseId) -> Option<LeaseView<'_>> {
        let lease = self.ledger.leases.get(&id)?;
        Some(LeaseView {
            lease: id,
            worker: &lease.worker,
            piece: lease.piece,
            attempt: lease.attempt,
            since: lease.since,
            frames: self.frames_reported(id),
        })
    }

    pub(super) fn frames_reported(&self, id: LeaseId) -> u64 {
        self.watches.get(&id).and_then(|watch| watch.frames).unwrap_or(0)
    }
}

/// How the last frames were lost; nothing where none were in this life of the coordinator.
fn lost_by<'a>(job: &'a Job, tending: &Tending) -> Option<LostBy<'a>> {
    match tending.lost? {
        Loss::GivenBack => Some(LostBy::GivenBack),
        Loss::Failed => job.failures.back().map(LostBy::Failed),
    }
}

pub(super) fn phase(job: &Job) -> JobPhase {
    if job.outcome.is_some() {
        return JobPhase::Ended;
    }
    match &job.phase {
        // The table that intake made is read: what comes next is not settled yet.
        Phase::Intake | Phase::Survey => JobPhase::Intake,
        Phase::Draft { .. }
        | Phase::Analyse(_)
        | Phase::Reduce { .. }
        | Phase::Finding { .. }
        | Phase::Previewed => JobPhase::Analyse,
        Phase::Review => JobPhase::Review,
        Phase::Encoder | Phase::Brief { .. } => JobPhase::Plan,
        Phase::Encode(encoding) if encoding.is_complete() => JobPhase::Stitch,
        Phase::Encode(_) => JobPhase::Encode,
        Phase::Copy { .. } => JobPhase::Copy,
    }
}

/// Windows of the look that is under way, and those that are done.
fn windows(job: &Job) -> (u32, u32) {
    match &job.phase {
        Phase::Analyse(analysis) => (count(analysis.windows.len()), count(analysis.evidence.len())),
        Phase::Reduce { evidence, .. } => (count(evidence.len()), count(evidence.len())),
        Phase::Intake
        | Phase::Survey
        | Phase::Draft { .. }
        | Phase::Finding { .. }
        | Phase::Review
        | Phase::Previewed
        | Phase::Encoder
        | Phase::Brief { .. }
        | Phase::Encode(_)
        | Phase::Copy { .. } => (0, 0),
    }
}

/// The look that is under way.
const fn look(job: &Job) -> Option<Look> {
    match &job.phase {
        Phase::Analyse(analysis) => Some(analysis.look),
        Phase::Draft { look } | Phase::Reduce { look, .. } | Phase::Finding { look, .. } => {
            Some(*look)
        }
        Phase::Intake
        | Phase::Survey
        | Phase::Review
        | Phase::Previewed
        | Phase::Encoder
        | Phase::Brief { .. }
        | Phase::Encode(_)
        | Phase::Copy { .. } => None,
    }
}

fn cells_stitched(job: &Job, tending: Option<&Tending>) -> u32 {
    match &job.outcome {
        Some(JobOutcome::Done(_)) => job.encoding().map_or(0, |it: &Encoding| it.cells_committed),
        Some(
            JobOutcome::Copied { .. }
            | JobOutcome::Previewed(_)
            | JobOutcome::Abstained { .. }
            | JobOutcome::Failed(_)
            | JobOutcome::Cancelled,
        )
        | None => tending.and_then(|tending| tending.stitch).map_or(0, |stitch| stitch.cells),
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
