//! Which candidates are overlays: compact, off centre or strong, and with a ring around them that
//! changed on every side. A still object in a moving scene fails here.

use super::candidates::{CLEAR, Field};
use super::plate::plate_around;
use super::reduce::Params;
use crate::bitmap::{Bitmap, Span, join_near};

/// A place is still when it changed in at most this many percent of the turns.
const STILL_PERCENT: u64 = 12;
/// Strong places in the three by three around one that is not chance.
const COMPANY_MIN: usize = 3;
/// Gaps of twice this many reduced samples are closed, to find what belongs together and to fill it.
const CLOSE: usize = 3;
const FILL: usize = 2;
/// Parts nearer to each other than this are one overlay.
const GAP: usize = 8;
/// How far weak and still places are taken in around the strong ones.
const REACH: usize = 4;
/// Share of the strong places, in percent, that point to each of the four sides at least: a mark has
/// an outline, an edge of the scene along which the camera moves has not.
const DIRECTION_PERCENT_MIN: usize = 8;
/// Still parts are at least twice this wide; they seem this much smaller than they are.
const CORE: usize = 2;
const SOFT: usize = 1;
/// Share of its bounds, in percent, that a still part fills at least.
const CORE_SHARE_PERCENT_MIN: usize = 70;
/// A still rectangle: turns, area, share of its bounds, and length of the gradients on its outline.
const STILL_TURNS_MIN: u32 = 8;
const STILL_AREA_MIN: usize = 120;
const STILL_SHARE_PERCENT_MIN: usize = 85;
const STILL_OUTLINE_MIN: u64 = 4;
/// Strong places that an overlay has at least; so many times as many in the middle of the picture, and where it
/// shows for a part of the time only: a camera that returns to a view finds its edges again.
const STRONG_MIN: usize = 24;
const CENTRAL_TIMES: usize = 3;
const BRIEF_TIMES: usize = 3;
/// Most of the picture, in percent, that an overlay covers.
const AREA_PERCENT_MAX: usize = 15;
/// The ring: from here to there, in reduced samples.
const RING_FROM: usize = 3;
const RING_TO: usize = 11;
/// Change of the ring in percent of the turns: of the whole, and of every side.
const RING_PERCENT_MIN: u64 = 20;
const SIDE_PERCENT_MIN: u64 = 10;
/// Places that a side of the ring has at least to be asked, and sides that are.
const SIDE_PLACES_MIN: u64 = 24;
const SIDES_MIN: usize = 2;
/// Share of the ring, in percent, that says something at least, and that is itself steady at most.
const RING_SEEN_PERCENT_MIN: u64 = 40;
const RING_STEADY_PERCENT_MAX: u64 = 15;
/// Turns that are enough for what lies beside something that is beyond doubt.
const BESIDE_TURNS_MIN: u32 = 3;

/// The overlays of a field, each as its places, in rising order.
pub(super) fn overlays_in(field: &Field, params: &Params) -> Vec<Bitmap> {
    let mut strong = field.strong(params.turns_min);
    strong.add(&field.held());
    let strong = in_company(&strong);
    let beside = params.turns_min.min(BESIDE_TURNS_MIN);
    let mut weak = field.weak(beside);
    let weak_always = weak.clone();
    weak.add(&field.lasting());
    let mut clear = field.steady(CLEAR, beside);
    clear.add(&field.lasting());
    let held = field.held();
    let coarse = field.only_colourful(beside);
    let still_cores = cores(&field.still(STILL_PERCENT, beside));
    let signs =
        Signs { field, params, strong, weak, weak_always, clear, held, coarse, still_cores };
    let mut overlays: Vec<Bitmap> = join_near(signs.strong.closed(CLOSE).parts(), GAP)
        .into_iter()
        .filter_map(|span| signs.mark_in(span))
        .collect();
    for places in signs.still_rectangles() {
        if !overlays.iter().any(|overlay| overlay.meets(places)) {
            overlays.push(places.clone());
        }
    }
    lines(overlays)
}

/// Joins what is written on one line.
fn lines(mut parts: Vec<Bitmap>) -> Vec<Bitmap> {
    let mut joined: Vec<Bitmap> = Vec::new();
    while let Some(mut part) = parts.pop() {
        while let Some(at) = joined.iter().position(|other| is_one_line(&part, other)) {
            part.add(&joined.swap_remove(at));
        }
        joined.push(part);
    }
    joined.sort_by_key(Bitmap::bounds);
    joined
}

fn is_one_line(one: &Bitmap, other: &Bitmap) -> bool {
    let Some((one, other)) = one.bounds().zip(other.bounds()) else {
        return false;
    };
    let (low, high) = (one.height().min(other.height()), one.height().max(other.height()));
    let shared = one.bottom.min(other.bottom).saturating_sub(one.top.max(other.top));
    let gap = one.left.max(other.left).saturating_sub(one.right.min(other.right));
    shared * 4 >= high * 3 && gap <= low * 3 / 2
}

/// The places of `strong` that are not alone.
fn in_company(strong: &Bitmap) -> Bitmap {
    let mut kept = Bitmap::empty(strong.width, strong.height);
    for place in (0..strong.cells.len()).filter(|place| strong.cells[*place]) {
        let (x, y) = (place % strong.width, place / strong.width);
        let around = (0..9)
            .filter(|at| strong.has((x + at % 3).wrapping_sub(1), (y + at / 3).wrapping_sub(1)));
        kept.cells[place] = around.count() >= COMPANY_MIN;
    }
    kept
}

/// All that hints at overlays.
struct Signs<'a> {
    field: &'a Field,
    params: &'a Params,
    strong: Bitmap,
    weak: Bitmap,
    /// Of those what is there most of the time.
    weak_always: Bitmap,
    /// And what belongs to a mark that hides the background.
    clear: Bitmap,
    /// Edges that stayed for a while.
    held: Bitmap,
    /// What only chroma says.
    coarse: Bitmap,
    /// Solid parts that stay as they are.
    still_cores: Vec<Bitmap>,
}

/// The solid parts of `still` that fill most of their bounds, each whole.
fn cores(still: &Bitmap) -> Vec<Bitmap> {
    let cores = still.inverse().dilated(CORE).inverse();
    let parts = cores.parts();
    let large = parts.iter().filter(|span| span.width() * span.height() * 2 >= STILL_AREA_MIN);
    large
        .filter_map(|span| {
            // Levels are softened, so what stays seems smaller than it is.
            let places = cores.within(*span).dilated(CORE + SOFT).filled();
            let bounds = places.bounds()?;
            let area = bounds.width() * bounds.height();
            (places.count() * 100 >= area * CORE_SHARE_PERCENT_MIN).then_some(places)
        })
        .collect()
}

impl Signs<'_> {
    /// The mark around the strong places in `span`, if it is one.
    fn mark_in(&self, span: Span) -> Option<Bitmap> {
        let strong = self.strong.within(span);
        let is_brief = !strong.meets(&self.weak_always);
        if !self.has_body(&strong, span, is_brief) || !self.has_outline(&strong) {
            return None;
        }
        let signs = if self.field.hides(&strong) { &self.clear } else { &self.weak };
        let mut signs = signs.within(span.grown(REACH, strong.width, strong.height));
        let near = strong.dilated(REACH);
        signs.cells.iter_mut().zip(&near.cells).for_each(|(sign, near)| *sign &= near);
        let mut signs = strong.spread_in(&signs);
        for still in self.still_cores.iter().filter(|still| still.meets(&near)) {
            signs.add(still);
        }
        let mut places = signs.closed(FILL).filled();
        if let Some(plate) = places.bounds().and_then(|bounds| plate_around(&self.weak, bounds)) {
            places.add_span(plate);
        }
        if !self.is_overlay(&places) {
            return None;
        }
        // Chroma reaches further than what it shows.
        let mut fringe = places.inverse().dilated(1);
        fringe.cells.iter_mut().zip(&self.coarse.cells).for_each(|(at, coarse)| *at &= coarse);
        places.remove(&fringe);
        Some(places)
    }

    /// Rectangles that stay as they are although their outline shows no lasting contrast: grey on
    /// what is now lighter and now darker.
    fn still_rectangles(&self) -> impl Iterator<Item = &Bitmap> {
        let is_seen = |places: &Bitmap| {
            let turns = |place| self.field.turns_at(place) >= STILL_TURNS_MIN;
            (0..places.cells.len()).filter(|at| places.cells[*at]).all(turns)
        };
        let cores = self.still_cores.iter();
        cores.filter(move |core| {
            is_seen(core) && self.is_still_rectangle(core) && self.is_overlay(core)
        })
    }

    fn is_still_rectangle(&self, places: &Bitmap) -> bool {
        let Some(span) = places.bounds() else {
            return false;
        };
        let area = places.count();
        let outline = places.dilated(1);
        let inside = places.inverse().dilated(1);
        let on_outline =
            (0..outline.cells.len()).filter(|at| outline.cells[*at] && inside.cells[*at]);
        let (sum, count) = on_outline
            .fold((0, 0), |(sum, count), at| (sum + self.field.mean_length(at), count + 1));
        area >= STILL_AREA_MIN
            && area * 100 >= span.width() * span.height() * STILL_SHARE_PERCENT_MIN
            && sum >= STILL_OUTLINE_MIN * count
    }

    /// Whether enough of it is beyond doubt; more is asked for in the middle of the picture.
    fn has_body(&self, strong: &Bitmap, span: Span, is_brief: bool) -> bool {
        let (columns, rows) = (self.field.columns, self.field.rows);
        let central = span.left * 10 > columns * 3
            && span.right * 10 < columns * 7
            && span.top * 10 > rows * 3
            && span.bottom * 10 < rows * 7;
        let times = match (is_brief, central) {
            (true, _) => BRIEF_TIMES,
            (false, true) => CENTRAL_TIMES,
            (false, false) => 1,
        };
        strong.count() >= STRONG_MIN * times
    }

    fn has_outline(&self, strong: &Bitmap) -> bool {
        let mut directions = [0_usize; 4];
        for place in (0..strong.cells.len()).filter(|place| strong.cells[*place]) {
            directions[self.field.direction(place)] += 1;
        }
        let least = strong.count() * DIRECTION_PERCENT_MIN;
        directions.iter().all(|count| count * 100 >= least)
    }

    fn is_overlay(&self, places: &Bitmap) -> bool {
        places.bounds().is_some_and(|span| {
            self.is_compact(places, span) && self.has_changing_ring(places, span)
        })
    }

    fn is_compact(&self, places: &Bitmap, span: Span) -> bool {
        let (columns, rows) = (self.field.columns, self.field.rows);
        let (width, height) = (span.width(), span.height());
        let large = places.count() * 100 > columns * rows * AREA_PERCENT_MAX;
        let line = width.min(height) < 4;
        let spans =
            (span.left == 0 && span.right == columns) || (span.top == 0 && span.bottom == rows);
        !large && !line && !spans
    }

    /// Whether the surroundings changed, on every side where they had the chance to.
    fn has_changing_ring(&self, places: &Bitmap, span: Span) -> bool {
        let inner = places.dilated(RING_FROM);
        let outer = places.dilated(RING_TO);
        let mut sides = [(0_u64, 0_u64); 4];
        let (mut all, mut seen, mut changed, mut steady) = (0_u64, 0_u64, 0_u64, 0_u64);
        for place in (0..places.cells.len()).filter(|at| outer.cells[*at] && !inner.cells[*at]) {
            all += 1;
            if self.field.turns_at(place) < self.params.turns_min {
                continue;
            }
            let percent = self.field.changed_percent(place);
            seen += 1;
            changed += percent;
            steady += u64::from(self.weak.cells[place] || self.held.cells[place]);
            let (x, y) = (place % places.width, place / places.width);
            let is_on = [x < span.left, x >= span.right, y < span.top, y >= span.bottom];
            for (side, _) in sides.iter_mut().zip(is_on).filter(|(_, is_on)| *is_on) {
                side.0 += percent;
                side.1 += 1;
            }
        }
        let asked: Vec<_> = sides.iter().filter(|(_, places)| *places >= SIDE_PLACES_MIN).collect();
        asked.len() >= SIDES_MIN
            && asked.iter().all(|(sum, places)| *sum >= places * SIDE_PERCENT_MIN)
            && seen * 100 >= all * RING_SEEN_PERCENT_MIN
            && changed >= seen * RING_PERCENT_MIN
            && steady * 100 <= seen * RING_STEADY_PERCENT_MAX
    }
}
