//! Which samples are compared: all but those under the mask.
//!
//! Owns the geometry of masks on planes. A chroma sample is left out where any luma sample that shares it
//! is: filling one changes the other. Refuses masks drawn for another size.

use std::ops::Range;

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::{PixelLayout, Rect};
use cleanplate_types::request::{Region, UserMask};
use cleanplate_types::time::{Pts, Timebase};

use super::measure::BLOCK;

/// A shape whose samples are not compared.
#[derive(Debug, Clone)]
pub(super) enum Shape<'a> {
    Rect(Rect),
    Mask(&'a Mask),
}

impl From<Rect> for Shape<'_> {
    fn from(rect: Rect) -> Self {
        Self::Rect(rect)
    }
}

impl Shape<'_> {
    const fn bounds(&self) -> Rect {
        match self {
            Self::Rect(rect) => *rect,
            Self::Mask(mask) => mask.bounds,
        }
    }

    /// Its luma samples that are in a picture of `width` by `height`.
    fn samples(&self, (width, height): (u32, u32)) -> impl Iterator<Item = (u32, u32)> {
        let bounds = self.bounds();
        let rows = bounds.y..bounds.bottom().min(height);
        let all =
            rows.flat_map(move |y| (bounds.x..bounds.right().min(width)).map(move |x| (x, y)));
        all.filter(move |(x, y)| match self {
            Self::Rect(_) => true,
            Self::Mask(mask) => mask.covers(x - bounds.x, y - bounds.y),
        })
    }
}

/// The compared samples of one plane.
#[derive(Debug, Clone)]
pub(super) struct PlaneKept {
    rows: Vec<Vec<Range<usize>>>,
    /// Whether the whole block is compared, row of blocks by row of blocks.
    blocks: Vec<bool>,
    across: usize,
}

impl PlaneKept {
    /// The compared stretches of each row.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[Range<usize>]> {
        self.rows.iter().map(Vec::as_slice)
    }

    pub(super) fn block(&self, column: usize, row: usize) -> bool {
        self.blocks.get(row * self.across + column).copied().unwrap_or(false)
    }

    fn of(covered: &[bool], width: usize) -> Self {
        let rows: Vec<_> = covered.chunks(width.max(1)).map(spans).collect();
        let across = width / BLOCK;
        let mut blocks = vec![true; across * (rows.len() / BLOCK)];
        for (place, _) in covered.iter().enumerate().filter(|(_, covered)| **covered) {
            let (x, y) = (place % width / BLOCK, place / width / BLOCK);
            if x < across
                && let Some(block) = blocks.get_mut(y * across + x)
            {
                *block = false;
            }
        }
        Self { rows, blocks, across }
    }
}

fn spans(row: &[bool]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut start = None;
    for (x, covered) in row.iter().chain([&true]).enumerate() {
        match (covered, start) {
            (false, None) => start = Some(x),
            (true, Some(from)) => {
                spans.push(from..x);
                start = None;
            }
            (false, Some(_)) | (true, None) => {}
        }
    }
    spans
}

/// The compared samples of all planes.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) planes: Vec<PlaneKept>,
}

impl Kept {
    /// All samples but those under `shapes`, which may reach beyond the picture.
    pub(super) fn new(
        layout: &PixelLayout,
        (width, height): (u32, u32),
        shapes: &[Shape<'_>],
    ) -> Self {
        let plane = |plane: u8| {
            let (across, down) = layout.plane_size(plane, width, height);
            let mut covered = vec![false; across as usize * down as usize];
            let (shift_x, shift_y) =
                if plane == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
            for shape in shapes {
                for (x, y) in shape.samples((width, height)) {
                    let row = (y >> shift_y) as usize * across as usize;
                    covered[row + (x >> shift_x) as usize] = true;
                }
            }
            PlaneKept::of(&covered, across as usize)
        };
        Self { planes: (0..layout.planes).map(plane).collect() }
    }
}

/// What is left out at each time; the last answer is kept, since it rarely changes.
#[derive(Debug)]
pub(super) struct Excluded<'a> {
    masks: &'a [UserMask],
    regions: &'a [Region],
    layout: &'a PixelLayout,
    size: (u32, u32),
    /// When the first frame is shown: people count from there.
    first: Pts,
    last: Option<(Vec<bool>, Kept)>,
}

impl<'a> Excluded<'a> {
    /// # Errors
    /// In words, where a mask was drawn for another size, or a region reaches beyond the picture.
    pub(super) fn new(
        masks: &'a [UserMask],
        regions: &'a [Region],
        (layout, size): (&'a PixelLayout, (u32, u32)),
        first: Pts,
    ) -> Result<Self, String> {
        fit(masks, regions, size)?;
        Ok(Self { masks, regions, layout, size, first, last: None })
    }

    /// What is compared of the frame at `pts`.
    pub(super) fn kept(&mut self, pts: Pts, clock: Timebase) -> &Kept {
        let ticks = i128::from(pts.0) - i128::from(self.first.0);
        let starts_before = |nanos: u64| {
            ticks * i128::from(clock.num()) * 1_000_000_000
                < i128::from(nanos) * i128::from(clock.den())
        };
        let is_active = |region: &Region| {
            region
                .when
                .is_none_or(|when| !starts_before(when.from_nanos) && starts_before(when.to_nanos))
        };
        let active: Vec<bool> = self.regions.iter().map(is_active).collect();
        let kept = match self.last.take() {
            Some((before, kept)) if before == active => kept,
            _ => {
                let now = self.regions.iter().zip(&active).filter(|(_, active)| **active);
                let regions = now.map(|(region, _)| Shape::Rect(region.rect));
                let masks = self.masks.iter().map(|mask| Shape::Mask(&mask.mask));
                Kept::new(self.layout, self.size, &regions.chain(masks).collect::<Vec<_>>())
            }
        };
        &self.last.insert((active, kept)).1
    }
}

/// Whether masks and regions are of the picture's size.
///
/// # Errors
/// In words, where a mask was drawn for another size, or a region reaches beyond the picture.
pub(super) fn fit(masks: &[UserMask], regions: &[Region], size: (u32, u32)) -> Result<(), String> {
    if let Some(mask) = masks.iter().find(|mask| (mask.width, mask.height) != size) {
        return Err(format!(
            "the mask is of {}x{}, the picture of {}x{}",
            mask.width, mask.height, size.0, size.1
        ));
    }
    let (width, height) = size;
    let ends = |from: u32, length: u32| u64::from(from) + u64::from(length);
    let beyond = |rect: &Rect| {
        ends(rect.x, rect.width) > width.into() || ends(rect.y, rect.height) > height.into()
    };
    if let Some(rect) = regions.iter().map(|region| region.rect).find(beyond) {
        let Rect { x, y, width: across, height: down } = rect;
        return Err(format!(
            "the region {x},{y},{across},{down} reaches beyond the picture, which is {width}x{height}; keep \
             x + width within {width} and y + height within {height}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cleanplate_types::request::TimeSpan;

    use super::*;

    fn layout() -> PixelLayout {
        PixelLayout {
            name: "yuv420p".to_owned(),
            depth: 8,
            planes: 3,
            chroma_shift_x: 1,
            chroma_shift_y: 1,
            full_range: false,
        }
    }

    #[test]
    fn chroma_is_left_out_where_any_of_its_luma_is() {
        let rect = Rect { x: 1, y: 1, width: 1, height: 2 };
        let kept = Kept::new(&layout(), (6, 4), &[rect.into()]);
        let rows = |plane: usize| {
            let rows = kept.planes[plane].rows();
            rows.map(|row| row.iter().flat_map(Clone::clone).collect()).collect::<Vec<Vec<_>>>()
        };
        let all = vec![0, 1, 2, 3, 4, 5];
        assert_eq!(rows(0), [all.clone(), vec![0, 2, 3, 4, 5], vec![0, 2, 3, 4, 5], all]);
        assert_eq!(rows(1), [[1, 2], [1, 2]]);
    }

    #[test]
    fn a_region_that_reaches_beyond_the_picture_is_refused_with_its_size() {
        let region = |x, width| Region { rect: Rect { x, y: 0, width, height: 4 }, when: None };
        assert_eq!(fit(&[], &[region(2, 4)], (6, 4)), Ok(()));
        for beyond in [region(2, 5), region(600, 1), region(u32::MAX, u32::MAX)] {
            let said = fit(&[], &[beyond], (6, 4)).unwrap_err();
            assert!(said.contains("reaches beyond") && said.contains("6x4"), "{said}");
        }
    }

    #[test]
    fn a_region_with_a_time_counts_only_then() {
        let when = Some(TimeSpan { from_nanos: 1_000_000_000, to_nanos: 2_000_000_000 });
        let rect = Rect { x: 0, y: 0, width: 6, height: 4 };
        let (regions, layout) = ([Region { rect, when }], layout());
        let excluded = Excluded::new(&[], &regions, (&layout, (6, 4)), Pts(10));
        let mut excluded = excluded.unwrap();
        let clock = Timebase::new(1, 25).unwrap();
        let mut count =
            |pts: i64| excluded.kept(Pts(pts + 10), clock).planes[0].rows().flatten().count();
        assert_eq!([count(24), count(25), count(49), count(50)], [4, 0, 0, 4]);
    }
}
