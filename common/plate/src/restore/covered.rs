//! The samples of a frame that its overlays may cover, as runs: all others must stay as they are.

use std::collections::BTreeMap;

use cleanplate_types::picture::Run;

use crate::piece::Piece;

/// The runs of the samples that are in any of the `pieces` of one plane, rising, none touching another.
pub(super) fn runs<'a>(pieces: impl Iterator<Item = &'a Piece>) -> Vec<Run> {
    let mut rows: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
    for piece in pieces {
        for y in piece.span.top..piece.span.bottom {
            let mut x = piece.span.left;
            while x < piece.span.right {
                let start = x;
                while x < piece.span.right && piece.has(x, y) {
                    x += 1;
                }
                if x > start {
                    rows.entry(whole(y)).or_default().push((whole(start), whole(x)));
                }
                x += 1;
            }
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    for (row, mut spans) in rows {
        spans.sort_unstable();
        for (start, end) in spans {
            match runs.last_mut().filter(|last| last.row == row && start <= last.end) {
                Some(last) => last.end = last.end.max(end),
                None => runs.push(Run { row, start, end }),
            }
        }
    }
    runs
}

fn whole(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitmap::Span;

    #[test]
    fn pieces_that_meet_become_one_run_and_gaps_stay() {
        let square = |left, right| {
            let mut piece = Piece::empty((16, 4), Span { left, top: 1, right, bottom: 2 });
            piece.set.cells.fill(true);
            piece
        };
        let mut holed = square(10, 14);
        holed.set.cells[1] = false;
        let all = [square(4, 8), square(2, 5), holed];
        let run = |start, end| Run { row: 1, start, end };
        assert_eq!(runs(all.iter()), [run(2, 8), run(10, 11), run(12, 14)]);
    }
}
