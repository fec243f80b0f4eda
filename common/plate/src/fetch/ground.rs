//! A background made ready to be read, and laid under a frame.

use cleanplate_types::picture::PixelLayout;

use super::align::whole;
use super::background::{Background, PAINTED, UNSEEN};
use super::course::Area;
use super::motion::Similarity;
use super::soft::Grid;
use super::warp::{Affine, Field, on_planes};
use crate::bitmap::Span;

/// A background that is ready to be read.
#[derive(Debug)]
pub struct Ground {
    background: Background,
    /// What it looks like about some frames, rising: one at least.
    pictures: Vec<Picture>,
    sizes: Vec<(usize, usize)>,
}

/// What a background looks like about a frame.
#[derive(Debug)]
struct Picture {
    frame: u64,
    /// Samples of each plane in 8-bit codes; unseen ones are spread from those around.
    planes: Vec<Vec<f32>>,
    /// For each luma sample the most of the doubt about it and those to the right and below, in 8-bit
    /// codes; infinite where one is unseen.
    doubt: Vec<f32>,
    /// The luma samples that a model painted; none where none was.
    painted: Vec<bool>,
}

/// The two pictures that hold for a frame, by number, and how much of the second is mixed in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mixture {
    one: usize,
    other: usize,
    share: f32,
}

impl Ground {
    /// Makes a background ready; `None` where its planes do not fit the layout.
    #[must_use]
    pub fn new(layout: &PixelLayout, background: Background) -> Option<Self> {
        if !background.is_well_formed(layout) {
            return None;
        }
        let area = background.area;
        let sizes = (0..layout.planes).map(|number| {
            let (width, height) = layout.plane_size(number, area.width, area.height);
            (width as usize, height as usize)
        });
        let sizes = sizes.collect();
        let mut pictures = Vec::new();
        for moment in &background.moments {
            let planes = spread(layout, area, &moment.planes, &moment.doubt);
            let doubt = most(&moment.doubt, area.width as usize);
            let painted = painted(&moment.doubt);
            pictures.push(Picture { frame: moment.frame, planes, doubt, painted });
        }
        if pictures.is_empty() {
            let planes = spread(layout, area, &background.planes, &background.doubt);
            let doubt = most(&background.doubt, area.width as usize);
            let painted = painted(&background.doubt);
            pictures.push(Picture { frame: background.serves.start, planes, doubt, painted });
        }
        Some(Self { background, pictures, sizes })
    }

    /// Luma between samples that frames show, in 8-bit codes; places are measured from the corner.
    pub(super) fn look(&self, mixture: Mixture, x: f32, y: f32) -> Option<f32> {
        let (width, height) = self.sizes[0];
        let (x, y) = (x - 0.5, y - 0.5);
        let (right, below) = (width.saturating_sub(1), height.saturating_sub(1));
        if !(x >= 0.0 && y >= 0.0 && x < right as f32 && y < below as f32) {
            return None;
        }
        let (column, row) = (whole(x), whole(y));
        let place = row * width + column;
        let places = [place, place + 1, place + width, place + width + 1];
        if !self.doubt(mixture, place).is_finite() {
            return None;
        }
        let [a, b, c, d] = places.map(|place| self.level(mixture, 0, place));
        let (across, along) = (x - column as f32, y - row as f32);
        let (above, below) = (a + (b - a) * across, c + (d - c) * across);
        Some(above + (below - above) * along)
    }

    /// What holds for a frame.
    pub(super) fn mixture(&self, index: u64) -> Mixture {
        let next = self.pictures.partition_point(|picture| picture.frame < index);
        let other = next.min(self.pictures.len() - 1);
        let one = next.saturating_sub(1);
        let (from, to) = (self.pictures[one].frame, self.pictures[other].frame);
        let share = if from < to && index > from {
            (index - from) as f32 / (to - from) as f32
        } else {
            1.0
        };
        Mixture { one, other, share }
    }

    fn level(&self, mixture: Mixture, plane: usize, at: usize) -> f32 {
        let [one, other] =
            [mixture.one, mixture.other].map(|number| self.pictures[number].planes[plane][at]);
        one + (other - one) * mixture.share
    }

    /// The most of the doubt about a luma sample and its neighbours to the right and below.
    fn doubt(&self, mixture: Mixture, at: usize) -> f32 {
        let of = |number: usize| self.pictures[number].doubt.get(at).copied();
        let (one, other) = (of(mixture.one), of(mixture.other));
        match (one, other) {
            (Some(one), Some(other)) if one.is_finite() && other.is_finite() => {
                one + (other - one) * mixture.share
            }
            (Some(_) | None, Some(_) | None) => f32::INFINITY,
        }
    }

    /// Whether a model painted the luma sample, in a picture that holds.
    fn is_painted(&self, mixture: Mixture, at: usize) -> bool {
        let of = |number: usize| self.pictures[number].painted.get(at).copied().unwrap_or(false);
        of(mixture.one) || of(mixture.other)
    }

    /// The samples of a part of a plane.
    fn part(&self, mixture: Mixture, plane: usize, part: Span) -> Vec<f32> {
        let wide = self.sizes[plane].0;
        let mut samples = Vec::with_capacity(part.width() * part.height());
        let row = |number: usize, y: usize| {
            &self.pictures[number].planes[plane][y * wide..][part.left..part.right]
        };
        for y in part.top..part.bottom {
            let pairs = row(mixture.one, y).iter().zip(row(mixture.other, y));
            samples.extend(pairs.map(|(one, other)| one + (other - one) * mixture.share));
        }
        samples
    }

    /// The background.
    #[must_use]
    pub const fn background(&self) -> &Background {
        &self.background
    }
}

/// The planes in 8-bit codes, unseen samples spread from those around.
fn spread(layout: &PixelLayout, area: Area, planes: &[Vec<u16>], doubt: &[u8]) -> Vec<Vec<f32>> {
    let code = 1.0 / f32::from(1_u16 << (layout.depth.clamp(8, 16) - 8));
    let mut all = Vec::new();
    for (number, samples) in (0_u8..).zip(planes) {
        let (width, height) = layout.plane_size(number, area.width, area.height);
        let (width, height) = (width as usize, height as usize);
        let (right, down) =
            if number == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
        let weights = samples.iter().enumerate().map(|(at, sample)| {
            let (x, y) = ((at % width) << right, (at / width) << down);
            let doubt = doubt[y * area.width as usize + x];
            // Where some luma that shares a sample of chroma was always covered, that was too.
            let is_seen = doubt != UNSEEN && (number == 0 || *sample != 0);
            if is_seen { 1.0 } else { 0.0 }
        });
        let values = samples.iter().map(|sample| f32::from(*sample) * code).collect();
        let mut grid = Grid { width, height, values, weights: weights.collect() };
        grid.spread();
        all.push(grid.values);
    }
    all
}

/// The samples that a model painted; none where none was.
fn painted(doubt: &[u8]) -> Vec<bool> {
    let is_painted = |doubt: &u8| *doubt == PAINTED;
    if doubt.iter().any(is_painted) { doubt.iter().map(is_painted).collect() } else { Vec::new() }
}

/// The most of the doubt about each sample, those to its right and below, in 8-bit codes.
fn most(doubt: &[u8], width: usize) -> Vec<f32> {
    let mut all = Vec::with_capacity(doubt.len());
    for (y, row) in doubt.chunks_exact(width.max(1)).enumerate() {
        let below = doubt.get((y + 1) * width..).unwrap_or_default();
        for (x, own) in row.iter().enumerate() {
            let beside = row.get(x + 1).copied().unwrap_or(0);
            let under = below.get(x).copied().unwrap_or(0);
            let last = if x + 1 < width { below.get(x + 1).copied().unwrap_or(0) } else { 0 };
            // There is no doubt about what was made up.
            let [own, beside, under, last] =
                [*own, beside, under, last].map(|doubt| if doubt == PAINTED { 0 } else { doubt });
            let most = own.max(beside).max(under).max(last);
            all.push(if most == UNSEEN { f32::INFINITY } else { 0.5 * f32::from(most) });
        }
    }
    all
}

/// The background's samples at the places of a patch that are wanted, row by row, and the doubt about
/// them in 8-bit codes; that of the others is infinite.
pub(super) fn warp(
    ground: &Ground,
    number: usize,
    (span, wanted): (Span, &[bool]),
    (mixture, motion): (Mixture, Similarity),
    shifts: (u32, u32),
) -> (Vec<f32>, Vec<f32>) {
    let area = ground.background.area;
    let map = on_planes(motion.inverse(), shifts, (0, 0), (area.left, area.top));
    let part = under(map, span, ground.sizes[number]);
    let samples = ground.part(mixture, number, part);
    let (width, height) = (part.width(), part.height());
    let field = Field { width, height, stride: width, samples: &samples };
    let (left, top) = (part.left as f32, part.top as f32);
    let cells = span.width() * span.height();
    let (mut values, mut doubts) = (Vec::with_capacity(cells), Vec::with_capacity(cells));
    for (y, wanted) in (span.top..span.bottom).zip(wanted.chunks_exact(span.width())) {
        for (x, is_wanted) in (span.left..span.right).zip(wanted) {
            if !is_wanted {
                values.push(128.0);
                doubts.push(f32::INFINITY);
                continue;
            }
            let (u, v) = map.apply(x as f32 + 0.5, y as f32 + 0.5);
            let value = field.at(u - left, v - top);
            let doubt = value.map_or(f32::INFINITY, |_| {
                let column = whole(u - 0.5) << shifts.0;
                let row = whole(v - 0.5) << shifts.1;
                let wide = area.width as usize;
                let place = row * wide + column;
                let doubt = ground.doubt(mixture, place);
                if number == 0 {
                    return doubt;
                }
                // A sample of chroma and its neighbours are of more luma than that.
                let last = place + (wide << shifts.1) - wide + (1 << shifts.0) - 1;
                doubt.max(ground.doubt(mixture, last))
            });
            values.push(value.unwrap_or(128.0));
            doubts.push(doubt);
        }
    }
    (values, doubts)
}

/// Which luma samples of a patch a model painted, row by row; none where none was.
pub(super) fn painted_under(
    ground: &Ground,
    span: Span,
    mixture: Mixture,
    motion: Similarity,
) -> Vec<bool> {
    if ground.pictures.iter().all(|picture| picture.painted.is_empty()) {
        return Vec::new();
    }
    let area = ground.background.area;
    let (width, height) = ground.sizes[0];
    let map = on_planes(motion.inverse(), (0, 0), (0, 0), (area.left, area.top));
    let mut painted = Vec::with_capacity(span.width() * span.height());
    for y in span.top..span.bottom {
        for x in span.left..span.right {
            let (u, v) = map.apply(x as f32 + 0.5, y as f32 + 0.5);
            let is_inside = u >= 0.0 && v >= 0.0;
            let (column, row) = (whole(u.max(0.0)), whole(v.max(0.0)));
            let is_inside = is_inside && column < width && row < height;
            painted.push(is_inside && ground.is_painted(mixture, row * width + column));
        }
    }
    painted
}

/// The part of a plane of that size on which a patch falls, and what is read around it.
fn under(map: Affine, span: Span, (width, height): (usize, usize)) -> Span {
    let (x, y) = ([span.left, span.right], [span.top, span.bottom]);
    let (mut low, mut high) = ((f32::MAX, f32::MAX), (0.0_f32, 0.0_f32));
    for (x, y) in x.into_iter().flat_map(|x| y.map(|y| (x, y))) {
        let (u, v) = map.apply(x as f32, y as f32);
        low = (low.0.min(u), low.1.min(v));
        high = (high.0.max(u), high.1.max(v));
    }
    let start = |low: f32, end: usize| whole((low - 4.0).max(0.0)).min(end);
    let stop = |high: f32, end: usize| whole(high + 4.0).min(end);
    let (left, top) = (start(low.0, width), start(low.1, height));
    let (right, bottom) = (stop(high.0, width).max(left), stop(high.1, height).max(top));
    Span { left, top, right, bottom }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::FrameRange;

    use super::*;

    #[test]
    fn chroma_that_no_frame_shows_is_spread_from_what_is_around_it() {
        let layout = PixelLayout {
            name: String::from("yuv420p"),
            depth: 8,
            planes: 3,
            chroma_shift_x: 1,
            chroma_shift_y: 1,
            full_range: false,
        };
        // Every luma sample was seen, one of chroma was not: some luma that shares it was always covered.
        let mut chroma = vec![124; 64];
        chroma[27] = 0;
        let background = Background {
            overlay: 0,
            serves: FrameRange::new(0, 1),
            area: Area { left: 0, top: 0, width: 16, height: 16 },
            motions: vec![None],
            planes: vec![vec![80; 256], chroma.clone(), chroma],
            doubt: vec![0; 256],
            moments: Vec::new(),
        };
        let ground = Ground::new(&layout, background).unwrap();
        for plane in &ground.pictures[0].planes[1..] {
            assert!(plane.iter().all(|value| (value - 124.0).abs() < 1.0), "{plane:?}");
        }
    }
}
