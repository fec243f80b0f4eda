//! The second look at the frames: what the overlays of a plan are made of, and where those are that move.
//!
//! Owns which frames are looked at, what is kept of them, and the decision. Refuses to believe a matte
//! that the frames do not bear out: an overlay whose make is unknown is removed by its mask alone.
//!
//! 1. [`Study::samples`] names the frames of a window to decode.
//! 2. [`StudyWindow`] takes them in, in rising order, and gives a [`Studied`].
//! 3. [`conclude()`] takes those of all windows, in whatever order, and gives one [`Conclusion`].
//!
//! A window keeps at most 8 MB of crops for each overlay, 16 MB of luma where a logo is to be found; of a
//! whole video, however long, at most [`SAMPLES_MAX`] frames are kept, but for a place in each frame.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Draft, Fill, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::PixelLayout;

use crate::matte::{Coding, KnownError, Logo, Matte, Site, known};
use crate::mattes::{Made, Mattes};
use template::Ink;

pub use conclude::{Conclusion, conclude};
pub use window::{Studied, StudyWindow, StudyWindowError};

mod conclude;
mod crowding;
#[cfg(test)]
mod drawn;
mod footprint;
mod locate;
mod outline;
mod path;
mod plausible;
mod shows;
mod steady;
mod template;
mod times;
mod trace;
mod window;

/// The same at least, where the video has as many.
const SAMPLES_MIN: u64 = 128;
/// Frames of the whole video that are kept of an overlay that stays in place, at most.
pub const SAMPLES_MAX: u64 = 200;
/// One frame in so many is kept between these bounds.
const FRAMES_PER_SAMPLE: u64 = 10;
/// Nothing is learned of an overlay whose surroundings have more luma samples than this.
const SITE_MAX: u64 = 1 << 20;

/// Why a draft cannot be studied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StudyError {
    /// A logo that the user gave cannot be made a matte of.
    #[error("logo {number}: {source}")]
    Logo {
        /// Its number, from 1, in the order in which they were given.
        number: usize,
        /// Why.
        source: KnownError,
    },
    /// The parts of the draft do not fit each other.
    #[error("the draft of the plan is damaged: {0}")]
    Draft(&'static str),
    /// The mattes that another video's plan brought cannot be read.
    #[error("the mattes of the given plan cannot be read: {0}")]
    Told(String),
}

/// What is to be found out about the overlays of a draft.
#[derive(Debug, Clone)]
pub struct Study {
    coding: Coding,
    plan: OverlayPlan,
    /// One for each overlay.
    subjects: Vec<Subject>,
    table_frames: u64,
    notes: Vec<String>,
}

/// What is to be found out about one overlay.
#[derive(Debug, Clone)]
enum Subject {
    /// Nothing: this is what it is made of.
    Settled(Made),
    /// What it is made of, from what is seen there.
    Learn(Site),
    /// Where this logo is in each frame.
    Locate(Box<Owned>),
}

/// A logo whose place is to be found.
#[derive(Debug, Clone)]
struct Owned {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
    ink: Ink,
}

impl Owned {
    fn new(logo: &Logo<'_>, coding: &Coding) -> Result<Box<Self>, KnownError> {
        logo.check(coding)?;
        let ink = Ink::new(logo, coding)?;
        let (width, height) = (logo.width, logo.height);
        Ok(Box::new(Self { width, height, rgba: logo.rgba.to_vec(), ink }))
    }

    fn logo(&self) -> Logo<'_> {
        Logo { width: self.width, height: self.height, rgba: &self.rgba }
    }
}

impl Study {
    /// The study of a draft for a video of `table_frames` frames, coded that way.
    ///
    /// # Errors
    /// [`StudyError`] where the draft's parts do not fit each other or the video.
    pub fn new(draft: &Draft, coding: &Coding, table_frames: u64) -> Result<Self, StudyError> {
        let plan = draft.plan.clone();
        if (plan.width, plan.height) != coding.size {
            return Err(StudyError::Draft("its plan speaks of frames of another size"));
        }
        if draft.logos.len() > plan.overlays.len() {
            return Err(StudyError::Draft("it has more logos than overlays"));
        }
        let told: Mattes = if draft.told_mattes.is_empty() {
            Mattes::default()
        } else {
            postcard::from_bytes(&draft.told_mattes)
                .map_err(|error| StudyError::Told(error.to_string()))?
        };
        let of_plan = plan.overlays.iter().filter(|it| it.origin == OverlayOrigin::Plan).count();
        if !told.overlays.is_empty() && told.overlays.len() != of_plan {
            return Err(StudyError::Draft("it has other mattes than told overlays"));
        }
        let told_from = plan.overlays.len() - told.overlays.len();
        let mut study = Self {
            coding: coding.clone(),
            plan,
            subjects: Vec::new(),
            table_frames,
            notes: Vec::new(),
        };
        let mut told = told.overlays.into_iter();
        for number in 0..study.plan.overlays.len() {
            let overlay = &study.plan.overlays[number];
            let subject = if let Some(logo) = draft.logos.get(number) {
                if overlay.origin != OverlayOrigin::Logo {
                    return Err(StudyError::Draft("a logo's overlay is of another origin"));
                }
                let told = Logo { width: logo.width, height: logo.height, rgba: &logo.rgba };
                study.logo(&told, logo.at).map_err(|source| {
                    let number = number + 1;
                    StudyError::Logo { number, source }
                })?
            } else if number >= told_from {
                study.told(number, told.next().unwrap_or(Made::Unknown))
            } else {
                study.untold(number)
            };
            study.subjects.push(subject);
        }
        Ok(study)
    }

    /// Whether anything is to be seen in the frames; otherwise [`conclude()`] does without.
    #[must_use]
    pub fn needs_frames(&self) -> bool {
        self.subjects.iter().any(|subject| match subject {
            Subject::Settled(_) => false,
            Subject::Learn(_) | Subject::Locate(_) => true,
        })
    }

    /// The frames of `window` to look at, rising. `starts` are the frames where decoding can start, in
    /// any order: among frames of equal worth those are taken.
    #[must_use]
    pub fn samples(&self, window: FrameRange, starts: &[u64]) -> Vec<u64> {
        let window = window.intersect(FrameRange::new(0, self.table_frames));
        let locates = |subject: &Subject| matches!(subject, Subject::Locate(_));
        if self.subjects.iter().any(locates) {
            return (window.start..window.end).collect();
        }
        if !self.needs_frames() {
            return Vec::new();
        }
        let total = self.total();
        let edge = |slot: u64| multiplied(self.table_frames, slot, total);
        // The slots of the whole video whose middle lies in the window: each is one window's.
        let first = multiplied(window.start, total, self.table_frames).saturating_sub(1);
        let mut samples = Vec::new();
        for slot in first..total {
            let range = FrameRange::new(edge(slot), edge(slot + 1));
            let middle = range.start + range.count() / 2;
            if middle >= window.end {
                break;
            }
            if window.contains(middle) {
                let range = range.intersect(window);
                let within = starts.iter().copied().filter(|start| range.contains(*start));
                samples.push(
                    within.min_by_key(|start| (start.abs_diff(middle), *start)).unwrap_or(middle),
                );
            }
        }
        samples
    }

    /// Whether the frame at `index` is one that an overlay which stays in place is learned from.
    fn is_sample(&self, index: u64) -> bool {
        let total = self.total();
        let slot = multiplied(index, total, self.table_frames);
        let near = slot.saturating_sub(1)..slot.saturating_add(2).min(total);
        near.into_iter().any(|slot| {
            let from = multiplied(self.table_frames, slot, total);
            let to = multiplied(self.table_frames, slot + 1, total);
            from + (to - from) / 2 == index
        })
    }

    fn total(&self) -> u64 {
        let total = (self.table_frames / FRAMES_PER_SAMPLE).clamp(SAMPLES_MIN, SAMPLES_MAX);
        total.min(self.table_frames)
    }

    fn logo(&self, logo: &Logo<'_>, at: Option<(i32, i32)>) -> Result<Subject, KnownError> {
        match at {
            Some(at) => {
                let matte = known(logo, at, &self.coding)?;
                Ok(Subject::Settled(Made::Fixed(Box::new(matte))))
            }
            None => Owned::new(logo, &self.coding).map(Subject::Locate),
        }
    }

    fn told(&mut self, number: usize, made: Made) -> Subject {
        let whole = FrameRange::new(0, self.table_frames);
        let kept = |overlay: &&mut Overlay| overlay.mask.count() > 0;
        if let Some(overlay) = self.plan.overlays.get_mut(number).filter(kept) {
            overlay.when = vec![whole];
        }
        match made {
            Made::Unknown => Subject::Settled(Made::Unknown),
            Made::Fixed(matte) => {
                if let Some(why) = self.misfit(&matte) {
                    self.notes.push(format!(
                        "overlay {number} of the plan is removed by its mask alone: {why}"
                    ));
                    return Subject::Settled(Made::Unknown);
                }
                Subject::Settled(Made::Fixed(matte))
            }
            Made::Moving(moving) => {
                let logo = Logo { width: moving.width, height: moving.height, rgba: &moving.rgba };
                match Owned::new(&logo, &self.coding) {
                    Ok(logo) => Subject::Locate(logo),
                    Err(error) => {
                        self.notes.push(format!(
                            "overlay {number} of the plan is removed by its mask alone: {error}"
                        ));
                        Subject::Settled(Made::Unknown)
                    }
                }
            }
        }
    }

    /// Why a matte of another video is not one of this.
    fn misfit(&self, matte: &Matte) -> Option<&'static str> {
        let (width, height) = self.coding.size;
        if let Err(why) = matte.check() {
            return Some(why);
        }
        if !is_alike(&matte.layout, &self.coding.layout) {
            return Some("it was learned from a video of another pixel format");
        }
        let fits = matte.bounds.right() <= width && matte.bounds.bottom() <= height;
        (!fits).then_some("it reaches beyond this video's picture")
    }

    /// What is to be found out about an overlay of which nothing was told but its mask.
    fn untold(&mut self, number: usize) -> Subject {
        let overlay = &self.plan.overlays[number];
        if !is_learned(overlay) {
            return Subject::Settled(Made::Unknown);
        }
        let layout = &self.coding.layout;
        let site =
            Site::around(layout, self.coding.size, self.coding.chroma_location, &overlay.mask);
        let samples = u64::from(site.bounds.width) * u64::from(site.bounds.height);
        if !site.is_sound() || overlay.mask.count() == 0 {
            return Subject::Settled(Made::Unknown);
        }
        if samples > SITE_MAX {
            self.notes.push(format!(
                "overlay {number} is removed by its mask alone: it is too large to learn what it is made of"
            ));
            return Subject::Settled(Made::Unknown);
        }
        Subject::Learn(site)
    }
}

/// Whether it is worth learning what an overlay is made of.
const fn is_learned(overlay: &Overlay) -> bool {
    match overlay.origin {
        // Where it shows and how far it reaches is learned with it.
        OverlayOrigin::Static => !matches!(overlay.fill, Fill::Pixelate),
        OverlayOrigin::Region | OverlayOrigin::Mask => overlay.fill.inverts(),
        OverlayOrigin::Logo
        | OverlayOrigin::Plan
        | OverlayOrigin::Text
        | OverlayOrigin::Face
        | OverlayOrigin::Plate
        | OverlayOrigin::Object => false,
    }
}

/// Whether the samples of two layouts mean the same, whatever their names.
fn is_alike(a: &PixelLayout, b: &PixelLayout) -> bool {
    let shape = |layout: &PixelLayout| {
        (layout.depth, layout.planes, layout.chroma_shift_x, layout.chroma_shift_y)
    };
    shape(a) == shape(b) && a.full_range == b.full_range
}

/// `a * b / c`, rounded down; `a` where `c` is 0.
fn multiplied(a: u64, b: u64, c: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product.checked_div(u128::from(c)).and_then(|value| u64::try_from(value).ok()).unwrap_or(a)
}

#[cfg(test)]
mod tests;
