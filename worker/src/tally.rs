//! What a worker has done since it began: cells, leases, jobs, and for how long its cards were held.
//!
//! Owns the count that whoever started the worker may read at any time, also after it has failed. Refuses to decide by
//! it: what counts is what the coordinator has committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::tier::Card;

/// Names of jobs that are told, at most; what is more is counted.
const JOBS_TOLD_MAX: usize = 100;

/// Jobs that are told apart, at most: each has an id of 64 bytes or less.
const JOBS_MAX: usize = 10_000;

/// See the top of the file. Clones share one count.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Count>>);

/// What was counted so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Worked {
    /// Whether a coordinator took this worker.
    pub attached: bool,
    /// Why the last attempt to reach a coordinator failed, where one did.
    pub missed: Option<String>,
    /// Frames of the cells that were handed in.
    pub frames: u64,
    /// Cells that were handed in.
    pub cells: u64,
    /// Leases that were done to their end.
    pub leases_done: u64,
    /// Leases that failed.
    pub leases_failed: u64,
    /// Leases that were given back, revoked or dropped.
    pub leases_given_back: u64,
    /// The first jobs that were worked on, by their ids.
    pub jobs: Vec<JobId>,
    /// How many there were in all; from 10,000 on no more are counted.
    pub jobs_in_all: u64,
    /// One for each card, or one for the processor.
    pub cards: Vec<CardTime>,
}

/// For how long a card was held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardTime {
    /// Which.
    pub card: Card,
    /// The time of all its leases together, as coordinators count it for their jobs.
    pub held: Duration,
    /// The time in which it had a lease at all.
    pub busy: Duration,
}

/// How a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseFate {
    Done,
    Failed,
    GivenBack,
}

/// The count of one seat.
#[derive(Debug, Clone)]
pub(crate) struct SeatTally {
    tally: Tally,
    seat: usize,
}

#[derive(Debug, Default)]
struct Count {
    told: Worked,
    known: BTreeSet<JobId>,
    seats: Vec<Seat>,
}

#[derive(Debug, Default)]
struct Seat {
    leases: BTreeMap<LeaseId, Instant>,
    busy_since: Option<Instant>,
}

impl Tally {
    /// What was counted so far; leases that are held count up to now.
    #[must_use]
    pub fn worked(&self) -> Worked {
        self.worked_by(Instant::now())
    }

    fn worked_by(&self, now: Instant) -> Worked {
        let count = self.lock();
        let mut told = count.told.clone();
        for (card, seat) in told.cards.iter_mut().zip(&count.seats) {
            let until_now = |since: &Instant| now.saturating_duration_since(*since);
            card.held += seat.leases.values().map(until_now).sum::<Duration>();
            card.busy += seat.busy_since.as_ref().map_or(Duration::ZERO, until_now);
        }
        told
    }

    /// Counts for one seat more.
    pub(crate) fn seat(&self, card: Card) -> SeatTally {
        let mut count = self.lock();
        let time = CardTime { card, held: Duration::ZERO, busy: Duration::ZERO };
        count.told.cards.push(time);
        count.seats.push(Seat::default());
        SeatTally { tally: self.clone(), seat: count.seats.len() - 1 }
    }

    fn lock(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SeatTally {
    /// A coordinator took this seat.
    pub(crate) fn attached(&self) {
        self.tally.lock().told.attached = true;
    }

    /// This seat is given up while no coordinator is reached: why the last attempt failed, where one did.
    pub(crate) fn missed(&self, why: Option<&str>) {
        self.tally.lock().told.missed = why.map(str::to_owned);
    }

    /// A lease begins.
    pub(crate) fn begin(&self, lease: LeaseId, job: &JobId) {
        self.begin_at((lease, job), Instant::now());
    }

    fn begin_at(&self, (lease, job): (LeaseId, &JobId), now: Instant) {
        let mut count = self.tally.lock();
        let seat = &mut count.seats[self.seat];
        seat.leases.insert(lease, now);
        seat.busy_since.get_or_insert(now);
        if count.known.len() < JOBS_MAX && count.known.insert(job.clone()) {
            count.told.jobs_in_all += 1;
            if count.told.jobs.len() < JOBS_TOLD_MAX {
                count.told.jobs.push(job.clone());
            }
        }
    }

    /// A cell of so many frames is handed in.
    pub(crate) fn cell(&self, frames: u64) {
        let mut count = self.tally.lock();
        count.told.cells += 1;
        count.told.frames += frames;
    }

    /// A lease ends; nothing where it was not held.
    pub(crate) fn end(&self, lease: LeaseId, fate: LeaseFate) {
        self.end_at((lease, fate), Instant::now());
    }

    fn end_at(&self, (lease, fate): (LeaseId, LeaseFate), now: Instant) {
        let mut count = self.tally.lock();
        let seat = &mut count.seats[self.seat];
        let Some(since) = seat.leases.remove(&lease) else { return };
        let is_last = seat.leases.is_empty();
        let busy = if is_last { seat.busy_since.take() } else { None };
        let time = &mut count.told.cards[self.seat];
        let until_now = |since: Instant| now.saturating_duration_since(since);
        time.held += until_now(since);
        time.busy += busy.map_or(Duration::ZERO, until_now);
        match fate {
            LeaseFate::Done => count.told.leases_done += 1,
            LeaseFate::Failed => count.told.leases_failed += 1,
            LeaseFate::GivenBack => count.told.leases_given_back += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> JobId {
        JobId::parse(name).unwrap()
    }

    #[test]
    fn leases_side_by_side_hold_a_card_twice_and_keep_it_busy_once() {
        let tally = Tally::default();
        let seat = tally.seat(Card::None);
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let time = |seconds| {
            let card = tally.worked_by(after(seconds)).cards.remove(0);
            (card.held.as_secs(), card.busy.as_secs())
        };
        seat.begin_at((LeaseId(1), &job("a")), began);
        seat.begin_at((LeaseId(2), &job("a")), after(1));
        assert_eq!(time(3), (5, 3), "what is held counts up to now");
        seat.end_at((LeaseId(1), LeaseFate::Done), after(4));
        seat.end_at((LeaseId(2), LeaseFate::GivenBack), after(6));
        seat.end_at((LeaseId(2), LeaseFate::Done), after(8));
        assert_eq!(time(9), (9, 6), "nothing is held, so nothing grows");
        seat.begin_at((LeaseId(3), &job("a")), after(10));
        seat.end_at((LeaseId(3), LeaseFate::Failed), after(11));
        assert_eq!(time(12), (10, 7));
        let worked = tally.worked();
        let fates = (worked.leases_done, worked.leases_given_back, worked.leases_failed);
        assert_eq!(fates, (1, 1, 1), "a lease ends once");
    }

    #[test]
    fn cells_and_jobs_are_counted_once_for_all_seats() {
        let tally = Tally::default();
        let (one, other) = (tally.seat(Card::None), tally.seat(Card::None));
        one.begin(LeaseId(1), &job("a"));
        other.begin(LeaseId(2), &job("b"));
        other.begin(LeaseId(3), &job("a"));
        one.cell(24);
        other.cell(10);
        let worked = tally.worked();
        assert_eq!((worked.cells, worked.frames, worked.cards.len()), (2, 34, 2));
        assert_eq!((worked.jobs, worked.jobs_in_all), (vec![job("a"), job("b")], 2));
    }
}
