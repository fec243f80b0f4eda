//! Which candidates are overlays: compact, off centre or strong, and with a ring around them that
//! changed on every side. A still object in a moving scene fails here.

use super::candidates::{Field, STRONG, WEAK};
use super::reduce::Params;
use crate::bitmap::{Bitmap, Span, join_near};

/// A place is still when it changed in at most this many percent of the turns.
const STILL_PERCENT: u64 = 12;
/// How far from a steady edge still places are taken in, in reduced samples.
const STILL_REACH: usize = 24;
/// Gaps of twice this many reduced samples are closed.
const CLOSE: usize = 2;
/// Parts nearer to each other than this are one overlay.
const GAP: usize = 10;
/// Strong places that an overlay has at least.
const STRONG_MIN: usize = 24;
/// Most of the picture, in percent, that an overlay covers.
const AREA_PERCENT_MAX: usize = 15;
/// The ring: from here to there, in reduced samples.
const RING_FROM: usize = 3;
const RING_TO: usize = 11;
/// Change of the ring in percent of the turns: of the whole, and of every side.
const RING_PERCENT_MIN: u64 = 38;
const SIDE_PERCENT_MIN: u64 = 22;
/// Places that a side of the ring has at least to be asked.
const SIDE_PLACES_MIN: u64 = 24;

/// The overlays of a field, each as its places, in rising order.
pub(super) fn overlays_in(field: &Field, params: &Params) -> Vec<Bitmap> {
    let strong = field.steady(STRONG, params.turns_min);
    let weak = field.steady(WEAK, params.turns_min);
    let near = strong.dilated(STILL_REACH);
    let mut still = field.still(STILL_PERCENT, params.turns_min);
    still.cells.iter_mut().zip(&near.cells).for_each(|(still, near)| *still &= near);
    let mut signs = weak.clone();
    signs.add(&still);
    let signs = signs.closed(CLOSE);
    let parts: Vec<Span> =
        signs.parts().into_iter().filter(|part| strong.within(*part).count() > 0).collect();
    join_near(parts, GAP)
        .into_iter()
        .filter_map(|span| {
            let candidate = Candidate { field, params, strong: &strong, weak: &weak, span };
            candidate.overlay(&signs)
        })
        .collect()
}

/// A group of parts that may be an overlay.
struct Candidate<'a> {
    field: &'a Field,
    params: &'a Params,
    strong: &'a Bitmap,
    weak: &'a Bitmap,
    span: Span,
}

impl Candidate<'_> {
    fn overlay(&self, signs: &Bitmap) -> Option<Bitmap> {
        let places = signs.within(self.span).filled();
        (self.has_body() && self.is_compact(&places) && self.has_changing_ring(&places))
            .then_some(places)
    }

    /// Whether enough of it is beyond doubt; more is asked for in the middle of the picture.
    fn has_body(&self) -> bool {
        let (columns, rows) = (self.field.columns, self.field.rows);
        let central = self.span.left * 10 > columns * 3
            && self.span.right * 10 < columns * 7
            && self.span.top * 10 > rows * 3
            && self.span.bottom * 10 < rows * 7;
        let needed = if central { STRONG_MIN * 3 } else { STRONG_MIN };
        self.strong.within(self.span).count() >= needed
    }

    fn is_compact(&self, places: &Bitmap) -> bool {
        let (columns, rows) = (self.field.columns, self.field.rows);
        let (width, height) = (self.span.width(), self.span.height());
        let large = places.count() * 100 > columns * rows * AREA_PERCENT_MAX;
        let line = width.min(height) < 4;
        let spans = (self.span.left == 0 && self.span.right == columns)
            || (self.span.top == 0 && self.span.bottom == rows);
        !large && !line && !spans
    }

    /// Whether the surroundings changed, on every side that the picture has.
    fn has_changing_ring(&self, places: &Bitmap) -> bool {
        let inner = places.dilated(RING_FROM);
        let outer = places.dilated(RING_TO);
        let mut sides = [(0_u64, 0_u64); 4];
        let (mut changed, mut count, mut steady) = (0_u64, 0_u64, 0_u64);
        for place in 0..places.cells.len() {
            if !outer.cells[place] || inner.cells[place] {
                continue;
            }
            let is_seen = self.field.turns_at(place) >= self.params.turns_min;
            let percent = if is_seen { self.field.changed_percent(place) } else { 0 };
            changed += percent;
            count += 1;
            steady += u64::from(self.weak.cells[place]);
            let (x, y) = (place % places.width, place / places.width);
            let is_on = [
                x < self.span.left,
                x >= self.span.right,
                y < self.span.top,
                y >= self.span.bottom,
            ];
            for (side, _) in sides.iter_mut().zip(is_on).filter(|(_, is_on)| *is_on) {
                side.0 += percent;
                side.1 += 1;
            }
        }
        let mut asked = sides.iter().filter(|(_, places)| *places >= SIDE_PLACES_MIN).peekable();
        asked.peek().is_some()
            && asked.all(|(sum, places)| *sum >= places * SIDE_PERCENT_MIN)
            && changed >= count * RING_PERCENT_MIN
            && steady * 100 <= count * 15
    }
}
