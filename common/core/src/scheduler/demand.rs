//! How much work remains, counted over all open jobs: no part of any decision of the scheduler's own.
//!
//! Refuses to guess at what nobody knows: a job before its intake is what the [`Ask`] says that it is.

use cleanplate_types::tier::{Card, TIERS, Tier};

use crate::demand::{Ask, Backlog, Demand};
use crate::ledger::job::{Job, Phase};
use crate::scheduler::Scheduler;
use crate::scheduler::fleet::Worker;
use crate::scheduler::tending::Tending;
use crate::view::{JobPhase, LeaseView};

/// What is left of one job for workers to do.
#[derive(Debug, Clone, Copy, Default)]
struct Left {
    /// Thousandths of frames of 1080p: those of segments, and those of looks as often as they are gone through.
    frames_milli: u64,
    /// The source is not known, so nor are its frames.
    unknown: bool,
    /// Pieces that different workers could do at the same time. None where it waits for none.
    pieces: u64,
    /// It needs an encoder that is part of a card.
    on_card: bool,
}

/// A piece of work with nothing to count, in milliseconds: an audit, a reduction.
const PIECE_MS: u64 = 1_000;

impl Scheduler {
    /// The current leases, oldest first.
    pub fn leases(&self) -> impl Iterator<Item = LeaseView<'_>> {
        self.ledger.leases.keys().filter_map(|id| self.lease_view(*id))
    }

    /// What there is to do for the workers of `ask`.
    #[must_use]
    pub fn demand(&self, ask: &Ask) -> Demand {
        let speed = self.worker_speed(ask.tier);
        let target_ms = ask.target_ms.max(1);
        let (mut work_ms, mut value_ms) = (0_u64, 0_u64);
        for left in self.left_of_all() {
            if left.pieces == 0 || (left.on_card && ask.tier.is_some_and(is_cpu)) {
                continue;
            }
            let ms = left.millis(speed, ask.new_job_ms);
            let workers = ask.job_workers_max.map_or(left.pieces, |most| most.min(left.pieces));
            work_ms = work_ms.saturating_add(ms);
            value_ms = value_ms.saturating_add(ms.min(workers.saturating_mul(target_ms)));
        }
        let share = |ms: u64| {
            let shared = u128::from(ms) * u128::from(ask.share_percent.min(100)) / 100;
            u64::try_from(shared).unwrap_or(u64::MAX)
        };
        let busy = self.busy(ask.tier);
        let value_ms = share(value_ms).max(busy.saturating_mul(target_ms));
        Demand { work_ms: share(work_ms), value_ms, busy }
    }

    /// All work that is not done yet.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        let mut backlog = Backlog {
            jobs: std::collections::BTreeMap::new(),
            jobs_queued: 0,
            frames: 0,
            frames_in_flight: 0,
            work_ms: [0; TIERS.len()],
            eta_ms: None,
            fps_milli: TIERS.map(|tier| self.speed_of(tier)),
        };
        let speeds = TIERS.map(|tier| self.worker_speed(Some(tier)));
        let new_job_ms = Ask::default().new_job_ms;
        let (fleet, mut eta_ms) = (self.fleet.speed(), 0_u64);
        for (id, tending) in &self.tended {
            let Some(job) = self.ledger.jobs.get(id) else { continue };
            let phase = super::views::phase(job);
            *backlog.jobs.entry(phase).or_default() += 1;
            let begun = !job.leases.is_empty() || job.intake.is_some();
            backlog.jobs_queued += u64::from(phase == JobPhase::Intake && !begun);
            let frames = frames_left(job);
            backlog.frames += frames;
            backlog.frames_in_flight += tending.in_flight.min(frames);
            let left = left_of(job, tending);
            if left.pieces == 0 {
                continue;
            }
            for ((tier, speed), work_ms) in TIERS.into_iter().zip(speeds).zip(&mut backlog.work_ms)
            {
                if !(left.on_card && is_cpu(tier)) {
                    *work_ms = work_ms.saturating_add(left.millis(speed, new_job_ms));
                }
            }
            if fleet > 0 {
                eta_ms = eta_ms.saturating_add(left.millis(fleet, 0));
            }
        }
        backlog.eta_ms = (fleet > 0).then_some(eta_ms);
        backlog
    }

    fn left_of_all(&self) -> impl Iterator<Item = Left> {
        let jobs = self.tended.iter();
        jobs.filter_map(|(id, tending)| Some(left_of(self.ledger.jobs.get(id)?, tending)))
    }

    /// Workers of a row, or all, that hold a lease and were not told to go.
    fn busy(&self, tier: Option<Tier>) -> u64 {
        let busy = |worker: &&Worker| {
            worker.session.is_some()
                && !worker.draining
                && !worker.leases.is_empty()
                && tier.is_none_or(|tier| worker.card.tier() == tier)
        };
        self.fleet.workers().map(|(_, worker)| worker).filter(busy).count() as u64
    }

    /// Speed of all workers of a row that take work, in thousandths of a frame of 1080p a second.
    fn speed_of(&self, tier: Tier) -> u64 {
        let of_row = |worker: &&Worker| worker.takes_work() && worker.card.tier() == tier;
        self.fleet.workers().map(|(_, worker)| worker).filter(of_row).map(whole).sum()
    }

    /// Speed of one worker of a row, or of any: the mean of those that take work, else the row's own, else that of
    /// the first row.
    fn worker_speed(&self, tier: Option<Tier>) -> u64 {
        let taken = |worker: &&Worker| {
            worker.takes_work() && tier.is_none_or(|tier| worker.card.tier() == tier)
        };
        let (mut sum, mut count) = (0_u64, 0_u64);
        for worker in self.fleet.workers().map(|(_, worker)| worker).filter(taken) {
            sum = sum.saturating_add(whole(worker));
            count += 1;
        }
        let [first, ..] = TIERS;
        let row = tier.unwrap_or(first);
        let expected = u64::from(row.fps_min + row.fps_max) * 500;
        sum.checked_div(count).unwrap_or(expected).max(1)
    }
}

/// Speed of a worker with all its slots.
fn whole(worker: &Worker) -> u64 {
    worker.slot_speed().saturating_mul(u64::from(worker.slots))
}

fn is_cpu(tier: Tier) -> bool {
    tier == Card::None.tier()
}

impl Left {
    /// How long a worker of this speed has for it, in milliseconds.
    fn millis(self, speed: u64, new_job_ms: u64) -> u64 {
        if self.unknown {
            return new_job_ms;
        }
        self.frames_milli.saturating_mul(1_000).div_ceil(speed.max(1)).max(PIECE_MS)
    }
}

/// Frames of a job's segments that are not committed.
fn frames_left(job: &Job) -> u64 {
    let total = job.intake.as_ref().map_or(0, |intake| intake.frames);
    match &job.phase {
        Phase::Copy { .. } | Phase::Previewed => 0,
        Phase::Encode(encoding) => total.saturating_sub(encoding.frames_committed),
        Phase::Intake
        | Phase::Survey
        | Phase::Draft { .. }
        | Phase::Analyse(_)
        | Phase::Reduce { .. }
        | Phase::Finding { .. }
        | Phase::Review
        | Phase::Encoder
        | Phase::Brief { .. } => total,
    }
}

fn left_of(job: &Job, tending: &Tending) -> Left {
    let frames = frames_left(job).saturating_sub(tending.in_flight);
    let at_1080p = |frames: u64| {
        if frames == 0 { 0 } else { job.at_1080p(frames.saturating_mul(1_000)) }
    };
    let leases = job.leases.len() as u64;
    let cells = (job.cells().len() as u64).max(1);
    let known = |looked: u64, pieces: u64| Left {
        frames_milli: at_1080p(frames.saturating_add(looked)),
        unknown: false,
        pieces: pieces.max(leases),
        on_card: false,
    };
    match &job.phase {
        // A person is waited for, or the coordinator copies by itself.
        Phase::Review | Phase::Previewed | Phase::Copy { .. } => Left::default(),
        Phase::Intake => Left { unknown: true, pieces: 1, ..Left::default() },
        Phase::Survey
        | Phase::Draft { .. }
        | Phase::Reduce { .. }
        | Phase::Finding { .. }
        | Phase::Encoder
        | Phase::Brief { .. } => known(0, cells),
        Phase::Analyse(analysis) => {
            let windows = analysis.windows.iter().enumerate();
            let open = windows.filter(|(index, _)| {
                u32::try_from(*index).is_ok_and(|index| !analysis.evidence.contains_key(&index))
            });
            let (mut looked, mut count) = (0_u64, 0_u64);
            for (_, window) in open {
                looked += window.count() * analysis.look.passes().max(1);
                count += 1;
            }
            known(looked, count)
        }
        Phase::Encode(encoding) => {
            let cells = encoding.parts.len() as u64 - u64::from(encoding.cells_committed);
            let audits = encoding.audits_free().count() as u64;
            let on_card = encoding.spec.encoder.name.is_hardware();
            Left { on_card, ..known(0, cells + audits) }
        }
    }
}
