//! The first look: shows sampled frames to the finder of what stays in place, and to models, and stores what they
//! saw.

use std::collections::BTreeSet;

use cleanplate_media::frame::VideoFrame;
use cleanplate_media::sample::Wanted;
use cleanplate_plate::find::{Evidence, SamplePlan, Window};
use cleanplate_plate::track::Cut;
use cleanplate_store::kinds;
use cleanplate_types::detection::Seen;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::model::{Detector, DetectorKind};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::Detect;
use cleanplate_types::source::VideoDescription;
use cleanplate_types::trail::TrailEvent;
use serde::{Deserialize, Serialize};

use self::change::Change;
use self::model::{Glance, Model};
use self::watching::{Pace, Watching};
use super::models::check_classes;
use super::{Viewer, Wishes, engine_failed};
use crate::order::EVIDENCE;

mod batching;
mod change;
mod model;
pub(super) mod tuning;
mod watching;

/// What a window of this look came to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Found {
    /// What stays in place, where that was looked for.
    pub(super) still: Option<Evidence>,
    /// What each detector saw.
    pub(super) watched: Vec<Watched>,
}

/// What a detector saw.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Watched {
    /// What it looks for.
    pub(super) what: DetectorKind,
    /// The score that counts, of 1000, where the user said it.
    pub(super) score_min: Option<u16>,
    /// What people should know of its model.
    pub(super) note: Option<String>,
    /// What it saw, frame by frame.
    pub(super) seen: Vec<Seen>,
    /// Where something of that came or went at once.
    pub(super) cuts: Vec<Cut>,
    /// What it saw in the few frames in which small writing is looked for.
    pub(super) small: Vec<Seen>,
}

/// Looks for overlays.
pub(super) fn run(
    viewer: &mut Viewer<'_>,
    Wishes { detect, detectors, .. }: &Wishes,
) -> Result<(), Failure> {
    let opened = detectors.iter().enumerate();
    let opened = opened
        .map(|(at, detector)| Model::open(viewer.desk, &viewer.description.video, at, detector));
    let mut models: Vec<Model> = opened.collect::<Result<_, _>>()?;
    let own: Vec<_> = models.iter().filter_map(Model::own_classes).collect();
    detectors.iter().try_for_each(|detector| check_classes(&detector.classes, &own))?;
    let still: BTreeSet<u64> = if detect.contains(&Detect::Static) {
        plan(&viewer.table).samples(viewer.window, &viewer.starts()).into_iter().collect()
    } else {
        BTreeSet::new()
    };
    let wanted: Vec<u64> = if models.is_empty() {
        still.iter().copied().collect()
    } else {
        (viewer.window.start..viewer.window.end).collect()
    };
    let by = names(detect, detectors);
    viewer.desk.trail(Stage::Analyse, TrailEvent::Started, by, Some(wanted.len() as u64));
    let video = viewer.description.video.clone();
    let (window, table) = (viewer.window, std::sync::Arc::clone(&viewer.table));
    let due: Vec<Due> =
        detectors.iter().map(|it| Due::of(it.what, window, (&video, &table))).collect();
    let batches: Vec<usize> = models
        .iter()
        .zip(&due)
        .map(|(model, due)| model.batch(window.count() / (due.usual.len() as u64).max(1)))
        .collect();
    let follows = detectors.iter().any(|detector| detector.what.follows());
    let begin = || Looking {
        still: detect
            .contains(&Detect::Static)
            .then(|| Window::new(&video.layout, video.width, video.height, window)),
        watching: detectors
            .iter()
            .zip(&batches)
            .map(|(detector, batch)| watching(detector, *batch, &video, &table))
            .collect(),
        small: vec![Vec::new(); detectors.len()],
        change: Change::default(),
    };
    let mut looking = viewer.show(&Wanted::Listed(wanted), begin, |looking, index, frame| {
        if let Some(window) = looking.still.as_mut().filter(|_| still.contains(&index)) {
            window.add(index, frame.planes()).map_err(engine_failed)?;
        }
        let changes = follows && looking.change.is_one(&frame.planes(), video.layout.depth);
        let of_models = looking.watching.iter_mut().zip(&mut looking.small).zip(&mut models);
        for (((watching, small), model), (detector, due)) in
            of_models.zip(detectors.iter().zip(&due))
        {
            let is_due = due.usual.contains(&index) || (changes && detector.what.follows());
            let twin = frame.twin().map_err(|error| error.failure(Stage::Analyse))?;
            watching.add((index, is_due), twin, &mut |frames, band| model.see(frames, of(band)))?;
            if due.small.contains(&index) {
                let sights = model.see(&[frame], Glance::Small)?.into_iter();
                small.extend(sights.map(|detections| Seen { frame: index, detections }));
            }
        }
        Ok(())
    })?;
    let mut watched = Vec::new();
    let watching = looking.watching.drain(..).zip(looking.small.drain(..));
    for (((watching, small), model), detector) in watching.zip(&mut models).zip(detectors) {
        let (seen, cuts) = watching.finish(&mut |frames, band| model.see(frames, of(band)))?;
        model.tell();
        let (what, score_min) = (detector.what, detector.score_min);
        watched.push(Watched { what, score_min, note: model.note(), seen, cuts, small });
    }
    let found = Found { still: looking.still.map(Window::finish), watched };
    viewer.desk.save(EVIDENCE, kinds::EVIDENCE, &found)?;
    Ok(())
}

/// A detector's way through a window.
fn watching(
    detector: &Detector,
    batch: usize,
    video: &VideoDescription,
    table: &FrameTable,
) -> Watching<VideoFrame> {
    let settings = tuning::settings(detector.what, detector.score_min, video, table);
    let pace = Pace { batch, bands: detector.what == DetectorKind::Text };
    Watching::new(settings, pace, table.range().count())
}

/// The frames of a window that a detector sees.
struct Due {
    /// At the usual size.
    usual: BTreeSet<u64>,
    /// For small writing.
    small: BTreeSet<u64>,
}

impl Due {
    /// Those of `window`.
    fn of(
        what: DetectorKind,
        window: FrameRange,
        (video, table): (&VideoDescription, &FrameTable),
    ) -> Self {
        let bytes = tuning::frame_bytes(video);
        let usual = tuning::samples(what, window, (table, bytes)).into_iter().collect();
        let longest = video.width.max(video.height);
        let small = tuning::small_samples(what, longest, table).into_iter();
        Self { usual, small: small.filter(|frame| window.contains(*frame)).collect() }
    }
}

/// What is under way in a window.
struct Looking {
    still: Option<Window>,
    watching: Vec<Watching<VideoFrame>>,
    small: Vec<Vec<Seen>>,
    change: Change,
}

/// A look at a band, or at the whole.
fn of(band: Option<Rect>) -> Glance {
    band.map_or(Glance::Whole, Glance::Band)
}

/// How densely the video is sampled: by the second, whatever its rate.
fn plan(table: &FrameTable) -> SamplePlan {
    let frames = table.range().count();
    let ends = table.pts.first().zip(table.pts.last());
    let ticks = ends.map_or(0, |(first, last)| last.0 - first.0 + table.last_duration);
    SamplePlan::new(frames).at_rate(frames, u64::try_from(ticks).unwrap_or(0), table.timebase)
}

fn names(detect: &[Detect], detectors: &[Detector]) -> String {
    let name = |one: &Detect| match one {
        Detect::Static => "static".to_owned(),
    };
    let models = detectors.iter().map(|detector| detector.model.to_string());
    detect.iter().map(name).chain(models).collect::<Vec<_>>().join(", ")
}
