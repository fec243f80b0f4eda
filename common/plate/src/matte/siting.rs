//! Brings a map of luma samples to the places of chroma samples.
//!
//! Owns where those lie. What a compositor blends at full size and then halves is blended at half size
//! by the halved alpha and the halved product of alpha and colour: both are brought over in this way.

use cleanplate_types::picture::PixelLayout;

/// libav's chroma locations that matter here.
const CENTRE: u8 = 2;
const TOP_LEFT: u8 = 3;

/// Weights of luma samples in a chroma sample: how far from the first that shares it, and how much.
#[derive(Debug, Clone)]
pub(super) struct Siting {
    shifts: (u8, u8),
    columns: Vec<(isize, f64)>,
    rows: Vec<(isize, f64)>,
}

impl Siting {
    /// The siting of a layout by how a compositor works: whatever the video says of its chroma location, it
    /// averages the luma samples that share one of chroma (ffmpeg's `overlay` does). What a video says is
    /// heard only where that is a corner.
    pub(super) fn new(layout: &PixelLayout, location: u8) -> Self {
        let location = if location == TOP_LEFT { TOP_LEFT } else { CENTRE };
        let (sx, sy) = (layout.chroma_shift_x, layout.chroma_shift_y);
        Self {
            shifts: (sx, sy),
            columns: taps(sx, location == TOP_LEFT),
            rows: taps(sy, location == TOP_LEFT),
        }
    }

    /// The map, with rows of `luma_width`, at the places of chroma samples; its edges go on outside.
    pub(super) fn bring<V>(&self, luma: &[V], luma_width: usize, size: (usize, usize)) -> Vec<V>
    where
        V: Copy + Into<f64> + Narrowed,
    {
        let last_row = (luma.len() / luma_width.max(1)).saturating_sub(1);
        let last_column = luma_width.saturating_sub(1);
        let mut out = Vec::with_capacity(size.0 * size.1);
        for y in 0..size.1 {
            for x in 0..size.0 {
                let mut sum = 0.0;
                for (down, row_weight) in &self.rows {
                    let y = (y << self.shifts.1).saturating_add_signed(*down).min(last_row);
                    for (across, weight) in &self.columns {
                        let x =
                            (x << self.shifts.0).saturating_add_signed(*across).min(last_column);
                        sum += row_weight * weight * luma[y * luma_width + x].into();
                    }
                }
                out.push(V::narrowed(sum));
            }
        }
        out
    }
}

/// A number that a sum of doubles is kept as.
pub(super) trait Narrowed {
    fn narrowed(value: f64) -> Self;
}

impl Narrowed for f64 {
    fn narrowed(value: f64) -> Self {
        value
    }
}

impl Narrowed for f32 {
    #[expect(clippy::cast_possible_truncation, reason = "nothing but digits are lost")]
    fn narrowed(value: f64) -> Self {
        value as Self
    }
}

fn taps(shift: u8, beside: bool) -> Vec<(isize, f64)> {
    match (shift, beside) {
        (0, _) => vec![(0, 1.0)],
        (1, true) => vec![(-1, 0.25), (0, 0.5), (1, 0.25)],
        (shift, _) => {
            let count = 1_isize << shift.min(4);
            (0..count).map(|at| (at, 1.0 / count as f64)).collect()
        }
    }
}
