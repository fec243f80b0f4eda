//! What is measured when somebody asks: the state of a fleet in numbers, written from scratch each time, so that what
//! is gone leaves no series behind.

use std::collections::BTreeMap;

use prometheus_client::registry::Registry;

use crate::metrics::Labels;
use crate::metrics::families::{gauge, gauges, number, seconds_of, works};

/// The state of a fleet, as its coordinator knows it.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Jobs that have not ended, by phase.
    pub jobs: Vec<(&'static str, u64)>,
    /// Frames that are not committed.
    pub frames: u64,
    /// Those of them that are reported under a lease.
    pub frames_in_flight: u64,
    /// How long the attached workers have for all of it, in milliseconds; nothing where none takes work.
    pub eta_ms: Option<u64>,
    /// What is known of each row of the tier table.
    pub tiers: Vec<PerTier>,
    /// The workers, by row and state.
    pub workers: Vec<WorkersIn>,
    /// The current leases.
    pub leases: Vec<Age>,
    /// Cards that tell what they are doing.
    pub cards: Vec<CardIn>,
}

/// What a card of one row is doing.
#[derive(Debug, Clone, Copy)]
pub struct CardIn {
    /// The row.
    pub tier: &'static str,
    /// How much of the time it was busy, in percent.
    pub busy_percent: Option<u32>,
    /// Its temperature.
    pub celsius: Option<u32>,
    /// Its memory in use, in MiB.
    pub used_mib: Option<u64>,
    /// Its memory in MiB.
    pub memory_mib: u64,
}

/// What is known of a row of the tier table.
#[derive(Debug, Clone, Copy)]
pub struct PerTier {
    /// Its name.
    pub tier: &'static str,
    /// All work that is left, in milliseconds of one worker of this row.
    pub work_ms: u64,
    /// Speed of the attached workers, in thousandths of a frame of 1080p a second.
    pub fps_milli: u64,
    /// Their slots.
    pub slots: u64,
    /// Those that hold a lease.
    pub slots_busy: u64,
}

/// Workers of one row in one state.
#[derive(Debug, Clone, Copy)]
pub struct WorkersIn {
    /// The row.
    pub tier: &'static str,
    /// The state.
    pub state: &'static str,
    /// How many.
    pub count: u64,
}

/// A current lease.
#[derive(Debug, Clone, Copy)]
pub struct Age {
    /// What for.
    pub work: &'static str,
    /// For how long it has been held, in milliseconds.
    pub age_ms: u64,
}

/// Makes the gauges of `now`; where this coordinator does not lead, nothing but that.
pub(super) fn registry(now: Option<&Snapshot>, labels: Labels) -> Registry {
    let mut registry = Registry::with_prefix("cleanplate");
    let r = &mut registry;
    let leads = if now.is_some() { 1.0 } else { 0.0 };
    gauge(
        r,
        "leads",
        "Whether this coordinator leads: 1 or 0; only the leader has the series of the fleet",
        leads,
    );
    let Some(now) = now else { return registry };
    let jobs = gauges(r, "jobs", "Jobs that have not ended, by phase");
    for (phase, count) in &now.jobs {
        jobs.get_or_create(&[("phase", *phase)]).set(number(*count));
    }
    let frames = gauges(
        r,
        "queue_frames",
        "Frames that are not committed, of jobs whose source is known: waiting, and in flight under a lease",
    );
    let waiting = now.frames.saturating_sub(now.frames_in_flight);
    frames.get_or_create(&[("state", "waiting")]).set(number(waiting));
    frames.get_or_create(&[("state", "in_flight")]).set(number(now.frames_in_flight));
    if let Some(eta_ms) = now.eta_ms {
        gauge(
            r,
            "queue_eta_seconds",
            "How long the workers that take work have for all that is left, at the speed that is measured; absent where there is none",
            seconds_of(eta_ms),
        );
    }
    tiers(r, now);
    workers(r, now);
    leases(r, now, labels);
    cards(r, now);
    registry
}

/// By row: the mean of what cards are busy and hold, and the warmest; absent where none tells.
fn cards(r: &mut Registry, now: &Snapshot) {
    let busy = gauges(
        r,
        "card_utilization_ratio",
        "How much of the time cards were busy, 0 to 1, as their drivers tell: the mean of the row",
    );
    let memory = gauges(
        r,
        "card_memory_used_ratio",
        "How much of the memory of cards is in use, 0 to 1: the mean of the row",
    );
    let warmest =
        gauges(r, "card_temperature_max_celsius", "The temperature of the warmest card of the row");
    let mut rows: BTreeMap<&'static str, Vec<&CardIn>> = BTreeMap::new();
    for card in &now.cards {
        rows.entry(card.tier).or_default().push(card);
    }
    for (tier, cards) in rows {
        let label = [("tier", tier)];
        let shares = cards.iter().filter_map(|card| Some((card.busy_percent?.into(), 100)));
        if let Some(mean) = mean(shares) {
            busy.get_or_create(&label).set(mean);
        }
        let shares = cards.iter().filter_map(|card| Some((card.used_mib?, card.memory_mib)));
        if let Some(mean) = mean(shares) {
            memory.get_or_create(&label).set(mean);
        }
        if let Some(celsius) = cards.iter().filter_map(|card| card.celsius).max() {
            warmest.get_or_create(&label).set(f64::from(celsius));
        }
    }
}

/// The mean of parts of wholes; nothing of none.
fn mean(shares: impl Iterator<Item = (u64, u64)>) -> Option<f64> {
    let shares: Vec<f64> =
        shares.map(|(part, whole)| number(part) / number(whole.max(1))).collect();
    let count = number(shares.len() as u64);
    (count > 0.0).then(|| shares.iter().sum::<f64>() / count)
}

fn tiers(r: &mut Registry, now: &Snapshot) {
    let work = gauges(
        r,
        "queue_gpu_seconds",
        "Work that is left, were workers of this row of the tier table to do all of it, in seconds of one of them",
    );
    let speed = gauges(
        r,
        "fleet_frames_per_second",
        "Frames of 1080p a second of the workers that take work: measured, or expected by their row",
    );
    let slots = gauges(r, "slots", "Slots of attached workers");
    let busy = gauges(r, "slots_busy", "Slots that hold a lease");
    for PerTier { tier, work_ms, fps_milli, slots: all, slots_busy } in &now.tiers {
        let label = [("tier", *tier)];
        work.get_or_create(&label).set(seconds_of(*work_ms));
        speed.get_or_create(&label).set(seconds_of(*fps_milli));
        slots.get_or_create(&label).set(number(*all));
        busy.get_or_create(&label).set(number(*slots_busy));
    }
}

fn workers(r: &mut Registry, now: &Snapshot) {
    let workers = gauges(r, "workers", "Workers, by the row of their card and by state");
    for WorkersIn { tier, state, count } in &now.workers {
        workers.get_or_create(&[("tier", *tier), ("state", *state)]).set(number(*count));
    }
}

fn leases(r: &mut Registry, now: &Snapshot, labels: Labels) {
    let held = gauges(r, "leases", "Current leases, by work");
    let ages = works(
        r,
        "lease_age_seconds",
        "For how long the leases that are current now have been held; not cumulative, so never to be given to rate()",
    );
    for work in labels.works {
        let label = [("work", *work)];
        held.get_or_create(&label).set(0.0);
        drop(ages.get_or_create(&label));
    }
    for Age { work, age_ms } in &now.leases {
        let label = [("work", *work)];
        held.get_or_create(&label).inc_by(1.0);
        ages.get_or_create(&label).observe(seconds_of(*age_ms));
    }
    let oldest = now.leases.iter().map(|lease| lease.age_ms).max().unwrap_or(0);
    gauge(
        r,
        "lease_oldest_seconds",
        "Age of the oldest current lease; 0 where there is none",
        seconds_of(oldest),
    );
}
