//! What a run draws from its seed: how many work, where the journal is, and which faults fall when.
//!
//! Owns the deck of all faults in all phases in which they can happen. Runs with neighbouring seeds take neighbouring
//! cards of it, so that as many runs as half its cards draw every one; a seed alone replays its run.

use crate::torture::draw::Chance;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL of a worker; another process takes its place.
    KillWorker,
    /// SIGKILL of a worker's child that is at work.
    KillEngine,
    /// SIGKILL of the coordinator; it is started again.
    KillCoordinator,
    /// The coordinator dies by its own hand at an exact point of its code (debug builds).
    DieAtPoint,
    /// SIGKILL of the coordinator's child that joins the parts.
    KillStitch,
    /// SIGSTOP of a worker for a while.
    PauseWorker,
    /// SIGSTOP of the coordinator for a while.
    PauseCoordinator,
    /// Nothing passes between workers and coordinator for a while, and nobody is told.
    Silence,
    /// The connections between workers and coordinator break, and none can be made for a while.
    Cut,
    /// The disk of store and output fills up; for a while, or for good.
    FullDisk,
    /// SIGTERM of a worker; another process takes its place.
    Terminate,
    /// The database dies; it is started again after a while.
    Database,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::KillWorker,
        Self::KillEngine,
        Self::KillCoordinator,
        Self::DieAtPoint,
        Self::KillStitch,
        Self::PauseWorker,
        Self::PauseCoordinator,
        Self::Silence,
        Self::Cut,
        Self::FullDisk,
        Self::Terminate,
        Self::Database,
    ];

    /// Its name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KillWorker => "SIGKILL worker",
            Self::KillEngine => "SIGKILL engine",
            Self::KillCoordinator => "SIGKILL coordinator",
            Self::DieAtPoint => "coordinator dies at a point",
            Self::KillStitch => "SIGKILL stitch",
            Self::PauseWorker => "SIGSTOP worker",
            Self::PauseCoordinator => "SIGSTOP coordinator",
            Self::Silence => "partition, silent",
            Self::Cut => "partition, broken",
            Self::FullDisk => "full disk",
            Self::Terminate => "SIGTERM worker",
            Self::Database => "database restart",
        }
    }

    /// Whether there can be such a thing then: a stitch runs from the first segment on, no engine works while a movie
    /// is published, and no point of the coordinator's code belongs to an upload.
    #[must_use]
    pub const fn can_be_in(self, phase: Phase) -> bool {
        match self {
            Self::KillStitch => !matches!(phase, Phase::Intake | Phase::Analyse),
            Self::KillEngine => !matches!(phase, Phase::Publish),
            Self::DieAtPoint => !matches!(phase, Phase::Upload),
            Self::KillWorker
            | Self::KillCoordinator
            | Self::PauseWorker
            | Self::PauseCoordinator
            | Self::Silence
            | Self::Cut
            | Self::FullDisk
            | Self::Terminate
            | Self::Database => true,
        }
    }
}

/// What the job is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Its source is looked at.
    Intake,
    /// Overlays are looked for.
    Analyse,
    /// Cells are made.
    Segment,
    /// A part is in the store, or on its way there, and its manifest is not.
    Upload,
    /// A manifest is in the store and its cell is not, or only just, committed.
    Commit,
    /// Parts are joined while others are still made.
    Stitch,
    /// All cells are committed, and the movie has not its name yet.
    Publish,
}

impl Phase {
    /// All of them, in the order in which a job is at them.
    pub const ALL: [Self; 7] = [
        Self::Intake,
        Self::Analyse,
        Self::Segment,
        Self::Upload,
        Self::Commit,
        Self::Stitch,
        Self::Publish,
    ];

    /// Its name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Analyse => "analyse",
            Self::Segment => "segment",
            Self::Upload => "upload",
            Self::Commit => "commit",
            Self::Stitch => "stitch",
            Self::Publish => "publish",
        }
    }

    /// Points of the coordinator's code that belong to it; `N` is the passing.
    const fn points(self) -> &'static [&'static str] {
        match self {
            Self::Intake => &["after:record.leased@1", "before:record.intake_done@1"],
            Self::Analyse => &["before:record.window_done@N", "after:record.reduced@1"],
            Self::Segment => &["after:record.encoder_chosen@1", "after:record.briefed@1"],
            Self::Upload => &[],
            Self::Commit => &["before:record.cell_committed@N", "after:record.cell_committed@N"],
            Self::Stitch => &["after:start_stitch@1", "before:stitch_part@N"],
            Self::Publish => &["before:record.ended@1", "after:record.ended@1"],
        }
    }
}

/// A fault at its moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blow {
    /// What.
    pub fault: Fault,
    /// While the job is at what.
    pub phase: Phase,
    /// How long after it began to be at that; a moment of its own where 0.
    pub after_ms: u64,
    /// At the how manieth part or manifest, from 1: for uploads and commits.
    pub nth: u32,
    /// How long it lasts, where it lasts; for good where nothing, which only a full disk is.
    pub lasts_ms: Option<u64>,
    /// Which worker.
    pub worker: usize,
    /// Where the coordinator dies by its own hand.
    pub point: Option<String>,
}

/// One run, drawn.
#[derive(Debug, Clone)]
pub struct Draw {
    /// What draws it again.
    pub seed: u64,
    /// How many workers.
    pub workers: usize,
    /// Whether the journal is in PostgreSQL; else in SQLite.
    pub postgres: bool,
    /// What goes wrong, in the order of the phases.
    pub blows: Vec<Blow>,
}

/// A third of the runs have their journal in PostgreSQL, and all that restart a database.
const POSTGRES_ONCE_IN: u64 = 3;

/// Cards of the deck that a run takes.
const CARDS: u64 = 2;

impl Draw {
    /// Draws a run.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let workers = usize::try_from(chance.between(2, 3)).unwrap_or(2);
        let deck = deck();
        let mut cards: Vec<(Fault, Phase)> = (0..CARDS)
            .map(|card| {
                let place = (seed.wrapping_mul(CARDS).wrapping_add(card)) % deck.len() as u64;
                deck[usize::try_from(place).unwrap_or(0)]
            })
            .collect();
        if chance.once_in(3) {
            cards.push(*chance.one_of(&deck));
        }
        // The coordinator has one point at which it dies, and a disk fills up once.
        let mut had = Vec::new();
        cards.retain(|(fault, _)| {
            let once = matches!(fault, Fault::DieAtPoint | Fault::FullDisk);
            let again = once && had.contains(fault);
            had.push(*fault);
            !again
        });
        cards.sort_by_key(|(_, phase)| *phase);
        let needs_one = cards.iter().any(|(fault, _)| *fault == Fault::Database);
        let postgres = chance.once_in(POSTGRES_ONCE_IN) || needs_one;
        let blow = |(fault, phase)| blow(&mut chance, fault, phase, workers);
        Self { seed, workers, postgres, blows: cards.into_iter().map(blow).collect() }
    }

    /// Whether it takes a disk of its own.
    #[must_use]
    pub fn fills_a_disk(&self) -> bool {
        self.blows.iter().any(|blow| blow.fault == Fault::FullDisk)
    }
}

/// Everything that can be drawn, in an order that has nothing to do with phases.
#[must_use]
pub fn deck() -> Vec<(Fault, Phase)> {
    let all = Fault::ALL.iter().flat_map(|fault| Phase::ALL.map(|phase| (*fault, phase)));
    let mut deck: Vec<_> = all.filter(|(fault, phase)| fault.can_be_in(*phase)).collect();
    let mut chance = Chance::new(0);
    for place in (1..deck.len()).rev() {
        let other = usize::try_from(chance.between(0, place as u64)).unwrap_or(0);
        deck.swap(place, other);
    }
    deck
}

fn blow(chance: &mut Chance, fault: Fault, phase: Phase, workers: usize) -> Blow {
    let after_ms = match phase {
        Phase::Intake | Phase::Analyse => chance.between(0, 25),
        Phase::Segment | Phase::Stitch => chance.between(0, 150),
        Phase::Upload | Phase::Commit | Phase::Publish => 0,
    };
    let nth = u32::try_from(chance.between(1, 4)).unwrap_or(1);
    // The silence after which a worker is given up is 1.5 s here: some last longer, some do not.
    let for_good = fault == Fault::FullDisk && chance.once_in(2);
    let lasts_ms = (!for_good).then(|| chance.between(100, 3000));
    let worker = usize::try_from(chance.between(0, workers as u64 - 1)).unwrap_or(0);
    let points = phase.points();
    let point = (fault == Fault::DieAtPoint && !points.is_empty())
        .then(|| chance.one_of(points).replace('N', &nth.to_string()));
    Blow { fault, phase, after_ms, nth, lasts_ms, worker, point }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_run_each_time() {
        for seed in 1..200 {
            let (one, other) = (Draw::from_seed(seed), Draw::from_seed(seed));
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
    }

    #[test]
    fn fifty_runs_draw_every_fault_in_every_phase_in_which_it_can_be() {
        let drawn: Vec<(Fault, Phase)> = (1..=50)
            .flat_map(|seed| Draw::from_seed(seed).blows)
            .map(|blow| (blow.fault, blow.phase))
            .collect();
        let undrawn: Vec<_> = deck().into_iter().filter(|card| !drawn.contains(card)).collect();
        assert!(undrawn.is_empty(), "{undrawn:?}");
    }

    #[test]
    fn a_run_that_restarts_a_database_has_one() {
        for seed in 1..200 {
            let draw = Draw::from_seed(seed);
            let restarts = draw.blows.iter().any(|blow| blow.fault == Fault::Database);
            assert!(draw.postgres || !restarts, "{draw:?}");
        }
    }
}
