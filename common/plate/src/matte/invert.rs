//! Takes an overlay off one frame: how strongly it shows, the blend solved for the background, the
//! noise that this amplifies held down, and a check that nothing of the overlay is left.
//!
//! Owns the decision, sample by sample, whether the result can be believed; what cannot is left as it
//! was and named. Looks at nothing but the frame that it is given.

use cleanplate_types::picture::{PlaneMut, PlanesMut, Rect};

use super::crops::plane_rect;
use super::denoise::Denoiser;
use super::edges::Edges;
use super::{ALPHA_ONE, Class, Matte, PAINT_ONE};
use crate::piece::Piece;
use crate::sample::Sample;

/// Fixed point of strength: this much is the matte as it is.
pub const STRENGTH_ONE: u8 = 64;
/// Samples that hide more than this of the background are not inverted.
pub(super) const ALPHA_MAX: f32 = 0.88;
/// Samples of 8 bits that hide less than this are not touched: inverting would change them by less than
/// rounding. Finer samples are touched from as much less on.
pub(super) const ALPHA_MIN: f32 = 0.004;
/// Samples that hide at least this show the overlay's own colour, but for so many 8-bit codes, wherever it
/// shows at full strength: it does where such a share of them do, and does not where so few do. Fewer of
/// them than the last prove nothing.
const ALPHA_OPAQUE: f32 = 0.97;
const ALIKE: f32 = 16.0;
const SHOWN_MIN: f32 = 0.9;
const HIDDEN_MAX: f32 = 0.25;
const OPAQUE_MIN: usize = 64;
/// Most of them that are looked at.
const OPAQUE_MAX: usize = 1024;
/// How far, in 8-bit codes, noise may carry a restored sample beyond black or white.
const BEYOND: f32 = 12.0;
const BLACKEST: f32 = -BEYOND;
/// No colour has a code above this, in 8-bit codes.
const WHITEST: f32 = 255.0;
/// Samples that are trusted less than this are not inverted.
const TRUST_MIN: u8 = 128;

/// Where a sample of a restored frame comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The frame: the overlay does not reach it.
    Untouched,
    /// The frame, with the overlay taken off.
    Inverted,
    /// Nothing yet: it must be fetched from another frame, or made up.
    Left,
}

/// What was done to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inversion {
    /// How strongly the overlay shows, in parts of [`STRENGTH_ONE`]; 0 where it does not.
    pub strength: u8,
    /// Number of samples, of all planes, that were inverted.
    pub inverted: u64,
    /// Number of samples, of all planes, that the overlay covers and inversion cannot restore.
    pub left: u64,
}

/// A frame that the matte does not speak of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvertError {
    /// The frame has other planes than the matte's layout.
    #[error("plane {plane} of frame {index} does not hold the samples that the matte speaks of")]
    OtherPicture {
        /// The frame.
        index: u64,
        /// The first plane that does not fit.
        plane: usize,
    },
    /// The matte is not one that can be worked with.
    #[error("the matte is damaged: {0}")]
    Damaged(&'static str),
}

/// Takes one overlay off frames. Holds work space in proportion to the matte: eight numbers for each of
/// its samples.
#[derive(Debug)]
pub struct Inverter {
    matte: Matte,
    unit: f32,
    /// Those of each plane, of luma first.
    edges: Vec<Edges>,
    /// Samples of each plane that hide all, and what they show.
    opaque: Vec<Vec<(usize, f32)>>,
    planes: Vec<Ready>,
}

/// One plane, prepared.
#[derive(Debug)]
struct Ready {
    rect: Rect,
    alpha: Vec<f32>,
    paint: Vec<f32>,
    /// What can be inverted at full strength.
    plan: Vec<Origin>,
    origins: Vec<Origin>,
    /// `restored = gain * seen - offset`, at the strength that they were made for.
    strength: u8,
    gain: Vec<f32>,
    offset: Vec<f32>,
    seen: Vec<f32>,
    restored: Vec<f32>,
    denoiser: Denoiser,
}

impl Inverter {
    /// An inverter for one matte.
    ///
    /// # Errors
    /// [`InvertError::Damaged`] where the parts of the matte do not fit each other.
    pub fn new(matte: &Matte) -> Result<Self, InvertError> {
        matte.check().map_err(InvertError::Damaged)?;
        let unit = f32::from(1_u16 << (matte.layout.depth - 8));
        let planes: Vec<Ready> =
            (0..matte.layout.planes).map(|plane| Ready::new(matte, plane, unit)).collect();
        let edges =
            |plane: &Ready| Edges::new(plane.rect.width as usize, &plane.alpha, &plane.paint);
        let edges = planes.iter().map(edges).collect();
        let opaque = (0..).zip(&planes).map(|(at, plane)| plane.opaque(matte, at)).collect();
        Ok(Self { matte: matte.clone(), unit, edges, opaque, planes })
    }

    /// Takes the overlay off the frame at `index`, where it shows.
    ///
    /// # Errors
    /// [`InvertError`] where the frame does not fit the matte; no sample is changed then.
    pub fn apply(&mut self, index: u64, planes: PlanesMut<'_>) -> Result<Inversion, InvertError> {
        match planes {
            PlanesMut::Eight(mut planes) => self.take_off(index, &mut planes),
            PlanesMut::Sixteen(mut planes) => self.take_off(index, &mut planes),
        }
    }

    /// Leaves alone what lies outside a set of samples: one set for each plane.
    pub(crate) fn keep_within(&mut self, sets: &[Piece]) {
        for (ready, set) in self.planes.iter_mut().zip(sets) {
            let (left, top) = (ready.rect.x as usize, ready.rect.y as usize);
            let rows = ready.plan.chunks_exact_mut(ready.rect.width as usize);
            for (y, row) in (top..).zip(rows) {
                for (x, origin) in (left..).zip(row) {
                    if !set.has(x, y) {
                        *origin = Origin::Untouched;
                    }
                }
            }
        }
    }

    /// The matte.
    pub(crate) const fn matte(&self) -> &Matte {
        &self.matte
    }

    /// How strongly the overlay shows in a frame, which is left as it is.
    pub(crate) fn strength<S: Sample>(
        &mut self,
        index: u64,
        planes: &[PlaneMut<'_, S>],
    ) -> Result<u8, InvertError> {
        if planes.is_empty() {
            return Err(InvertError::OtherPicture { index, plane: 0 });
        }
        self.load(index, planes)?;
        Ok(self.judged())
    }

    /// Copies the samples of a frame in.
    fn load<S: Sample>(
        &mut self,
        index: u64,
        planes: &[PlaneMut<'_, S>],
    ) -> Result<(), InvertError> {
        for (at, ready) in self.planes.iter_mut().enumerate() {
            let other = InvertError::OtherPicture { index, plane: at };
            let loaded = planes.get(at).and_then(|plane| ready.load(plane, 1.0 / self.unit));
            loaded.ok_or(other)?;
        }
        Ok(())
    }

    /// How strongly the overlay shows in the samples at hand.
    ///
    /// Where what is there has the grey of an opaque overlay, its colour tells the two apart.
    fn judged(&self) -> u8 {
        let seen = &self.planes[0].seen;
        let Some(share) = self.share(0) else { return self.edges[0].strength(seen) };
        if share > HIDDEN_MAX {
            let hidden = |at: &usize| self.share(*at).is_some_and(|share| share <= HIDDEN_MAX);
            let told = |at: usize| self.edges[at].strength_where(&self.planes[at].seen, false);
            if let Some(told) = (1..self.planes.len()).filter(hidden).map(told).max() {
                return told;
            }
        }
        if share >= SHOWN_MIN {
            STRENGTH_ONE
        } else {
            self.edges[0].strength_where(seen, share > HIDDEN_MAX)
        }
    }

    /// The share of the samples of a plane that hide all which show the overlay's own value; nothing where
    /// they are too few.
    fn share(&self, plane: usize) -> Option<f32> {
        let (opaque, seen) = (&self.opaque[plane], &self.planes[plane].seen);
        let alike = |(at, paint): &&(usize, f32)| (seen[*at] - paint).abs() <= ALIKE;
        let count = opaque.iter().filter(alike).count();
        (opaque.len() >= OPAQUE_MIN).then(|| count as f32 / opaque.len() as f32)
    }

    /// Where the samples of `plane` come from, row by row in [`Self::plane_rect`], after
    /// [`Self::apply`].
    #[must_use]
    pub fn origins(&self, plane: u8) -> &[Origin] {
        self.planes.get(usize::from(plane)).map_or(&[], |ready| &ready.origins)
    }

    /// The samples of `plane` that the matte speaks of.
    #[must_use]
    pub fn plane_rect(&self, plane: u8) -> Rect {
        plane_rect(&self.matte.layout, plane, self.matte.bounds)
    }

    /// As [`Self::apply`], on planes of one kind.
    pub(crate) fn take_off<S: Sample>(
        &mut self,
        index: u64,
        planes: &mut [PlaneMut<'_, S>],
    ) -> Result<Inversion, InvertError> {
        self.load(index, planes)?;
        let strength = self.judged();
        if strength == 0 {
            for ready in &mut self.planes {
                ready.origins.fill(Origin::Untouched);
            }
            return Ok(Inversion { strength, inverted: 0, left: 0 });
        }
        for ready in &mut self.planes {
            ready.invert(strength);
        }
        let (luma, chroma) = self.planes.split_at_mut(1);
        let Ready { restored, origins, .. } = &mut luma[0];
        self.edges[0].check(restored, strength, |at| {
            if origins[at] == Origin::Inverted {
                origins[at] = Origin::Left;
            }
        });
        for ready in chroma {
            ready.follow(&luma[0], &self.matte);
        }
        let top = f32::from((1_u16 << self.matte.layout.depth.min(15)) - 1);
        let (mut inverted, mut left) = (0, 0);
        for (ready, plane) in self.planes.iter_mut().zip(planes) {
            ready.denoiser.smooth(&mut ready.restored, &ready.origins, strength);
            let (kept, not) = ready.store(plane, self.unit, top);
            inverted += kept;
            left += not;
        }
        Ok(Inversion { strength, inverted, left })
    }
}

impl Ready {
    fn new(matte: &Matte, plane: u8, unit: f32) -> Self {
        let part = &matte.planes[usize::from(plane)];
        let rect = plane_rect(&matte.layout, plane, matte.bounds);
        let alpha: Vec<f32> =
            part.alpha.iter().map(|a| f32::from(*a) / f32::from(ALPHA_ONE)).collect();
        // What was learned of a faint sample may add more than any colour could.
        let paint: Vec<f32> = part
            .paint
            .iter()
            .zip(&alpha)
            .map(|(paint, alpha)| {
                (f32::from(*paint) / (f32::from(PAINT_ONE) * unit)).min(alpha * WHITEST)
            })
            .collect();
        let changing: Vec<bool> = if plane == 0 {
            matte.classes.iter().map(|class| *class == Class::Changing).collect()
        } else {
            vec![false; alpha.len()]
        };
        let least = ALPHA_MIN / unit;
        let plan: Vec<Origin> = alpha
            .iter()
            .zip(&part.trust)
            .zip(changing)
            .map(|((alpha, trust), changing)| {
                if *alpha > ALPHA_MAX || changing || (*alpha >= least && *trust < TRUST_MIN) {
                    Origin::Left
                } else if *alpha < least {
                    Origin::Untouched
                } else {
                    Origin::Inverted
                }
            })
            .collect();
        let size = alpha.len();
        let noise = f32::from(part.noise) / (64.0 * unit);
        let denoiser = Denoiser::new(rect.width as usize, &alpha, noise);
        Self {
            rect,
            alpha,
            paint,
            origins: plan.clone(),
            plan,
            strength: 0,
            gain: vec![1.0; size],
            offset: vec![0.0; size],
            seen: vec![0.0; size],
            restored: vec![0.0; size],
            denoiser,
        }
    }

    /// Samples that hide all and do not change, spread over the overlay, and what they show.
    fn opaque(&self, matte: &Matte, plane: u8) -> Vec<(usize, f32)> {
        let (width, luma_width) = (self.rect.width as usize, matte.bounds.width as usize);
        let (sx, sy) = if plane == 0 {
            (0, 0)
        } else {
            (matte.layout.chroma_shift_x, matte.layout.chroma_shift_y)
        };
        let class =
            |at: usize| matte.classes.get(((at / width) << sy) * luma_width + ((at % width) << sx));
        let is_opaque =
            |at: &usize| self.alpha[*at] >= ALPHA_OPAQUE && class(*at) != Some(&Class::Changing);
        let places: Vec<usize> = (0..self.alpha.len()).filter(is_opaque).collect();
        let step = places.len().div_ceil(OPAQUE_MAX).max(1);
        places.into_iter().step_by(step).map(|at| (at, self.paint[at])).collect()
    }

    /// Copies the samples in; nothing where the plane is too small.
    fn load<S: Sample>(&mut self, plane: &PlaneMut<'_, S>, scale: f32) -> Option<()> {
        if self.rect.right() > plane.width || self.rect.bottom() > plane.height {
            return None;
        }
        let width = self.rect.width as usize;
        for (y, row) in (self.rect.y as usize..).zip(self.seen.chunks_exact_mut(width)) {
            let from = y * plane.stride + self.rect.x as usize;
            let samples = plane.samples.get(from..from + width)?;
            for (seen, sample) in row.iter_mut().zip(samples) {
                *seen = f32::from(sample.wide()) * scale;
            }
        }
        Some(())
    }

    fn invert(&mut self, strength: u8) {
        if self.strength != strength {
            self.strength = strength;
            let part = f32::from(strength) / f32::from(STRENGTH_ONE);
            let tables = self.gain.iter_mut().zip(&mut self.offset);
            for ((gain, offset), (alpha, paint)) in tables.zip(self.alpha.iter().zip(&self.paint)) {
                *gain = 1.0 / (1.0 - part * alpha).max(1.0 - ALPHA_MAX);
                *offset = part * paint * *gain;
            }
        }
        self.origins.copy_from_slice(&self.plan);
        for at in 0..self.seen.len() {
            self.restored[at] = self.seen[at] * self.gain[at] - self.offset[at];
        }
        // What would be blacker than black or whiter than white is not what was behind.
        for (restored, origin) in self.restored.iter().zip(&mut self.origins) {
            let is_possible = (BLACKEST..=WHITEST + BEYOND).contains(restored);
            if *origin == Origin::Inverted && !is_possible {
                *origin = Origin::Left;
            }
        }
        // Where nothing is restored, neighbours must not see what was never there.
        for ((restored, seen), origin) in
            self.restored.iter_mut().zip(&self.seen).zip(&self.origins)
        {
            if *origin != Origin::Inverted {
                *restored = *seen;
            }
        }
    }

    /// Leaves what shares a sample with luma that was left.
    fn follow(&mut self, luma: &Self, matte: &Matte) {
        let (sx, sy) = (matte.layout.chroma_shift_x, matte.layout.chroma_shift_y);
        let (width, luma_width) = (self.rect.width as usize, luma.rect.width as usize);
        let luma_height = luma.rect.height as usize;
        for (y, row) in self.origins.chunks_exact_mut(width).enumerate() {
            for (x, origin) in row.iter_mut().enumerate() {
                if *origin != Origin::Inverted {
                    continue;
                }
                let rows = (y << sy)..((y + 1) << sy).min(luma_height);
                let columns = (x << sx)..((x + 1) << sx).min(luma_width);
                let (mut count, mut left) = (0, 0);
                for y in rows {
                    for at in columns.clone().map(|x| y * luma_width + x) {
                        count += 1;
                        left += u32::from(luma.origins[at] == Origin::Left);
                    }
                }
                if 2 * left > count {
                    *origin = Origin::Left;
                }
            }
        }
    }

    /// Writes what was inverted; returns how many samples that is, and how many are left.
    fn store<S: Sample>(&self, plane: &mut PlaneMut<'_, S>, unit: f32, top: f32) -> (u64, u64) {
        let width = self.rect.width as usize;
        let (mut inverted, mut left) = (0, 0);
        let rows = self.restored.chunks_exact(width).zip(self.origins.chunks_exact(width));
        for (y, (row, origins)) in (self.rect.y as usize..).zip(rows) {
            let from = y * plane.stride + self.rect.x as usize;
            let samples = &mut plane.samples[from..from + width];
            for ((sample, value), origin) in samples.iter_mut().zip(row).zip(origins) {
                if *origin == Origin::Inverted {
                    *sample = S::narrow(rounded((value * unit).clamp(0.0, top)));
                    inverted += 1;
                }
                left += u64::from(*origin == Origin::Left);
            }
        }
        (inverted, left)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value was cut to the codes of the plane"
)]
fn rounded(value: f32) -> u16 {
    (value + 0.5) as u16
}
