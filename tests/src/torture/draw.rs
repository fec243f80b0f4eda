//! What a run draws from its seed: kind, container, how the job is cut, who works, who dies.
//!
//! Owns the one source of chance: the same seed draws the same run on every machine.

use super::kind::{Expect, Kind, Output};

/// Numbers from a seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Starts anew from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `from` up to and with `to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    /// One of `from`; panics where there is none.
    pub fn one_of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        assert!(!from.is_empty(), "there is something to draw from");
        let place = self.between(0, from.len() as u64 - 1);
        &from[usize::try_from(place).expect("a place in a list")]
    }

    /// True once in `every` times.
    pub fn once_in(&mut self, every: u64) -> bool {
        self.between(1, every) == 1
    }
}

/// Who is killed (SIGKILL).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// A child of a worker: the engine that does a piece of work.
    Engine,
    /// A worker with all its engines; another one starts.
    Worker,
    /// The coordinator; it starts again on its journal.
    Coordinator,
    /// The coordinator's child that joins the parts.
    Stitch,
}

/// A kill, so long after the job was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// Who.
    pub victim: Victim,
    /// When, in milliseconds after the job was handed in.
    pub after_ms: u64,
}

/// How a run is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// A coordinator and workers that live from run to run.
    Cluster,
    /// The command for one machine.
    Run,
}

/// One run, drawn.
#[derive(Debug, Clone)]
pub struct Draw {
    /// What draws it again.
    pub seed: u64,
    /// The kind of clip.
    pub kind: &'static Kind,
    /// The container and what must become of the clip.
    pub output: Output,
    /// The length of the encode cells.
    pub cell_frames: u64,
    /// The largest segment.
    pub segment_frames: u64,
    /// How many workers.
    pub workers: u64,
    /// The encoder, where not the one that is chosen.
    pub encoder: Option<&'static str>,
    /// Whether the encode is bit-exact.
    pub lossless: bool,
    /// Whether damage is concealed.
    pub conceal: bool,
    /// How it is done.
    pub through: Through,
    /// Who dies.
    pub kills: Vec<Kill>,
}

impl Draw {
    /// Draws a run among `kinds`, with kills.
    #[must_use]
    pub fn from_seed(seed: u64, kinds: &[&'static Kind]) -> Self {
        let mut chance = Chance::new(seed);
        let kind = *chance.one_of(kinds);
        let output = *chance.one_of(kind.outputs);
        let conceal = chance.once_in(2);
        let mut draw = Self::cut(seed, kind, output, conceal, &mut chance);
        draw.through = if chance.once_in(8) { Through::Run } else { Through::Cluster };
        let kills = if chance.once_in(3) { chance.between(1, 2) } else { 0 };
        draw.kills = (0..kills).map(|_| kill(&mut chance, draw.through)).collect();
        draw
    }

    /// Draws one container of `kind` and how the job is cut, for a run without kills.
    #[must_use]
    pub fn of_kind(seed: u64, kind: &'static Kind) -> Self {
        let mut chance = Chance::new(seed);
        let output = *chance.one_of(kind.outputs);
        let conceal = chance.once_in(2);
        Self::cut(seed, kind, output, conceal, &mut chance)
    }

    /// Draws how the job is cut in every container of `kind`, damage taken both ways; without kills.
    #[must_use]
    pub fn all_of_kind(seed: u64, kind: &'static Kind) -> Vec<Self> {
        let mut chance = Chance::new(seed);
        let mut draws = Vec::new();
        for output in kind.outputs {
            let ways: &[bool] = match output.expect {
                Expect::Exact | Expect::Refused { .. } => &[false],
                Expect::Damaged { .. } => &[false, true],
            };
            for conceal in ways {
                draws.push(Self::cut(0, kind, *output, *conceal, &mut chance));
            }
        }
        draws
    }

    /// A run of `kind` into `container`, in cells of 16 frames, on one worker.
    #[must_use]
    pub const fn plain(kind: &'static Kind, container: &'static str, lossless: bool) -> Self {
        Self {
            seed: 0,
            kind,
            output: super::kind::exact(container),
            cell_frames: 16,
            segment_frames: 64,
            workers: 1,
            encoder: None,
            lossless,
            conceal: false,
            through: Through::Cluster,
            kills: Vec::new(),
        }
    }

    fn cut(
        seed: u64,
        kind: &'static Kind,
        output: Output,
        conceal: bool,
        chance: &mut Chance,
    ) -> Self {
        let cell_frames = chance.between(2, 60);
        let segment_frames = cell_frames * chance.between(1, 6);
        let workers = chance.between(1, 3);
        let with_encoder = !kind.encoders.is_empty() && chance.once_in(2);
        let named = with_encoder.then(|| *chance.one_of(kind.encoders));
        // WebM refuses the others for what they are, before it looks at anything else.
        let fits = |name: &&str| {
            output.container != "webm" || name.starts_with("libvpx") || name.starts_with("libaom")
        };
        let encoder = named.filter(fits);
        Self {
            seed,
            kind,
            output,
            cell_frames,
            segment_frames,
            workers,
            encoder,
            lossless: true,
            conceal,
            through: Through::Cluster,
            kills: Vec::new(),
        }
    }
}

fn kill(chance: &mut Chance, through: Through) -> Kill {
    const VICTIMS: [Victim; 6] = [
        Victim::Engine,
        Victim::Engine,
        Victim::Stitch,
        Victim::Worker,
        Victim::Worker,
        Victim::Coordinator,
    ];
    let victim = match through {
        Through::Cluster => *chance.one_of(&VICTIMS),
        Through::Run => Victim::Engine,
    };
    Kill { victim, after_ms: chance.between(10, 700) }
}
