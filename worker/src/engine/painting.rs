//! Painting frames by themselves: what nothing else serves of a frame, made up by the model that the job pinned.
//!
//! Owns the way from a frame's planes to the model and back, and that it is run as the job pinned it: on a machine of
//! that class, one frame at a time, on as many threads as the class says. It never falls back to another device,
//! whose bytes would be others. Refuses what the model may do wrong: a failure names the frame, and no membrane is
//! left in the painting's place.

use std::time::{Duration, Instant};

use cleanplate_media::frame::VideoFrame;
use cleanplate_plate::blend;
use cleanplate_plate::restore::Unserved;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::model::Painting;
use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::Rect;
use cleanplate_types::source::VideoDescription;
use cleanplate_types::trail::TrailEvent;
use cleanplate_vision::{
    Inpainter, Model, ModelError, PAINT_DEVICE, Picture, RgbPicture, matrix_of, processor_class,
};

use super::Desk;
use super::look::models::{refused, runtime, unfilled};
use crate::order::PAINTER;

/// The model, opened when the first frame needs it.
pub(crate) struct Brush<'a> {
    desk: &'a Desk,
    video: &'a VideoDescription,
    painting: &'a Painting,
    model: Option<Inpainter>,
    frames: u64,
    samples: u64,
    took: Duration,
}

impl<'a> Brush<'a> {
    pub(crate) const fn new(
        desk: &'a Desk,
        video: &'a VideoDescription,
        painting: &'a Painting,
    ) -> Self {
        let (model, took) = (None, Duration::ZERO);
        Self { desk, video, painting, model, frames: 0, samples: 0, took }
    }

    /// Opens the model, which runs it on pictures whose answer is known.
    ///
    /// # Errors
    /// [`FailureKind::WorkerLacks`] where this machine is not of the job's class or too small,
    /// [`FailureKind::BadRequest`] where the model is not one that fills holes, or does it wrong.
    pub(crate) fn open(&mut self) -> Result<&mut Inpainter, Failure> {
        let Self { desk, painting, model, .. } = self;
        if let Some(model) = model {
            return Ok(model);
        }
        let opened = opened(desk, painting)?;
        let about = format!("{}; {}", opened.model().identity(), painting.class);
        desk.trail(Stage::Fill, TrailEvent::Started, about, None);
        Ok(model.insert(opened))
    }

    /// Paints what is `unserved` of the restored frame at `index`.
    ///
    /// # Errors
    /// Those of [`Brush::open`], and [`FailureKind::BadRequest`] where the model gives no numbers, shows what it
    /// was to hide, or paints what is nowhere around it.
    pub(crate) fn paint(
        &mut self,
        (index, unserved): (u64, &Unserved),
        frame: &VideoFrame,
    ) -> Result<blend::Painting, Failure> {
        let failed = |text: String| Failure::new(FailureKind::Internal, Stage::Fill, text);
        let VideoDescription { layout, colour, width, height, .. } = self.video;
        self.open()?;
        let began = Instant::now();
        let Self { model: Some(model), .. } = self else {
            return Err(failed("the model was opened and is not there".to_owned()));
        };
        let matrix = matrix_of(colour.matrix, *width, *height);
        let planes = frame.planes();
        let picture = Picture::new(planes.clone(), layout, matrix);
        let picture = picture.map_err(|error| failed(error.to_string()))?;
        let bounds = picture.bounds();
        let area = model.context(&unserved.luma, (bounds.width, bounds.height));
        let misplaced = || failed("what is to be painted lies outside the picture".to_owned());
        let area = area.ok_or_else(misplaced)?;
        let rgb = RgbPicture::of(&picture, area).ok_or_else(misplaced)?;
        let hole = within(&unserved.luma, area);
        let name = self.painting.model.to_string();
        let filled = model.fill(&rgb, &hole).map_err(|error| unfilled(&name, &error))?;
        let painted = filled.planes(layout, matrix);
        let painted = blend::Painting::new(layout, (index, unserved), &planes, (area, &painted));
        self.frames += 1;
        self.samples += hole.count();
        self.took += began.elapsed();
        // A slow model is not one that hangs.
        self.desk.progress(0);
        painted.ok_or_else(|| failed("the painting does not fit its frame".to_owned()))
    }

    /// What was painted and what it took, for the trail; nothing where nothing was.
    pub(crate) fn text(&self) -> String {
        let Self { frames, samples, took, painting, .. } = self;
        match frames {
            0 => String::new(),
            _ => format!(
                "; {samples} luma samples of {frames} frames painted by `{}` in {} ms, {} ms a frame",
                painting.model,
                took.as_millis(),
                took.as_millis() / u128::from(*frames)
            ),
        }
    }
}

fn opened(desk: &Desk, painting: &Painting) -> Result<Inpainter, Failure> {
    let lacks = |text: String| Failure::new(FailureKind::WorkerLacks, Stage::Fill, text);
    let runtime = runtime(desk, Stage::Fill)?;
    let class = processor_class(runtime.version());
    if class != painting.class {
        let text = format!("this machine paints on {class}, the job on {}", painting.class);
        return Err(lacks(text));
    }
    let name = painting.model.to_string();
    let model = Model::open_filler(runtime, &desk.read(PAINTER)?, PAINT_DEVICE);
    let model = model.map_err(|error| {
        if let ModelError::Device { why } = error {
            lacks(why)
        } else {
            refused(Stage::Fill, &name, &error)
        }
    })?;
    Inpainter::new(model).map_err(|error| unfilled(&name, &error))
}

/// The samples of a mask that lie in a part of the picture, by their places in the part.
fn within(mask: &Mask, part: Rect) -> Mask {
    let mut inside = Mask::empty(Rect { x: 0, y: 0, width: part.width, height: part.height });
    let bounds = mask.bounds;
    for y in bounds.y.max(part.y)..bounds.bottom().min(part.bottom()) {
        for x in bounds.x.max(part.x)..bounds.right().min(part.right()) {
            if mask.covers(x - bounds.x, y - bounds.y) {
                inside.set(x - part.x, y - part.y);
            }
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_its_places_in_a_part_of_the_picture() {
        let mut mask = Mask::empty(Rect { x: 10, y: 20, width: 4, height: 2 });
        mask.set(0, 0);
        mask.set(3, 1);
        let inside = within(&mask, Rect { x: 8, y: 16, width: 8, height: 8 });
        assert_eq!(inside.count(), 2);
        assert!(inside.covers(2, 4) && inside.covers(5, 5));
        assert_eq!(within(&mask, Rect { x: 12, y: 16, width: 8, height: 8 }).count(), 1);
    }
}
