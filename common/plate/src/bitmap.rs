//! Sets of places in a picture, and the morphology on them. Knows nothing of samples or overlays.

use std::collections::VecDeque;

/// A set of places in a rectangle of `width` by `height`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Row by row.
    pub(crate) cells: Vec<bool>,
}

/// A rectangle of places, ends not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) right: usize,
    pub(crate) bottom: usize,
}

impl Span {
    pub(crate) const fn width(self) -> usize {
        self.right - self.left
    }

    pub(crate) const fn height(self) -> usize {
        self.bottom - self.top
    }

    pub(crate) const fn contains(self, x: usize, y: usize) -> bool {
        self.left <= x && x < self.right && self.top <= y && y < self.bottom
    }

    /// Whether fewer than `gap` rows and columns lie between the two.
    pub(crate) const fn is_near(self, other: Self, gap: usize) -> bool {
        self.left < other.right + gap
            && other.left < self.right + gap
            && self.top < other.bottom + gap
            && other.top < self.bottom + gap
    }

    /// The rectangle with `by` more on each side, inside a picture of that size.
    pub(crate) fn grown(self, by: usize, width: usize, height: usize) -> Self {
        Self {
            left: self.left.saturating_sub(by),
            top: self.top.saturating_sub(by),
            right: (self.right + by).min(width),
            bottom: (self.bottom + by).min(height),
        }
    }

    /// The smallest rectangle that holds both.
    pub(crate) fn hull(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// Joins rectangles that are nearer to each other than `gap`, until none are; in rising order.
pub(crate) fn join_near(mut spans: Vec<Span>, gap: usize) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    while let Some(mut span) = spans.pop() {
        while let Some(at) = joined.iter().position(|other| other.is_near(span, gap)) {
            span = span.hull(joined.swap_remove(at));
        }
        joined.push(span);
    }
    joined.sort_unstable();
    joined
}

impl Bitmap {
    pub(crate) fn empty(width: usize, height: usize) -> Self {
        Self { width, height, cells: vec![false; width * height] }
    }

    pub(crate) fn has(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.height && self.cells[y * self.width + x]
    }

    pub(crate) fn count(&self) -> usize {
        self.cells.iter().filter(|cell| **cell).count()
    }

    /// Whether some place is in both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.cells.iter().zip(&other.cells).any(|(a, b)| *a && *b)
    }

    /// The smallest rectangle that holds the set.
    pub(crate) fn bounds(&self) -> Option<Span> {
        let places = (0..self.cells.len()).filter(|place| self.cells[*place]);
        places
            .map(|place| (place % self.width, place / self.width))
            .map(|(x, y)| Span { left: x, top: y, right: x + 1, bottom: y + 1 })
            .reduce(Span::hull)
    }

    /// The places of `self` that lie in `span`, in a bitmap of the same size.
    pub(crate) fn within(&self, span: Span) -> Self {
        let mut cut = Self::empty(self.width, self.height);
        for y in span.top..span.bottom {
            let row = y * self.width;
            cut.cells[row + span.left..row + span.right]
                .copy_from_slice(&self.cells[row + span.left..row + span.right]);
        }
        cut
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (cell, more) in self.cells.iter_mut().zip(&other.cells) {
            *cell |= more;
        }
    }

    pub(crate) fn remove(&mut self, other: &Self) {
        for (cell, less) in self.cells.iter_mut().zip(&other.cells) {
            *cell &= !less;
        }
    }

    /// Every place at most `radius` rows and columns away from one of the set.
    pub(crate) fn dilated(&self, radius: usize) -> Self {
        let mut rows = Self::empty(self.width, self.height);
        for (from, to) in
            self.cells.chunks_exact(self.width).zip(rows.cells.chunks_exact_mut(self.width))
        {
            spread(from.iter().copied(), radius, |at| to[at] = true);
        }
        let mut both = Self::empty(self.width, self.height);
        for x in 0..self.width {
            let column = (0..self.height).map(|y| rows.cells[y * self.width + x]);
            spread(column, radius, |y| both.cells[y * self.width + x] = true);
        }
        both
    }

    /// The complement.
    pub(crate) fn inverse(&self) -> Self {
        let cells = self.cells.iter().map(|cell| !cell).collect();
        Self { width: self.width, height: self.height, cells }
    }

    /// Gaps of up to twice `radius` closed; the picture's edge counts as part of the set.
    pub(crate) fn closed(&self, radius: usize) -> Self {
        self.dilated(radius).inverse().dilated(radius).inverse()
    }

    /// With every place that cannot reach the picture's edge without crossing the set.
    pub(crate) fn filled(&self) -> Self {
        let (width, height) = (self.width, self.height);
        let mut outside = Self::empty(width, height);
        let mut queue = VecDeque::new();
        let edge = (0..width)
            .flat_map(|x| [(x, 0), (x, height - 1)])
            .chain((0..height).flat_map(|y| [(0, y), (width - 1, y)]));
        for (x, y) in edge {
            if !self.has(x, y) && !outside.has(x, y) {
                outside.cells[y * width + x] = true;
                queue.push_back((x, y));
            }
        }
        while let Some((x, y)) = queue.pop_front() {
            let next = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
            for (x, y) in next {
                if x < width && y < height && !self.has(x, y) && !outside.has(x, y) {
                    outside.cells[y * width + x] = true;
                    queue.push_back((x, y));
                }
            }
        }
        outside.inverse()
    }

    /// Adds a whole rectangle.
    pub(crate) fn add_span(&mut self, span: Span) {
        for y in span.top..span.bottom.min(self.height) {
            let row = y * self.width;
            self.cells[row + span.left..row + span.right.min(self.width)].fill(true);
        }
    }

    /// The set, and every place of `ground` that it reaches by way of others of them (diagonals
    /// connect).
    pub(crate) fn spread_in(&self, ground: &Self) -> Self {
        let (width, height) = (self.width, self.height);
        let mut reached = self.clone();
        let mut queue: VecDeque<usize> =
            (0..self.cells.len()).filter(|place| self.cells[*place]).collect();
        while let Some(place) = queue.pop_front() {
            let (x, y) = (place % width, place / width);
            let columns = x.saturating_sub(1)..(x + 2).min(width);
            let rows = y.saturating_sub(1)..(y + 2).min(height);
            for place in rows.flat_map(|y| columns.clone().map(move |x| y * width + x)) {
                if ground.cells[place] && !reached.cells[place] {
                    reached.cells[place] = true;
                    queue.push_back(place);
                }
            }
        }
        reached
    }

    /// The rectangles around the connected parts (diagonals connect), in rising order.
    pub(crate) fn parts(&self) -> Vec<Span> {
        let (width, height) = (self.width, self.height);
        let mut seen = Self::empty(width, height);
        let mut parts = Vec::new();
        let mut queue = VecDeque::new();
        for start in 0..self.cells.len() {
            if !self.cells[start] || seen.cells[start] {
                continue;
            }
            seen.cells[start] = true;
            queue.push_back((start % width, start / width));
            let mut span = Span { left: width, top: height, right: 0, bottom: 0 };
            while let Some((x, y)) = queue.pop_front() {
                span = span.hull(Span { left: x, top: y, right: x + 1, bottom: y + 1 });
                let columns = x.saturating_sub(1)..(x + 2).min(width);
                let rows = y.saturating_sub(1)..(y + 2).min(height);
                for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))) {
                    if self.has(x, y) && !seen.has(x, y) {
                        seen.cells[y * width + x] = true;
                        queue.push_back((x, y));
                    }
                }
            }
            parts.push(span);
        }
        parts.sort_unstable();
        parts
    }
}

/// Calls `mark` for every place at most `radius` away from a set one, in one line of cells.
fn spread(line: impl ExactSizeIterator<Item = bool>, radius: usize, mut mark: impl FnMut(usize)) {
    let length = line.len();
    let mut done = 0;
    for (at, set) in line.enumerate() {
        if set {
            for place in done.max(at.saturating_sub(radius))..(at + radius + 1).min(length) {
                mark(place);
            }
            done = (at + radius + 1).min(length);
        }
    }
}
