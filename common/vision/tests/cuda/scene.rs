//! Pictures drawn by seed, of every layout, with rows that are longer than what they show; on the CPU and
//! on a card.

use std::sync::Arc;

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef, Rect};
use cleanplate_vision::cuda::{CudaError, Device, DevicePicture, Packing};

/// Numbers from a seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        let count = u64::from(high - low) + 1;
        low + u32::try_from(self.next() % count).unwrap_or(0)
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let last = u32::try_from(all.len() - 1).unwrap_or(0);
        all[self.between(0, last) as usize]
    }

    /// A rectangle in a picture, at least `least` samples each way.
    pub(crate) fn rect(&mut self, (width, height): (u32, u32), least: u32) -> Rect {
        let (wide, high) = (self.between(least, width), self.between(least, height));
        let (x, y) = (self.between(0, width - wide), self.between(0, height - high));
        Rect { x, y, width: wide, height: high }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Samples {
    Eight(Vec<Vec<u8>>),
    Sixteen(Vec<Vec<u16>>),
}

/// A picture on the CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scene {
    pub(crate) layout: PixelLayout,
    pub(crate) size: (u32, u32),
    /// Samples in a row of each plane, with those that are not shown.
    strides: Vec<usize>,
    pub(crate) samples: Samples,
}

impl Scene {
    /// A picture of any layout, of 20 samples each way or more.
    pub(crate) fn any(random: &mut Random, depths: &[u8]) -> Self {
        let shifts = random.one_of(&[(1, 1), (1, 1), (1, 0), (0, 0)]);
        let layout = PixelLayout {
            name: "test".to_owned(),
            depth: random.one_of(depths),
            planes: random.one_of(&[3, 3, 3, 1]),
            chroma_shift_x: shifts.0,
            chroma_shift_y: shifts.1,
            full_range: random.one_of(&[false, true]),
        };
        let size = (random.between(20, 150), random.between(20, 110));
        Self::of(random, layout, size)
    }

    /// Slopes, a few edges and noise.
    pub(crate) fn of(random: &mut Random, layout: PixelLayout, size: (u32, u32)) -> Self {
        let top = (1_u32 << layout.depth) - 1;
        let code = 1_u32 << (layout.depth - 8);
        let mut strides = Vec::new();
        let mut planes: Vec<Vec<u16>> = Vec::new();
        for number in 0..layout.planes {
            let (width, height) = layout.plane_size(number, size.0, size.1);
            let stride = width + random.between(0, 9);
            let (base, across, down) =
                (random.between(40, 140) * code, random.between(0, 90), random.between(0, 90));
            let grain = random.one_of(&[0, 1, 6, 20]) * code;
            let edge = random.between(0, width);
            let jump = random.between(0, 40) * code;
            let mut samples = Vec::new();
            for (x, y) in (0..height).flat_map(|y| (0..stride).map(move |x| (x, y))) {
                let slope = (x * across / width + y * down / height) * code / 2;
                let value = base + slope + if x > edge { jump } else { 0 };
                let value = value + random.between(0, grain);
                samples.push(u16::try_from(value.min(top)).unwrap_or(0));
            }
            planes.push(samples);
            strides.push(stride as usize);
        }
        let samples = if layout.depth == 8 {
            let narrow = |plane: Vec<u16>| plane.iter().map(|code| (code & 255) as u8).collect();
            Samples::Eight(planes.into_iter().map(narrow).collect())
        } else {
            Samples::Sixteen(planes)
        };
        Self { layout, size, strides, samples }
    }

    /// Width, height and stride of each plane.
    fn shapes(&self) -> Vec<(u32, u32, usize)> {
        let of = |(number, stride): (u8, &usize)| {
            let (width, height) = self.layout.plane_size(number, self.size.0, self.size.1);
            (width, height, *stride)
        };
        (0..).zip(&self.strides).map(of).collect()
    }

    pub(crate) fn refs(&self) -> PlanesRef<'_> {
        let shapes = self.shapes();
        fn all<S>(planes: &[Vec<S>], shapes: Vec<(u32, u32, usize)>) -> Vec<PlaneRef<'_, S>> {
            let of =
                |(samples, (width, height, stride))| PlaneRef { samples, stride, width, height };
            planes.iter().map(Vec::as_slice).zip(shapes).map(of).collect()
        }
        match &self.samples {
            Samples::Eight(planes) => PlanesRef::Eight(all(planes, shapes)),
            Samples::Sixteen(planes) => PlanesRef::Sixteen(all(planes, shapes)),
        }
    }

    pub(crate) fn muts(&mut self) -> PlanesMut<'_> {
        let shapes = self.shapes();
        fn all<S>(planes: &mut [Vec<S>], shapes: Vec<(u32, u32, usize)>) -> Vec<PlaneMut<'_, S>> {
            let of =
                |(samples, (width, height, stride))| PlaneMut { samples, stride, width, height };
            planes.iter_mut().map(Vec::as_mut_slice).zip(shapes).map(of).collect()
        }
        match &mut self.samples {
            Samples::Eight(planes) => PlanesMut::Eight(all(planes, shapes)),
            Samples::Sixteen(planes) => PlanesMut::Sixteen(all(planes, shapes)),
        }
    }

    /// The code of a sample.
    pub(crate) fn code(&self, plane: u8, x: u32, y: u32) -> u32 {
        let plane = usize::from(plane);
        let at = y as usize * self.strides[plane] + x as usize;
        match &self.samples {
            Samples::Eight(planes) => planes[plane][at].into(),
            Samples::Sixteen(planes) => planes[plane][at].into(),
        }
    }

    /// Replaces a sample.
    pub(crate) fn set(&mut self, plane: u8, (x, y): (u32, u32), code: u32) {
        let plane = usize::from(plane);
        let at = y as usize * self.strides[plane] + x as usize;
        match &mut self.samples {
            Samples::Eight(planes) => planes[plane][at] = u8::try_from(code).unwrap_or(255),
            Samples::Sixteen(planes) => planes[plane][at] = u16::try_from(code).unwrap_or(0),
        }
    }

    /// The picture on a card.
    pub(crate) fn on_card(
        &self,
        device: &Arc<Device>,
        packing: Packing,
    ) -> Result<DevicePicture, CudaError> {
        let mut planar = DevicePicture::new(device, &self.layout, self.size, Packing::Planar)?;
        planar.upload(&self.refs())?;
        if packing == Packing::Planar {
            return Ok(planar);
        }
        let packed = DevicePicture::new(device, &self.layout, self.size, packing)?;
        planar.copy_into(&packed, None)?;
        Ok(packed)
    }

    /// This picture with the samples that a picture on a card holds.
    pub(crate) fn back(
        &self,
        device: &Arc<Device>,
        picture: &DevicePicture,
    ) -> Result<Self, CudaError> {
        let planar = DevicePicture::new(device, &self.layout, self.size, Packing::Planar)?;
        picture.copy_into(&planar, None)?;
        let mut back = self.clone();
        planar.download(&mut back.muts())?;
        Ok(back)
    }

    /// The first sample, row by row, that is another in `other`.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        for (number, (width, height, _)) in (0..).zip(self.shapes()) {
            for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
                let (one, two) = (self.code(number, x, y), other.code(number, x, y));
                if one != two {
                    let what = format!("{:?} of {}x{}", self.layout, self.size.0, self.size.1);
                    return Some(format!("{what}: plane {number} at {x},{y} is {two}, not {one}"));
                }
            }
        }
        (self.samples != other.samples).then(|| "a sample that is not shown differs".to_owned())
    }

    /// A plan for one overlay in every frame.
    pub(crate) fn plan(&self, mask: &Mask, fill: Fill) -> OverlayPlan {
        let overlay = Overlay {
            origin: OverlayOrigin::Region,
            mask: mask.clone(),
            when: vec![FrameRange::new(0, u64::MAX)],
            fill,
            hides: false,
        };
        OverlayPlan::new(self.size.0, self.size.1, vec![overlay])
    }
}

/// A mask in a picture: a rectangle, an ellipse, or a ring.
pub(crate) fn mask(random: &mut Random, size: (u32, u32), least: u32) -> Mask {
    let bounds = random.rect(size, least);
    let inner = match random.between(0, 2) {
        0 => return Mask::full(bounds),
        1 => 0.0,
        _ => 0.55,
    };
    let mut mask = Mask::empty(bounds);
    let half = |length: u32| f64::from(length) / 2.0;
    for (x, y) in (0..bounds.height).flat_map(|y| (0..bounds.width).map(move |x| (x, y))) {
        let off = |at: u32, length: u32| (f64::from(at) + 0.5 - half(length)) / half(length);
        let far = off(x, bounds.width).hypot(off(y, bounds.height));
        if far <= 1.0 && far >= inner {
            mask.set(x, y);
        }
    }
    mask
}

/// How the samples of a picture lie on the card this time.
pub(crate) fn packing(random: &mut Random) -> Packing {
    random.one_of(&[Packing::Planar, Packing::Interleaved])
}
