//! One detector at work in a window: opened from what the parent hands, shown frames, its cost told.
//!
//! Owns one model and its cost. Refuses to decide which frames it sees.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cleanplate_media::frame::VideoFrame;
use cleanplate_types::detection::Detection;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::model::{Detector as Asked, DetectorKind};
use cleanplate_types::picture::Rect;
use cleanplate_types::source::VideoDescription;
use cleanplate_types::time::Pts;
use cleanplate_types::trail::TrailEvent;
use cleanplate_vision::cuda::Device;
use cleanplate_vision::{
    Batch, Detector, DetectorError, DetectorSettings, Measured, Picture, RunError,
};

use super::batching::{Batching, Runs};
use super::tuning;
use super::watching::Sights;
use crate::engine::Desk;
use crate::engine::look::models::{Opened, open_detector, refused, tell_tensors_left};
use crate::order::model;

/// Bytes of frames that wait to be seen together, at most.
const WAITING_BYTES_MAX: u64 = 256 << 20;

/// See the top of the file.
pub(super) struct Model {
    session: Session,
    batching: Batching,
    what: DetectorKind,
    looks: u64,
    spent: Duration,
}

/// How a frame is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glance {
    /// All of it, at the usual size.
    Whole,
    /// A band of its rows.
    Band(Rect),
    /// All of it, so large that small writing shows.
    Small,
}

/// A detector that can be opened anew.
struct Session {
    desk: Desk,
    what: DetectorKind,
    name: String,
    file: String,
    settings: DetectorSettings,
    detector: Detector,
    video: VideoDescription,
    /// What of a frame is shown.
    glance: Glance,
}

impl Model {
    /// Opens the model of the detector at `at`.
    ///
    /// # Errors
    /// [`FailureKind::WorkerLacks`] where there is no runtime, [`FailureKind::BadRequest`] where the model
    /// cannot be used so.
    pub(super) fn open(
        desk: &Desk,
        video: &VideoDescription,
        at: usize,
        asked: &Asked,
    ) -> Result<Self, Failure> {
        let (name, file) = (asked.model.to_string(), model(at));
        let settings = DetectorSettings {
            threshold: tuning::threshold(asked.what, asked.score_min),
            classes: asked.classes.clone(),
            side: tuning::side(asked.what),
            batch: 1,
        };
        let Opened { model: opened, card } = open_detector(desk, &file, &name)?;
        let identity = opened.identity();
        let licence = identity.licence.as_deref().unwrap_or("not told");
        let detail = format!("{name} is {}, licence {licence}", identity.contract);
        desk.trail(Stage::Detect, TrailEvent::Started, detail, None);
        let mut detector = Detector::new(opened, &settings)
            .map_err(|error: DetectorError| refused(&name, &error))?;
        take_tensors(desk, &name, &mut detector, card.as_ref());
        let batch = match &card {
            None => Batch::on_cpu(),
            Some(_) => Batch::on_card(desk.order().means.batches.detect),
        };
        let (desk, video, what) = (desk.clone(), video.clone(), asked.what);
        let session =
            Session { desk, what, name, file, settings, detector, video, glance: Glance::Whole };
        let (batching, spent) = (Batching::new(batch), Duration::ZERO);
        let mut this = Self { session, batching, what, looks: 0, spent };
        if let Some(card) = card {
            this.measure(&card)?;
        }
        Ok(this)
    }

    /// Corrects the row's batch by what one frame and two take of the card, which also warms the model up.
    fn measure(&mut self, card: &Device) -> Result<(), Failure> {
        let VideoDescription { layout, width, height, .. } = &self.session.video;
        let blank = VideoFrame::blank(&Arc::new(layout.clone()), *width, *height, Pts(0));
        let blank = blank.map_err(|error| error.failure(Stage::Detect))?;
        let free = || card.memory().map(|memory| memory.free_bytes);
        let mut left = Vec::new();
        for frames in [0, 1, 2] {
            let shown = vec![&blank; frames];
            if frames > 0
                && let Err(error) = self.session.run(&shown)
            {
                return Err(self.session.failed(&error));
            }
            left.extend(free());
        }
        if let [free, one, two] = left[..] {
            let taken = |left: u64| free.saturating_sub(left);
            self.batching.measured(Measured { free, one: taken(one), two: taken(two) });
        }
        Ok(())
    }

    /// Sights that are worth taking at once where every `stride`th frame is seen.
    pub(super) fn batch(&self, stride: u64) -> usize {
        let video = &self.session.video;
        let sample = if video.layout.depth > 8 { 2 } else { 1 };
        let frame = u64::from(video.width) * u64::from(video.height) * 3 / 2 * sample;
        let waiting = WAITING_BYTES_MAX / (frame * stride).max(1);
        self.batching.size().min(usize::try_from(waiting).unwrap_or(usize::MAX)).max(1)
    }

    /// What it sees in each of some frames.
    ///
    /// # Errors
    /// Where the model cannot be run.
    pub(super) fn see(&mut self, frames: &[&VideoFrame], glance: Glance) -> Sights {
        let began = Instant::now();
        self.session.glance = glance;
        let mut seen = self.batching.run(frames, &mut self.session)?;
        for sights in &mut seen {
            let height = self.session.video.height;
            sights.retain(|one| tuning::is_possible(self.what, one, height));
        }
        self.looks += frames.len() as u64;
        self.spent += began.elapsed();
        Ok(seen)
    }

    /// What people should know of a model of their own: whose it is.
    pub(super) fn note(&self) -> Option<String> {
        let identity = self.session.detector.model().identity();
        let licence = identity.licence.as_deref()?;
        let own = self.what == DetectorKind::Own;
        own.then(|| format!("the model {} says that its licence is {licence}", self.session.name))
    }

    /// Tells how often it looked, and what that took.
    pub(super) fn tell(&self) {
        let each = self.spent.checked_div(u32::try_from(self.looks).unwrap_or(u32::MAX));
        let micros = each.unwrap_or_default().as_micros();
        let detail = format!(
            "{}: {} frames, {}.{} ms each; {}",
            self.session.name,
            self.looks,
            micros / 1000,
            micros % 1000 / 100,
            self.batching.in_words()
        );
        let count = Some(self.looks);
        self.session.desk.trail(Stage::Detect, TrailEvent::Finished, detail, count);
    }
}

/// Has the tensors made on `card`, where there is one and that changes nothing.
fn take_tensors(desk: &Desk, name: &str, detector: &mut Detector, card: Option<&Arc<Device>>) {
    let Some(card) = card else { return };
    if let Err(error) = detector.with_tensors_of(card) {
        tell_tensors_left(desk, name, &error.to_string());
    }
}

impl Runs<&VideoFrame> for Session {
    type Out = Vec<Detection>;

    fn run(&mut self, frames: &[&VideoFrame]) -> Result<Vec<Self::Out>, RunError> {
        let (layout, matrix) = (&self.video.layout, self.video.colour.matrix);
        let pictures = frames.iter().map(|frame| Picture::new(frame.planes(), layout, matrix));
        let pictures: Result<Vec<_>, _> = pictures.collect();
        let pictures = pictures.map_err(|error| RunError::Failed { why: error.to_string() })?;
        self.detector.set_batch(pictures.len());
        let (part, side) = match self.glance {
            Glance::Whole => (None, None),
            Glance::Band(band) => (Some(band), tuning::band_side(self.what)),
            Glance::Small => (None, Some(tuning::SMALL_SIDE)),
        };
        let seen = self.detector.detect_in(&pictures, part, side);
        if let Some(why) = self.detector.take_card_left() {
            tell_tensors_left(&self.desk, &self.name, &why);
        }
        seen
    }

    fn reopen(&mut self, size: usize) -> Result<(), Failure> {
        let text = format!("{}: memory ran out -> batches of {size}", self.name);
        self.desk.trail(Stage::Detect, TrailEvent::Fallback, text, None);
        let Opened { model, card } = open_detector(&self.desk, &self.file, &self.name)?;
        let detector = Detector::new(model, &self.settings);
        self.detector = detector.map_err(|error| refused(&self.name, &error))?;
        take_tensors(&self.desk, &self.name, &mut self.detector, card.as_ref());
        Ok(())
    }

    fn failed(&self, error: &RunError) -> Failure {
        let text = format!("the model {}: {error}", self.name);
        Failure::new(FailureKind::Internal, Stage::Detect, text)
    }
}
