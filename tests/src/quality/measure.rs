//! How near a cleaned clip is to the truth, counted inside the mask alone.

use super::picture::{Area, Frame, Size};
use super::ssim;

/// The covered samples of one plane of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Where they may be.
    pub area: Area,
    /// Row by row over `area`.
    pub covered: Vec<bool>,
}

/// What came of a clip, inside the mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// dB on luma.
    pub psnr_luma: f64,
    /// dB on all planes: the squared errors of their covered samples together.
    pub psnr_all: f64,
    /// Mean similarity at covered luma samples.
    pub ssim_luma: f64,
    /// Mean similarity at covered samples of all planes.
    pub ssim_all: f64,
    /// Mean absolute change of the luma error from the frame before, in codes.
    pub flicker: f64,
}

/// Adds up a clip, frame by frame in order.
#[derive(Debug, Default)]
pub struct Tally {
    error: [u64; 2],
    alike: [f64; 2],
    samples: [u64; 2],
    change: u64,
    changes: u64,
    before: Vec<i16>,
}

impl Tally {
    /// Takes the next frame; without masks where the overlay is not shown in it.
    pub fn add(&mut self, frame: &Frame, clean: &Frame, masks: Option<&[Mask; 3]>) {
        for (plane, mask) in masks.into_iter().flatten().enumerate() {
            self.add_plane(frame, clean, plane, mask);
        }
        let (have, want) = (frame.plane(0), clean.plane(0));
        let errors = have.samples.iter().zip(want.samples);
        let errors: Vec<i16> = errors.map(|(a, b)| i16::from(*a) - i16::from(*b)).collect();
        if let (Some([luma, ..]), false) = (masks, self.before.is_empty()) {
            for place in luma.places(have.size) {
                self.change += u64::from(errors[place].abs_diff(self.before[place]));
                self.changes += 1;
            }
        }
        self.before = errors;
    }

    fn add_plane(&mut self, frame: &Frame, clean: &Frame, plane: usize, mask: &Mask) {
        let (have, want) = (frame.plane(plane), clean.plane(plane));
        let alike = ssim::map(have, want, mask.area);
        let alike: f64 =
            alike.iter().zip(&mask.covered).filter(|(_, is)| **is).map(|(value, _)| value).sum();
        let (mut error, mut samples) = (0, 0);
        for place in mask.places(have.size) {
            error += u64::from(have.samples[place].abs_diff(want.samples[place])).pow(2);
            samples += 1;
        }
        // Luma by itself, and all planes.
        for set in if plane == 0 { 0..2 } else { 1..2 } {
            self.error[set] += error;
            self.alike[set] += alike;
            self.samples[set] += samples;
        }
    }

    /// The measures; none where no sample was ever covered.
    #[must_use]
    pub fn finish(&self) -> Option<Measures> {
        (self.samples[0] > 0).then(|| Measures {
            psnr_luma: psnr(self.error[0], self.samples[0]),
            psnr_all: psnr(self.error[1], self.samples[1]),
            ssim_luma: self.alike[0] / self.samples[0] as f64,
            ssim_all: self.alike[1] / self.samples[1] as f64,
            flicker: self.change as f64 / self.changes.max(1) as f64,
        })
    }
}

impl Mask {
    /// The covered samples, as indices into a plane of `size`.
    pub fn places(&self, size: Size) -> impl Iterator<Item = usize> {
        let places = self.area.places(size.width).zip(&self.covered);
        places.filter(|(_, covered)| **covered).map(|(place, _)| place)
    }
}

/// Peak signal to noise in dB for 8-bit samples; 99 where there is no error at all.
#[must_use]
pub fn psnr(squared_error: u64, samples: u64) -> f64 {
    if squared_error == 0 {
        return 99.0;
    }
    10.0 * (255.0 * 255.0 * samples as f64 / squared_error as f64).log10()
}

/// Samples that both have, of those that one of them has; 1 where neither has any.
#[must_use]
pub fn iou(one: &[bool], other: &[bool]) -> f64 {
    let pairs = || one.iter().zip(other);
    let both = pairs().filter(|(a, b)| **a && **b).count();
    let either = pairs().filter(|(a, b)| **a || **b).count();
    if either == 0 { 1.0 } else { both as f64 / either as f64 }
}

/// Where the product changed luma: the mask that it acted on, seen from outside.
#[derive(Debug)]
pub struct Touched {
    /// Samples that changed in some frame.
    pub samples: Vec<bool>,
    /// Samples that the overlay covers in some frame.
    pub truth: Vec<bool>,
    /// Frames that show the overlay.
    pub shown: u64,
    /// Of these, frames that were changed.
    pub shown_touched: u64,
    /// Frames without the overlay that were changed.
    pub spoilt: u64,
}

impl Touched {
    /// Nothing yet, of pictures of `size`.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let none = || vec![false; size.area()];
        Self { samples: none(), truth: none(), shown: 0, shown_touched: 0, spoilt: 0 }
    }

    /// Takes a frame as it came out and as it went in.
    pub fn add(&mut self, after: &Frame, before: &Frame, masks: Option<&[Mask; 3]>) {
        let levels = after.plane(0).samples.iter().zip(before.plane(0).samples);
        let mut any = false;
        for (touched, (a, b)) in self.samples.iter_mut().zip(levels) {
            *touched |= a != b;
            any |= a != b;
        }
        let Some([luma, ..]) = masks else {
            self.spoilt += u64::from(any);
            return;
        };
        self.shown += 1;
        self.shown_touched += u64::from(any);
        for place in luma.places(after.size) {
            self.truth[place] = true;
        }
    }

    /// Share of the picture that changed.
    #[must_use]
    pub fn share(&self) -> f64 {
        let touched = self.samples.iter().filter(|touched| **touched).count();
        touched as f64 / self.samples.len().max(1) as f64
    }
}

/// How much the background moves below an overlay, in the clean clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    /// The median over covered luma samples of their standard deviation over time, in codes.
    pub deviation: f64,
    /// Share of the covered samples that vary by at least [`MOVES_CODES`].
    pub moving: f64,
    /// Mean absolute change of covered samples from the frame before, in codes.
    pub change: f64,
}

/// Standard deviation over time from which a sample counts as moving: well above an encoder's noise.
pub const MOVES_CODES: f64 = 6.0;
/// The background moves where so large a share of the covered samples does.
pub const MOVES_SHARE: f64 = 0.9;

impl Background {
    /// Looks at the samples `covered` of luma in all frames.
    #[must_use]
    pub fn of(frames: &[Frame], covered: &[bool]) -> Self {
        let places: Vec<usize> = (0..covered.len()).filter(|at| covered[*at]).collect();
        let mut deviations = Vec::with_capacity(places.len());
        let mut change = 0;
        for place in &places {
            let levels = || frames.iter().map(|frame| u64::from(frame.samples[*place]));
            let sum: u64 = levels().sum();
            let squares: u64 = levels().map(|level| level * level).sum();
            let count = frames.len() as u64;
            let spread = (count * squares).saturating_sub(sum * sum);
            deviations.push((spread as f64).sqrt() / count.max(1) as f64);
            change += levels().zip(levels().skip(1)).map(|(a, b)| a.abs_diff(b)).sum::<u64>();
        }
        deviations.sort_by(f64::total_cmp);
        let still = deviations.partition_point(|deviation| *deviation < MOVES_CODES);
        let samples = places.len().max(1) as f64;
        let steps = frames.len().saturating_sub(1).max(1) as f64;
        Self {
            deviation: deviations.get(deviations.len() / 2).copied().unwrap_or(0.0),
            moving: (deviations.len() - still) as f64 / samples,
            change: change as f64 / samples / steps,
        }
    }

    /// Whether what holds "where the background moves" must hold here.
    #[must_use]
    pub fn moves(&self) -> bool {
        self.moving >= MOVES_SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 8, height: 8 };

    /// Covers the left half of luma's upper left quarter, and as much of chroma.
    fn masks() -> [Mask; 3] {
        let mask = |side: usize| Mask {
            area: Area { x: 0, y: 0, width: side, height: side },
            covered: (0..side * side).map(|at| at % side < side / 2).collect(),
        };
        [mask(4), mask(2), mask(2)]
    }

    fn near(have: f64, want: f64) -> bool {
        (have - want).abs() < 1e-3
    }

    #[test]
    fn psnr_is_that_of_the_books() {
        assert!(near(psnr(65_025, 1), 0.0));
        assert!(near(psnr(1, 1), 48.1308));
        assert!(near(psnr(25 * 10, 10), 34.1514));
        assert!(near(psnr(0, 10), 99.0));
    }

    #[test]
    fn only_covered_samples_count_and_planes_are_pooled() {
        let clean = Frame::grey(SIZE, 100);
        let mut out = clean.clone();
        // Outside the mask: no matter how wrong.
        out.plane_mut(0)[7] = 255;
        out.plane_mut(0)[3] = 0;
        // All eight covered luma samples are off by 5, both covered U samples by 10.
        for place in [0, 1, 8, 9, 16, 17, 24, 25] {
            out.plane_mut(0)[place] = 105;
        }
        for place in [0, 4] {
            out.plane_mut(1)[place] = 138;
        }
        let mut tally = Tally::default();
        tally.add(&out, &clean, Some(&masks()));
        tally.add(&clean, &clean, None);
        let have = tally.finish().unwrap();
        assert!(near(have.psnr_luma, psnr(8 * 25, 8)));
        assert!(near(have.psnr_all, psnr(8 * 25 + 2 * 100, 12)));
        assert!(have.ssim_luma < 1.0 && near(have.flicker, 0.0));
    }

    #[test]
    fn an_equal_clip_is_perfect_and_one_without_overlay_has_no_measure() {
        let clean = Frame::grey(SIZE, 100);
        let mut tally = Tally::default();
        tally.add(&clean, &clean, None);
        assert_eq!(tally.finish(), None);
        tally.add(&clean, &clean, Some(&masks()));
        let have = tally.finish().unwrap();
        assert!(near(have.psnr_all, 99.0) && near(have.ssim_all, 1.0) && near(have.flicker, 0.0));
    }

    #[test]
    fn flicker_is_the_change_of_the_error_and_not_the_error() {
        let clean: Vec<Frame> = [100, 120, 90].map(|level| Frame::grey(SIZE, level)).to_vec();
        let shifted = |by: [u8; 3]| -> f64 {
            let mut tally = Tally::default();
            for (frame, by) in clean.iter().zip(by) {
                let mut out = frame.clone();
                out.plane_mut(0).iter_mut().for_each(|sample| *sample += by);
                tally.add(&out, frame, Some(&masks()));
            }
            tally.finish().unwrap().flicker
        };
        assert!(near(shifted([7, 7, 7]), 0.0), "wrong, but steady");
        assert!(near(shifted([7, 3, 5]), 3.0));
    }

    #[test]
    fn iou_counts_what_both_have_of_what_either_has() {
        let one = [true, true, false, false];
        assert!(near(iou(&one, &[true, false, true, false]), 1.0 / 3.0));
        assert!(near(iou(&one, &one), 1.0) && near(iou(&[false; 3], &[false; 3]), 1.0));
        assert!(near(iou(&one, &[false; 4]), 0.0));
    }

    #[test]
    fn what_was_touched_is_seen_from_outside() {
        let before = Frame::grey(SIZE, 100);
        let mut after = before.clone();
        after.plane_mut(0)[0] = 101;
        let mut touched = Touched::new(SIZE);
        touched.add(&after, &before, Some(&masks()));
        touched.add(&before, &before, Some(&masks()));
        touched.add(&before, &before, None);
        touched.add(&after, &before, None);
        assert_eq!((touched.shown, touched.shown_touched, touched.spoilt), (2, 1, 1));
        assert!(near(iou(&touched.samples, &touched.truth), 1.0 / 8.0));
        assert!(near(touched.share(), 1.0 / 64.0));
    }

    #[test]
    fn a_background_moves_where_its_samples_do() {
        let mut covered = vec![false; SIZE.area()];
        covered[0] = true;
        covered[1] = true;
        let mut frames: Vec<Frame> =
            [100, 120, 100, 120].map(|level| Frame::grey(SIZE, level)).to_vec();
        let all = Background::of(&frames, &covered);
        assert!(near(all.deviation, 10.0) && near(all.moving, 1.0) && near(all.change, 20.0));
        assert!(all.moves());
        for frame in &mut frames {
            frame.samples[1] = 50;
        }
        let half = Background::of(&frames, &covered);
        assert!(near(half.moving, 0.5) && near(half.change, 10.0) && !half.moves());
    }
}
