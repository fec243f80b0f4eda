//! What is kept of a window's samples: for each reduced place sums over the samples that count there.
//!
//! Owns what "the background changed" means. A block counts a sample only when its surroundings
//! differ from the sample that it counted last, and each scene (a view of the world: a cut begins
//! one, and so does a camera that has moved on) only once, also where the video returns to it: what
//! passes before a still object does not make an overlay of it. A block that sees one scene only
//! counts nothing. Evidence is whole numbers, so adding windows in any order gives the same sums.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef};
use serde::{Deserialize, Serialize};

use super::luma::{Luma, reduced_size};
use super::scene::View;
use crate::sample::Sample;

/// Side of a block in reduced samples.
pub(super) const BLOCK: usize = 16;
/// Blocks to each side whose change counts for a block: overlays are seldom larger.
const SURROUND: usize = 2;
/// Scenes of a window that are told apart; samples of any further one are not counted.
const SCENES_MAX: usize = 128;
/// Samples of a window that are counted at most, so that sums stay small.
const SAMPLES_MAX: u32 = 512;
/// A gradient at least this long is texture and not noise.
const TEXTURE: u8 = 12;
/// Luma that differs by more than this is another level.
const LEVEL_OTHER: u32 = 14;

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
    /// For each block the number of samples that counted.
    pub(super) turns: Vec<u16>,
    /// For each reduced place sums over the samples that counted: gradient to the right, down,
    /// length of the gradient, and how often the place itself had changed.
    pub(super) right: Vec<i16>,
    pub(super) down: Vec<i16>,
    pub(super) length: Vec<u16>,
    pub(super) changed: Vec<u16>,
}

/// A frame that does not belong into the window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The frame has another size than the window's video, or no luma plane of that size.
    #[error("frame {index} has no luma plane of {width} by {height} samples")]
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
        let places = columns * rows;
        self.turns.len() == columns.div_ceil(BLOCK) * rows.div_ceil(BLOCK)
            && self.right.len() == places
            && self.down.len() == places
            && self.length.len() == places
            && self.changed.len() == places
    }
}

/// A window that is being looked at.
#[derive(Debug)]
pub struct Window {
    depth: u8,
    columns: usize,
    rows: usize,
    last: Option<u64>,
    scenes: Vec<Scene>,
    /// What each block counted last, and in which scene; before it counts, the first sample.
    counted: Option<Luma>,
    counted_scene: Vec<usize>,
    evidence: Evidence,
}

/// A view of the world: its first sample, and the blocks that have counted it.
#[derive(Debug)]
struct Scene {
    view: View,
    is_counted: Vec<bool>,
}

/// What a block saw change.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    places: u32,
    textured: u32,
    turned: u32,
    other_level: u32,
}

impl Window {
    /// An empty window over `frames` of a video of `layout`, `width` by `height`.
    #[must_use]
    pub fn new(layout: &PixelLayout, width: u32, height: u32, frames: FrameRange) -> Self {
        let (columns, rows) = reduced_size(width, height);
        let blocks = columns.div_ceil(BLOCK) * rows.div_ceil(BLOCK);
        let places = columns * rows;
        let evidence = Evidence {
            frames,
            width,
            height,
            samples: 0,
            turns: vec![0; blocks],
            right: vec![0; places],
            down: vec![0; places],
            length: vec![0; places],
            changed: vec![0; places],
        };
        Self {
            depth: layout.depth,
            columns,
            rows,
            last: None,
            scenes: Vec::new(),
            counted: None,
            counted_scene: vec![0; blocks],
            evidence,
        }
    }

    /// Takes in the frame at `index`; frames must come in rising order.
    ///
    /// # Errors
    /// [`WindowError`] where the frame does not belong into the window; it is not counted then.
    pub fn add(&mut self, index: u64, planes: PlanesRef<'_>) -> Result<(), WindowError> {
        if let Some(last) = self.last.filter(|last| *last >= index) {
            return Err(WindowError::NotRising { index, last });
        }
        if self.evidence.samples == SAMPLES_MAX {
            return Err(WindowError::Full { index });
        }
        let luma = match planes {
            PlanesRef::Eight(planes) => self.luma(planes.first()),
            PlanesRef::Sixteen(planes) => self.luma(planes.first()),
        };
        let (width, height) = (self.evidence.width, self.evidence.height);
        let luma = luma.ok_or(WindowError::OtherSize { index, width, height })?;
        self.last = Some(index);
        self.evidence.samples += 1;
        self.take(luma);
        Ok(())
    }

    /// The window's evidence.
    #[must_use]
    pub fn finish(self) -> Evidence {
        self.evidence
    }

    fn luma<S: Sample>(&self, plane: Option<&PlaneRef<'_, S>>) -> Option<Luma> {
        let plane = plane?;
        let (width, height) = (self.evidence.width, self.evidence.height);
        let rows = (height as usize).checked_sub(1)?;
        let whole = plane.width == width
            && plane.height == height
            && width > 0
            && plane.stride >= width as usize
            && plane.samples.len() >= rows * plane.stride + width as usize;
        whole.then(|| Luma::of(plane, self.depth))
    }

    fn take(&mut self, luma: Luma) {
        let Some(scene) = self.scene_of(&luma) else {
            return;
        };
        let Some(mut counted) = self.counted.take() else {
            self.counted = Some(luma);
            return;
        };
        let (across, down) = (self.columns.div_ceil(BLOCK), self.rows.div_ceil(BLOCK));
        let changes: Vec<Change> =
            (0..across * down).map(|block| self.change(block, scene, &counted, &luma)).collect();
        for block in 0..across * down {
            if self.scenes[scene].is_counted[block] || self.counted_scene[block] == scene {
                continue;
            }
            let (x, y) = (block % across, block / across);
            let mut around = Change::default();
            for row in y.saturating_sub(SURROUND)..(y + SURROUND + 1).min(down) {
                for column in x.saturating_sub(SURROUND)..(x + SURROUND + 1).min(across) {
                    around.add(changes[row * across + column]);
                }
            }
            if around.is_another_background() {
                self.turn(block, scene, &mut counted, &luma);
            }
        }
        self.counted = Some(counted);
    }

    /// The scene that the sample shows, a new one where it shows none of those seen before; `None`
    /// where there are too many.
    fn scene_of(&mut self, luma: &Luma) -> Option<usize> {
        let view = View::of(luma, self.columns, self.rows);
        let known = self.scenes.iter().rposition(|scene| view.is_like(&scene.view));
        if known.is_some() || self.scenes.len() == SCENES_MAX {
            return known;
        }
        let is_counted = vec![false; self.evidence.turns.len()];
        self.scenes.push(Scene { view, is_counted });
        Some(self.scenes.len() - 1)
    }

    fn places(&self, block: usize) -> impl Iterator<Item = usize> + use<> {
        let columns = self.columns;
        let across = columns.div_ceil(BLOCK);
        let (left, top) = (block % across * BLOCK, block / across * BLOCK);
        let rows = top..(top + BLOCK).min(self.rows);
        let span = left..(left + BLOCK).min(columns);
        rows.flat_map(move |y| span.clone().map(move |x| y * columns + x))
    }

    fn change(&self, block: usize, scene: usize, counted: &Luma, luma: &Luma) -> Change {
        let mut change = Change::default();
        if self.counted_scene[block] == scene {
            return change;
        }
        for place in self.places(block) {
            change.places += 1;
            let textured = counted.lengths[place].max(luma.lengths[place]) >= TEXTURE;
            change.textured += u32::from(textured);
            change.turned += u32::from(textured && has_turned(counted, luma, place));
            change.other_level += u32::from(is_other_level(counted, luma, place));
        }
        change
    }

    /// Counts the sample in `block`, and before the first also what it differs from.
    fn turn(&mut self, block: usize, scene: usize, counted: &mut Luma, luma: &Luma) {
        if self.evidence.turns[block] == 0 {
            self.scenes[self.counted_scene[block]].is_counted[block] = true;
            self.count(block, counted);
        }
        self.scenes[scene].is_counted[block] = true;
        self.counted_scene[block] = scene;
        self.count(block, luma);
        for place in self.places(block) {
            let textured = counted.lengths[place].max(luma.lengths[place]) >= TEXTURE;
            let changed = (textured && has_turned(counted, luma, place))
                || is_other_level(counted, luma, place);
            self.evidence.changed[place] += u16::from(changed);
            counted.levels[place] = luma.levels[place];
            counted.gradients[place] = luma.gradients[place];
            counted.lengths[place] = luma.lengths[place];
        }
    }

    fn count(&mut self, block: usize, luma: &Luma) {
        self.evidence.turns[block] += 1;
        for place in self.places(block) {
            let (right, down) = luma.gradients[place];
            self.evidence.right[place] += i16::from(right);
            self.evidence.down[place] += i16::from(down);
            self.evidence.length[place] += u16::from(luma.lengths[place]);
        }
    }
}

impl Change {
    fn add(&mut self, other: Self) {
        self.places += other.places;
        self.textured += other.textured;
        self.turned += other.turned;
        self.other_level += other.other_level;
    }

    /// Whether so much of the texture turned, or of the level changed, that what is still the same
    /// did not belong to it.
    const fn is_another_background(self) -> bool {
        let moved = self.textured * 20 >= self.places && self.turned * 100 >= self.textured * 45;
        moved || self.other_level * 4 >= self.places
    }
}

/// Whether the gradient points elsewhere, came, or went; a fade changes only its length.
fn has_turned(a: &Luma, b: &Luma, place: usize) -> bool {
    let (short, long) = if a.lengths[place] < b.lengths[place] { (a, b) } else { (b, a) };
    if u16::from(short.lengths[place]) * 5 < u16::from(long.lengths[place]) * 2 {
        return true;
    }
    let dot = dot(a.gradients[place], b.gradients[place]);
    let lengths = i32::from(a.lengths[place]) * i32::from(b.lengths[place]);
    dot * 100 < lengths * 82
}

fn is_other_level(a: &Luma, b: &Luma, place: usize) -> bool {
    u32::from(a.levels[place].abs_diff(b.levels[place])) > LEVEL_OTHER
}

fn dot(a: (i8, i8), b: (i8, i8)) -> i32 {
    i32::from(a.0) * i32::from(b.0) + i32::from(a.1) * i32::from(b.1)
}
