//! The end of a look or of a job's cells, when nothing is free and somebody is slow: an idle worker gets a
//! copy of what the lease that ends last has not handed in.
//!
//! A copy is a lease like any other, on work that another lease holds too: the ledger knows which, so that a
//! cell is free again only when its last holder is gone, and is committed for whoever comes first. Of a segment
//! only the last cells are copied, as many as bring both leases to their end at about the same time. Refuses
//! a second copy of the same work, and a copy that is not expected to end sooner.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use cleanplate_types::cell::Segment;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};

use crate::effect::Effect;
use crate::ledger::Lease;
use crate::ledger::job::{Job, Phase, place};
use crate::ledger::tries::Blamed;
use crate::record::{Event, LeaseEnd, Piece, Window};
use crate::scheduler::Scheduler;
use crate::scheduler::fleet::Worker;
use crate::scheduler::need::Need;
use crate::scheduler::timers::Timer;

/// Milliseconds between two looks at the tails, at least: a look costs a step over their leases. Doubled
/// with each look that came to nothing, until something ends.
const LOOK_MS: u64 = 500;

/// The most that it is doubled: half a second becomes four.
const LOOK_DOUBLINGS_MAX: u32 = 3;

/// What a lease costs beside its frames, in milliseconds: a process, the source, the upload of what it made.
const LEASE_COST_MS: u64 = 3_000;

/// How much sooner a copy must be expected to end, in milliseconds.
const GAIN_MS: u64 = 1_000;

/// How much a worker's speed counts against what its lease shows, in milliseconds of work.
const PRIOR_MS: u64 = 5_000;

/// A lease that has shown nothing for so long is taken for half as fast, for twice as long a third, in
/// milliseconds. A worker that computes tells twice a second.
const STALL_MS: u64 = 3_000;

/// Leases that one look at the tails considers, at most: a fleet in which thousands of jobs end at one moment
/// has other work soon.
const LEASES_MAX: usize = 1024;

/// A lease that others wait for.
#[derive(Debug, Clone)]
struct Straggler {
    lease: LeaseId,
    job: JobId,
    holder: WorkerId,
    work: Left,
    /// In thousandths of a frame a second.
    rate: Option<u64>,
    ends_in_ms: u64,
}

/// What it has not handed in.
#[derive(Debug, Clone, Copy)]
enum Left {
    Window(Window),
    /// Its last cells, of whose frames some are made.
    Cells {
        first: CellIndex,
        end: CellIndex,
        made: u64,
    },
}

impl Scheduler {
    /// Looks at the tails again soon, where there are some and a worker is idle.
    pub(super) fn arm_tails(&mut self) {
        if self.tails_due.is_none() && !self.tails.is_empty() && self.fleet.has_idle() {
            let due = self.now.after(LOOK_MS << self.tails_vain.min(LOOK_DOUBLINGS_MAX));
            self.tails_due = Some(due);
            self.arm(due, Timer::Tail);
        }
    }

    /// Puts a job among those that have a tail, or takes it away from there.
    pub(super) fn refresh_tail(&mut self, id: &JobId) {
        let has_tail = self.open_job(id).is_some_and(|job| {
            let free = match &job.phase {
                Phase::Analyse(analysis) => !analysis.free.is_empty(),
                Phase::Encode(encoding) => {
                    !encoding.frontier.is_empty() || encoding.borders.is_whole()
                }
                Phase::Intake
                | Phase::Survey
                | Phase::Draft { .. }
                | Phase::Reduce { .. }
                | Phase::Finding { .. }
                | Phase::Review
                | Phase::Previewed
                | Phase::Encoder
                | Phase::Brief { .. }
                | Phase::Copy { .. } => true,
            };
            !free && !job.leases.is_empty()
        });
        if !has_tail {
            self.tails.remove(id);
        } else if !self.tails.contains(id) {
            self.tails.insert(id.clone());
        }
    }

    /// Gives idle workers copies of what ends last.
    pub(super) fn mind_tails(&mut self, effects: &mut Vec<Effect>) {
        self.tails_due = None;
        self.tails_vain = self.tails_vain.saturating_add(1);
        let mut stragglers: Vec<Straggler> = self
            .tails
            .iter()
            .filter(|id| !self.is_resting(id))
            .filter_map(|id| Some((id, self.open_job(id)?)))
            .flat_map(|(id, job)| job.leases.iter().filter_map(|it| self.straggler(id, job, *it)))
            .take(LEASES_MAX)
            .collect();
        stragglers.sort_by_key(|it| (Reverse(it.ends_in_ms), it.lease));
        let idle = self.fleet.idle().filter_map(|id| Some((id, self.fleet.worker(id)?)));
        // As idle workers are served: the fewest leases first, since those of a worker share its card.
        let mut idle: BTreeSet<(usize, Reverse<u64>, WorkerId)> = idle
            .map(|(id, worker)| (worker.leases.len(), Reverse(worker.slot_speed()), id.clone()))
            .collect();
        for straggler in stragglers {
            let found =
                idle.iter().find_map(|key| Some((key.clone(), self.copy_for(&key.2, &straggler)?)));
            let Some((key, piece)) = found else { continue };
            self.tails_vain = 0;
            idle.remove(&key);
            let (held, speed, worker) = key;
            self.grant(&straggler.job, &worker, piece, effects);
            if self.fleet.worker(&worker).is_some_and(Worker::is_idle) {
                idle.insert((held + 1, speed, worker));
            }
        }
    }

    /// What is known of a lease that could be copied.
    fn straggler(&self, id: &JobId, job: &Job, lease: LeaseId) -> Option<Straggler> {
        let Lease { worker, piece, .. } = self.ledger.leases.get(&lease)?;
        let watch = self.watches.get(&lease)?;
        let known = self.fleet.worker(worker);
        let (work, frames, speed) = match (piece, &job.phase) {
            (Piece::Window(window), Phase::Analyse(analysis)) => {
                let once = !analysis.doubled.contains(&window.index);
                let frames = window.frames.count() * window.look.passes();
                let speed = known.and_then(|worker| worker.look_speed);
                let speed = speed.map(|speed| job.at_its_size(speed));
                once.then_some((Left::Window(*window), frames, speed))
            }
            (Piece::Segment(segment), Phase::Encode(_)) => {
                let work = cells_left(job, *segment, watch.frames.unwrap_or(0))?;
                Some((
                    work,
                    segment.frames.count(),
                    known.map(|worker| job.at_its_size(worker.slot_speed())),
                ))
            }
            (
                Piece::Intake
                | Piece::Window(_)
                | Piece::Reduce
                | Piece::Segment(_)
                | Piece::Audit(_),
                _,
            ) => None,
        }?;
        let done = watch.frames.unwrap_or(0).min(frames);
        // What a lease of an earlier life did before its first report took nobody knows how long.
        let (since, before) = match watch.since {
            Some(since) => (since, 0),
            None => watch.began.unwrap_or((watch.alive, done)),
        };
        let elapsed_ms = self.now.since(since);
        let (prior, prior_ms) = speed.map_or((0, 0), |speed| (speed, PRIOR_MS));
        let shown = done
            .saturating_sub(before)
            .saturating_mul(1_000_000)
            .saturating_add(prior.saturating_mul(prior_ms));
        let slowed = 1 + self.now.since(watch.alive) / STALL_MS;
        let rate = shown.checked_div(elapsed_ms + prior_ms).map(|rate| rate / slowed);
        let rate = rate.filter(|rate| *rate > 0);
        let left = match work {
            Left::Window(_) => frames - done,
            Left::Cells { first, end, made } => span(job, first, end).count().saturating_sub(made),
        };
        // What has shown nothing is expected to take as long again.
        let ends_in_ms = rate.map_or(elapsed_ms, |rate| millis(left, rate));
        let (job, holder) = (id.clone(), worker.clone());
        Some(Straggler { lease, job, holder, work, rate, ends_in_ms })
    }

    /// What `id` should have a copy of, where that is worth it.
    fn copy_for(&self, id: &WorkerId, straggler: &Straggler) -> Option<Piece> {
        let worker = self.fleet.worker(id).filter(|_| *id != straggler.holder)?;
        let job = self.open_job(&straggler.job)?;
        if self.is_capped(job) || self.grantable.full_cap(&job.request.owner).is_some() {
            return None;
        }
        let need = Need::of(job);
        if !need.is_met_by(worker) {
            return None;
        }
        match straggler.work {
            Left::Window(window) => {
                let frames = window.frames.count() * window.look.passes();
                let ends_in_ms =
                    LEASE_COST_MS + millis(frames, job.at_its_size(worker.look_speed?));
                let worth = ends_in_ms + GAIN_MS <= straggler.ends_in_ms;
                let may = self.may_take(id, job, Blamed::Window(window.index), need);
                (worth && may).then_some(Piece::Window(window))
            }
            Left::Cells { first, end, made } => {
                let speed = job.at_its_size(worker.slot_speed());
                let ends_in_ms = |at: u32| {
                    let before = span(job, first, CellIndex(at)).count().saturating_sub(made);
                    let holder = match straggler.rate {
                        Some(rate) => millis(before, rate),
                        None if before == 0 => 0,
                        None => straggler.ends_in_ms,
                    };
                    let behind = span(job, CellIndex(at), end).count();
                    holder.max(LEASE_COST_MS + millis(behind, speed))
                };
                let (ends, at) = (first.0..end.0).map(|at| (ends_in_ms(at), Reverse(at))).min()?;
                let worth = ends + GAIN_MS <= straggler.ends_in_ms;
                let may = |at| self.may_take(id, job, Blamed::Cell(CellIndex(at)), need);
                let first = CellIndex(at.0);
                let frames = span(job, first, end);
                let segment = Segment { first, cells: end.0 - at.0, frames };
                (worth && (at.0..end.0).all(may)).then_some(Piece::Segment(segment))
            }
        }
    }

    /// A window was looked at under `lease`: whoever looks at it too is told to stop.
    pub(super) fn end_copies_of_window(
        &mut self,
        id: &JobId,
        lease: LeaseId,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Lease { piece: piece @ Piece::Window(window), .. }) =
            self.ledger.leases.get(&lease).cloned()
        else {
            return;
        };
        let Some(job) = self.open_job(id) else { return };
        let Phase::Analyse(analysis) = &job.phase else { return };
        if !analysis.doubled.contains(&window.index) {
            return;
        }
        let same = |it: &&LeaseId| self.ledger.leases.get(it).is_some_and(|it| it.piece == piece);
        let other = job.leases.iter().filter(|it| **it != lease).find(same).copied();
        if let Some(other) = other {
            self.outrun(other, effects);
        }
    }

    /// `cell` was committed under `lease`: leases that have nothing left to do, since other leases did it, end.
    pub(super) fn end_outrun(
        &mut self,
        id: &JobId,
        lease: LeaseId,
        cell: CellIndex,
        effects: &mut Vec<Effect>,
    ) {
        let doubled = self.open_job(id).and_then(Job::encoding);
        let doubled = doubled.is_some_and(|encoding| encoding.doubled.contains(&cell));
        let holders: Vec<LeaseId> =
            if doubled { self.ledger.leases_of(id, cell).collect() } else { vec![lease] };
        for holder in holders {
            if self.is_outrun(holder, cell) && self.lease_is_complete(holder) {
                self.outrun(holder, effects);
            }
        }
    }

    /// Whether the worker of a segment lease, all of whose cells are there, would go on after `cell`: it did
    /// not hand in all of them itself, and this was not its last.
    fn is_outrun(&self, lease: LeaseId, cell: CellIndex) -> bool {
        let piece = self.ledger.leases.get(&lease).map(|lease| lease.piece);
        let Some(Piece::Segment(segment)) = piece else { return false };
        let committed = self.watches.get(&lease).map_or(0, |watch| watch.committed);
        let is_its_last = cell.0 + 1 == segment.first.0 + segment.cells;
        let job = self.ledger.leases.get(&lease).and_then(|it| self.ledger.jobs.get(&it.job));
        let made_here = job
            .and_then(|job| job.encoding()?.part(cell))
            .zip(self.ledger.leases.get(&lease))
            .is_some_and(|(part, lease)| part.worker == lease.worker);
        committed < segment.frames.count() && !(is_its_last && made_here)
    }

    /// Ends a lease for which nothing is left to do, and tells its worker.
    fn outrun(&mut self, id: LeaseId, effects: &mut Vec<Effect>) {
        let Some(Lease { job, worker, .. }) = self.ledger.leases.get(&id).cloned() else { return };
        self.note_speed(&worker, id);
        self.record(&job, Event::LeaseEnded { lease: id, end: LeaseEnd::Outrun }, effects);
        self.release_done(&worker, id);
        self.revoke(&worker, id, effects);
        self.refresh(&job);
    }
}

/// The last cells of `segment` that are not committed, where nobody else holds one of its cells; `reported`
/// are the frames that its worker told of.
fn cells_left(job: &Job, segment: Segment, reported: u64) -> Option<Left> {
    let encoding = job.encoding()?;
    let end = CellIndex(segment.first.0 + segment.cells);
    let mut first = end;
    for cell in segment.indices() {
        if encoding.doubled.contains(&cell) {
            return None;
        }
        if encoding.part(cell).is_some() {
            first = end;
        } else if first == end {
            first = cell;
        }
    }
    let before = span(job, segment.first, first).count();
    let made = reported.saturating_sub(before);
    (first < end).then_some(Left::Cells { first, end, made })
}

/// The frames of the cells from `first` up to but not including `end`.
fn span(job: &Job, first: CellIndex, end: CellIndex) -> FrameRange {
    let start = |cell: CellIndex| {
        let cells = job.cells();
        let after = cells.last().map_or(0, |cell| cell.frames.end);
        cells.get(place(cell)).map_or(after, |cell| cell.frames.start)
    };
    FrameRange::new(start(first), start(end).max(start(first)))
}

/// Milliseconds for `frames` at `rate` thousandths of a frame a second.
fn millis(frames: u64, rate: u64) -> u64 {
    frames.saturating_mul(1_000_000).checked_div(rate).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}
