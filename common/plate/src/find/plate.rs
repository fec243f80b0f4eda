//! The plate behind a mark: a rectangle whose outline is fainter than what is written on it.

use crate::bitmap::{Bitmap, Span};

/// How far from the mark its plate may end: at least this, and at most the mark's own height.
const REACH_MIN: usize = 16;
/// How far inside the mark's bounds a side may lie: stray signs around it widen them.
const INSIDE: usize = 6;
/// Share of a side, in percent, that shows a sign: of what the mark spans, and of the whole side.
const SPANNED_PERCENT_MIN: usize = 60;
const WHOLE_PERCENT_MIN: usize = 50;

/// The rectangle around `mark` that has a line of `signs` on all four sides, if there is one.
pub(super) fn plate_around(signs: &Bitmap, mark: Span) -> Option<Span> {
    let reach = mark.height().max(REACH_MIN);
    let far = mark.grown(reach, signs.width, signs.height);
    let row = |y: usize| share(signs, mark.left..mark.right, y..y + 1);
    let column = |x: usize| share(signs, x..x + 1, mark.top..mark.bottom);
    let across = INSIDE.min(mark.width() / 3);
    let down = INSIDE.min(mark.height() / 3);
    let plate = Span {
        top: best(far.top..mark.top + down, row)?,
        bottom: best(mark.bottom - down..far.bottom, row)? + 1,
        left: best(far.left..mark.left + across, column)?,
        right: best(mark.right - across..far.right, column)? + 1,
    };
    let (columns, rows) = (plate.left..plate.right, plate.top..plate.bottom);
    let sides = [
        share(signs, columns.clone(), plate.top..plate.top + 1),
        share(signs, columns, plate.bottom - 1..plate.bottom),
        share(signs, plate.left..plate.left + 1, rows.clone()),
        share(signs, plate.right - 1..plate.right, rows),
    ];
    sides.iter().all(|percent| *percent >= WHOLE_PERCENT_MIN).then_some(plate)
}

/// The line that shows most signs; of equal ones the first.
fn best(lines: std::ops::Range<usize>, share: impl Fn(usize) -> usize) -> Option<usize> {
    lines
        .map(|line| (share(line), line))
        .filter(|(percent, _)| *percent >= SPANNED_PERCENT_MIN)
        .max_by_key(|(percent, line)| (*percent, usize::MAX - line))
        .map(|(_, line)| line)
}

/// Share, in percent, of a line of places that have a sign on them or beside them across the line.
fn share(signs: &Bitmap, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> usize {
    let (across, down) = if rows.len() == 1 { (0, 1) } else { (1, 0) };
    let count = columns.len() * rows.len();
    let places = rows.flat_map(|y| columns.clone().map(move |x| (x, y)));
    let set = places.filter(|(x, y)| {
        signs.has(*x, *y)
            || signs.has(x.wrapping_sub(across), y.wrapping_sub(down))
            || signs.has(x + across, y + down)
    });
    set.count() * 100 / count.max(1)
}
