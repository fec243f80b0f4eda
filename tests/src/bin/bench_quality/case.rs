//! One overlay on one clip: encoded, cleaned by everybody, measured inside the mask.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cleanplate_tests::quality::measure::{Background, Mask, Measures, Tally, Touched, iou};
use cleanplate_tests::quality::overlays::{Kind, Overlay};
use cleanplate_tests::quality::picture::{Area, Frame, Size};

use crate::alpha;
use crate::material::Clip;
use crate::media::{self, Frames};
use crate::peers;
use crate::product::{self, End, Ran};

/// Who cleaned, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Nobody: the encoded clip with its overlay.
    Nobody,
    /// ffmpeg's `delogo`.
    Delogo,
    /// OpenCV, Telea's method.
    Telea,
    /// OpenCV, Navier-Stokes.
    NavierStokes,
    /// The product, which has to find the overlay.
    Product,
    /// The product, told by `--mask`.
    Told,
    /// The product, told by `--overlay` what the overlay is.
    Known,
    /// The bench itself, which knows alpha and colour of every sample: what an inversion can be at best.
    Inversion,
    /// The clean clip through the same encoder.
    Upper,
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Who cleaned.
    pub(crate) who: Who,
    /// What came of it; none where nothing did.
    pub(crate) measures: Option<Measures>,
    /// Share of the pixels that were inverted or fetched, where that is known.
    pub(crate) coverage: Option<f64>,
    /// How far the learned alpha is off, on the mean; where something shines through and that was learned.
    pub(crate) alpha: Option<f64>,
    /// Milliseconds a frame: the inpainting alone for OpenCV, the whole command for others.
    pub(crate) ms: Option<f64>,
    /// What else there is to say.
    pub(crate) note: String,
}

/// What the product acted on, seen from outside; three IoUs and a share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Of the changed samples and the covered ones.
    pub(crate) exact: f64,
    /// Of the changed samples and the covered ones grown by [`peers::GROWN`], as masks are that are told.
    pub(crate) grown: f64,
    /// Of the rectangles round the changed samples and the covered ones.
    pub(crate) boxes: f64,
    /// Share of the covered samples that changed.
    pub(crate) reached: f64,
}

/// Everything about one overlay on one clip.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The clip.
    pub(crate) recipe: crate::material::Recipe,
    /// The overlay.
    pub(crate) kind: Kind,
    /// Share of the picture that it covers at some time.
    pub(crate) share: f64,
    /// What moves below it.
    pub(crate) background: Background,
    /// What the product found; none where it found nothing.
    pub(crate) found: Option<Found>,
    /// The rows.
    pub(crate) rows: Vec<Row>,
}

impl Who {
    /// In words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nothing done",
            Self::Delogo => "ffmpeg delogo",
            Self::Telea => "OpenCV Telea",
            Self::NavierStokes => "OpenCV Navier-Stokes",
            Self::Product => "product",
            Self::Told => "product, --mask",
            Self::Known => "product, --overlay",
            Self::Inversion => "true alpha, by the bench",
            Self::Upper => "upper bound",
        }
    }
}

impl Found {
    /// What counts: the overlay itself, or with the margin by which its edge leaks in the encoder.
    pub(crate) fn iou(&self) -> f64 {
        self.exact.max(self.grown)
    }
}

impl Case {
    /// Luma PSNR and the rest of a row that was measured.
    pub(crate) fn of(&self, who: Who) -> Option<Measures> {
        self.rows.iter().find(|row| row.who == who)?.measures
    }
}

/// The clip with its overlay, and what everybody needs.
struct Bench<'a> {
    clip: &'a Clip,
    overlay: Overlay,
    folder: &'a Path,
    source: PathBuf,
    burned: Vec<Frame>,
}

/// Runs one case; files are made in `folder`.
pub(crate) fn run(clip: &Clip, kind: Kind, folder: &Path) -> Case {
    let (size, seed) = (clip.size, clip.recipe.seed);
    let count = clip.frames.len();
    let overlay = Overlay::new(kind, seed, size, count, clip.frames_a_second());
    let source = folder.join("burned.mp4");
    let composed = clip.frames.iter().cloned().enumerate().map(|(index, mut frame)| {
        if let Some((blend, _)) = overlay.at(index) {
            blend.compose(&mut frame);
        }
        frame
    });
    media::encode(&source, size, &clip.rate, composed);
    let burned: Vec<Frame> = Frames::of(&source, size).collect();
    assert_eq!(burned.len(), count, "the encoded clip has every frame");
    let covered = overlay.covered(size);
    let samples = covered.iter().filter(|covered| **covered).count();
    let background = Background::of(&clip.frames, &covered);
    let bench = Bench { clip, overlay, folder, source, burned };
    let mut rows = vec![bench.nobody(), bench.delogo()];
    rows.push(bench.opencv(Who::Telea, "telea"));
    rows.push(bench.opencv(Who::NavierStokes, "ns"));
    let (product, found) = bench.product();
    rows.push(product);
    rows.push(bench.told(&covered));
    rows.push(bench.known());
    rows.extend(bench.inversion());
    rows.push(bench.upper());
    let share = samples as f64 / size.area() as f64;
    Case { recipe: clip.recipe, kind, share, background, found, rows }
}

impl Bench<'_> {
    fn measure(&self, frames: impl Iterator<Item = Frame>) -> Result<Measures, String> {
        let (mut tally, mut count) = (Tally::default(), 0);
        for (index, frame) in frames.enumerate() {
            let Some(clean) = self.clip.frames.get(index) else {
                return Err("it has more frames than the source".to_owned());
            };
            tally.add(&frame, clean, self.overlay.at(index).map(|(_, masks)| masks));
            count += 1;
        }
        if count < self.clip.frames.len() {
            return Err(format!("it has {count} of {} frames", self.clip.frames.len()));
        }
        tally.finish().ok_or_else(|| "the overlay covers no sample".to_owned())
    }

    fn row(&self, who: Who, measured: Result<Measures, String>, ms: Option<f64>) -> Row {
        let (measures, note) = match measured {
            Ok(measures) => (Some(measures), String::new()),
            Err(note) => (None, note),
        };
        Row { who, measures, coverage: None, alpha: None, ms, note }
    }

    fn nobody(&self) -> Row {
        self.row(Who::Nobody, self.measure(self.burned.iter().cloned()), None)
    }

    fn delogo(&self) -> Row {
        let began = Instant::now();
        let frames: Vec<Frame> =
            peers::delogo(&self.source, &self.overlay, self.clip.size).collect();
        let ms = began.elapsed().as_secs_f64() * 1000.0 / frames.len().max(1) as f64;
        self.row(Who::Delogo, self.measure(frames.into_iter()), Some(ms))
    }

    fn opencv(&self, who: Who, method: &str) -> Row {
        let mut frames = Vec::with_capacity(self.burned.len());
        let ran =
            peers::inpaint(method, &self.burned, &self.overlay, |_, frame| frames.push(frame));
        match ran {
            Ok(ms) => self.row(who, self.measure(frames.into_iter()), Some(ms)),
            Err(why) => self.row(who, Err(why), None),
        }
    }

    /// Runs the binary with `options`; what it leaves alone is measured as it is.
    fn run(&self, who: Who, options: &[&str]) -> (Row, Option<Touched>) {
        let output = self.folder.join("clean.mp4");
        let plan = self.folder.join("plan.json");
        std::fs::remove_file(&plan).ok();
        let mut all = vec!["--lossless", "--encoder", "libx264", "--preset", "ultrafast"];
        all.extend(options);
        let is_blind = self.overlay.kind.alpha_percent().is_some() && who != Who::Known;
        if is_blind {
            all.extend(["--save-plan", crate::text(&plan)]);
        }
        let ran = product::run(&self.source, &output, &all);
        let ms = ran.wall.as_secs_f64() * 1000.0 / self.burned.len() as f64;
        let as_it_is = |note: String| {
            let mut row = self.nobody();
            (row.who, row.ms, row.note) = (who, Some(ms), note);
            (row, None)
        };
        match &ran.end {
            End::NotBuilt(words) => (self.row(who, Err(format!("not built: {words}")), None), None),
            End::Failed(words) => (self.row(who, Err(format!("failed: {words}")), None), None),
            End::Abstained(why) => as_it_is(format!("abstained: {why}")),
            End::Unchanged => as_it_is("found nothing to remove".to_owned()),
            End::Done => {
                let mut touched = Touched::new(self.clip.size);
                let frames = Frames::of(&output, self.clip.size).enumerate();
                let measured = self.measure(frames.map(|(index, frame)| {
                    if let Some(before) = self.burned.get(index) {
                        let masks = self.overlay.at(index).map(|(_, masks)| masks);
                        touched.add(&frame, before, masks);
                    }
                    frame
                }));
                let mut row = self.row(who, measured, Some(ms));
                row.coverage = ran.coverage;
                let alpha = if is_blind { self.alpha(&plan) } else { Ok(None) };
                let words = match &alpha {
                    Ok(Some(error)) => format!("alpha off by {error:.3}"),
                    Ok(None) if is_blind => "no alpha was learned".to_owned(),
                    Ok(None) => String::new(),
                    Err(why) => format!("its alpha cannot be read: {why}"),
                };
                row.alpha = alpha.ok().flatten();
                let touched_words = touched_note(&touched);
                let extra = [row.note, words, touched_words, stages(&ran, self.burned.len())];
                row.note = extra
                    .into_iter()
                    .filter(|word| !word.is_empty())
                    .collect::<Vec<_>>()
                    .join("; ");
                (row, Some(touched))
            }
        }
    }

    /// How far the alpha of a saved plan is off.
    fn alpha(&self, plan: &Path) -> Result<Option<f64>, String> {
        match self.overlay.blends.first() {
            Some(blend) => alpha::error(plan, blend),
            None => Ok(None),
        }
    }

    fn product(&self) -> (Row, Option<Found>) {
        let (row, touched) = self.run(Who::Product, &[]);
        let found = touched.map(|touched| {
            let Touched { samples, truth, .. } = touched;
            let boxed = |samples: &[bool]| filled_box(samples, self.clip.size);
            let covered = truth.iter().filter(|covered| **covered).count();
            let both = samples.iter().zip(&truth).filter(|(a, b)| **a && **b).count();
            Found {
                exact: iou(&samples, &truth),
                grown: iou(&samples, &self.whole(truth.clone()).covered),
                boxes: iou(&boxed(&samples), &boxed(&truth)),
                reached: both as f64 / covered.max(1) as f64,
            }
        });
        (row, found)
    }

    fn told(&self, covered: &[bool]) -> Row {
        if self.overlay.kind == Kind::Drift {
            let why = "not measured: a mask does not move with an overlay".to_owned();
            return self.row(Who::Told, Err(why), None);
        }
        let (size, mask) = (self.clip.size, self.whole(covered.to_vec()));
        let path = self.folder.join("mask.png");
        media::write_png(&path, "gray", (size.width, size.height), &peers::levels(&mask.covered));
        self.run(Who::Told, &["--mask", crate::text(&path)]).0
    }

    /// A mask of the whole picture, grown as every mask that is told.
    fn whole(&self, covered: Vec<bool>) -> Mask {
        let size = self.clip.size;
        let area = Area { x: 0, y: 0, width: size.width, height: size.height };
        peers::grown(&Mask { area, covered }, size)
    }

    fn known(&self) -> Row {
        let Some(canvas) = &self.overlay.owned else {
            let why = "not measured: it is no single picture".to_owned();
            return self.row(Who::Known, Err(why), None);
        };
        let path = self.folder.join("logo.png");
        media::write_png(&path, "rgba", (canvas.width, canvas.height), canvas.rgba.as_flattened());
        let mut told = crate::text(&path).to_owned();
        if let Some((x, y)) = self.overlay.place {
            told = format!("{told}@{x},{y}");
        }
        self.run(Who::Known, &["--overlay", &told]).0
    }

    fn inversion(&self) -> Option<Row> {
        self.overlay.kind.alpha_percent()?;
        let frames = self.burned.iter().cloned().enumerate().map(|(index, mut frame)| {
            if let Some((blend, _)) = self.overlay.at(index) {
                blend.invert(&mut frame);
            }
            frame
        });
        Some(self.row(Who::Inversion, self.measure(frames), None))
    }

    fn upper(&self) -> Row {
        let path = self.folder.join("upper.mp4");
        media::encode(&path, self.clip.size, &self.clip.rate, self.clip.frames.iter().cloned());
        self.row(Who::Upper, self.measure(Frames::of(&path, self.clip.size)), None)
    }
}

/// Which frames were changed, where these are not exactly those that show the overlay.
fn touched_note(touched: &Touched) -> String {
    if touched.shown_touched == touched.shown && touched.spoilt == 0 {
        return String::new();
    }
    format!(
        "changed {} of {} frames with it, {} without",
        touched.shown_touched, touched.shown, touched.spoilt
    )
}

/// Where the time went, in milliseconds a frame.
pub(crate) fn stages(ran: &Ran, frames: usize) -> String {
    let each = |spent: &std::time::Duration| spent.as_secs_f64() * 1000.0 / frames.max(1) as f64;
    let told = ran.phases.iter().filter(|(_, spent)| each(spent) >= 0.05);
    let told = told.map(|(phase, spent)| format!("{phase} {:.1}", each(spent)));
    told.collect::<Vec<_>>().join(", ")
}

/// The rectangle round the set samples, filled.
fn filled_box(samples: &[bool], size: Size) -> Vec<bool> {
    let places = || (0..samples.len()).filter(|at| samples[*at]);
    let spot = |at: usize| Area { x: at % size.width, y: at / size.width, width: 1, height: 1 };
    let mut filled = vec![false; samples.len()];
    if let Some(area) = places().map(spot).reduce(Area::with) {
        area.places(size.width).for_each(|place| filled[place] = true);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_holds_every_set_sample() {
        let size = Size { width: 4, height: 4 };
        let mut samples = vec![false; 16];
        samples[5] = true;
        samples[10] = true;
        let filled = filled_box(&samples, size);
        let places: Vec<usize> = (0..16).filter(|at| filled[*at]).collect();
        assert_eq!(places, [5, 6, 9, 10]);
        assert!(filled_box(&[false; 16], size).iter().all(|set| !set));
    }
}
