//! What a client asks for: one source, one output, and what to do between them.

use serde::{Deserialize, Serialize};

use crate::encode::EncoderName;
use crate::model::{Detector, ModelRef};
use crate::overlay::{Fill, Look, Mask, OverlayPlan};
use crate::picture::Rect;

/// A job as it was asked for; checked for sense at the door, resolved at planning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRequest {
    /// URL of the source.
    pub input: String,
    /// URL of the output.
    pub output: String,
    /// Rectangles to remove.
    pub regions: Vec<Region>,
    /// Samples to remove, white in the user's picture.
    pub masks: Vec<UserMask>,
    /// Logos to remove, with their alpha.
    pub logos: Vec<UserLogo>,
    /// What was learned from another video.
    pub told: Option<ToldPlan>,
    /// What to look for.
    pub detect: Vec<Detect>,
    /// The models that look for more.
    pub detectors: Vec<Detector>,
    /// How to fill.
    pub fill: Fill,
    /// The model that paints what no frame shows.
    pub painter: Option<ModelRef>,
    /// Which encoder.
    pub encoder: EncoderChoice,
    /// Quality on the encoder's own scale; `None` is its visually lossless default.
    pub quality: Option<u8>,
    /// The encoder's preset; `None` is its default.
    pub preset: Option<String>,
    /// Encode the clean frames bit-exactly.
    pub lossless: bool,
    /// Length of the encode cells; `None` lets source keyframes decide.
    pub cell_frames: Option<u32>,
    /// Largest segment in frames; `None` is the tier's row.
    pub segment_frames: Option<u32>,
    /// Higher goes first.
    pub priority: i32,
    /// Whom the job belongs to.
    pub owner: String,
    /// What to do where the source is damaged.
    pub on_damage: OnDamage,
    /// Write a copy where the detector abstained.
    pub allow_unchanged: bool,
    /// Accept that metadata which cannot be carried is lost.
    pub allow_metadata_loss: bool,
    /// Start the cells anew in software when the encoder is lost.
    pub restart_on_encoder_loss: bool,
    /// Cells that another worker decodes again to compare; `None` is the coordinator's setting.
    pub audit: Option<u32>,
    /// What happens between plan and encode.
    pub review: Review,
    /// Keep what was learned of the overlays after the job has ended, for whoever wants to save the plan.
    pub keep_plan: bool,
    /// Take cells whose source shows no overlay from the source, packet by packet.
    pub copy_untouched: bool,
}

/// What happens once it is settled what is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Review {
    /// The cells are made.
    Go,
    /// A preview is made, and the job waits until a person approves or rejects the plan.
    Wait,
    /// A preview is made, and the job ends: nothing is encoded.
    PreviewOnly,
}

/// A logo that is burned into the picture, as its owner has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLogo {
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// Four bytes (red, green, blue, alpha, not premultiplied) for each sample, row by row.
    pub rgba: Vec<u8>,
    /// Where its left upper corner is; `None` is to be found, frame by frame.
    pub at: Option<(i32, i32)>,
}

/// Samples of a logo at most: 4 MB of colour and alpha, which travel with the request.
pub const LOGO_SAMPLES_MAX: u64 = 1_000_000;

/// Detectors of a request at most.
pub const DETECTORS_MAX: usize = 8;

/// Regions, masks, logos and told overlays of a request at most, all together.
pub const OVERLAYS_TOLD_MAX: usize = 256;

/// The overlays of another video, to be removed from this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldPlan {
    /// The plan; its frames mean nothing here, and it names no objects.
    pub plan: OverlayPlan,
    /// What its overlays are made of, as it was stored.
    pub mattes: Vec<u8>,
}

/// A rectangle of the picture, for all of the video or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// The rectangle, in luma samples.
    pub rect: Rect,
    /// The time from the start of the video for which it holds; `None` is always.
    pub when: Option<TimeSpan>,
}

/// A span of time from the first frame on, in nanoseconds, end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// Start in nanoseconds.
    pub from_nanos: u64,
    /// End in nanoseconds.
    pub to_nanos: u64,
}

/// A mask that the user drew, with the picture size that it was drawn for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserMask {
    /// Width of the drawing.
    pub width: u32,
    /// Height of the drawing.
    pub height: u32,
    /// The samples to remove.
    pub mask: Mask,
}

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Detect {
    /// Overlays that stay in place.
    Static,
}

/// Which encoder to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EncoderChoice {
    /// The best that is proved.
    Auto,
    /// This one.
    Named(EncoderName),
}

/// What to do where the source is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnDamage {
    /// Refuse the source.
    Fail,
    /// Show what the decoder makes of it, and report the frames.
    Conceal,
}

impl JobRequest {
    /// Whether the request itself says that there is nothing to find or remove.
    #[must_use]
    pub fn is_passthrough(&self) -> bool {
        self.regions.is_empty()
            && self.masks.is_empty()
            && self.logos.is_empty()
            && self.told.is_none()
            && !self.searches()
    }

    /// Bytes of the pictures that travel with it: masks, logos, and what a told plan is made of.
    #[must_use]
    pub fn picture_bytes(&self) -> usize {
        let masks = self.masks.iter().map(|mask| mask.mask.bits.len());
        let logos = self.logos.iter().map(|logo| logo.rgba.len());
        let told = self.told.iter().map(|told| told.mattes.len());
        masks.chain(logos).chain(told).sum()
    }

    /// Whether overlays are looked for.
    #[must_use]
    pub fn searches(&self) -> bool {
        !self.detect.is_empty() || !self.detectors.is_empty()
    }

    /// The models that a look runs.
    pub fn models_of(&self, look: Look) -> impl Iterator<Item = &ModelRef> {
        let (detectors, painter) = match look {
            Look::Find => (self.detectors.as_slice(), None),
            Look::Fetch => (&[][..], self.painter.as_ref()),
            Look::Learn | Look::Preview => (&[][..], None),
        };
        detectors.iter().map(|detector| &detector.model).chain(painter)
    }

    /// Width and height of the pictures that its plan or a mask was made for, where it has one.
    #[must_use]
    pub fn drawn_for(&self) -> Option<(u32, u32)> {
        let told = self.told.as_ref().map(|told| (told.plan.width, told.plan.height));
        told.or_else(|| self.masks.first().map(|mask| (mask.width, mask.height)))
    }
}
