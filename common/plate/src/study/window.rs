//! What is kept of one window's frames, overlay by overlay.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::picture::PlanesRef;
use serde::{Deserialize, Serialize};

use super::locate::{Locator, Sighting};
use super::{Study, Subject};
use crate::matte::{Crops, CropsError, Gatherer};

/// What is kept of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Studied {
    /// The window.
    pub frames: FrameRange,
    /// One for each overlay of the plan.
    pub(super) overlays: Vec<Seen>,
}

/// What is kept of one overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Seen {
    /// Nothing was to be found out.
    Nothing,
    /// What was seen there.
    Crops(Crops),
    /// Where it was seen, frames rising.
    Sightings(Vec<Sighting>),
}

/// A frame that does not belong into the window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StudyWindowError {
    /// It does not hold what is looked at.
    #[error(transparent)]
    Crops(#[from] CropsError),
    /// It lies outside the window.
    #[error("frame {index} does not lie in the window {window}")]
    Outside {
        /// The frame.
        index: u64,
        /// The window.
        window: FrameRange,
    },
    /// A frame came after a later one.
    #[error("frame {index} came after frame {last}")]
    OutOfOrder {
        /// The frame.
        index: u64,
        /// The one before it.
        last: u64,
    },
    /// Its luma plane has another size than the video's frames.
    #[error("frame {index} has no luma plane of {width} by {height} samples")]
    OtherSize {
        /// The frame.
        index: u64,
        /// Width of the video's frames.
        width: u32,
        /// Height of the video's frames.
        height: u32,
    },
}

/// Gathers what is kept of a window.
#[derive(Debug)]
pub struct StudyWindow<'a> {
    study: &'a Study,
    window: FrameRange,
    last: Option<u64>,
    lookers: Vec<Looker>,
}

#[derive(Debug)]
enum Looker {
    Nothing,
    Gatherer(Gatherer),
    Locator(Box<Locator>),
}

impl<'a> StudyWindow<'a> {
    /// A window of which no frame was seen yet.
    #[must_use]
    pub fn new(study: &'a Study, window: FrameRange) -> Self {
        let lookers = study.subjects.iter().map(|subject| match subject {
            Subject::Settled(_) => Looker::Nothing,
            Subject::Learn(site) => Looker::Gatherer(Gatherer::new(site)),
            Subject::Locate(logo) => {
                let coding = &study.coding;
                let locator = Locator::new(&logo.ink, coding.size.0, coding.layout.depth);
                Looker::Locator(Box::new(locator))
            }
        });
        Self { study, window, last: None, lookers: lookers.collect() }
    }

    /// Looks at a frame; frames come rising, as [`Study::samples`] names them.
    ///
    /// # Errors
    /// [`StudyWindowError`] where the frame does not fit; nothing is kept of it then.
    pub fn add(&mut self, index: u64, planes: &PlanesRef<'_>) -> Result<(), StudyWindowError> {
        if !self.window.contains(index) {
            return Err(StudyWindowError::Outside { index, window: self.window });
        }
        if let Some(last) = self.last.filter(|last| *last >= index) {
            return Err(StudyWindowError::OutOfOrder { index, last });
        }
        let (width, height) = self.study.coding.size;
        let luma = match planes {
            PlanesRef::Eight(planes) => planes.first().map(|plane| (plane.width, plane.height)),
            PlanesRef::Sixteen(planes) => planes.first().map(|plane| (plane.width, plane.height)),
        };
        if luma != Some((width, height)) {
            return Err(StudyWindowError::OtherSize { index, width, height });
        }
        let locates = self.lookers.iter().any(|looker| matches!(looker, Looker::Locator(_)));
        let is_kept = !locates || self.study.is_sample(index);
        for looker in &mut self.lookers {
            match looker {
                Looker::Gatherer(gatherer) if is_kept => gatherer.add(index, planes)?,
                Looker::Nothing | Looker::Gatherer(_) => {}
                Looker::Locator(locator) => locator.add(index, planes),
            }
        }
        self.last = Some(index);
        Ok(())
    }

    /// What is kept.
    #[must_use]
    pub fn finish(self) -> Studied {
        let overlays = self.lookers.into_iter().map(|looker| match looker {
            Looker::Nothing => Seen::Nothing,
            Looker::Gatherer(gatherer) => Seen::Crops(gatherer.finish()),
            Looker::Locator(locator) => Seen::Sightings(locator.finish()),
        });
        Studied { frames: self.window, overlays: overlays.collect() }
    }
}
