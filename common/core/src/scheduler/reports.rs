//! What workers tell of their leases: accepted only under the lease that is current (invariant 6).

use cleanplate_types::cell::Segment;
use cleanplate_types::failure::{Failure, FailureKind, Stage, Verdict};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};
use cleanplate_types::overlay::Look;
use cleanplate_types::part::PartSummary;

use crate::effect::{Effect, Ignored};
use crate::input::Report;
use crate::ledger::Lease;
use crate::ledger::blame::{is_against_the_part, is_outage};
use crate::ledger::job::{Encoding, Job, Phase, place};
use crate::ledger::tries::{Blamed, Tries};
use crate::record::{Event, LeaseEnd, Piece, Window};
use crate::scheduler::Scheduler;
use crate::scheduler::meter::rate;
use crate::seams::{self, Seam};
use crate::view::SetAsideFor;

impl Scheduler {
    pub(super) fn report(
        &mut self,
        worker: &WorkerId,
        lease: LeaseId,
        report: Report,
        effects: &mut Vec<Effect>,
    ) {
        self.hear(worker, effects);
        if let Report::Released = report {
            self.released(worker, lease, effects);
            return;
        }
        let known = self.ledger.leases.get(&lease).filter(|known| known.worker == *worker);
        let Some(Lease { job, piece, .. }) = known else {
            self.stale(worker, lease, &report, effects);
            return;
        };
        let (job, piece) = (job.clone(), *piece);
        match (report, piece) {
            (Report::Progress { frames }, _) => self.progress(&job, lease, piece, frames),
            (Report::Failed { failure }, _) => {
                self.fail_lease(lease, *failure, effects);
                // It stopped by itself.
                self.let_go(worker, lease);
            }
            (Report::GaveBack, _) => self.gave_back(worker, lease, effects),
            (Report::IntakeDone(mut intake), Piece::Intake) => {
                // Where the source is was said by whoever submitted the job. A worker that says otherwise would have the
                // others, and the stitch, read something else.
                if let Some(known) = self.ledger.jobs.get(&job) {
                    intake.source.url.clone_from(&known.request.input);
                }
                self.piece_done(lease, Event::IntakeDone { lease, intake }, effects);
            }
            (Report::WindowDone { evidence }, Piece::Window(Window { index, .. })) => {
                self.piece_done(lease, Event::WindowDone { lease, index, evidence }, effects);
            }
            (Report::ReduceDone { mattes: None, .. }, Piece::Reduce) if self.is_learning(&job) => {
                let message = "what the overlays are made of was learned and not stored";
                let failure = Failure::new(FailureKind::Internal, Stage::Analyse, message);
                self.fail_lease(lease, failure, effects);
            }
            (Report::ReduceDone { finding, mattes }, Piece::Reduce) => {
                self.piece_done(lease, Event::Reduced { lease, finding, mattes }, effects);
            }
            (Report::CellDone { summary }, Piece::Segment(_)) => {
                self.cell_done(&job, lease, summary, effects);
            }
            (Report::SegmentDone, Piece::Segment(_)) => self.segment_done(lease, effects),
            (Report::AuditDone { .. }, Piece::Audit(cell)) => {
                self.piece_done(lease, Event::AuditDone { lease, cell }, effects);
            }
            (
                Report::IntakeDone(_)
                | Report::WindowDone { .. }
                | Report::ReduceDone { .. }
                | Report::CellDone { .. }
                | Report::SegmentDone
                | Report::Released
                | Report::AuditDone { .. },
                _,
            ) => effects.push(Effect::Ignored(Ignored::OutOfPlace {
                lease,
                what: "a result of another kind of work",
            })),
        }
    }

    /// A report under a lease that is not the worker's: void. Where the worker still works on it,
    /// it did not hear that the lease is over.
    fn stale(
        &mut self,
        worker: &WorkerId,
        lease: LeaseId,
        report: &Report,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Ignored(Ignored::StaleLease { worker: worker.clone(), lease }));
        match report {
            Report::Progress { .. } | Report::CellDone { .. } => {
                self.revoke(worker, lease, effects);
            }
            Report::IntakeDone(_)
            | Report::WindowDone { .. }
            | Report::ReduceDone { .. }
            | Report::SegmentDone
            | Report::AuditDone { .. }
            | Report::GaveBack
            | Report::Released
            | Report::Failed { .. } => self.let_go(worker, lease),
        }
    }

    /// A worker answered that it does nothing under a lease any more. Where the lease is current, it was
    /// not asked to.
    fn released(&mut self, worker: &WorkerId, lease: LeaseId, effects: &mut Vec<Effect>) {
        let held = self.ledger.leases.get(&lease).is_some_and(|known| known.worker == *worker);
        if held {
            let what = "a release of a lease that was not revoked";
            effects.push(Effect::Ignored(Ignored::OutOfPlace { lease, what }));
        } else {
            self.let_go(worker, lease);
        }
    }

    fn is_learning(&self, job: &JobId) -> bool {
        let job = self.ledger.jobs.get(job);
        job.is_some_and(|job| matches!(job.phase, Phase::Reduce { look: Look::Learn, .. }))
    }

    /// Each frame of the piece renews its lease once: a worker that only counts up comes to an end.
    fn progress(&mut self, job: &JobId, lease: LeaseId, piece: Piece, frames: u64) {
        let now = self.now;
        let whole = self.ledger.jobs.get(job).and_then(|job| frames_of(job, piece));
        let passes = if let Piece::Window(window) = piece { window.look.passes() } else { 1 };
        let frames = whole.map_or(frames, |whole| frames.min(whole.count() * passes));
        let Some(watch) = self.watches.get_mut(&lease) else {
            return;
        };
        let more = watch.frames.map_or(0, |before| frames.saturating_sub(before));
        if watch.frames.is_none_or(|before| frames > before) {
            watch.frames = Some(frames);
            watch.alive = now;
            watch.began.get_or_insert((now, frames));
        }
        let makes = matches!(piece, Piece::Segment(_));
        if more > 0
            && makes
            && let Some(tending) = self.tended.get_mut(job)
        {
            tending.meter.add(now, more);
            self.recount(job, &[lease]);
        }
    }

    /// A result that ends its lease came.
    fn piece_done(&mut self, lease: LeaseId, event: Event, effects: &mut Vec<Effect>) {
        let Some(Lease { job, worker, .. }) = self.ledger.leases.get(&lease).cloned() else {
            return;
        };
        self.end_copies_of_window(&job, lease, effects);
        self.note_look_speed(&worker, lease);
        self.record(&job, event, effects);
        self.release(&worker, lease);
        self.worker_succeeded(&worker);
        self.rested(&job);
        self.advance(&job, effects);
    }

    fn cell_done(
        &mut self,
        id: &JobId,
        lease: LeaseId,
        summary: Box<PartSummary>,
        effects: &mut Vec<Effect>,
    ) {
        let cell = summary.cell;
        let Some(Piece::Segment(segment)) = self.ledger.leases.get(&lease).map(|it| it.piece)
        else {
            return;
        };
        let Some(job) = self.ledger.jobs.get(id) else {
            return;
        };
        let Phase::Encode(encoding) = &job.phase else {
            return;
        };
        // A worker that attaches again tells all of its lease again, what is void too.
        let void = encoding.void.contains(&summary.manifest.key);
        if void || !segment.holds(cell) || encoding.part(cell).is_some() {
            let what =
                "a cell that is not the lease's, is committed already, or was found to be void";
            effects.push(Effect::Ignored(Ignored::OutOfPlace { lease, what }));
            return;
        }
        let Some(expected) = job.cells().get(place(cell)) else {
            return;
        };
        let seam = Seam {
            cell: expected,
            spec: &encoding.spec,
            fingerprint: encoding.fingerprint,
            extradata: encoding.extradata,
            shared: encoding.borders.shared(cell, job.cells()),
        };
        if let Err(refusal) = seams::check(seam, &summary) {
            let kind = FailureKind::PartRefused;
            let failure = Failure::new(kind, Stage::Commit, refusal.to_string());
            let failure = failure.at(expected.frames);
            self.fail_lease(lease, failure, effects);
            return;
        }
        let frames = summary.frames;
        self.record(id, Event::CellCommitted { lease, summary }, effects);
        self.note_commit(id, (lease, cell), frames);
        self.rested(id);
        self.judge(id, effects);
        self.end_outrun(id, lease, cell, effects);
        self.tend_stitch(id, effects);
    }

    /// A commit is progress, and tells how fast the worker is.
    fn note_commit(&mut self, job: &JobId, (lease, cell): (LeaseId, CellIndex), frames: u64) {
        let now = self.now;
        let Some(watch) = self.watches.get_mut(&lease) else {
            return;
        };
        watch.alive = now;
        watch.committed += frames;
        let before = watch.frames.unwrap_or(watch.committed);
        let more = watch.committed.saturating_sub(before);
        watch.frames = Some(before.max(watch.committed));
        let measured = watch.speed(now);
        let measured =
            measured.zip(self.ledger.jobs.get(job)).map(|(speed, job)| job.at_1080p(speed));
        if let Some(tending) = self.tended.get_mut(job) {
            tending.meter.add(now, more);
        }
        // Whoever else holds the cell has nothing of it in flight any more.
        let holders: Vec<LeaseId> = self.ledger.leases_of(job, cell).collect();
        self.recount(job, &holders);
        let Some(worker) = self.ledger.leases.get(&lease).map(|lease| lease.worker.clone()) else {
            return;
        };
        self.worker_succeeded(&worker);
        let first = self.fleet.worker(&worker).is_some_and(|worker| worker.speed.is_none());
        if first && measured.is_some() {
            self.edit_worker(&worker, |worker| worker.speed = measured);
        }
    }

    /// What was leased under a segment lease, and of which job; `None` where it is no such lease.
    fn segment_of(&self, id: LeaseId) -> Option<(&Encoding, Segment)> {
        let Lease { job, piece, .. } = self.ledger.leases.get(&id)?;
        let encoding = self.ledger.jobs.get(job)?.encoding()?;
        match piece {
            Piece::Segment(segment) => Some((encoding, *segment)),
            Piece::Intake | Piece::Window(_) | Piece::Reduce | Piece::Audit(_) => None,
        }
    }

    /// Whether all cells of a segment lease are committed.
    pub(super) fn lease_is_complete(&self, id: LeaseId) -> bool {
        let leased = self.segment_of(id);
        leased.is_some_and(|(encoding, segment)| encoding.missing(segment).next().is_none())
    }

    pub(super) fn segment_done(&mut self, id: LeaseId, effects: &mut Vec<Effect>) {
        let complete = self.lease_is_complete(id);
        let leased = self.segment_of(id);
        let keeps_back =
            |(encoding, segment): (&Encoding, _)| encoding.kept_back(segment, id).next().is_some();
        if leased.is_none_or(keeps_back) {
            let message = "the worker ended the segment without handing in all of its cells";
            let failure = Failure::new(FailureKind::PartRefused, Stage::Commit, message);
            self.fail_lease(id, failure, effects);
            return;
        }
        let Some(Lease { job, worker, .. }) = self.ledger.leases.get(&id).cloned() else {
            return;
        };
        self.note_speed(&worker, id);
        self.record(&job, Event::LeaseEnded { lease: id, end: LeaseEnd::Done }, effects);
        if complete {
            self.release_done(&worker, id);
        } else {
            self.release(&worker, id);
        }
        self.worker_succeeded(&worker);
        self.advance(&job, effects);
    }

    /// A segment lease ends: what was committed under it tells how fast its worker is.
    pub(super) fn note_speed(&mut self, worker: &WorkerId, lease: LeaseId) {
        let measured = self.watches.get(&lease).and_then(|watch| watch.speed(self.now));
        if let Some(measured) = measured.and_then(|speed| self.at_1080p(lease, speed))
            && self.fleet.worker(worker).is_some()
        {
            // One segment corrects a wrong first guess for the most part; two settle it.
            self.edit_worker(worker, |worker| {
                let before = worker.speed.unwrap_or(measured);
                worker.speed = Some((before + 3 * measured) / 4);
            });
        }
    }

    /// A window was looked at: that tells how fast its worker looks.
    fn note_look_speed(&mut self, worker: &WorkerId, lease: LeaseId) {
        let piece = self.ledger.leases.get(&lease).map(|lease| lease.piece);
        let since = self.watches.get(&lease).and_then(|watch| watch.since);
        let (Some(Piece::Window(window)), Some(since)) = (piece, since) else { return };
        let frames = window.frames.count() * window.look.passes();
        let measured = rate(frames, self.now.since(since)).filter(|speed| *speed > 0);
        let measured = measured.and_then(|speed| self.at_1080p(lease, speed));
        if let Some(worker) = self.fleet.touch(worker) {
            worker.look_speed = measured.or(worker.look_speed);
        }
    }

    /// A speed that was measured under a lease, in frames of 1080p.
    fn at_1080p(&self, lease: LeaseId, speed: u64) -> Option<u64> {
        let lease = self.ledger.leases.get(&lease)?;
        Some(self.ledger.jobs.get(&lease.job)?.at_1080p(speed))
    }

    /// A lease is over without a result; what was committed under it stays.
    pub(super) fn fail_lease(
        &mut self,
        id: LeaseId,
        mut failure: Failure,
        effects: &mut Vec<Effect>,
    ) {
        let Some(lease) = self.ledger.leases.get(&id).cloned() else {
            return;
        };
        let (kind, message) = (failure.kind, failure.message.clone());
        failure.lease = Some(id);
        failure.worker = Some(lease.worker.clone());
        let job = self.ledger.jobs.get(&lease.job);
        failure.attempt = job.map_or(lease.attempt, |job| attempt_blamed(job, &lease, &failure));
        failure.frames = failure.frames.or_else(|| job.and_then(|job| frames_of(job, lease.piece)));
        let disputed = job.and_then(|job| disputed(job, &lease, &failure));
        let disputed = disputed.map(|cell| (cell, failure.clone()));
        let of_part = disputed.is_some();
        let end = LeaseEnd::Failed(Box::new(failure));
        self.record(&lease.job, Event::LeaseEnded { lease: id, end }, effects);
        self.release(&lease.worker, id);
        self.revoke(&lease.worker, id, effects);
        if let Some((cell, failure)) = disputed {
            self.dispute(&lease.job, cell, failure, effects);
        }
        match (kind.verdict(), kind) {
            // The part is made again.
            (_, FailureKind::ObjectLost) if of_part => {}
            (_, kind) if is_outage(kind) => self.rest(&lease.job),
            // Whoever lets it lapse knows whether the worker is to blame.
            (_, FailureKind::LeaseLapsed) => {}
            (Verdict::RetryElsewhere, _) => {
                self.set_aside(&lease.worker, SetAsideFor::Lacking { message });
            }
            (Verdict::Retry, _) => self.worker_failed(&lease.worker),
            (Verdict::Retable | Verdict::FailJob, _) => {}
        }
        self.arm_second_worker(&lease.job);
        self.advance(&lease.job, effects);
    }
}

/// Which attempt at the blamed piece of work this failure ends.
fn attempt_blamed(job: &Job, lease: &Lease, failure: &Failure) -> u32 {
    let blamed: Option<Blamed> = job.to_blame(lease.piece, failure);
    let tries = blamed.and_then(|blamed| job.tries.get(&blamed));
    tries.map_or(1, Tries::next_attempt)
}

fn frames_of(job: &Job, piece: Piece) -> Option<FrameRange> {
    match piece {
        Piece::Intake | Piece::Reduce => None,
        Piece::Window(window) => Some(window.frames),
        Piece::Segment(segment) => Some(segment.frames),
        Piece::Audit(cell) => job.cells().get(place(cell)).map(|cell| cell.frames),
    }
}

/// The cell whose part an audit found to be wrong or gone, where it is still that part.
fn disputed(job: &Job, lease: &Lease, failure: &Failure) -> Option<CellIndex> {
    match (lease.piece, failure.kind) {
        (Piece::Audit(cell), kind) if is_against_the_part(kind) => {
            job.encoding()?.is_audit_current(cell).then_some(cell)
        }
        _ => None,
    }
}
