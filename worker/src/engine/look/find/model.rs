//! One detector at work in a window: opened from what the parent hands, shown frames, its cost told.
//!
//! Owns one model and its cost. Refuses to decide which frames it sees.

use std::time::{Duration, Instant};

use cleanplate_media::frame::VideoFrame;
use cleanplate_types::detection::Detection;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::model::{Detector as Asked, DetectorKind};
use cleanplate_types::source::VideoDescription;
use cleanplate_types::trail::TrailEvent;
use cleanplate_vision::{Detector, DetectorError, DetectorSettings, Picture, RunError};

use super::tuning;
use crate::engine::Desk;
use crate::engine::look::models::{open_on, refused, runtime};
use crate::order::model;

/// See the top of the file.
pub(super) struct Model {
    name: String,
    what: DetectorKind,
    detector: Detector,
    video: VideoDescription,
    looks: u64,
    spent: Duration,
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
        let name = asked.model.to_string();
        let runtime = runtime(desk)?;
        let bytes = desk.read(&model(at))?;
        let opened = open_on(desk, runtime, &bytes, &name)?;
        let identity = opened.identity().clone();
        let settings = DetectorSettings {
            threshold: tuning::threshold(asked.what, asked.score_min),
            classes: asked.classes.clone(),
            side: tuning::side(asked.what),
            batch: 1,
        };
        let detector = Detector::new(opened, &settings)
            .map_err(|error: DetectorError| refused(&name, &error))?;
        let licence = identity.licence.as_deref().unwrap_or("not told");
        let detail = format!(
            "{name} is {}, licence {licence}; by ONNX Runtime {}",
            identity.contract,
            runtime.version()
        );
        desk.trail(Stage::Detect, TrailEvent::Started, detail, None);
        let what = asked.what;
        Ok(Self { name, what, detector, video: video.clone(), looks: 0, spent: Duration::ZERO })
    }

    /// What it sees in a frame.
    ///
    /// # Errors
    /// Where the model cannot be run.
    pub(super) fn see(&mut self, frame: &VideoFrame) -> Result<Vec<Detection>, Failure> {
        let began = Instant::now();
        let failed = |why: String| {
            let text = format!("the model {}: {why}", self.name);
            Failure::new(FailureKind::Internal, Stage::Detect, text)
        };
        let picture = Picture::new(frame.planes(), &self.video.layout, self.video.colour.matrix);
        let picture = picture.map_err(|error| failed(error.to_string()))?;
        let seen = self.detector.detect(&picture);
        let mut seen = seen.map_err(|error: RunError| failed(error.to_string()))?;
        seen.retain(|one| tuning::is_possible(self.what, one, self.video.height));
        self.looks += 1;
        self.spent += began.elapsed();
        Ok(seen)
    }

    /// What people should know of a model of their own: whose it is.
    pub(super) fn note(&self) -> Option<String> {
        let identity = self.detector.model().identity();
        let licence = identity.licence.as_deref()?;
        let own = self.what == DetectorKind::Own;
        own.then(|| format!("the model {} says that its licence is {licence}", self.name))
    }

    /// Tells how often it looked, and what that took.
    pub(super) fn tell(&self, desk: &Desk) {
        let each = self.spent.checked_div(u32::try_from(self.looks).unwrap_or(u32::MAX));
        let micros = each.unwrap_or_default().as_micros();
        let detail = format!(
            "{}: {} inferences in batches of {}, {}.{} ms each",
            self.name,
            self.looks,
            self.detector.batch(),
            micros / 1000,
            micros % 1000 / 100
        );
        desk.trail(Stage::Detect, TrailEvent::Finished, detail, Some(self.looks));
    }
}
