//! What was asked of a job, as JSON: what it was submitted with, as the coordinator keeps it.
//!
//! Refuses to repeat masks, logos and plans: it says that they were given.

use cleanplate_proto::v1::{JobRequest, Region};
use serde::Serialize;

/// What was asked of a job. The names of its fields are those of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// How many regions.
    pub regions: usize,
    /// Each as it is typed: `X,Y,W,H` or `X,Y,W,H@FROM-TO`.
    pub region: Vec<String>,
    /// How many masks.
    pub masks: usize,
    /// How many logos.
    pub logos: usize,
    /// Whether a plan of another video.
    pub plan: bool,
    /// What to look for.
    pub detect: Vec<String>,
    /// The models that look for more.
    pub detectors: Vec<Option<String>>,
    /// How to fill.
    pub fill: String,
    /// The model that paints what no frame shows.
    pub painter: Option<String>,
    /// Which encoder.
    pub encoder: String,
    /// Its preset.
    pub preset: Option<String>,
    /// Its quality.
    pub quality: Option<u32>,
    /// Whether bit-exact.
    pub lossless: bool,
    /// Whom the job belongs to.
    pub owner: String,
    /// Higher goes first.
    pub priority: i32,
}

impl From<&JobRequest> for Asked {
    fn from(request: &JobRequest) -> Self {
        let model = |model: &cleanplate_proto::v1::ModelRef| model.url.clone();
        Self {
            regions: request.regions.len(),
            region: request.regions.iter().map(region).collect(),
            masks: request.masks.len(),
            logos: request.logos.len(),
            plan: request.told.is_some(),
            detect: request.detect.clone(),
            detectors: request.detectors.iter().map(|it| it.model.as_ref().map(model)).collect(),
            fill: request.fill.clone(),
            painter: request.painter.as_ref().map(model),
            encoder: request.encoder.clone(),
            preset: request.preset.clone(),
            quality: request.quality,
            lossless: request.lossless,
            owner: request.owner.clone(),
            priority: request.priority,
        }
    }
}

/// A region as it is typed, its times in seconds.
#[must_use]
pub fn region(region: &Region) -> String {
    let Region { rect, when } = region;
    let rect = rect.unwrap_or_default();
    let mut text = format!("{},{},{},{}", rect.x, rect.y, rect.width, rect.height);
    if let Some(span) = when {
        let seconds = |nanos: u64| {
            let text = format!("{}.{:09}", nanos / NANOS, nanos % NANOS);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        text.push_str(&format!("@{}-{}", seconds(span.from_nanos), seconds(span.to_nanos)));
    }
    text
}

/// Nanoseconds of a second.
const NANOS: u64 = 1_000_000_000;
