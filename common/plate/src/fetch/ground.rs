//! A background made ready to be read, and laid under a frame.

use cleanplate_types::picture::PixelLayout;

use super::align::whole;
use super::background::{Background, UNSEEN};
use super::motion::Similarity;
use super::soft::Grid;
use super::warp::{Field, on_planes};
use crate::bitmap::Span;

/// A background that is ready to be read.
#[derive(Debug)]
pub struct Ground {
    background: Background,
    /// Samples of each plane in 8-bit codes; unseen ones are spread from those around.
    planes: Vec<Vec<f32>>,
    sizes: Vec<(usize, usize)>,
}

impl Ground {
    /// Makes a background ready; `None` where its planes do not fit the layout.
    #[must_use]
    pub fn new(layout: &PixelLayout, background: Background) -> Option<Self> {
        if !background.is_well_formed(layout) {
            return None;
        }
        let code = 1.0 / f32::from(1_u16 << (layout.depth.clamp(8, 16) - 8));
        let area = background.area;
        let (mut planes, mut sizes) = (Vec::new(), Vec::new());
        for (number, samples) in (0_u8..).zip(&background.planes) {
            let (width, height) = layout.plane_size(number, area.width, area.height);
            let (width, height) = (width as usize, height as usize);
            let (right, down) =
                if number == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
            let weights = samples.iter().enumerate().map(|(at, sample)| {
                let (x, y) = ((at % width) << right, (at / width) << down);
                let doubt = background.doubt[y * area.width as usize + x];
                // Where some luma that shares a sample of chroma was always covered, that was too.
                let is_seen = doubt != UNSEEN && (number == 0 || *sample != 0);
                if is_seen { 1.0 } else { 0.0 }
            });
            let values = samples.iter().map(|sample| f32::from(*sample) * code).collect();
            let mut grid = Grid { width, height, values, weights: weights.collect() };
            grid.spread();
            planes.push(grid.values);
            sizes.push((width, height));
        }
        Some(Self { background, planes, sizes })
    }

    /// Luma between samples that frames show, in 8-bit codes; places are measured from the corner.
    pub(super) fn look(&self, x: f32, y: f32) -> Option<f32> {
        let (width, height) = self.sizes[0];
        let (x, y) = (x - 0.5, y - 0.5);
        let (right, below) = (width.saturating_sub(1), height.saturating_sub(1));
        if !(x >= 0.0 && y >= 0.0 && x < right as f32 && y < below as f32) {
            return None;
        }
        let (column, row) = (whole(x), whole(y));
        let place = row * width + column;
        let places = [place, place + 1, place + width, place + width + 1];
        if places.iter().any(|place| self.background.doubt[*place] == UNSEEN) {
            return None;
        }
        let [a, b, c, d] = places.map(|place| self.planes[0][place]);
        let (across, along) = (x - column as f32, y - row as f32);
        let (above, below) = (a + (b - a) * across, c + (d - c) * across);
        Some(above + (below - above) * along)
    }

    /// The background.
    #[must_use]
    pub const fn background(&self) -> &Background {
        &self.background
    }
}

/// The background's samples at the places of a patch that are wanted, row by row, and the doubt about
/// them in 8-bit codes; that of the others is infinite.
pub(super) fn warp(
    ground: &Ground,
    number: usize,
    (span, wanted): (Span, &[bool]),
    motion: Similarity,
    shifts: (u32, u32),
) -> (Vec<f32>, Vec<f32>) {
    let area = ground.background.area;
    let map = on_planes(motion.inverse(), shifts, (0, 0), (area.left, area.top));
    let (width, height) = ground.sizes[number];
    let field = Field { width, height, stride: width, samples: &ground.planes[number] };
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
            let value = field.at(u, v);
            let doubt = value.map_or(UNSEEN, |_| {
                let column = whole(u - 0.5) << shifts.0;
                let row = whole(v - 0.5) << shifts.1;
                let wide = area.width as usize;
                let place = row * wide + column;
                let under = place + wide * (1 << shifts.1);
                let over = 1 << shifts.0;
                [place, place + over, under, under + over]
                    .iter()
                    .map(|at| ground.background.doubt.get(*at).copied().unwrap_or(UNSEEN))
                    .fold(0, u8::max)
            });
            values.push(value.unwrap_or(128.0));
            doubts.push(if doubt == UNSEEN { f32::INFINITY } else { f32::from(doubt) * 0.5 });
        }
    }
    (values, doubts)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::FrameRange;

    use super::*;
    use crate::fetch::course::Area;

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
        };
        let ground = Ground::new(&layout, background).unwrap();
        for plane in &ground.planes[1..] {
            assert!(plane.iter().all(|value| (value - 124.0).abs() < 1.0), "{plane:?}");
        }
    }
}
