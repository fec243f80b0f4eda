//! The order in which jobs are served: by priority, then fairly between owners, then first come.
//!
//! Owns whose turn it is and whose cap is full. Refuses to know what a piece of work needs and who could
//! take it: that is granting. Not durable: after a restart all owners begin level.
//!
//! Between owners of one priority it is start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996; for
//! many servers at once, SFQ(D), Jin, Chase and Kaur, SIGMETRICS 2004). A lane (an owner at a priority) has
//! `spent` the slot time that it was given, weighted by the speed of the cards. The lane that spent least is
//! next; when it is served it is first lifted to where the lane served last stood, so that nobody saves up
//! for a later rush and nobody who comes late has to catch up. It needs no clock and no decay, costs
//! O(log n) a lease, and works with one slot as with ten thousand, where a count of what each owner holds
//! now would be 0 for all whenever the one slot is free.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::time::Tick;

/// Where a job belongs in the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) owner: &'a str,
    pub(crate) priority: i32,
    pub(crate) sequence: u64,
}

/// What a lease costs its owner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Speed of the slot by its card's row, in thousandths of a frame a second: what is measured would
    /// make the owner of large pictures look modest.
    pub(crate) speed: u64,
    /// How long it will be held, in milliseconds, as long as that is not known.
    pub(crate) expected_ms: u64,
    /// Since when it is held.
    pub(crate) since: Tick,
}

/// What follows from the end of a lease.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Whose lease it was.
    pub(crate) job: JobId,
    /// The cap of the job's owner is no longer full.
    pub(crate) frees_cap: bool,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Leases that an owner may hold at a time.
    owner_leases_max: Option<u32>,
    owners: BTreeMap<String, Account>,
    /// The first turn is next. Lanes of owners whose cap is full have none.
    turns: BTreeSet<Turn>,
    levels: BTreeMap<Reverse<i32>, Level>,
    held: BTreeMap<LeaseId, Held>,
}

/// Whose turn it is: the order of the fields is the order of service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    priority: Reverse<i32>,
    spent: u64,
    /// The sequence number of the lane's first job.
    first: u64,
    owner: String,
}

/// What is known of an owner while a job of theirs is open.
#[derive(Debug, Default)]
struct Account {
    open: u32,
    leases: u32,
    lanes: BTreeMap<Reverse<i32>, Lane>,
}

/// The waiting jobs of one owner at one priority.
#[derive(Debug, Default)]
struct Lane {
    spent: u64,
    /// By sequence number.
    jobs: BTreeMap<u64, JobId>,
    turn: Option<Turn>,
}

/// All lanes of one priority.
#[derive(Debug, Default)]
struct Level {
    /// What the lane that was served last had spent before.
    served_at: u64,
    jobs: usize,
}

/// A current lease.
#[derive(Debug)]
struct Held {
    job: JobId,
    owner: String,
    priority: Reverse<i32>,
    cost: Cost,
}

impl Cost {
    /// Weighted slot time, in thousandths of a frame.
    const fn of(self, millis: u64) -> u64 {
        self.speed.saturating_mul(millis) / 1000
    }
}

impl Queue {
    pub(crate) fn new(owner_leases_max: Option<u32>) -> Self {
        Self { owner_leases_max, ..Self::default() }
    }

    /// A job of `owner` is open from now on.
    pub(crate) fn opened(&mut self, owner: &str) {
        self.account(owner).open += 1;
    }

    /// A job of `owner` is no longer open; it must have been taken out.
    pub(crate) fn closed(&mut self, owner: &str) {
        if let Some(account) = self.owners.get_mut(owner) {
            account.open = account.open.saturating_sub(1);
        }
        self.tidy(owner);
    }

    /// How many jobs of `owner` are open.
    pub(crate) fn open(&self, owner: &str) -> u32 {
        self.owners.get(owner).map_or(0, |account| account.open)
    }

    /// The cap of `owner`, where it is full.
    pub(crate) fn full_cap(&self, owner: &str) -> Option<u32> {
        let held = self.owners.get(owner).map_or(0, |account| account.leases);
        self.owner_leases_max.filter(|most| held >= *most)
    }

    /// Whether nobody is to be served.
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The jobs that may be served, those whose turn it is first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &JobId> {
        self.turns.iter().filter_map(|turn| self.lane(turn)).flat_map(|lane| lane.jobs.values())
    }

    /// Puts a job in; says whether that made something grantable.
    pub(crate) fn put(&mut self, place: Place<'_>, job: &JobId) -> bool {
        let Place { owner, priority, sequence } = place;
        let lane = self.account(owner).lanes.entry(Reverse(priority)).or_default();
        if lane.jobs.contains_key(&sequence) {
            return false;
        }
        lane.jobs.insert(sequence, job.clone());
        self.levels.entry(Reverse(priority)).or_default().jobs += 1;
        self.seat(owner, Reverse(priority));
        self.full_cap(owner).is_none()
    }

    /// Takes a job out, where it is in.
    pub(crate) fn take(&mut self, place: Place<'_>) {
        let Place { owner, priority, sequence } = place;
        let account = self.owners.get_mut(owner);
        let lane = account.and_then(|account| account.lanes.get_mut(&Reverse(priority)));
        if lane.is_none_or(|lane| lane.jobs.remove(&sequence).is_none()) {
            return;
        }
        if let Some(level) = self.levels.get_mut(&Reverse(priority)) {
            level.jobs -= 1;
        }
        self.seat(owner, Reverse(priority));
    }

    /// A piece of `job`, which is at `place`, is leased.
    pub(crate) fn granted(&mut self, lease: LeaseId, job: &JobId, place: Place<'_>, cost: Cost) {
        let Place { owner, priority, .. } = place;
        let priority = Reverse(priority);
        let level = self.levels.entry(priority).or_default();
        let account = self.owners.entry(owner.to_owned()).or_default();
        let lane = account.lanes.entry(priority).or_default();
        level.served_at = level.served_at.max(lane.spent);
        lane.spent = level.served_at.saturating_add(cost.of(cost.expected_ms));
        account.leases += 1;
        self.held.insert(lease, Held { job: job.clone(), owner: owner.to_owned(), priority, cost });
        self.seat_all(owner);
    }

    /// A lease is over: what it really cost is known.
    pub(crate) fn ended(&mut self, lease: LeaseId, now: Tick) -> Option<Ended> {
        let Held { job, owner, priority, cost } = self.held.remove(&lease)?;
        let was_full = self.full_cap(&owner).is_some();
        if let Some(account) = self.owners.get_mut(&owner) {
            account.leases = account.leases.saturating_sub(1);
            if let Some(lane) = account.lanes.get_mut(&priority) {
                let spent = lane.spent.saturating_add(cost.of(now.since(cost.since)));
                lane.spent = spent.saturating_sub(cost.of(cost.expected_ms));
            }
        }
        self.seat_all(&owner);
        self.tidy(&owner);
        Some(Ended { job, frees_cap: was_full && self.full_cap(&owner).is_none() })
    }

    /// How many jobs are served before the one at `place`: all of higher priority, the older ones of its
    /// owner, and one of each owner whose turn comes first.
    pub(crate) fn before(&self, place: Place<'_>) -> usize {
        let Place { owner, priority, sequence } = place;
        let lane = self.owners.get(owner).and_then(|it| it.lanes.get(&Reverse(priority)));
        let older = lane.map_or(0, |lane| lane.jobs.range(..sequence).count());
        self.before_lane(owner, Reverse(priority)) + older
    }

    fn before_lane(&self, owner: &str, priority: Reverse<i32>) -> usize {
        let higher: usize = self.levels.range(..priority).map(|(_, level)| level.jobs).sum();
        let level = self.turns.iter().skip_while(|turn| turn.priority < priority);
        let earlier =
            level.take_while(|turn| turn.priority == priority && turn.owner != owner).count();
        higher + earlier
    }

    /// `before` of every job that is in, in one pass.
    pub(crate) fn places(&self) -> BTreeMap<&JobId, usize> {
        let mut places = BTreeMap::new();
        let (mut level, mut higher, mut earlier) = (None, 0, 0);
        for turn in &self.turns {
            if level != Some(turn.priority) {
                higher = self.levels.range(..turn.priority).map(|(_, level)| level.jobs).sum();
                (level, earlier) = (Some(turn.priority), 0);
            }
            let jobs = self.lane(turn).into_iter().flat_map(|lane| lane.jobs.values());
            places.extend(jobs.enumerate().map(|(older, job)| (job, higher + earlier + older)));
            earlier += 1;
        }
        places
    }

    fn account(&mut self, owner: &str) -> &mut Account {
        self.owners.entry(owner.to_owned()).or_default()
    }

    fn lane(&self, turn: &Turn) -> Option<&Lane> {
        self.owners.get(&turn.owner)?.lanes.get(&turn.priority)
    }

    fn seat_all(&mut self, owner: &str) {
        let lanes = self.owners.get(owner).map(|account| account.lanes.keys().copied());
        for priority in lanes.into_iter().flatten().collect::<Vec<_>>() {
            self.seat(owner, priority);
        }
    }

    /// Gives a lane the turn that it has earned.
    fn seat(&mut self, owner: &str, priority: Reverse<i32>) {
        let full = self.full_cap(owner).is_some();
        let account = self.owners.get_mut(owner);
        let Some(lane) = account.and_then(|account| account.lanes.get_mut(&priority)) else {
            return;
        };
        let first = lane.jobs.first_key_value().map(|(first, _)| *first).filter(|_| !full);
        let same = |turn: &Turn| turn.spent == lane.spent && Some(turn.first) == first;
        if lane.turn.as_ref().is_some_and(same) {
            return;
        }
        if let Some(turn) = lane.turn.take() {
            self.turns.remove(&turn);
        }
        if let Some(first) = first {
            let turn = Turn { priority, spent: lane.spent, first, owner: owner.to_owned() };
            lane.turn = Some(turn.clone());
            self.turns.insert(turn);
        }
    }

    /// Forgets an owner without open jobs and leases.
    fn tidy(&mut self, owner: &str) {
        let idle = |account: &Account| account.open == 0 && account.leases == 0;
        if self.owners.get(owner).is_some_and(idle) {
            self.owners.remove(owner);
        }
    }
}

#[cfg(test)]
mod tests;
