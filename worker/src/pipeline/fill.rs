//! Filling: what the plan covers is restored, in the decoder's own planes; where the job has a model for it, what
//! nothing else serves is painted.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender};

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::Restored;
use cleanplate_types::trail::TrailEvent;

use super::paint::{Easel, Painted};
use super::{Frame, Segment};
use crate::engine::{Brush, By, Clean, Restoring};

/// Restores the frames that are touched and passes the others on as they are.
pub(super) fn run(
    segment: &Segment,
    masked: &Receiver<Frame>,
    clean: &SyncSender<Frame>,
) -> Result<(), Failure> {
    let Segment { desk, brief, .. } = segment;
    let video = &brief.description.video;
    let restoring = Restoring::open(desk, &brief.plan, video)?;
    let ways: BTreeSet<&str> =
        brief.plan.overlays.iter().map(|overlay| overlay.fill.as_str()).collect();
    let ways = ways.into_iter().collect::<Vec<_>>().join(" and ");
    let ways = if ways.is_empty() { "nothing to fill".to_owned() } else { ways };
    desk.trail(Stage::Fill, TrailEvent::Started, ways.clone(), None);
    let mut filling = match &brief.spec.painting {
        None => Filling::new(segment, restoring.on(segment.card.as_ref(), video)),
        Some(painting) => {
            let mut brush = Brush::new(desk, video, painting);
            // A model that does wrong is found where the job begins, whether or not anything is painted there.
            if segment.run.first == CellIndex(0) {
                brush.open()?;
            }
            let easel = Easel::new(segment.decoded);
            Filling { paints: Some((brush, easel)), ..Filling::new(segment, restoring.painting()) }
        }
    };
    while let Ok(frame) = masked.recv() {
        filling.take(frame)?;
        while let Some(frame) = filling.give()? {
            if clean.send(frame).is_err() {
                return Ok(());
            }
        }
    }
    let (calls, text) = (filling.calls, filling.text());
    desk.trail(Stage::Fill, TrailEvent::Finished, format!("{ways}; {text}"), Some(calls));
    Ok(())
}

/// The frames of a segment as they are filled.
struct Filling<'a> {
    segment: &'a Segment,
    restoring: Restoring<'a>,
    /// Where frames are painted by themselves.
    paints: Option<(Brush<'a>, Easel)>,
    /// The frame that is done, where none is painted.
    done: Option<Frame>,
    calls: u64,
    passed: u64,
    changed: u64,
    all: Restored,
    on_card: OnCard,
}

impl<'a> Filling<'a> {
    fn new(segment: &'a Segment, restoring: Restoring<'a>) -> Self {
        Self {
            segment,
            restoring,
            paints: None,
            done: None,
            calls: 0,
            passed: 0,
            changed: 0,
            all: Restored::default(),
            on_card: OnCard::default(),
        }
    }

    /// Restores the next frame, and paints what is left of it.
    fn take(&mut self, mut frame: Frame) -> Result<(), Failure> {
        if frame.touched {
            let is_first = self.on_card.is_first_of_cell(self.segment, frame.index);
            if is_first {
                self.restoring.compare_next();
            }
            let Clean { outside, restored, samples_changed, by } =
                self.restoring.apply(frame.index, &mut frame.picture)?;
            (frame.outside, frame.restored) = (outside, restored);
            self.changed += samples_changed;
            self.on_card.add(&frame, by, is_first)?;
        }
        let Some((brush, easel)) = &mut self.paints else {
            self.done = Some(frame);
            return Ok(());
        };
        let painted = match self.restoring.unserved().filter(|_| frame.touched) {
            None => None,
            Some(unserved) => {
                let only = FrameRange::new(frame.index, frame.index + 1);
                let painting = brush.paint((frame.index, unserved), &frame.picture);
                let painting = painting.map_err(|failure| failure.at(only))?;
                Some(Painted { painting, covered: self.restoring.covered(frame.index)? })
            }
        };
        easel.put(frame, painted);
        Ok(())
    }

    /// The next frame of the segment that is done.
    fn give(&mut self) -> Result<Option<Frame>, Failure> {
        loop {
            let done = match &mut self.paints {
                Some((_, easel)) => easel.take()?,
                None => self.done.take(),
            };
            let Some(frame) = done else { return Ok(None) };
            // Those of the halo are the neighbours'.
            if self.segment.range.contains(frame.index) {
                self.count(&frame);
                return Ok(Some(frame));
            }
        }
    }

    fn count(&mut self, frame: &Frame) {
        if frame.touched {
            self.calls += 1;
            self.all.add(&frame.restored);
        } else {
            self.passed += 1;
        }
    }

    fn text(&self) -> String {
        let Self { calls, passed, changed, all, .. } = self;
        let painted = self.paints.as_ref().map_or_else(String::new, |(brush, easel)| {
            let text = brush.text();
            let blended = easel.blended;
            if text.is_empty() { text } else { format!("{text}, {blended} of them blended") }
        });
        format!(
            "{calls} frames in {calls} calls, {} of them show an overlay, {changed} samples changed: \
             {} inverted, {} fetched, {} synthesised, {} pixelated; {passed} frames passed untouched{painted}{}",
            all.frames,
            all.inverted,
            all.fetched,
            all.synthesised,
            all.pixelated,
            self.on_card.text()
        )
    }
}

/// What became of frames that are on the card too, and how often that was looked at.
#[derive(Debug, Default)]
struct OnCard {
    /// Frames that the host filled, luma samples that went up, and frames that came back.
    by_host: (u64, u64, u64),
    /// Frames that kernels filled, and those of them that the host filled too.
    by_kernels: (u64, u64),
    /// The first frame of the last cell.
    cell: Option<u64>,
}

impl OnCard {
    /// Whether the frame at `index`, which shows an overlay, is the first such of its cell. It is the one that is
    /// compared: at 1080p that is 3 MiB more to bring down in 120 frames or more.
    fn is_first_of_cell(&mut self, segment: &Segment, index: u64) -> bool {
        let cell = segment.cells.iter().find(|cell| cell.frames.contains(index));
        let cell = cell.map(|cell| cell.frames.start);
        std::mem::replace(&mut self.cell, cell) != cell
    }

    /// Counts a filled frame. Of those that the host filled, the first of every cell (in debug builds every one)
    /// comes back from the card whole and must be the host's, sample by sample.
    fn add(&mut self, frame: &Frame, by: By, is_first: bool) -> Result<(), Failure> {
        let Some(there) = frame.picture.on_card() else { return Ok(()) };
        let put_on_card = match by {
            By::Kernels { compared } => {
                self.by_kernels.0 += 1;
                self.by_kernels.1 += u64::from(compared);
                return Ok(());
            }
            By::Host { put_on_card } => put_on_card,
        };
        self.by_host.0 += 1;
        self.by_host.1 += put_on_card;
        if !is_first && !cfg!(debug_assertions) {
            return Ok(());
        }
        self.by_host.2 += 1;
        let only = FrameRange::new(frame.index, frame.index + 1);
        let back = there.download(frame.picture.pts());
        let back = back.map_err(|error| error.failure(Stage::Fill).at(only))?;
        if back.fast_hash() == frame.picture.fast_hash() {
            return Ok(());
        }
        let text = "the card's frame is not the one that was filled".to_owned();
        Err(Failure::new(FailureKind::Internal, Stage::Fill, text).at(only))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if let (frames @ 1.., compared) = self.by_kernels {
            text += &format!(
                "; {frames} frames filled by kernels where they lie on the card, {compared} of which the host \
                 filled too, with the same samples"
            );
        }
        if let (frames @ 1.., samples, compared) = self.by_host {
            text += &format!(
                "; {samples} luma samples of {frames} frames put on the card, {compared} of which came back whole \
                 and were the host's"
            );
        }
        text
    }
}
