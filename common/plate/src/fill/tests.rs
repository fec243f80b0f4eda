//! What must hold of `fill`.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlanesMut, Rect};
use proptest::prelude::*;

use super::{FillError, Filler};

/// A frame of any layout: planes of 16-bit words, narrowed where the layout has 8 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    layout: PixelLayout,
    width: u32,
    height: u32,
    planes: Vec<Vec<u16>>,
}

/// Samples beside each row that belong to nobody.
const PADDING: usize = 3;

impl Frame {
    fn new(
        layout: &PixelLayout,
        (width, height): (u32, u32),
        value: impl Fn(u8, u32, u32) -> u16,
    ) -> Self {
        let value = &value;
        let planes = (0..layout.planes)
            .map(|plane| {
                let (columns, rows) = layout.plane_size(plane, width, height);
                let stride = columns + u32::try_from(PADDING).unwrap();
                (0..rows).flat_map(|y| (0..stride).map(move |x| value(plane, x, y))).collect()
            })
            .collect();
        Self { layout: layout.clone(), width, height, planes }
    }

    fn fill(&mut self, filler: &mut Filler, index: u64) -> Result<super::FillReport, FillError> {
        let sizes: Vec<_> = (0..self.layout.planes)
            .map(|plane| self.layout.plane_size(plane, self.width, self.height))
            .collect();
        if self.layout.depth > 8 {
            let planes = self.planes.iter_mut().zip(&sizes);
            let views = planes.map(|(samples, size)| view(samples, *size)).collect();
            return filler.apply(index, PlanesMut::Sixteen(views));
        }
        let mut bytes: Vec<Vec<u8>> = self
            .planes
            .iter()
            .map(|plane| plane.iter().map(|sample| u8::try_from(*sample).unwrap()).collect())
            .collect();
        let views = bytes.iter_mut().zip(&sizes).map(|(samples, size)| view(samples, *size));
        let report = filler.apply(index, PlanesMut::Eight(views.collect()));
        for (plane, bytes) in self.planes.iter_mut().zip(&bytes) {
            *plane = bytes.iter().map(|sample| u16::from(*sample)).collect();
        }
        report
    }

    fn at(&self, plane: u8, x: u32, y: u32) -> u16 {
        let (columns, _) = self.layout.plane_size(plane, self.width, self.height);
        self.planes[usize::from(plane)][y as usize * (columns as usize + PADDING) + x as usize]
    }
}

fn view<S>(samples: &mut [S], (width, height): (u32, u32)) -> PlaneMut<'_, S> {
    PlaneMut { samples, stride: width as usize + PADDING, width, height }
}

fn layout(depth: u8, planes: u8, chroma_shift_x: u8, chroma_shift_y: u8) -> PixelLayout {
    let name = String::from("test");
    PixelLayout { name, depth, planes, chroma_shift_x, chroma_shift_y, full_range: false }
}

fn grey() -> PixelLayout {
    layout(8, 1, 0, 0)
}

fn overlay(mask: Mask, fill: Fill) -> Overlay {
    let when = vec![FrameRange::new(0, 1000)];
    Overlay { origin: OverlayOrigin::Region, mask, when, fill, hides: true }
}

fn plan((width, height): (u32, u32), rect: Rect, fill: Fill) -> OverlayPlan {
    OverlayPlan::new(width, height, vec![overlay(Mask::full(rect), fill)])
}

fn hash(seed: u64, plane: u8, x: u32, y: u32) -> u64 {
    let mut bits = seed ^ (u64::from(plane) << 60) ^ (u64::from(y) << 30) ^ u64::from(x);
    bits = (bits ^ (bits >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^ (bits >> 32)
}

fn noise(layout: &PixelLayout, size: (u32, u32), seed: u64) -> Frame {
    let top = u64::from(u16::MAX >> (16 - layout.depth));
    Frame::new(layout, size, |plane, x, y| u16::try_from(hash(seed, plane, x, y) & top).unwrap())
}

fn layouts() -> impl Strategy<Value = PixelLayout> {
    let shifts = prop::sample::select(vec![(0, 0), (1, 0), (1, 1), (2, 0), (2, 2)]);
    let depth = prop::sample::select(vec![8, 10, 12]);
    (depth, shifts, any::<bool>(), any::<bool>()).prop_map(|(depth, (x, y), color, full_range)| {
        let planes = if color { 3 } else { 1 };
        PixelLayout { full_range, ..layout(depth, planes, x, y) }
    })
}

/// A plan of some overlays over a picture of that size: overlapping, at the border and beyond it,
/// solid and in shreds.
fn plans((width, height): (u32, u32)) -> impl Strategy<Value = OverlayPlan> {
    let rect = (0..width, 0..height, 1..width + 9, 1..height + 9)
        .prop_map(|(x, y, width, height)| Rect { x, y, width, height });
    let fill = prop::sample::select(vec![Fill::Membrane, Fill::Membrane, Fill::Pixelate]);
    let one = (rect, fill, any::<u64>(), 0_u64..4).prop_map(|(rect, fill, seed, sparse)| {
        let mut mask = Mask::empty(rect);
        for (x, y) in (0..rect.height).flat_map(|y| (0..rect.width).map(move |x| (x, y))) {
            if sparse == 0 || hash(seed, 0, x / 4, y / 3).is_multiple_of(sparse + 1) {
                mask.set(x, y);
            }
        }
        overlay(mask, fill)
    });
    prop::collection::vec(one, 1..5)
        .prop_map(move |overlays| OverlayPlan::new(width, height, overlays))
}

/// Whether the plan covers a sample of a plane: where some luma sample that shares it is masked.
fn is_covered(plan: &OverlayPlan, layout: &PixelLayout, plane: u8, x: u32, y: u32) -> bool {
    let (across, down) =
        if plane == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
    let columns = x << across..((x + 1) << across).min(plan.width);
    let rows = y << down..((y + 1) << down).min(plan.height);
    rows.flat_map(|y| columns.clone().map(move |x| (x, y))).any(|(x, y)| {
        plan.overlays.iter().any(|overlay| {
            let bounds = overlay.mask.bounds;
            x >= bounds.x && y >= bounds.y && overlay.mask.covers(x - bounds.x, y - bounds.y)
        })
    })
}

fn cases() -> impl Strategy<Value = (PixelLayout, (u32, u32), OverlayPlan, u64)> {
    let size = (1_u32..70, 1_u32..50);
    (layouts(), size, any::<u64>()).prop_flat_map(|(layout, size, seed)| {
        plans(size).prop_map(move |plan| (layout.clone(), size, plan, seed))
    })
}

proptest! {
    #[test]
    fn no_sample_outside_the_mask_changes((layout, size, plan, seed) in cases()) {
        let before = noise(&layout, size, seed);
        let mut after = before.clone();
        let report = after.fill(&mut Filler::new(&layout, &plan), seed % 1000).unwrap();
        let mut changed = 0;
        for plane in 0..layout.planes {
            let (columns, rows) = layout.plane_size(plane, size.0, size.1);
            let stride = columns + u32::try_from(PADDING).unwrap();
            for (x, y) in (0..rows).flat_map(|y| (0..stride).map(move |x| (x, y))) {
                let is_same = before.at(plane, x, y) == after.at(plane, x, y);
                changed += u64::from(!is_same);
                let may_change = x < columns && is_covered(&plan, &layout, plane, x, y);
                prop_assert!(is_same || may_change, "plane {plane} at {x},{y}");
                prop_assert!(after.at(plane, x, y) <= u16::MAX >> (16 - layout.depth));
            }
        }
        prop_assert_eq!(report.samples_changed, changed);
    }

    #[test]
    fn what_is_under_the_mask_does_not_matter((layout, size, plan, seed) in cases()) {
        let filler = || Filler::new(&layout, &plan);
        prop_assume!(plan.overlays.iter().all(|overlay| overlay.fill == Fill::Membrane));
        let mut one = noise(&layout, size, seed);
        let mut other = one.clone();
        for plane in 0..layout.planes {
            let (columns, rows) = layout.plane_size(plane, size.0, size.1);
            for (x, y) in (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))) {
                if is_covered(&plan, &layout, plane, x, y) {
                    let place = y as usize * (columns as usize + PADDING) + x as usize;
                    other.planes[usize::from(plane)][place] ^= 1;
                }
            }
        }
        one.fill(&mut filler(), 5).unwrap();
        other.fill(&mut filler(), 5).unwrap();
        prop_assert_eq!(one, other);
    }

    #[test]
    fn a_frame_depends_on_its_index_and_samples_alone((layout, size, plan, seed) in cases()) {
        let mut alone = noise(&layout, size, seed);
        let mut among = alone.clone();
        alone.fill(&mut Filler::new(&layout, &plan), 42).unwrap();
        let mut filler = Filler::new(&layout, &plan);
        for index in [7, 900, 41, 1001] {
            noise(&layout, size, seed ^ index).fill(&mut filler, index).unwrap();
        }
        among.fill(&mut filler, 42).unwrap();
        prop_assert_eq!(alone, among);
    }

    #[test]
    fn a_slope_goes_on_through_holes_of_every_size(
        size in (1_u32..150, 1_u32..100),
        slope in (-3_i32..4, -3_i32..4),
    ) {
        // 16 codes of 12 bits are one of 8.
        let errors = slope_errors(size, slope);
        prop_assert!(errors.iter().all(|error| *error <= 16), "{:?}", errors.iter().max());
    }
}

/// How far the fill of a hole in a slope of so many codes a sample is off, for each sample.
fn slope_errors((width, height): (u32, u32), (across, down): (i32, i32)) -> Vec<u16> {
    let size = (width + 40, height + 40);
    let rect = Rect { x: 20, y: 20, width, height };
    let layout = layout(12, 1, 0, 0);
    let slope = Frame::new(&layout, size, |_, x, y| {
        let (x, y) = (i32::try_from(x).unwrap() * across, i32::try_from(y).unwrap() * down);
        u16::try_from(2048 + x + y).unwrap()
    });
    let mut holed = slope.clone();
    holed.fill(&mut Filler::new(&layout, &plan(size, rect, Fill::Membrane)), 0).unwrap();
    let places = (20..20 + height).flat_map(|y| (20..20 + width).map(move |x| (x, y)));
    places.map(|(x, y)| holed.at(0, x, y).abs_diff(slope.at(0, x, y))).collect()
}

#[test]
fn walls_of_coarse_grids_stay_where_they_are() {
    // Walls that move with the grids double this.
    let sizes = [(28, 29), (64, 36), (101, 50), (145, 85), (145, 99)];
    let errors: Vec<u16> = sizes.iter().flat_map(|size| slope_errors(*size, (3, 3))).collect();
    let sum: u64 = errors.iter().map(|error| u64::from(*error)).sum();
    let mean = sum as f64 / errors.len() as f64;
    assert!(mean < 3.0, "{mean} codes of 12 bits off");
}

#[test]
fn even_surroundings_give_an_even_fill() {
    for layout in [layout(8, 3, 1, 1), layout(10, 3, 1, 0), layout(10, 3, 0, 0), grey()] {
        let even = Frame::new(&layout, (101, 67), |plane, _, _| 60 + u16::from(plane) * 40);
        let mut filled = even.clone();
        let rect = Rect { x: 70, y: 5, width: 60, height: 40 };
        let report = filled
            .fill(&mut Filler::new(&layout, &plan((101, 67), rect, Fill::Membrane)), 3)
            .unwrap();
        assert_eq!(filled, even);
        assert_eq!((report.overlays_applied, report.samples_changed), (1, 0));
    }
}

#[test]
fn a_covered_picture_becomes_grey() {
    let mut frame = noise(&layout(10, 3, 1, 1), (31, 17), 5);
    let rect = Rect { x: 0, y: 0, width: 31, height: 17 };
    let plan = plan((31, 17), rect, Fill::Membrane);
    frame.fill(&mut Filler::new(&frame.layout.clone(), &plan), 0).unwrap();
    for plane in 0..3 {
        assert_eq!(frame.at(plane, 3, 3), 512, "plane {plane}");
    }
}

/// Deviation of the differences between neighbours in a row, over the square root of 2.
fn roughness(frame: &Frame, rect: Rect) -> f64 {
    let columns = rect.x + 1..rect.right();
    let places = (rect.y..rect.bottom()).flat_map(|y| columns.clone().map(move |x| (x, y)));
    let squares: Vec<f64> = places
        .map(|(x, y)| f64::from(frame.at(0, x, y)) - f64::from(frame.at(0, x - 1, y)))
        .map(|step| step * step / 2.0)
        .collect();
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
}

#[test]
fn a_fill_is_as_grainy_as_its_surroundings() {
    let (size, rect) = ((120, 90), Rect { x: 40, y: 30, width: 40, height: 30 });
    for amplitude in [0_u64, 2, 4, 8, 14] {
        let mut frame = Frame::new(&grey(), size, |_, x, y| {
            let draws = (0..4).map(|draw| hash(draw << 50, 0, x, y) % (amplitude + 1)).sum::<u64>();
            u16::try_from(100 + draws).unwrap()
        });
        let around = roughness(&frame, Rect { x: 0, y: 0, width: 120, height: 28 });
        frame.fill(&mut Filler::new(&grey(), &plan(size, rect, Fill::Membrane)), 9).unwrap();
        let inside = roughness(&frame, rect);
        if amplitude == 0 {
            assert!(inside < 0.1, "no grain is made up: {inside}");
        } else {
            let around = around.min(6.0);
            assert!((0.7..1.3).contains(&(inside / around)), "{inside} where it is {around}");
        }
    }
}

#[test]
fn grain_differs_from_frame_to_frame() {
    let (size, rect) = ((120, 90), Rect { x: 40, y: 30, width: 40, height: 30 });
    let frame = Frame::new(&grey(), size, |_, x, y| {
        u16::try_from(100 + hash(1, 0, x, y) % 9 + hash(1 << 50, 0, x, y) % 9).unwrap()
    });
    let mut filler = Filler::new(&grey(), &plan(size, rect, Fill::Membrane));
    let (mut one, mut two) = (frame.clone(), frame);
    one.fill(&mut filler, 1).unwrap();
    two.fill(&mut filler, 2).unwrap();
    assert_ne!(one, two);
}

#[test]
fn pixelated_blocks_show_one_value_each() {
    let rect = Rect { x: 6, y: 9, width: 48, height: 36 };
    let mut frame = noise(&grey(), (80, 60), 3);
    frame.fill(&mut Filler::new(&grey(), &plan((80, 60), rect, Fill::Pixelate)), 0).unwrap();
    for (x, y) in (0..36).flat_map(|y| (0..48).map(move |x| (x, y))) {
        let block = frame.at(0, 6 + x / 12 * 12, 9 + y / 12 * 12);
        assert_eq!(frame.at(0, 6 + x, 9 + y), block, "at {x},{y}");
    }
}

#[test]
fn frames_that_do_not_show_the_overlay_are_left_alone() {
    let mut plan = plan((40, 30), Rect { x: 4, y: 4, width: 9, height: 9 }, Fill::Membrane);
    plan.overlays[0].when = vec![FrameRange::new(10, 20), FrameRange::new(30, 31)];
    let mut filler = Filler::new(&grey(), &plan);
    for index in [0, 9, 10, 19, 20, 30, 31] {
        let before = noise(&grey(), (40, 30), index);
        let mut after = before.clone();
        let report = after.fill(&mut filler, index).unwrap();
        let is_shown = [10, 19, 30].contains(&index);
        assert_eq!(filler.touches(index), is_shown, "frame {index}");
        assert_eq!(report.overlays_applied, u32::from(is_shown), "frame {index}");
        assert_eq!(before != after, is_shown, "frame {index}");
    }
}

#[test]
fn a_frame_of_another_size_is_refused_untouched() {
    let plan = plan((40, 30), Rect { x: 4, y: 4, width: 9, height: 9 }, Fill::Membrane);
    let mut frame = noise(&grey(), (40, 31), 0);
    let before = frame.clone();
    let refused = frame.fill(&mut Filler::new(&grey(), &plan), 0);
    let (found, expected) = ((40, 31), (40, 30));
    assert_eq!(refused, Err(FillError::OtherSize { index: 0, plane: 0, found, expected }));
    assert_eq!(frame, before);
    let mut frame = noise(&grey(), (40, 30), 0);
    let three = layout(8, 3, 1, 1);
    let refused = frame.fill(&mut Filler::new(&three, &plan), 7);
    assert_eq!(refused, Err(FillError::OtherPlanes { index: 7, found: 1, expected: 3 }));
}
