//! How two pictures differ: sample by sample and in structure, in their own planes.
//!
//! Owns the arithmetic: exact integers for differences; structural similarity over windows of 8 by 8
//! samples that overlap by half, as ffmpeg's own filter has it. Refuses pictures of unlike shape, and
//! leaves out what is under the mask.

use cleanplate_types::picture::{PlaneRef, PlanesRef};

use super::kept::PlaneKept;

/// Side of the blocks that the windows of structural similarity are made of.
pub(super) const BLOCK: usize = 4;

/// Sums over one plane of one or more frames.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) samples: u64,
    pub(super) changed: u64,
    pub(super) absolute: u64,
    pub(super) squared: u64,
    pub(super) max: u32,
    pub(super) similarity: f64,
    pub(super) windows: u64,
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        self.changed += other.changed;
        self.absolute += other.absolute;
        self.squared = self.squared.saturating_add(other.squared);
        self.max = self.max.max(other.max);
        self.similarity += other.similarity;
        self.windows += other.windows;
    }

    /// Peak signal to noise in dB; nothing where nothing differs.
    pub(super) fn psnr(&self, depth: u8) -> Option<f64> {
        if self.squared == 0 || self.samples == 0 {
            return None;
        }
        let peak = peak(depth);
        Some(10.0 * (peak * peak * self.samples as f64 / self.squared as f64).log10())
    }

    pub(super) fn ssim(&self) -> Option<f64> {
        (self.windows > 0).then(|| self.similarity / self.windows as f64)
    }
}

fn peak(depth: u8) -> f64 {
    f64::from((1_u32 << depth) - 1)
}

/// Compares the planes of two pictures of equal shape, plane by plane.
pub(super) fn measure(
    one: &PlanesRef<'_>,
    other: &PlanesRef<'_>,
    kept: &[PlaneKept],
    depth: u8,
) -> Vec<Sums> {
    match (one, other) {
        (PlanesRef::Eight(one), PlanesRef::Eight(other)) => each(one, other, kept, depth),
        (PlanesRef::Sixteen(one), PlanesRef::Sixteen(other)) => each(one, other, kept, depth),
        (PlanesRef::Eight(_), PlanesRef::Sixteen(_))
        | (PlanesRef::Sixteen(_), PlanesRef::Eight(_)) => Vec::new(),
    }
}

fn each<S: Copy + PartialEq + Into<u32>>(
    one: &[PlaneRef<'_, S>],
    other: &[PlaneRef<'_, S>],
    kept: &[PlaneKept],
    depth: u8,
) -> Vec<Sums> {
    let planes = one.iter().zip(other).zip(kept);
    planes.map(|((one, other), kept)| plane(one, other, kept, depth)).collect()
}

fn plane<S: Copy + PartialEq + Into<u32>>(
    one: &PlaneRef<'_, S>,
    other: &PlaneRef<'_, S>,
    kept: &PlaneKept,
    depth: u8,
) -> Sums {
    let mut sums = Sums::default();
    for (y, spans) in kept.rows().enumerate() {
        let (one, other) = (row(one, y), row(other, y));
        for span in spans {
            let (one, other) = (&one[span.clone()], &other[span.clone()]);
            sums.samples += one.len() as u64;
            // Equal rows are the rule where nothing was encoded anew.
            if one != other {
                differ(one, other, &mut sums);
            }
        }
    }
    structure(one, other, kept, depth, &mut sums);
    sums
}

fn row<'a, S>(plane: &PlaneRef<'a, S>, y: usize) -> &'a [S] {
    let start = y * plane.stride;
    &plane.samples[start..start + plane.width as usize]
}

fn differ<S: Copy + Into<u32>>(one: &[S], other: &[S], sums: &mut Sums) {
    for (one, other) in one.iter().zip(other) {
        let by = Into::<u32>::into(*one).abs_diff((*other).into());
        sums.changed += u64::from(by != 0);
        sums.absolute += u64::from(by);
        sums.squared += u64::from(by) * u64::from(by);
        sums.max = sums.max.max(by);
    }
}

/// Sums over a block of both pictures: of one, of the other, of all squares, of products.
type Block = [u64; 4];

fn structure<S: Copy + Into<u32>>(
    one: &PlaneRef<'_, S>,
    other: &PlaneRef<'_, S>,
    kept: &PlaneKept,
    depth: u8,
    sums: &mut Sums,
) {
    let across = one.width as usize / BLOCK;
    let down = one.height as usize / BLOCK;
    if across < 2 || down < 2 {
        return;
    }
    let blocks = |place: usize| -> Vec<Option<Block>> {
        let block = |column| kept.block(column, place).then(|| block(one, other, column, place));
        (0..across).map(block).collect()
    };
    let mut above = blocks(0);
    for place in 1..down {
        let below = blocks(place);
        for column in 1..across {
            let four = [above[column - 1], above[column], below[column - 1], below[column]];
            if let [Some(a), Some(b), Some(c), Some(d)] = four {
                let window = std::array::from_fn(|at| a[at] + b[at] + c[at] + d[at]);
                sums.similarity += similarity(window, depth);
                sums.windows += 1;
            }
        }
        above = below;
    }
}

fn block<S: Copy + Into<u32>>(
    one: &PlaneRef<'_, S>,
    other: &PlaneRef<'_, S>,
    column: usize,
    place: usize,
) -> Block {
    let mut sums = Block::default();
    let columns = column * BLOCK..(column + 1) * BLOCK;
    for y in place * BLOCK..(place + 1) * BLOCK {
        let pairs = row(one, y)[columns.clone()].iter().zip(&row(other, y)[columns.clone()]);
        for (one, other) in pairs {
            let (one, other): (u32, u32) = ((*one).into(), (*other).into());
            let (one, other) = (u64::from(one), u64::from(other));
            sums[0] += one;
            sums[1] += other;
            sums[2] += one * one + other * other;
            sums[3] += one * other;
        }
    }
    sums
}

fn similarity(window: Block, depth: u8) -> f64 {
    const COUNT: f64 = (4 * BLOCK * BLOCK) as f64;
    let peak = peak(depth);
    let first = (0.01 * 0.01 * peak * peak * COUNT + 0.5).floor();
    let second = (0.03 * 0.03 * peak * peak * COUNT * (COUNT - 1.0) + 0.5).floor();
    let [one, other, squares, products] = window.map(|sum| sum as f64);
    let spread = squares * COUNT - one * one - other * other;
    let common = products * COUNT - one * other;
    (2.0 * one * other + first) * (2.0 * common + second)
        / ((one * one + other * other + first) * (spread + second))
}

#[cfg(test)]
mod tests {
    use cleanplate_types::picture::{PixelLayout, Rect};

    use super::super::kept::Kept;
    use super::*;

    fn grey(samples: &[u8], width: u32) -> PlanesRef<'_> {
        let height = u32::try_from(samples.len()).unwrap() / width;
        PlanesRef::Eight(vec![PlaneRef { samples, stride: width as usize, width, height }])
    }

    fn layout() -> PixelLayout {
        PixelLayout {
            name: "gray".to_owned(),
            depth: 8,
            planes: 1,
            chroma_shift_x: 0,
            chroma_shift_y: 0,
            full_range: false,
        }
    }

    #[test]
    fn equal_pictures_differ_in_nothing_and_are_wholly_similar() {
        let samples: Vec<u8> = (0..=255).collect();
        let kept = Kept::new(&layout(), (16, 16), &[]);
        let sums = measure(&grey(&samples, 16), &grey(&samples, 16), &kept.planes, 8);
        assert_eq!((sums[0].changed, sums[0].samples, sums[0].windows), (0, 256, 9));
        assert!((sums[0].ssim().unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(sums[0].psnr(8), None);
    }

    #[test]
    fn what_is_under_the_mask_does_not_count() {
        let one: Vec<u8> = vec![100; 256];
        let mut other = one.clone();
        other[17] = 90;
        other[255] = 101;
        let region = Rect { x: 0, y: 0, width: 3, height: 3 };
        let kept = Kept::new(&layout(), (16, 16), &[region.into()]);
        let sums = measure(&grey(&one, 16), &grey(&other, 16), &kept.planes, 8)[0];
        assert_eq!((sums.samples, sums.changed, sums.max), (247, 1, 1));
        assert_eq!((sums.absolute, sums.squared, sums.windows), (1, 1, 8));
        let kept = Kept::new(&layout(), (16, 16), &[]);
        let sums = measure(&grey(&one, 16), &grey(&other, 16), &kept.planes, 8)[0];
        assert_eq!((sums.changed, sums.max, sums.squared), (2, 10, 101));
        let psnr = sums.psnr(8).unwrap();
        assert!((psnr - 10.0 * (255.0_f64.powi(2) * 256.0 / 101.0).log10()).abs() < 1e-9);
    }
}
