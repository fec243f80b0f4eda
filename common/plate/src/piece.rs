//! A set of samples in a part of one plane: what an overlay covers there, or what is to be filled.
//!
//! Owns the way from the plan's masks to the samples of each plane. Holds one cell for each sample of
//! its part and none for the rest of the plane, so that sets that differ from frame to frame stay cheap.

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::{PixelLayout, Rect};

use crate::bitmap::{Bitmap, Span};

/// A set of samples of a plane of `size`, none of them outside `span`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Columns and rows of the plane.
    pub(crate) size: (usize, usize),
    pub(crate) span: Span,
    /// The samples of `span`.
    pub(crate) set: Bitmap,
}

/// log2 of how many luma columns and rows share a sample of the plane.
pub(crate) fn shifts(layout: &PixelLayout, plane: u8) -> (u32, u32) {
    if plane == 0 {
        (0, 0)
    } else {
        (u32::from(layout.chroma_shift_x), u32::from(layout.chroma_shift_y))
    }
}

impl Piece {
    /// Nothing, in a part of a plane that is cut to the plane.
    pub(crate) fn empty(size: (usize, usize), span: Span) -> Self {
        let right = span.right.min(size.0);
        let bottom = span.bottom.min(size.1);
        let span = Span { left: span.left.min(right), top: span.top.min(bottom), right, bottom };
        Self { size, span, set: Bitmap::empty(span.width(), span.height()) }
    }

    /// The samples of a plane of a picture of `picture` that share a luma sample with the mask.
    pub(crate) fn of(layout: &PixelLayout, picture: (u32, u32), plane: u8, mask: &Mask) -> Self {
        let size = layout.plane_size(plane, picture.0, picture.1);
        let (right, down) = shifts(layout, plane);
        let bounds = mask.bounds;
        let mut piece =
            Self::empty((size.0 as usize, size.1 as usize), plane_span(bounds, (right, down)));
        for row in 0..bounds.bottom().min(picture.1).saturating_sub(bounds.y) {
            for column in 0..bounds.right().min(picture.0).saturating_sub(bounds.x) {
                if mask.covers(column, row) {
                    piece.put(
                        ((bounds.x + column) >> right) as usize,
                        ((bounds.y + row) >> down) as usize,
                    );
                }
            }
        }
        piece
    }

    /// Whether the sample at column `x`, row `y` of the plane is one of the set.
    pub(crate) fn has(&self, x: usize, y: usize) -> bool {
        self.span.contains(x, y) && self.set.cells[self.place(x, y)]
    }

    /// Whether there is such a sample in the plane, outside the set.
    pub(crate) fn is_known(&self, x: usize, y: usize) -> bool {
        x < self.size.0 && y < self.size.1 && !self.has(x, y)
    }

    /// Adds a sample of the plane, where it lies in the part.
    pub(crate) fn put(&mut self, x: usize, y: usize) {
        if self.span.contains(x, y) {
            let place = self.place(x, y);
            self.set.cells[place] = true;
        }
    }

    /// Place in [`Self::set`] of a sample of the part.
    pub(crate) const fn place(&self, x: usize, y: usize) -> usize {
        (y - self.span.top) * self.span.width() + x - self.span.left
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.set.cells.contains(&true)
    }

    /// The smallest rectangle of the plane that holds the set.
    pub(crate) fn bounds(&self) -> Option<Span> {
        self.set.bounds().map(|span| self.moved(span))
    }

    /// The rectangles around the connected parts of the set.
    pub(crate) fn parts(&self) -> Vec<Span> {
        self.set.parts().into_iter().map(|span| self.moved(span)).collect()
    }

    /// With every sample at most `by` rows and columns away from one of the set.
    pub(crate) fn grown(&self, by: usize) -> Self {
        let mut grown = Self::empty(self.size, self.span.grown(by, self.size.0, self.size.1));
        grown.add(self);
        grown.set = grown.set.dilated(by);
        grown
    }

    /// Adds the samples of another set that lie in this one's part.
    pub(crate) fn add(&mut self, other: &Self) {
        self.join(other, |cell, more| cell | more);
    }

    /// Takes the samples of another set away.
    pub(crate) fn remove(&mut self, other: &Self) {
        self.join(other, |cell, less| cell & !less);
    }

    /// Keeps the samples that are in `other` too.
    pub(crate) fn keep(&mut self, other: &Self) {
        let before = std::mem::replace(self, Self::empty(self.size, self.span));
        self.add(other);
        for (cell, was) in self.set.cells.iter_mut().zip(&before.set.cells) {
            *cell &= was;
        }
    }

    fn join(&mut self, other: &Self, join: impl Fn(bool, bool) -> bool) {
        let (left, right) =
            (self.span.left.max(other.span.left), self.span.right.min(other.span.right));
        if left >= right {
            return;
        }
        for y in self.span.top.max(other.span.top)..self.span.bottom.min(other.span.bottom) {
            let (to, from) = (self.place(left, y), other.place(left, y));
            let to = &mut self.set.cells[to..to + right - left];
            for (cell, more) in to.iter_mut().zip(&other.set.cells[from..]) {
                *cell = join(*cell, *more);
            }
        }
    }

    const fn moved(&self, span: Span) -> Span {
        let (x, y) = (self.span.left, self.span.top);
        Span {
            left: span.left + x,
            top: span.top + y,
            right: span.right + x,
            bottom: span.bottom + y,
        }
    }
}

/// The part of a plane that shares samples with a rectangle of luma.
pub(crate) fn plane_span(rect: Rect, (right, down): (u32, u32)) -> Span {
    let up = |end: u32, shift: u32| end.div_ceil(1 << shift) as usize;
    Span {
        left: (rect.x >> right) as usize,
        top: (rect.y >> down) as usize,
        right: up(rect.right(), right),
        bottom: up(rect.bottom(), down),
    }
}

/// The same in luma samples.
pub(crate) fn rect_of(span: Span) -> Rect {
    let part = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Rect {
        x: part(span.left),
        y: part(span.top),
        width: part(span.width()),
        height: part(span.height()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(size: (usize, usize), span: Span) -> Piece {
        let mut piece = Piece::empty(size, span);
        piece.set.cells.fill(true);
        piece
    }

    #[test]
    fn a_set_grows_up_to_the_edge_of_its_plane() {
        let span = Span { left: 6, top: 0, right: 8, bottom: 1 };
        let grown = square((8, 4), span).grown(1);
        assert_eq!(grown.bounds(), Some(Span { left: 5, top: 0, right: 8, bottom: 2 }));
        assert_eq!(grown.set.count(), 6);
    }

    #[test]
    fn sets_meet_where_both_have_samples() {
        let mut one = square((8, 8), Span { left: 0, top: 0, right: 4, bottom: 4 });
        let other = square((8, 8), Span { left: 3, top: 2, right: 8, bottom: 8 });
        let mut both = one.clone();
        both.keep(&other);
        assert_eq!(both.bounds(), Some(Span { left: 3, top: 2, right: 4, bottom: 4 }));
        one.add(&other);
        assert_eq!(one.set.count(), 16, "what lies outside its part is not added");
        assert!(!one.is_known(3, 3) && one.is_known(7, 7) && !one.is_known(8, 0));
    }

    #[test]
    fn a_chroma_sample_is_covered_where_any_luma_sample_that_shares_it_is() {
        let layout = PixelLayout {
            name: String::from("test"),
            depth: 8,
            planes: 3,
            chroma_shift_x: 1,
            chroma_shift_y: 1,
            full_range: false,
        };
        let mask = Mask::full(Rect { x: 3, y: 1, width: 2, height: 9 });
        let piece = Piece::of(&layout, (7, 5), 1, &mask);
        assert_eq!(piece.size, (4, 3));
        assert_eq!(piece.bounds(), Some(Span { left: 1, top: 0, right: 3, bottom: 3 }));
    }
}
