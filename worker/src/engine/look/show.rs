//! The last look: what will come out, in a few frames, as pictures that a person judges at a glance.
//!
//! Owns what is drawn, and for the animation which frames. For each: as it is, as it will be, the mask, and where each
//! restored sample comes from; and one short animation, before and after side by side, of the largest thing that is
//! removed, in frames that show it. Refuses to be exact in colour: the pictures are 8-bit RGB, which nothing else here ever is.

mod choice;
mod removed;

use std::collections::BTreeSet;

use cleanplate_media::frame::VideoFrame;
use cleanplate_media::sample::Wanted;
use cleanplate_plate::restore::{Origin, OriginMap};
use cleanplate_store::kinds;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::picture::Rect;
use cleanplate_types::preview::{Preview, PreviewFile};
use cleanplate_types::source::VideoDescription;

use super::Viewer;
use crate::engine::Restoring;
use crate::engine::colour::rgb;
use crate::engine::image::{Image, animation};
use crate::order::EVIDENCE;
use choice::Seen;
use removed::Removed;

/// Widest still; larger pictures are reduced, so that a preview stays far below what one object may hold.
const STILL_WIDTH_MAX: u32 = 1920;
/// Frames of the animation, at most.
const CLIP_FRAMES: u64 = 36;
/// The part of the picture that the animation shows, at most; it is reduced where what is removed is larger.
const CLIP_SIZE: (u32, u32) = (400, 240);
/// What is shown around that.
const CLIP_MARGIN: u32 = 48;

/// Draws the preview.
pub(super) fn run(viewer: &mut Viewer<'_>) -> Result<(), Failure> {
    let (desk, plan, video) = (viewer.desk, viewer.draft()?.plan, viewer.description.video.clone());
    let mut restoring = Restoring::open(desk, &plan, &video)?;
    let candidates = choice::candidates(&plan, &viewer.starts());
    let seen = if choice::is_for_frames_to_tell(&plan) {
        look(viewer, &mut restoring, &plan, &candidates)?
    } else {
        Seen::new()
    };
    let stills = choice::stills(&candidates, &seen);
    let clip = clip(&plan, &seen, viewer.window);
    let mut wanted: Vec<u64> = stills.iter().copied().chain(clip.frames()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let (mut files, pairs) = viewer.show(
        &Wanted::Listed(wanted),
        || (Vec::new(), Vec::new()),
        |(files, pairs), index, frame| {
            let drawn = draw(&mut restoring, &video, (index, frame))?;
            if stills.contains(&index) {
                files.extend(drawn.files(index).map_err(|error| undrawn(&error))?);
            }
            if clip.range.contains(index) {
                pairs.push(clip.pair(&drawn));
            }
            Ok(())
        },
    )?;
    if !pairs.is_empty() {
        let bytes = animation(&pairs, video.frame_rate).map_err(|error| undrawn(&error))?;
        files.push(PreviewFile { name: "before-after.png".to_owned(), bytes });
    }
    desk.save(EVIDENCE, kinds::PREVIEW, &Preview { files })?;
    Ok(())
}

fn undrawn(error: &png::EncodingError) -> Failure {
    let text = format!("the preview cannot be drawn: {error}");
    Failure::new(FailureKind::Internal, Stage::Analyse, text)
}

/// What the candidates show of what is removed.
fn look(
    viewer: &mut Viewer<'_>,
    restoring: &mut Restoring<'_>,
    plan: &OverlayPlan,
    candidates: &[u64],
) -> Result<Seen, Failure> {
    let mut rising = candidates.to_vec();
    rising.sort_unstable();
    viewer.show(&Wanted::Listed(rising), Seen::new, |seen, index, frame| {
        let mut clean = frame.twin().map_err(|error| error.failure(Stage::Analyse))?;
        if restoring.apply(index, &mut clean)?.restored.frames > 0 {
            seen.insert(index, shown_in(plan, index, restoring.origins()));
        }
        Ok(())
    })
}

/// What a restored frame showed: the overlays and tracks whose place a map lies in.
fn shown_in(plan: &OverlayPlan, index: u64, maps: &[OriginMap]) -> BTreeSet<usize> {
    let meet = |one: Rect, other: Rect| {
        one.x < other.right()
            && other.x < one.right()
            && one.y < other.bottom()
            && other.y < one.bottom()
    };
    let shows = |it: Removed<'_>| {
        it.at(index).is_some_and(|place| maps.iter().any(|map| meet(map.rect, place)))
    };
    removed::all(plan).enumerate().filter(|(_, it)| shows(*it)).map(|(at, _)| at).collect()
}

/// What the animation shows.
struct Clip {
    range: FrameRange,
    rect: Rect,
    /// Columns and rows of the picture that become one.
    factor: u32,
}

/// The animation: the largest thing of those that were seen, in frames that show it, all of it.
fn clip(plan: &OverlayPlan, seen: &Seen, frames: FrameRange) -> Clip {
    let is_seen = |at: &usize| seen.is_empty() || seen.values().any(|shown| shown.contains(at));
    let shown = removed::all(plan).enumerate().filter(|(at, _)| is_seen(at));
    let largest = shown.max_by_key(|(_, it)| (it.largest_at().is_some(), it.samples()));
    let range = largest.and_then(|(at, it)| Some(range_of(it, choice::first_shown(it, at, seen)?)));
    let range = range.unwrap_or(frames).intersect(frames);
    let range = FrameRange::new(range.start, range.end.min(range.start + CLIP_FRAMES));
    let places = largest.into_iter().flat_map(|(_, it)| places_of(it, range));
    let none = Rect { x: 0, y: 0, width: plan.width, height: plan.height };
    let bounds = places.reduce(Rect::hull).unwrap_or(none);
    let side = |from: u32, length: u32, size: u32| {
        let start = from.saturating_sub(CLIP_MARGIN);
        (start, (from + length + CLIP_MARGIN).min(size).saturating_sub(start))
    };
    let (x, width) = side(bounds.x, bounds.width, plan.width);
    let (y, height) = side(bounds.y, bounds.height, plan.height);
    let factor = width.div_ceil(CLIP_SIZE.0).max(height.div_ceil(CLIP_SIZE.1)).max(1);
    Clip { range, rect: Rect { x, y, width, height }, factor }
}

/// The frames of `removed` from `start` on that follow on one another; from earlier ones too, where there are too few
/// after it and each of them is known to show it.
fn range_of(removed: Removed<'_>, start: u64) -> FrameRange {
    let run = removed.when().into_iter().find(|run| run.contains(start));
    let run = run.unwrap_or_else(|| FrameRange::new(start, start + 1));
    let earlier = run.end.saturating_sub(CLIP_FRAMES).max(run.start);
    let start = if removed.may_be_absent() { start } else { start.min(earlier) };
    FrameRange::new(start, run.end)
}

fn places_of(removed: Removed<'_>, range: FrameRange) -> impl Iterator<Item = Rect> {
    (range.start..range.end).filter_map(move |index| removed.at(index))
}

impl Clip {
    fn frames(&self) -> impl Iterator<Item = u64> {
        self.range.start..self.range.end
    }

    fn pair(&self, drawn: &Drawn) -> Image {
        let part = |image: &Image| image.part(self.rect).reduced(self.factor);
        part(&drawn.before).beside(&part(&drawn.after))
    }
}

/// One frame, drawn.
struct Drawn {
    before: Image,
    after: Image,
    maps: Vec<OriginMap>,
}

fn draw(
    restoring: &mut Restoring<'_>,
    video: &VideoDescription,
    (index, frame): (u64, &VideoFrame),
) -> Result<Drawn, Failure> {
    let before = rgb(&frame.planes(), video);
    let mut clean = frame.twin().map_err(|error| error.failure(Stage::Analyse))?;
    restoring.apply(index, &mut clean)?;
    let after = rgb(&clean.planes(), video);
    Ok(Drawn { before, after, maps: restoring.origins().to_vec() })
}

impl Drawn {
    fn files(&self, index: u64) -> Result<Vec<PreviewFile>, png::EncodingError> {
        let named = |what: &str| format!("{index:06}-{what}.png");
        let factor = self.before.width.div_ceil(STILL_WIDTH_MAX);
        let mut mask = Image::black(self.before.width, self.before.height);
        let mut origin = self.before.dimmed();
        for map in &self.maps {
            let Rect { x, y, width, height } = map.rect;
            for (x, y) in (y..y + height).flat_map(|y| (x..x + width).map(move |x| (x, y))) {
                if let Some(paint) = paint(map.at(x, y)) {
                    mask.put(x, y, [255; 3]);
                    origin.put(x, y, paint);
                }
            }
        }
        let pictures = [
            ("before", &self.before),
            ("after", &self.after),
            ("mask", &mask),
            ("origin", &origin),
        ];
        pictures
            .into_iter()
            .map(|(what, image)| {
                let bytes = image.clone().reduced(factor).png()?;
                Ok(PreviewFile { name: named(what), bytes })
            })
            .collect()
    }
}

/// The colour of an origin in the map; nothing for a sample that stays as it is.
const fn paint(origin: Origin) -> Option<[u8; 3]> {
    match origin {
        Origin::Untouched => None,
        Origin::Inverted => Some([60, 200, 80]),
        Origin::Fetched => Some([70, 120, 255]),
        Origin::Synthesised => Some([255, 90, 60]),
        Origin::Pixelated => Some([250, 210, 40]),
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, Shape, Step, Track};

    use super::*;

    fn plan(whens: &[&[(u64, u64)]]) -> OverlayPlan {
        let overlay = |when: &&[(u64, u64)]| Overlay {
            origin: OverlayOrigin::Static,
            mask: Mask::full(Rect { x: 500, y: 10, width: 100, height: 40 }),
            when: when.iter().map(|(start, end)| FrameRange::new(*start, *end)).collect(),
            fill: Fill::Auto,
            hides: true,
        };
        OverlayPlan::new(640, 360, whens.iter().map(overlay).collect())
    }

    #[test]
    fn the_animation_shows_what_is_removed_from_its_first_picture_on() {
        let frames = FrameRange::new(0, 120);
        let clip = clip(&plan(&[&[(100, 110), (112, 200)]]), &Seen::new(), frames);
        assert_eq!(clip.range, FrameRange::new(100, 110));
        assert_eq!(clip.rect, Rect { x: 452, y: 0, width: 188, height: 98 });
    }

    #[test]
    fn the_animation_shows_all_of_what_moves_where_it_is_largest() {
        let step = |from: u64, to: u64, x: u32, size: u32| Step {
            frames: FrameRange::new(from, to),
            bounds: Rect { x, y: 100, width: size, height: size },
        };
        let mut plan = plan(&[&[(0, 10)]]);
        plan.tracks = vec![Track {
            origin: OverlayOrigin::Face,
            fill: Fill::Pixelate,
            shape: Shape::Rectangle,
            steps: vec![step(40, 60, 100, 60), step(60, 95, 300, 70), step(95, 100, 330, 90)],
        }];
        let clip = clip(&plan, &Seen::new(), FrameRange::new(0, 200));
        assert_eq!(clip.range, FrameRange::new(64, 100), "it is largest at its end");
        assert_eq!(clip.rect, Rect { x: 252, y: 52, width: 216, height: 186 });
    }
}
