//! What is kept of a window's samples: sums over the looks that count, for the blocks that may show an
//! overlay, and for all others how often their background changed.
//!
//! Evidence is whole numbers, so adding windows in any order gives the same sums, and it stays below
//! [`BYTES_MAX`] on the wire however large the picture and however long the window.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::picture::{PixelLayout, PlanesRef};
use serde::{Deserialize, Serialize};

use super::novelty::{BLOCK, Cells, MEMORY, Memory};
use super::presence::{MOST, PLACES_A_LEVEL, Presence, is_steady, packed};
use super::reduced::{Reduced, half, reduced_size};
use super::runs::Runs;
use super::slopes::Slopes;
use super::sums::{Grade, Sums, spans};

/// Samples of a window that are taken in at most, so that sums stay small: a 10-hour video of 60 frames
/// a second has windows of 17,000 frames, and a quarter of a second of it is 15 frames.
const SAMPLES_MAX: u32 = 8192;
/// What is kept of blocks may become so large.
const BYTES_MAX: usize = 900 << 10;
/// Places of a block that hint at an overlay at least, where the block is kept.
const HINTS_MIN: usize = 4;
/// A place that hints at an overlay: its mean gradient, or that it seldom changed.
const HINT: Grade = Grade { length: 3, steady_percent: 45, surprise_percent: 200 };
const STILL_PERCENT: u32 = 25;
/// A place that is only still says less than an edge that stays.
const STILL_SHARE: usize = 4;

/// The sums of one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The window's frames.
    pub frames: FrameRange,
    /// Width of the video's frames in luma samples.
    pub width: u32,
    /// Height of the video's frames in luma samples.
    pub height: u32,
    /// Number of samples taken in.
    pub samples: u32,
    /// The samples, as distances from the window's first frame, rising.
    pub(super) at: Vec<u32>,
    /// The samples, by their number, in which most of the picture changed.
    pub(super) moved: Vec<u16>,
    /// Every block.
    pub(super) blocks: Vec<Block>,
    /// The blocks that may show an overlay, rising.
    pub(super) kept: Vec<Kept>,
}

/// How often the background of a block changed, and how it looks on average.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Block {
    /// Looks that counted.
    pub(super) turns: u16,
    /// Changes that a run of edges could outlive.
    pub(super) steps: u16,
    /// Mean over the places: length of the gradient, and times that the place changed, summed over the
    /// looks.
    pub(super) length: u32,
    pub(super) changed: u16,
}

/// The sums of a block, row by row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) block: u32,
    pub(super) right: Vec<i16>,
    pub(super) down: Vec<i16>,
    pub(super) length: Vec<u16>,
    pub(super) changed: Vec<u16>,
    /// Changes that edges outlived, in long runs, and in all that are not short.
    pub(super) held: Vec<u16>,
    pub(super) lasting: Vec<u16>,
    /// The same sums for both chromas, where there are any.
    pub(super) chroma: Vec<Chroma>,
    /// For each sample how much is shown, two in a byte: by runs of edges, and by the mean gradient.
    pub(super) runs: Vec<u8>,
    pub(super) likeness: Vec<u8>,
}

/// The sums of one chroma plane in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chroma {
    pub(super) right: Vec<i16>,
    pub(super) down: Vec<i16>,
    pub(super) length: Vec<u16>,
}

/// A frame that does not belong into the window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The frame has another size than the window's video, or planes that do not fit.
    #[error("frame {index} has not the planes of a picture of {width} by {height} samples")]
    OtherSize {
        /// The frame.
        index: u64,
        /// Width of the video.
        width: u32,
        /// Height of the video.
        height: u32,
    },
    /// The frame is not after the one before it.
    #[error("frame {index} was added after frame {last}: samples must rise")]
    NotRising {
        /// The frame.
        index: u64,
        /// The frame added before.
        last: u64,
    },
    /// The window has as many samples as its sums can hold.
    #[error("frame {index} is one sample more than a window holds ({SAMPLES_MAX})")]
    Full {
        /// The frame.
        index: u64,
    },
}

impl Evidence {
    /// Whether the sums fit the picture: what evidence from the wire must show.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let (columns, rows) = reduced_size(self.width, self.height);
        let small = half((columns, rows));
        let blocks = columns.div_ceil(BLOCK) * rows.div_ceil(BLOCK);
        let count = |(columns, rows): (usize, usize), side: usize, block: usize| -> usize {
            spans(columns, rows, side, block).map(|span| span.len()).sum()
        };
        self.blocks.len() == blocks
            && self.at.len() == self.samples as usize
            && self.at.windows(2).all(|pair| pair[0] < pair[1])
            && self.moved.windows(2).all(|pair| pair[0] < pair[1])
            && self.kept.windows(2).all(|pair| pair[0].block < pair[1].block)
            && self.kept.iter().all(|kept| {
                let block = kept.block as usize;
                let places = count((columns, rows), BLOCK, block);
                let fewer = count(small, BLOCK / 2, block);
                block < blocks
                    && [kept.right.len(), kept.down.len(), kept.length.len()] == [places; 3]
                    && [kept.changed.len(), kept.held.len(), kept.lasting.len()] == [places; 3]
                    && (kept.chroma.is_empty() || kept.chroma.len() == 2)
                    && kept.chroma.iter().all(|chroma| {
                        [chroma.right.len(), chroma.down.len(), chroma.length.len()] == [fewer; 3]
                    })
            })
    }
}

/// A window that is being looked at.
#[derive(Debug)]
pub struct Window {
    layout: PixelLayout,
    frames: FrameRange,
    size: (u32, u32),
    last: Option<u64>,
    at: Vec<u32>,
    looks: Option<Looks>,
}

/// What has been seen, once something has.
#[derive(Debug)]
struct Looks {
    moved: Vec<u16>,
    blocks: Vec<Block>,
    turns: Vec<u16>,
    memory: Memory,
    latest: Memory,
    luma: Sums,
    chroma: Vec<Sums>,
    runs: Runs,
    presence: Presence,
}

impl Window {
    /// An empty window over `frames` of a video of `layout`, `width` by `height`.
    #[must_use]
    pub fn new(layout: &PixelLayout, width: u32, height: u32, frames: FrameRange) -> Self {
        let layout = layout.clone();
        Self { layout, frames, size: (width, height), last: None, at: Vec::new(), looks: None }
    }

    /// Takes in the frame at `index`; frames must come in rising order.
    ///
    /// # Errors
    /// [`WindowError`] where the frame does not belong into the window; it is not counted then.
    pub fn add(&mut self, index: u64, planes: PlanesRef<'_>) -> Result<(), WindowError> {
        if let Some(last) = self.last.filter(|last| *last >= index) {
            return Err(WindowError::NotRising { index, last });
        }
        let Some(sample) =
            u16::try_from(self.at.len()).ok().filter(|at| u32::from(*at) < SAMPLES_MAX)
        else {
            return Err(WindowError::Full { index });
        };
        let frame = match planes {
            PlanesRef::Eight(planes) => Reduced::of(&planes, &self.layout, self.size),
            PlanesRef::Sixteen(planes) => Reduced::of(&planes, &self.layout, self.size),
        };
        let (width, height) = self.size;
        let frame = frame.ok_or(WindowError::OtherSize { index, width, height })?;
        self.last = Some(index);
        self.at.push(u32::try_from(index.saturating_sub(self.frames.start)).unwrap_or(u32::MAX));
        match &mut self.looks {
            Some(looks) => looks.take(sample, &frame),
            None => self.looks = Some(Looks::new(&frame)),
        }
        Ok(())
    }

    /// The window's evidence.
    #[must_use]
    pub fn finish(self) -> Evidence {
        let (width, height) = self.size;
        let (columns, rows) = reduced_size(width, height);
        let blocks = columns.div_ceil(BLOCK) * rows.div_ceil(BLOCK);
        let samples = self.at.len();
        let (moved, blocks, kept) = match self.looks {
            Some(looks) => looks.finish(samples),
            None => (Vec::new(), vec![Block::default(); blocks], Vec::new()),
        };
        Evidence {
            frames: self.frames,
            width,
            height,
            samples: u32::try_from(samples).unwrap_or(u32::MAX),
            at: self.at,
            moved,
            blocks,
            kept,
        }
    }
}

impl Looks {
    fn new(first: &Reduced) -> Self {
        let cells = Cells::of(first);
        let (columns, rows) = (first.luma.columns, first.luma.rows);
        let blocks = columns.div_ceil(BLOCK) * rows.div_ceil(BLOCK);
        let slopes = Slopes::of(&first.luma);
        let chroma = first.chroma.iter().flatten();
        let mut looks = Self {
            moved: Vec::new(),
            blocks: vec![Block::default(); blocks],
            turns: vec![0; blocks],
            memory: Memory::new(&cells, MEMORY),
            latest: Memory::new(&cells, 1),
            luma: Sums::new(columns, BLOCK, slopes.clone()),
            chroma: chroma
                .map(|plane| Sums::new(plane.columns, BLOCK / 2, Slopes::of(plane)))
                .collect(),
            runs: Runs::new(columns, rows),
            presence: Presence::new(blocks),
        };
        looks.runs.take(0, &slopes, &vec![false; blocks]);
        looks.presence.take(slopes, &looks.luma, &looks.turns);
        looks
    }

    fn take(&mut self, sample: u16, frame: &Reduced) {
        let cells = Cells::of(frame);
        let mut slopes = self.presence.spare();
        slopes.set(&frame.luma);
        let is_step = self.latest.novel(&cells);
        self.runs.take(sample, &slopes, &is_step);
        if is_step.iter().filter(|is_step| **is_step).count() * 2 >= is_step.len() {
            self.moved.push(sample);
        }
        for block in (0..is_step.len()).filter(|block| is_step[*block]) {
            self.latest.remember(block, &cells);
            self.blocks[block].steps += 1;
        }
        let is_turn = self.memory.novel(&cells);
        let chroma: Vec<Slopes> = frame.chroma.iter().flatten().map(Slopes::of).collect();
        for block in (0..is_turn.len()).filter(|block| is_turn[*block]) {
            self.memory.remember(block, &cells);
            if self.turns[block] == 0 {
                self.turns[block] = 1;
                self.luma.count_first(block);
                self.chroma.iter_mut().for_each(|sums| sums.count_first(block));
            }
            self.turns[block] += 1;
            self.luma.turn(block, &slopes);
            let planes = self.chroma.iter_mut().zip(&chroma);
            planes.for_each(|(sums, slopes)| sums.turn(block, slopes));
        }
        self.presence.take(slopes, &self.luma, &self.turns);
    }

    fn finish(mut self, samples: usize) -> (Vec<u16>, Vec<Block>, Vec<Kept>) {
        self.runs.finish(u16::try_from(samples).unwrap_or(u16::MAX));
        let presence = std::mem::replace(&mut self.presence, Presence::new(0));
        let likeness = presence.finish(&self.luma, &self.turns);
        for block in 0..self.blocks.len() {
            let (mut length, mut changed, mut places) = (0, 0, 0);
            for span in self.luma.rows(block) {
                let sum = |values: &[u16]| values.iter().map(|one| u32::from(*one)).sum::<u32>();
                length += sum(&self.luma.length[span.clone()]);
                changed += sum(&self.luma.changed[span.clone()]);
                places += u32::try_from(span.len()).unwrap_or(0);
            }
            let one = &mut self.blocks[block];
            one.turns = self.turns[block];
            one.length = length / places.max(1);
            one.changed = u16::try_from(changed / places.max(1)).unwrap_or(u16::MAX);
        }
        let mut hints: Vec<(usize, usize)> =
            (0..self.blocks.len()).map(|block| (self.hints(block), block)).collect();
        hints.retain(|(hints, _)| *hints >= HINTS_MIN);
        hints.sort_unstable_by_key(|(hints, block)| (std::cmp::Reverse(*hints), *block));
        let (mut bytes, mut kept) = (0, Vec::new());
        for (_, block) in hints {
            let one = self.kept(block, samples, &likeness[block]);
            bytes += one.bytes();
            if bytes > BYTES_MAX {
                break;
            }
            kept.push(one);
        }
        kept.sort_unstable_by_key(|one| one.block);
        (self.moved, self.blocks, kept)
    }

    /// How many places of `block` hint at an overlay.
    fn hints(&self, block: usize) -> usize {
        let turns = self.turns[block];
        let (mut edges, mut still) = (0, 0);
        for place in self.luma.rows(block).flatten() {
            let is_edge = self.runs.held[place] > 0
                || (turns > 1 && is_steady(&self.luma, place, turns, HINT));
            edges += usize::from(is_edge);
            let is_still =
                u32::from(self.luma.changed[place]) * 100 <= u32::from(turns) * STILL_PERCENT;
            still += usize::from(is_still && turns > 2);
        }
        for sums in &self.chroma {
            let places = sums.rows(block).flatten();
            let is_edge = |place: &usize| turns > 1 && is_steady(sums, *place, turns, HINT);
            edges += 4 * places.filter(is_edge).count();
        }
        edges + still / STILL_SHARE
    }

    fn kept(&self, block: usize, samples: usize, likeness: &[u8]) -> Kept {
        let luma: Vec<usize> = self.luma.rows(block).flatten().collect();
        let shown = self.runs.shown(block, samples);
        let shown: Vec<u8> = shown
            .iter()
            .map(|count| u8::try_from(count / PLACES_A_LEVEL).unwrap_or(MOST).min(MOST))
            .collect();
        Kept {
            block: u32::try_from(block).unwrap_or(u32::MAX),
            right: pick(&self.luma.right, &luma),
            down: pick(&self.luma.down, &luma),
            length: pick(&self.luma.length, &luma),
            changed: pick(&self.luma.changed, &luma),
            held: pick(&self.runs.held, &luma),
            lasting: pick(&self.runs.kept, &luma),
            chroma: self.chroma.iter().map(|sums| chroma(sums, block)).collect(),
            runs: packed(&shown),
            likeness: packed(likeness),
        }
    }
}

impl Kept {
    /// About what it takes on the wire.
    fn bytes(&self) -> usize {
        let signed = |values: &[i16]| -> usize {
            values.iter().map(|value| bytes_of(u32::from(value.unsigned_abs()) * 2)).sum()
        };
        let short = |values: &[u16]| -> usize {
            values.iter().map(|value| bytes_of(u32::from(*value))).sum()
        };
        let chroma = self
            .chroma
            .iter()
            .map(|chroma| signed(&chroma.right) + signed(&chroma.down) + short(&chroma.length));
        signed(&self.right)
            + signed(&self.down)
            + short(&self.length)
            + short(&self.changed)
            + short(&self.held)
            + short(&self.lasting)
            + self.runs.len()
            + self.likeness.len()
            + chroma.sum::<usize>()
            + 32
    }
}

/// Bytes of a number of so many bits, seven to each.
const fn bytes_of(value: u32) -> usize {
    if value < 1 << 7 {
        1
    } else if value < 1 << 14 {
        2
    } else {
        3
    }
}

fn chroma(sums: &Sums, block: usize) -> Chroma {
    let places: Vec<usize> = sums.rows(block).flatten().collect();
    Chroma {
        right: pick(&sums.right, &places),
        down: pick(&sums.down, &places),
        length: pick(&sums.length, &places),
    }
}

fn pick<T: Copy>(values: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|place| values[*place]).collect()
}
