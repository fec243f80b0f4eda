//! One detector at work in a window: opened from what the parent hands, shown frames, its cost told.
//!
//! Owns one model and its cost. Refuses to decide which frames it sees.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cleanplate_media::frame::VideoFrame;
use cleanplate_types::detection::Detection;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::model::{Detector as Asked, DetectorKind};
use cleanplate_types::picture::Rect;
use cleanplate_types::source::VideoDescription;
use cleanplate_types::time::Pts;
use cleanplate_types::trail::TrailEvent;
use cleanplate_vision::cuda::Device;
use cleanplate_vision::{
    Batch, BatchForm, Detector, DetectorError, DetectorSettings, Measured, Picture, RunError,
};

use super::batching::{Batching, Runs};
use super::tuning;
use super::watching::Sights;
use crate::engine::Desk;
use crate::engine::look::models::{
    Opened, open_detector, open_on_processor, refused, tell_tensors_left, unrunnable,
};
use crate::order::model;

/// Bytes of frames that wait to be seen together, at most.
const WAITING_BYTES_MAX: u64 = 256 << 20;

/// See the top of the file.
pub(super) struct Model {
    session: Session,
    batching: Batching,
    form: BatchForm,
    licence: Option<String>,
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
    /// Nothing between two sessions.
    detector: Option<Detector>,
    /// The card that it is on.
    card: Option<Arc<Device>>,
    video: VideoDescription,
    /// What of a frame is shown.
    glance: Glance,
}

impl Model {
    /// Opens the model of the detector at `at`.
    ///
    /// # Errors
    /// `WorkerLacks` where there is no runtime, `BadRequest` where the model
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
        let opened = open_detector(desk, &file, &name)?;
        let identity = opened.model.identity();
        let (licence, form) = (identity.licence.clone(), identity.batch);
        let told = licence.as_deref().unwrap_or("not told");
        let detail = format!("{name} is {}, licence {told}", identity.contract);
        desk.trail(Stage::Detect, TrailEvent::Started, detail, None);
        let (desk, video, what) = (desk.clone(), video.clone(), asked.what);
        let glance = Glance::Whole;
        let (detector, card) = (None, None);
        let mut session =
            Session { desk, what, name, file, settings, detector, card, video, glance };
        session.take(opened)?;
        let batching = Batching::new(session.batch(form));
        let mut this =
            Self { session, batching, form, licence, what, looks: 0, spent: Duration::ZERO };
        if let (Some(card), BatchForm::Open) = (this.session.card.clone(), form) {
            this.measure(&card)?;
        }
        Ok(this)
    }

    /// Its name and its classes, where it is the user's own.
    pub(super) fn own_classes(&self) -> Option<(&str, &[String])> {
        let detector = self.session.detector.as_ref().filter(|_| self.what == DetectorKind::Own)?;
        Some((&self.session.name, &detector.model().identity().names))
    }

    /// Corrects the row's batch by what one frame and two take of the card, which also warms the model up. Where
    /// the card has no room for two, it is shown one; where it has none for one, the processor runs the model.
    fn measure(&mut self, card: &Device) -> Result<(), Failure> {
        let VideoDescription { layout, width, height, .. } = &self.session.video;
        let blank = VideoFrame::blank(&Arc::new(layout.clone()), *width, *height, Pts(0));
        let blank = blank.map_err(|error| error.failure(Stage::Detect))?;
        let free = || card.memory().map(|memory| memory.free_bytes);
        let mut left = Vec::new();
        for frames in [0, 1, 2] {
            let shown = vec![&blank; frames];
            match if frames == 0 { Ok(Vec::new()) } else { self.session.run(&shown) } {
                Ok(_seen) => left.extend(free()),
                Err(RunError::OutOfMemory { .. }) if frames == 2 => {
                    self.batching.measured(Measured { free: 0, one: 1, two: 2 });
                    return self.session.reopen(self.batching.size());
                }
                Err(error) => return self.leave_card(&error.to_string()),
            }
        }
        if let [free, one, two] = left[..] {
            let taken = |left: u64| free.saturating_sub(left);
            self.batching.measured(Measured { free, one: taken(one), two: taken(two) });
        }
        Ok(())
    }

    /// Sights that are worth taking at once where every `stride`th frame is seen.
    pub(super) fn batch(&self, stride: u64) -> usize {
        let frame = tuning::frame_bytes(&self.session.video);
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
        let was_on_card = self.session.card.is_some();
        let mut seen = match self.batching.run(frames, &mut self.session) {
            Err(failure) if was_on_card => {
                self.leave_card(&failure.message)?;
                self.batching.run(frames, &mut self.session)?
            }
            seen => seen?,
        };
        if was_on_card && self.session.card.is_none() {
            self.batching.go_on(self.session.batch(self.form));
        }
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
        let licence = self.licence.as_deref()?;
        let own = self.what == DetectorKind::Own;
        own.then(|| format!("the model {} says that its licence is {licence}", self.session.name))
    }

    /// The model cannot be run on the card: the processor runs it from now on.
    fn leave_card(&mut self, why: &str) -> Result<(), Failure> {
        let session = &mut self.session;
        let text = format!("{}: the card -> the processor: {why}", session.name);
        session.desk.trail(Stage::Detect, TrailEvent::Fallback, text, None);
        session.detector = None;
        let opened = open_on_processor(&session.desk, &session.file, &session.name)?;
        session.take(opened)?;
        self.batching.go_on(session.batch(self.form));
        Ok(())
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

impl Session {
    /// Makes a detector of a model that is open; on a card its tensors are made there, where that changes nothing.
    fn take(&mut self, opened: Opened) -> Result<(), Failure> {
        let Opened { model, card } = opened;
        let detector = Detector::new(model, &self.settings);
        let mut detector =
            detector.map_err(|error: DetectorError| refused(Stage::Detect, &self.name, &error))?;
        if let Some(card) = &card
            && let Err(error) = detector.with_tensors_of(card)
        {
            tell_tensors_left(&self.desk, &self.name, &error.to_string());
        }
        (self.detector, self.card) = (Some(detector), card);
        Ok(())
    }

    /// Sizes of batches for the device that it is on.
    fn batch(&self, form: BatchForm) -> Batch {
        match (form, &self.card) {
            (BatchForm::Fixed(frames), _) => Batch::fixed(frames),
            (BatchForm::Open, None) => Batch::on_cpu(),
            (BatchForm::Open, Some(_)) => Batch::on_card(self.desk.order().means.batches.detect),
        }
    }
}

impl Runs<&VideoFrame> for Session {
    type Out = Vec<Detection>;

    fn run(&mut self, frames: &[&VideoFrame]) -> Result<Vec<Self::Out>, RunError> {
        let (layout, matrix) = (&self.video.layout, self.video.colour.matrix);
        let pictures = frames.iter().map(|frame| Picture::new(frame.planes(), layout, matrix));
        let pictures: Result<Vec<_>, _> = pictures.collect();
        let pictures = pictures.map_err(|error| RunError::Failed { why: error.to_string() })?;
        let Some(detector) = &mut self.detector else {
            return Err(RunError::Failed { why: "it is not open".to_owned() });
        };
        detector.set_batch(pictures.len());
        let (part, side) = match self.glance {
            Glance::Whole => (None, None),
            Glance::Band(band) => (Some(band), tuning::band_side(self.what)),
            Glance::Small => (None, Some(tuning::SMALL_SIDE)),
        };
        let seen = detector.detect_in(&pictures, part, side);
        if let Some(why) = detector.take_card_left() {
            tell_tensors_left(&self.desk, &self.name, &why);
        }
        seen
    }

    fn reopen(&mut self, size: usize) -> Result<(), Failure> {
        let text = format!("{}: memory ran out -> batches of {size}", self.name);
        self.desk.trail(Stage::Detect, TrailEvent::Fallback, text, None);
        // First of all its memory, which the new session is to have.
        self.detector = None;
        let opened = open_detector(&self.desk, &self.file, &self.name)?;
        self.take(opened)
    }

    fn failed(&self, error: &RunError) -> Failure {
        unrunnable(&self.name, error)
    }
}
