//! The looks at the frames that a plan is made from: one window each, and what all windows come to.
//!
//! Owns what every look needs: description, table, draft, and frames by index. Refuses to judge what is
//! seen, which is the clean-plate engine's affair.

pub(super) mod reduce;

mod find;
pub(crate) mod learn;
pub(super) mod models;
mod paint;
mod show;

use std::sync::Arc;

use cleanplate_media::error::MediaError;
use cleanplate_media::frame::VideoFrame;
use cleanplate_media::sample::{SampleOrder, Wanted, sample};
use cleanplate_store::kinds;
use cleanplate_types::access::ReadAt;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::model::Detector;
use cleanplate_types::overlay::{Draft, Look};
use cleanplate_types::request::Detect;
use cleanplate_types::source::SourceDescription;
use cleanplate_types::trail::TrailEvent;

use crate::engine::intake::specification;
use crate::engine::{Desk, OpenCard};
use crate::order::{DESCRIPTION, DRAFT, Outcome, TABLE};

/// Threads of a look's decoder for each that a segment's has: a segment encodes beside its decoder, and a short
/// video has fewer windows than there are slots.
const DECODER_SHARE: u32 = 2;

/// What is asked of a look beside its window.
pub(super) struct Wishes {
    /// What to look for.
    pub(super) detect: Vec<Detect>,
    /// The models that look for more.
    pub(super) detectors: Vec<Detector>,
    /// The name of the model that paints what no frame shows, where one does.
    pub(super) painter: Option<String>,
}

/// Takes one look at a window and stores what it came to.
///
/// # Errors
/// What kept the frames from being seen, or the result from being stored.
pub(super) fn run(
    desk: &Desk,
    look: Look,
    window: FrameRange,
    wanted: &Wishes,
) -> Result<Outcome, Failure> {
    let mut viewer = Viewer::open(desk, look, window)?;
    match look {
        Look::Find => find::run(&mut viewer, wanted)?,
        Look::Learn => learn::run(&mut viewer)?,
        Look::Fetch => paint::run(&mut viewer, wanted.painter.as_deref())?,
        Look::Preview => show::run(&mut viewer)?,
    }
    let seen = Some(viewer.seen);
    desk.trail(Stage::Analyse, TrailEvent::Finished, format!("{} stored", look.as_str()), seen);
    Ok(Outcome::Analyse)
}

/// Shows the frames of a window.
struct Viewer<'a> {
    desk: &'a Desk,
    description: SourceDescription,
    table: Arc<FrameTable>,
    window: FrameRange,
    source: Arc<dyn ReadAt>,
    card: Option<OpenCard>,
    /// Frames that were shown.
    seen: u64,
}

impl<'a> Viewer<'a> {
    fn open(desk: &'a Desk, look: Look, window: FrameRange) -> Result<Self, Failure> {
        let description: SourceDescription = desk.load(DESCRIPTION, kinds::DESCRIPTION)?;
        let table: FrameTable = desk.load(TABLE, kinds::TABLE)?;
        let inside = table.range().intersect(window) == window && !window.is_empty();
        if !inside {
            let text = format!("frames {window} are not in the table");
            return Err(Failure::new(FailureKind::Internal, Stage::Analyse, text));
        }
        let started =
            format!("{}: {}; frames {window}", look.as_str(), specification(&description));
        desk.trail(Stage::Analyse, TrailEvent::Started, started, Some(window.count()));
        let source = desk.source()?;
        // What is looked at is looked at by the host: no frame stays on the card.
        let card = OpenCard::open(desk, Stage::Analyse);
        let table = Arc::new(table);
        Ok(Self { desk, description, table, window, source, card, seen: 0 })
    }

    /// The frames of the window at which decoding can start.
    fn starts(&self) -> Vec<u64> {
        let starts = self.table.entries.iter().map(|entry| entry.frame);
        starts.filter(|frame| self.window.contains(*frame)).collect()
    }

    /// The plan that the look is given.
    fn draft(&self) -> Result<Draft, Failure> {
        self.desk.load(DRAFT, kinds::DRAFT)
    }

    /// Shows the `wanted` frames, in order, to what `begin` makes, and gives that back. Where the source is
    /// damaged all is begun anew, with every frame as a decoder conceals the damage: so what is shown
    /// depends on the source alone, and not on how far a decoder had come.
    fn show<S>(
        &mut self,
        wanted: &Wanted,
        begin: impl Fn() -> S,
        mut add: impl FnMut(&mut S, u64, &VideoFrame) -> Result<(), Failure>,
    ) -> Result<S, Failure> {
        let mut refused = None;
        let before = self.seen;
        let mut shown = |viewer: &mut Self, conceal| {
            let mut state = begin();
            viewer.seen = before;
            let shown = viewer.sample(wanted, conceal, &mut |index, frame| {
                add(&mut state, index, frame).map_err(|failure| {
                    let words = failure.message.clone();
                    refused = Some(failure);
                    MediaError::Internal(words)
                })
            });
            shown.map(|()| state)
        };
        let shown = match shown(self, false) {
            Err(error) if is_damage(&error) => {
                let text = format!("exact -> concealed: {error}");
                self.desk.trail(Stage::Analyse, TrailEvent::Fallback, text, None);
                shown(self, true)
            }
            other => other,
        };
        match (shown, refused) {
            (Ok(state), _) => Ok(state),
            (Err(_), Some(failure)) => Err(failure),
            (Err(error), None) => Err(error.failure(Stage::Analyse).at(self.window)),
        }
    }

    fn sample(
        &mut self,
        wanted: &Wanted,
        conceal: bool,
        add: &mut dyn FnMut(u64, &VideoFrame) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let desk = self.desk;
        let means = &desk.order().means;
        let threads = means.threads.saturating_mul(DECODER_SHARE);
        let card = self.card.as_ref().map(OpenCard::for_decoder);
        let how = SampleOrder { threads, card, conceal };
        let seen = &mut self.seen;
        let fallbacks = sample(
            Arc::clone(&self.source),
            &desk.order().name_hint,
            &self.description,
            Arc::clone(&self.table),
            wanted,
            &how,
            &mut |index, frame| {
                add(index, frame)?;
                *seen += 1;
                desk.progress(*seen);
                Ok(())
            },
        )?;
        for fallback in fallbacks {
            let text = format!("{}: {}", fallback.what, fallback.message);
            desk.trail(Stage::Analyse, TrailEvent::Fallback, text, None);
        }
        Ok(())
    }
}

/// Whether an error is of what the source holds, so that a decoder that conceals it may get on.
const fn is_damage(error: &MediaError) -> bool {
    matches!(
        error,
        MediaError::Damaged { .. }
            | MediaError::Truncated { .. }
            | MediaError::TableMismatch { .. }
    )
}

fn engine_failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Internal, Stage::Analyse, error.to_string())
}
