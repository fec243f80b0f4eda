//! The difference over time as a picture: the largest of each frame above, the mean below, and bars where
//! frames are missing or extra.
//!
//! Owns what is where. One column of pixels shows the worst of all that falls into it.

use std::path::Path;

use cleanplate_media::verify::report::{Frames, Moment, Pictures};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{RgbColor as _, WebColors as _};
use embedded_graphics::text::Alignment;

use super::canvas::Canvas;
use super::{Names, axis};
use crate::exit::Refusal;

const WIDTH: u32 = 1200;
const HEIGHT: u32 = 640;
/// Where the panels begin and end, across.
const LEFT: i32 = 84;
const RIGHT: i32 = 1176;
/// Top and bottom of the panel of the largest difference, and of that of the mean.
const UPPER: (i32, i32) = (98, 318);
const LOWER: (i32, i32) = (374, 588);
const MISSING: Rgb888 = Rgb888::CSS_CRIMSON;
const EXTRA: Rgb888 = Rgb888::CSS_DARK_ORANGE;
const LARGEST: Rgb888 = Rgb888::CSS_STEEL_BLUE;
const MEAN: Rgb888 = Rgb888::CSS_SEA_GREEN;
const GRID: Rgb888 = Rgb888::CSS_LIGHT_GRAY;

/// Draws it into the file at `path`.
///
/// # Errors
/// A refusal with status 1 where the file cannot be written.
pub(super) fn draw(
    path: &Path,
    names: &Names,
    frames: &Frames,
    pictures: &Pictures,
) -> Result<(), Refusal> {
    picture(names, frames, pictures).save(path)
}

fn picture(names: &Names, frames: &Frames, pictures: &Pictures) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let title = format!("{} against {}", file_name(&names.output), file_name(&names.source));
    canvas.title(&title, (LEFT, 28));
    canvas.write(&summary(frames, pictures), (LEFT, 50), Alignment::Left, Rgb888::CSS_DIM_GRAY);
    let moments = &pictures.over_time;
    let Some(time) = Time::of(moments) else {
        let why = pictures.not_compared.as_deref().unwrap_or("there are no frames");
        let text = format!("the pictures were not compared: {why}");
        canvas.write(&text, (LEFT, 200), Alignment::Left, Rgb888::BLACK);
        return canvas;
    };
    let panels = [
        Panel {
            between: UPPER,
            title: "largest difference of a sample, in levels",
            colour: LARGEST,
            value: |moment| f64::from(moment.max),
        },
        Panel {
            between: LOWER,
            title: "mean difference of all samples, in levels",
            colour: MEAN,
            value: |moment| moment.mean,
        },
    ];
    for panel in &panels {
        panel.draw(&mut canvas, &time, moments);
    }
    canvas.write(
        "time in the source",
        (i32::midpoint(LEFT, RIGHT), 628),
        Alignment::Center,
        Rgb888::BLACK,
    );
    canvas
}

fn file_name(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or(place)
}

fn summary(frames: &Frames, pictures: &Pictures) -> String {
    let mut text = format!("{} frames compared", pictures.compared);
    if pictures.not_compared.is_none() {
        text.push_str(&format!(", {} the same", pictures.identical));
    }
    for (count, what) in [
        (frames.missing.count, "missing"),
        (frames.extra.count, "extra"),
        (frames.moved.count, "moved"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    if let Some(psnr) = pictures.psnr {
        text.push_str(&format!("   PSNR {psnr:.2} dB"));
    }
    if let Some(ssim) = pictures.ssim {
        text.push_str(&format!("   SSIM {ssim:.5}"));
    }
    text
}

/// The axis that both panels share.
struct Time {
    from: f64,
    to: f64,
}

impl Time {
    fn of(moments: &[Moment]) -> Option<Self> {
        let (first, last) = (moments.first()?, moments.last()?);
        let steps = (moments.len() as f64 - 1.0).max(1.0);
        // The last stretch is as long as the others are.
        let step = ((last.seconds - first.seconds) / steps).max(0.001);
        Some(Self { from: first.seconds, to: last.seconds + step })
    }

    fn column(&self, seconds: f64) -> i32 {
        let along = ((seconds - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "a column of the picture")]
        let column = (along * f64::from(RIGHT - LEFT)) as i32;
        LEFT + column
    }
}

struct Panel {
    between: (i32, i32),
    title: &'static str,
    colour: Rgb888,
    value: fn(&Moment) -> f64,
}

impl Panel {
    fn draw(&self, canvas: &mut Canvas, time: &Time, moments: &[Moment]) {
        let (top, bottom) = self.between;
        let most = moments.iter().map(|moment| (self.value)(moment)).fold(0.0, f64::max);
        let ticks = axis::values(if most > 0.0 { most } else { 1.0 }, 4);
        let reach = ticks.last().copied().unwrap_or(1.0);
        let row = |value: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "a row of the picture")]
            let up = (value / reach * f64::from(bottom - top)).round() as i32;
            bottom - up.clamp(0, bottom - top)
        };
        canvas.write(self.title, (LEFT, top - 10), Alignment::Left, self.colour);
        for tick in &ticks {
            canvas.line((LEFT, row(*tick)), (RIGHT, row(*tick)), GRID);
            let label = axis::value_label(*tick);
            canvas.write(&label, (LEFT - 8, row(*tick) + 4), Alignment::Right, Rgb888::BLACK);
        }
        self.times(canvas, time);
        self.marks(canvas, time, moments);
        for (place, moment) in moments.iter().enumerate() {
            let from = time.column(moment.seconds);
            let until = moments.get(place + 1).map_or(time.to, |next| next.seconds);
            let width = u32::try_from(time.column(until) - from).unwrap_or(1).max(1);
            let up = row((self.value)(moment));
            let height = u32::try_from(bottom - up).unwrap_or(0);
            canvas.fill((from, up), (width, height), self.colour);
        }
        canvas.line((LEFT, bottom), (RIGHT, bottom), Rgb888::BLACK);
        canvas.line((LEFT, top), (LEFT, bottom), Rgb888::BLACK);
        legend(canvas, (top, self.between == UPPER), moments);
    }

    fn times(&self, canvas: &mut Canvas, time: &Time) {
        let (top, bottom) = self.between;
        let ticks = axis::times(time.from, time.to, 10);
        let is_fine = ticks.windows(2).next().is_some_and(|pair| pair[1] - pair[0] < 1.0);
        for tick in ticks {
            let column = time.column(tick);
            canvas.line((column, top), (column, bottom + 4), GRID);
            let label = axis::time_label(tick, is_fine);
            canvas.write(&label, (column, bottom + 18), Alignment::Center, Rgb888::BLACK);
        }
    }

    /// Bars over the whole height where frames are not in both.
    fn marks(&self, canvas: &mut Canvas, time: &Time, moments: &[Moment]) {
        let (top, bottom) = self.between;
        let height = u32::try_from(bottom - top).unwrap_or(0);
        for moment in moments {
            let column = time.column(moment.seconds);
            for (count, colour) in [(moment.extra, EXTRA), (moment.missing, MISSING)] {
                if count > 0 {
                    canvas.fill((column, top), (2, height), colour);
                }
            }
        }
    }
}

/// Says what the bars mean, where there are any.
fn legend(canvas: &mut Canvas, (top, is_first): (i32, bool), moments: &[Moment]) {
    let mut right = RIGHT;
    let kinds = [
        ("frames missing", MISSING, moments.iter().any(|moment| moment.missing > 0)),
        ("frames extra", EXTRA, moments.iter().any(|moment| moment.extra > 0)),
    ];
    for (text, colour, _) in kinds.into_iter().filter(|(_, _, is_there)| is_first && *is_there) {
        canvas.write(text, (right, top - 10), Alignment::Right, Rgb888::BLACK);
        let letters = i32::try_from(text.len()).unwrap_or(0) * 8;
        canvas.fill((right - letters - 16, top - 20), (10, 12), colour);
        right -= letters + 40;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(moments: Vec<Moment>) -> Pictures {
        Pictures { over_time: moments, compared: 3, psnr: Some(41.2), ..Pictures::default() }
    }

    fn moment(frame: u32, max: u32, missing: u64) -> Moment {
        Moment {
            frame: u64::from(frame),
            seconds: f64::from(frame) / 25.0,
            compared: 1,
            max,
            mean: f64::from(max) / 10.0,
            missing,
            ..Moment::default()
        }
    }

    fn names() -> Names {
        Names { source: "/a/in.mp4".to_owned(), output: "out.mp4".to_owned() }
    }

    #[test]
    fn a_missing_frame_is_marked_and_a_difference_is_drawn() {
        let frames = Frames::default();
        let without = picture(&names(), &frames, &pictures(vec![moment(0, 9, 0), moment(1, 3, 0)]));
        let with = picture(&names(), &frames, &pictures(vec![moment(0, 9, 0), moment(1, 3, 1)]));
        assert_eq!(without.count(MISSING), 0);
        assert!(with.count(MISSING) > 100);
        assert!(without.count(LARGEST) > 10_000 && without.count(MEAN) > 10_000);
    }

    #[test]
    fn pictures_that_were_not_compared_say_why() {
        let why = Some("64x64 became 32x32".to_owned());
        let none = Pictures { not_compared: why, ..Pictures::default() };
        let canvas = picture(&names(), &Frames::default(), &none);
        assert_eq!(canvas.count(LARGEST), 0);
        assert!(canvas.count(Rgb888::BLACK) > 300);
    }
}
