//! The overlays that are put on clean clips, drawn by seed: what is covered, when, by what, is known.

use super::blend::Blend;
use super::canvas::{Canvas, Ink, Pen, text_size};
use super::measure::Mask;
use super::picture::{Area, Size};

/// A kind of overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An opaque logo of several colours, always there.
    Logo,
    /// The same, shining through: alpha in percent.
    Mark(u8),
    /// Date and time written onto the picture, ticking.
    Stamp,
    /// Captions of other words each time, 40 frames on and 10 off.
    Caption,
    /// Ticking digits on an opaque plate.
    Plate,
    /// A mark that drifts and jumps.
    Drift,
}

/// All that are measured.
pub const KINDS: [Kind; 8] = [
    Kind::Logo,
    Kind::Mark(25),
    Kind::Mark(45),
    Kind::Mark(65),
    Kind::Stamp,
    Kind::Caption,
    Kind::Plate,
    Kind::Drift,
];

/// Frames of a caption, and from the start of one to the start of the next.
const CAPTION_FRAMES: (usize, usize) = (40, 50);
/// Frames from one jump of a drifting mark to the next.
const LEG_FRAMES: usize = 50;
/// Alpha of a drifting mark in percent.
const DRIFT_PERCENT: u8 = 60;

/// A straight part of a drifting overlay's way: at frame `n` it is at `at + step * (n - from) / 4`, rounded
/// down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leg {
    /// First frame.
    from: usize,
    /// Upper left corner in that frame.
    at: (usize, usize),
    /// Quarters of a sample a frame.
    step: (usize, usize),
}

/// An overlay on a clip of known size and length.
#[derive(Debug, Clone)]
pub struct Overlay {
    /// Which it is.
    pub kind: Kind,
    /// Its different looks and places.
    pub blends: Vec<Blend>,
    /// The covered samples of each of these, by plane.
    pub masks: Vec<[Mask; 3]>,
    /// Which of these each frame shows.
    pub shown: Vec<Option<usize>>,
    /// The picture of it that its owner has, where it is one picture.
    pub owned: Option<Canvas>,
    /// Where that picture lies, where it stays in place.
    pub place: Option<(usize, usize)>,
}

impl Kind {
    /// A short name.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Logo => "logo".to_owned(),
            Self::Mark(percent) => format!("mark{percent}"),
            Self::Stamp => "stamp".to_owned(),
            Self::Caption => "caption".to_owned(),
            Self::Plate => "plate".to_owned(),
            Self::Drift => "drift".to_owned(),
        }
    }

    /// Alpha in percent, where something shines through.
    #[must_use]
    pub const fn alpha_percent(self) -> Option<u8> {
        match self {
            Self::Mark(percent) => Some(percent),
            Self::Drift => Some(DRIFT_PERCENT),
            Self::Logo | Self::Stamp | Self::Caption | Self::Plate => None,
        }
    }
}

impl Overlay {
    /// The overlay of `kind` by `seed` on `frames` frames of `size`, `rate` of them a second.
    #[must_use]
    pub fn new(kind: Kind, seed: u64, size: Size, frames: usize, rate: usize) -> Self {
        let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995);
        let empty = Self {
            kind,
            blends: Vec::new(),
            masks: Vec::new(),
            shown: vec![None; frames],
            owned: None,
            place: None,
        };
        match kind {
            Kind::Logo => empty.fixed(logo(&mut draw, seed, size, 255), &mut draw, size),
            Kind::Mark(_) | Kind::Drift => {
                let percent = usize::from(kind.alpha_percent().unwrap_or(100));
                let alpha = u8::try_from((percent * 255 + 50) / 100).unwrap_or(u8::MAX);
                let canvas = logo(&mut draw, seed, size, alpha);
                if kind == Kind::Drift {
                    return empty.drifting(canvas, &mut draw, size);
                }
                empty.fixed(canvas, &mut draw, size)
            }
            Kind::Stamp | Kind::Plate => empty.ticking(&mut draw, size, rate),
            Kind::Caption => empty.captions(&mut draw, size),
        }
    }

    /// What frame `index` shows of it.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<(&Blend, &[Mask; 3])> {
        let look = self.shown.get(index).copied().flatten()?;
        Some((&self.blends[look], &self.masks[look]))
    }

    /// The smallest rectangle of luma that holds it at all times.
    #[must_use]
    pub fn bounds(&self) -> Area {
        let areas = self.blends.iter().map(|blend| blend.planes[0].area);
        areas.reduce(Area::with).unwrap_or(Area { x: 0, y: 0, width: 0, height: 0 })
    }

    /// The luma samples that it covers at some time, in a picture of `size`.
    #[must_use]
    pub fn covered(&self, size: Size) -> Vec<bool> {
        let mut covered = vec![false; size.area()];
        for [luma, ..] in &self.masks {
            luma.places(size).for_each(|place| covered[place] = true);
        }
        covered
    }

    fn look(&mut self, canvas: &Canvas, at: (usize, usize), size: Size) -> usize {
        let blend = Blend::new(canvas, at, size);
        let mask = |plane: usize| {
            let plane = &blend.planes[plane];
            Mask { area: plane.area, covered: plane.covered() }
        };
        self.masks.push([mask(0), mask(1), mask(2)]);
        self.blends.push(blend);
        self.blends.len() - 1
    }

    /// In a corner, all the time.
    fn fixed(mut self, canvas: Canvas, draw: &mut Draw, size: Size) -> Self {
        let at = corner(draw, (canvas.width, canvas.height), size);
        let look = self.look(&canvas, at, size);
        self.shown.fill(Some(look));
        self.owned = Some(canvas);
        self.place = Some(at);
        self
    }

    /// Date and time, one look a second.
    fn ticking(mut self, draw: &mut Draw, size: Size, rate: usize) -> Self {
        let (start, plate) = (draw.below(86_000), self.kind == Kind::Plate);
        let day = draw.below(28) + 1;
        let dot = dots(size, 150);
        let write = |second: usize| {
            let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
            if plate { clock } else { format!("2024-03-{day:02} {clock}") }
        };
        let (width, height) = text_size(dot, &write(start));
        let border = (2.0 * dot).ceil();
        let (width, height) = ((width + 2.0 * border) as usize, (height + 2.0 * border) as usize);
        let at = corner(draw, (width, height), size);
        let colour = draw.colour();
        for index in (0..self.shown.len()).step_by(rate.max(1)) {
            let mut canvas = Canvas::new(width, height);
            let text = write(start + index / rate.max(1));
            let white = Ink::opaque([245, 245, 240]);
            if plate {
                let all = (width as f64, height as f64);
                canvas.rect(Ink::opaque(colour.map(|level| level / 3)), (0.0, 0.0), all);
            } else {
                let dark = Ink::opaque([12, 12, 16]);
                canvas.text(dark, (border, border), Pen { dot, more: 0.5 }, &text);
            }
            canvas.text(white, (border, border), Pen { dot, more: 0.0 }, &text);
            let look = self.look(&canvas, at, size);
            let end = (index + rate.max(1)).min(self.shown.len());
            self.shown[index..end].fill(Some(look));
        }
        self
    }

    /// Outlined words at the bottom, with gaps.
    fn captions(mut self, draw: &mut Draw, size: Size) -> Self {
        let first = draw.below(WORDS.len());
        let dot = dots(size, 130);
        for (turn, start) in (0..self.shown.len()).step_by(CAPTION_FRAMES.1).enumerate() {
            let text = WORDS[(first + turn) % WORDS.len()];
            let (width, height) = text_size(dot, text);
            let border = dot.ceil();
            let box_size = ((width + 2.0 * border) as usize, (height + 2.0 * border) as usize);
            let mut canvas = Canvas::new(box_size.0, box_size.1);
            canvas.text(Ink::opaque([8, 8, 8]), (border, border), Pen { dot, more: 0.6 }, text);
            canvas.text(
                Ink::opaque([250, 250, 250]),
                (border, border),
                Pen { dot, more: 0.0 },
                text,
            );
            let at = ((size.width - box_size.0) / 2, size.height * 95 / 100 - box_size.1);
            let look = self.look(&canvas, at, size);
            let end = (start + CAPTION_FRAMES.0).min(self.shown.len());
            self.shown[start..end].fill(Some(look));
        }
        self
    }

    /// Somewhere else after each leg.
    fn drifting(mut self, canvas: Canvas, draw: &mut Draw, size: Size) -> Self {
        let room = (size.width - canvas.width, size.height - canvas.height);
        for from in (0..self.shown.len()).step_by(LEG_FRAMES) {
            let step = (1 + draw.below(3), draw.below(3));
            let way = (step.0 * LEG_FRAMES / 4 + 2, step.1 * LEG_FRAMES / 4 + 2);
            let at = (
                1 + draw.below(room.0.saturating_sub(way.0).max(1)),
                1 + draw.below(room.1.saturating_sub(way.1).max(1)),
            );
            let leg = Leg { from, at, step };
            for index in from..(from + LEG_FRAMES).min(self.shown.len()) {
                let look = self.look(&canvas, leg.place(index), size);
                self.shown[index] = Some(look);
            }
        }
        self.owned = Some(canvas);
        self
    }
}

impl Leg {
    /// The upper left corner in frame `index`.
    #[must_use]
    const fn place(&self, index: usize) -> (usize, usize) {
        let frames = index - self.from;
        (self.at.0 + self.step.0 * frames / 4, self.at.1 + self.step.1 * frames / 4)
    }
}

/// A disc with a ring, a bar and two letters, in colours by seed; on a badge by every odd seed.
fn logo(draw: &mut Draw, seed: u64, size: Size, alpha: u8) -> Canvas {
    let (width, height) = (size.width * 18 / 100, size.height * 14 / 100);
    let mut canvas = Canvas::new(width, height);
    let ink = |rgb| Ink { rgb, alpha };
    let white = ink([245, 245, 245]);
    let (one, two, badge) = (draw.colour(), draw.colour(), draw.colour());
    let border = if seed % 2 == 1 { height as f64 * 0.14 } else { 0.0 };
    if seed % 2 == 1 {
        rounded(&mut canvas, ink(badge.map(|level| level / 2 + 20)), border * 1.5);
    }
    let (w, h) = (width as f64 - 2.0 * border, height as f64 - 2.0 * border);
    let at = |x: f64, y: f64| (border + x, border + y);
    canvas.disc(ink(one), at(h / 2.0, h / 2.0), h / 2.0);
    canvas.disc(white, at(h / 2.0, h / 2.0), h * 0.36);
    canvas.disc(ink(two), at(h / 2.0, h / 2.0), h * 0.2);
    let bar = (w - h * 1.15, h * 0.16);
    canvas.rect(ink(two), at(h * 1.15, h * 0.8), bar);
    let text = ["TV", "GO", "HD", "N7"][draw.below(4)];
    let dot = (h * 0.7 / 7.0).min(bar.0 / text_size(1.0, text).0);
    canvas.text(white, at(h * 1.15, 0.0), Pen { dot, more: 0.0 }, text);
    canvas
}

/// The whole canvas, with round corners.
fn rounded(canvas: &mut Canvas, ink: Ink, radius: f64) {
    let (w, h) = (canvas.width as f64, canvas.height as f64);
    canvas.draw(ink, |x, y| {
        let (dx, dy) = (radius - x.min(w - x), radius - y.min(h - y));
        dx <= 0.0 || dy <= 0.0 || dx * dx + dy * dy <= radius * radius
    });
}

/// Samples of a dot of text: the more, the larger the picture.
fn dots(size: Size, rows_a_dot: usize) -> f64 {
    (size.height as f64 / rows_a_dot as f64).round().max(1.0)
}

/// A corner with a margin, not the same for every seed.
fn corner(draw: &mut Draw, (width, height): (usize, usize), size: Size) -> (usize, usize) {
    let margin = (size.width / 25 + draw.below(4), size.height / 18 + draw.below(4));
    let far = (size.width - width - margin.0, size.height - height - margin.1);
    match draw.below(4) {
        0 => margin,
        1 => (far.0, margin.1),
        2 => (margin.0, far.1),
        _ => far,
    }
}

/// What a seed decides, draw by draw (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % limit.max(1) as u64).unwrap_or(0)
    }

    fn colour(&mut self) -> [u8; 3] {
        COLOURS[self.below(COLOURS.len())]
    }
}

const COLOURS: [[u8; 3]; 7] = [
    [214, 40, 40],
    [32, 96, 192],
    [255, 176, 32],
    [24, 140, 90],
    [130, 40, 150],
    [20, 24, 40],
    [235, 90, 160],
];

const WORDS: [&str; 7] = [
    "WE SHOULD LEAVE BY NINE",
    "NOBODY KNOWS THAT ROAD",
    "AND THEN IT RAINED",
    "LOOK AT THE OTHER SIDE",
    "I NEVER SAID SO",
    "TAKE THE SECOND LEFT",
    "ASK HER AGAIN TOMORROW",
];

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 320, height: 180 };

    fn make(kind: Kind, seed: u64) -> Overlay {
        Overlay::new(kind, seed, SIZE, 120, 25)
    }

    #[test]
    fn every_kind_lies_in_pictures_of_every_size_for_many_seeds() {
        for size in [Size { width: 176, height: 144 }, Size { width: 640, height: 272 }, SIZE] {
            for kind in KINDS {
                for seed in [0, 1, 2, 3, 101, 102] {
                    let overlay = Overlay::new(kind, seed, size, 130, 25);
                    let count = overlay.covered(size).iter().filter(|covered| **covered).count();
                    assert!(count * 300 > size.area(), "{kind:?} {seed} covers too little");
                    assert!(count * 4 < size.area(), "{kind:?} {seed} covers too much");
                }
            }
        }
    }

    #[test]
    fn a_seed_gives_one_overlay_and_another_seed_another() {
        assert_eq!(make(Kind::Logo, 3).blends, make(Kind::Logo, 3).blends);
        assert_ne!(make(Kind::Logo, 3).blends, make(Kind::Logo, 4).blends);
    }

    #[test]
    fn captions_have_gaps_and_stamps_tick_once_a_second() {
        let caption = make(Kind::Caption, 1);
        assert!(caption.at(39).is_some() && caption.at(40).is_none() && caption.at(50).is_some());
        let stamp = make(Kind::Stamp, 1);
        assert_eq!(stamp.shown[24], stamp.shown[0]);
        assert_ne!(stamp.shown[25], stamp.shown[24]);
        assert_eq!(stamp.blends[0].planes[0].area, stamp.blends[1].planes[0].area);
    }

    #[test]
    fn a_mark_has_the_alpha_of_its_name() {
        let mark = make(Kind::Mark(45), 2);
        let most = mark.blends[0].planes[0].alpha.iter().max().copied().unwrap_or(0);
        assert!((1838..=1850).contains(&most), "{most} of 4096");
    }

    #[test]
    fn a_drifting_mark_moves_and_jumps() {
        let drift = make(Kind::Drift, 1);
        let at = |index: usize| drift.blends[drift.shown[index].unwrap()].planes[0].area;
        assert_ne!(at(0), at(40));
        assert!(at(49).x.abs_diff(at(50).x) + at(49).y.abs_diff(at(50).y) > 4, "it jumps");
    }
}
