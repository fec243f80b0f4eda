//! Pictures in a card's memory: as the engine has them (a plane for each of Y, U and V), or as decoders
//! and encoders do (NV12, P010).
//!
//! Owns their memory and the way in and out. A picture that somebody else owns, such as a decoder's
//! surface, is looked at through [`DevicePicture::borrow`], and copied before the owner is let go.

use std::sync::Arc;

use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef, Rect};

use super::Device;
use super::args::{CopyArgs, Kernel, Plane, Set};
use super::error::CudaError;
use super::ffi::{Memory, StoredPlane};
use super::set::{DeviceSet, shifts};

/// Rows begin at a multiple of so many bytes: one line of a card's cache.
const PITCH: usize = 256;

/// How samples lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packing {
    /// A plane for each of Y, U and V; more than 8 bits as 16-bit words, the value in the low bits.
    Planar,
    /// Y, then U and V in turn; more than 8 bits as 16-bit words, the value in the high bits: NV12, P010,
    /// P012.
    Interleaved,
}

/// A picture in a card's memory.
#[derive(Debug)]
pub struct DevicePicture {
    device: Arc<Device>,
    layout: PixelLayout,
    size: (u32, u32),
    packing: Packing,
    planes: Vec<Plane>,
    /// None of a picture that is borrowed; shared by its parts.
    memory: Option<Arc<Memory<u8>>>,
    is_part: bool,
}

impl DevicePicture {
    /// A picture of zeros.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`] where it does not fit.
    pub fn new(
        device: &Arc<Device>,
        layout: &PixelLayout,
        size: (u32, u32),
        packing: Packing,
    ) -> Result<Self, CudaError> {
        let (bytes, planes) = arrange(layout, size, packing)?;
        let memory = device.queue().zeros::<u8>(bytes)?;
        let base = memory.address();
        let planes = planes.into_iter().map(|plane| Plane { base: base + plane.base, ..plane });
        Ok(Self {
            device: Arc::clone(device),
            layout: layout.clone(),
            size,
            packing,
            planes: planes.collect(),
            memory: Some(Arc::new(memory)),
            is_part: false,
        })
    }

    /// A picture that somebody else owns, by its stored planes: Y, U, V or Y, UV.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the planes do not fit the layout.
    pub fn borrow(
        device: &Arc<Device>,
        layout: &PixelLayout,
        size: (u32, u32),
        (packing, stored): (Packing, &[StoredPlane]),
    ) -> Result<Self, CudaError> {
        let (_, mut planes) = arrange(layout, size, packing)?;
        for (at, plane) in planes.iter_mut().enumerate() {
            let (at, second) = match packing {
                Packing::Planar => (at, 0),
                Packing::Interleaved => (at.min(1), u64::from(at == 2) * u64::from(plane.bytes)),
            };
            let row = plane.width * plane.step * plane.bytes;
            let given = stored.get(at).filter(|stored| stored.pitch() >= row);
            let given = given.ok_or(CudaError::Shape("a plane is missing, or narrow"))?;
            (plane.base, plane.pitch) = (given.address() + second, given.pitch());
        }
        let device = Arc::clone(device);
        Ok(Self {
            device,
            layout: layout.clone(),
            size,
            packing,
            planes,
            memory: None,
            is_part: false,
        })
    }

    /// A rectangle of luma samples as a picture: copies of it go into this one, and out of it. Where a
    /// step is the engine's alone, what it looks at crosses to the CPU and back, not the whole frame.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the rectangle is empty, reaches out of the picture, or begins or ends
    /// (but at the picture's edge) within a chroma sample.
    pub fn part(&self, rect: Rect) -> Result<Self, CudaError> {
        let (step_x, step_y) = (1 << self.layout.chroma_shift_x, 1 << self.layout.chroma_shift_y);
        let fits = |from: u32, to: u32, size: u32, step: u32| {
            from < to
                && to <= size
                && from.is_multiple_of(step)
                && (to == size || to.is_multiple_of(step))
        };
        if !fits(rect.x, rect.right(), self.size.0, step_x)
            || !fits(rect.y, rect.bottom(), self.size.1, step_y)
        {
            return Err(CudaError::Shape("a part holds whole chroma samples of the picture"));
        }
        let planes = (0..).zip(&self.planes).map(|(number, plane)| {
            let (right, down) = shifts(&self.layout, number);
            let (width, height) = self.layout.plane_size(number, rect.width, rect.height);
            let row = u64::from(rect.y >> down) * u64::from(plane.pitch);
            let column = u64::from(rect.x >> right) * u64::from(plane.step * plane.bytes);
            Plane { base: plane.base + row + column, width, height, ..*plane }
        });
        Ok(Self {
            planes: planes.collect(),
            device: Arc::clone(&self.device),
            layout: self.layout.clone(),
            size: (rect.width, rect.height),
            packing: self.packing,
            memory: self.memory.clone(),
            is_part: true,
        })
    }

    /// The layout of its samples.
    #[must_use]
    pub const fn layout(&self) -> &PixelLayout {
        &self.layout
    }

    /// Width and height in luma samples.
    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        self.size
    }

    /// How its samples lie in memory.
    #[must_use]
    pub const fn packing(&self) -> Packing {
        self.packing
    }

    /// Bytes of the card's memory that it holds; 0 where it is borrowed, or a part.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = arrange(&self.layout, self.size, self.packing).map_or(0, |(bytes, _)| bytes);
        if self.memory.is_some() && !self.is_part { bytes as u64 } else { 0 }
    }

    /// Its stored planes, Y, U, V or Y, UV: valid as long as it is.
    #[must_use]
    pub fn stored(&self) -> Vec<StoredPlane> {
        let planes = match self.packing {
            Packing::Planar => self.planes.len(),
            Packing::Interleaved => self.planes.len().min(2),
        };
        let planes = self.planes[..planes].iter();
        planes.map(|plane| StoredPlane::of(plane.base, plane.pitch)).collect()
    }

    /// Replaces its samples. A planar picture alone takes them.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the planes are others, and what the driver says.
    pub fn upload(&mut self, planes: &PlanesRef<'_>) -> Result<(), CudaError> {
        let (Packing::Planar, Some(memory), false) =
            (self.packing, self.memory.as_mut().and_then(Arc::get_mut), self.is_part)
        else {
            return Err(CudaError::Shape("samples go into a whole planar picture with no parts"));
        };
        let (bytes, _) = arrange(&self.layout, self.size, self.packing)?;
        let mut packed = vec![0_u8; bytes];
        let base = memory.address();
        match planes {
            PlanesRef::Eight(from) => {
                pack(base, &self.planes, from, &mut packed, |sample| [sample])
            }
            PlanesRef::Sixteen(from) => {
                pack(base, &self.planes, from, &mut packed, u16::to_le_bytes)
            }
        }?;
        self.device.queue().write(&packed, memory)?;
        // The samples are this call's: the copy must have left them.
        self.device.wait()
    }

    /// Copies its samples out, once all that was launched is done. A planar picture alone gives them.
    ///
    /// # Errors
    /// As [`Self::upload`].
    pub fn download(&self, planes: &mut PlanesMut<'_>) -> Result<(), CudaError> {
        let (Packing::Planar, Some(memory), false) =
            (self.packing, self.memory.as_ref(), self.is_part)
        else {
            return Err(CudaError::Shape("samples come from a whole planar picture that is owned"));
        };
        let (base, packed) = (memory.address(), self.device.queue().download(memory)?);
        match planes {
            PlanesMut::Eight(to) => unpack(base, &self.planes, to, &packed, |[byte]| byte),
            PlanesMut::Sixteen(to) => unpack(base, &self.planes, to, &packed, u16::from_le_bytes),
        }
    }

    /// The bytes of its memory, as they lie there, once all that was launched is done.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where it is borrowed, and what the driver says.
    pub fn download_bytes(&self) -> Result<Vec<u8>, CudaError> {
        let memory = self.memory.as_ref().ok_or(CudaError::Shape("the picture is borrowed"))?;
        self.device.queue().download(memory)
    }

    /// Copies the samples into a picture of the same layout, whatever the packing of either: all, or of
    /// each plane those of a set alone. This is how a clean part is put back into a decoder's frame.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the two do not fit, and what the driver says.
    pub fn copy_into(&self, to: &Self, only: Option<&[DeviceSet]>) -> Result<(), CudaError> {
        let layouts = (&self.layout, &to.layout);
        if self.size != to.size
            || !alike(layouts)
            || only.is_some_and(|sets| sets.len() != self.planes.len())
        {
            return Err(CudaError::Shape("the pictures are of other layouts or sizes"));
        }
        for (at, (from, to)) in self.planes.iter().zip(&to.planes).enumerate() {
            let all = Set { cells: 0, left: 0, top: 0, width: 0, height: 0 };
            let only = only.and_then(|sets| sets.get(at)).map_or(all, DeviceSet::raw);
            let args = CopyArgs { from: *from, to: *to, only };
            self.device.queue().launch(Kernel::CopyPlane, &args, (to.width, to.height))?;
        }
        Ok(())
    }

    /// One plane, for a kernel.
    pub(super) fn plane(&self, number: u8) -> Result<Plane, CudaError> {
        let plane = self.planes.get(usize::from(number)).copied();
        plane.ok_or(CudaError::Shape("the picture has no such plane"))
    }
}

/// Whether samples mean the same in both; names may differ.
fn alike((one, other): (&PixelLayout, &PixelLayout)) -> bool {
    let parts = |of: &PixelLayout| (of.depth, of.planes, of.chroma_shift_x, of.chroma_shift_y);
    parts(one) == parts(other)
}

/// Bytes of a picture, and its planes with addresses from 0.
fn arrange(
    layout: &PixelLayout,
    (width, height): (u32, u32),
    packing: Packing,
) -> Result<(usize, Vec<Plane>), CudaError> {
    let is_known = (8..=16).contains(&layout.depth) && matches!(layout.planes, 1 | 3);
    if !is_known || width == 0 || height == 0 {
        return Err(CudaError::Shape("a picture has 1 or 3 planes of 8 to 16 bits, and samples"));
    }
    let bytes: u32 = if layout.depth > 8 { 2 } else { 1 };
    let (mut at, mut planes): (usize, Vec<Plane>) = (0, Vec::new());
    for number in 0..layout.planes {
        let (width, height) = layout.plane_size(number, width, height);
        let pairs = packing == Packing::Interleaved && number > 0;
        let (step, shift) = match packing {
            Packing::Planar => (1, 0),
            Packing::Interleaved if number == 0 => (1, packed_shift(layout)),
            Packing::Interleaved => (2, packed_shift(layout)),
        };
        let row = (width as usize) * (step * bytes) as usize;
        let pitch = row.next_multiple_of(PITCH);
        let narrow =
            u32::try_from(pitch).map_err(|_error| CudaError::Shape("a row is too long"))?;
        let second = pairs && number == 2;
        let base = if second { planes[1].base + u64::from(bytes) } else { at as u64 };
        planes.push(Plane { base, pitch: narrow, width, height, step, bytes, shift });
        at += if second { 0 } else { pitch * height as usize };
    }
    Ok((at, planes))
}

/// Bits below the value in NV12, P010 and the like.
const fn packed_shift(layout: &PixelLayout) -> u32 {
    if layout.depth > 8 { 16 - layout.depth as u32 } else { 0 }
}

fn pack<S: Copy, const BYTES: usize>(
    base: u64,
    to: &[Plane],
    from: &[PlaneRef<'_, S>],
    packed: &mut [u8],
    bytes: impl Fn(S) -> [u8; BYTES],
) -> Result<(), CudaError> {
    let sizes =
        from.iter().map(|plane| (plane.width, plane.height, plane.stride, plane.samples.len()));
    check(to, sizes.collect(), BYTES)?;
    for (plane, from) in to.iter().zip(from) {
        let start = usize::try_from(plane.base - base).unwrap_or(usize::MAX);
        let rows = packed[start..].chunks_exact_mut(plane.pitch as usize);
        for (y, row) in (0..from.height as usize).zip(rows) {
            let samples = &from.samples[y * from.stride..][..from.width as usize];
            for (to, sample) in row.chunks_exact_mut(BYTES).zip(samples) {
                to.copy_from_slice(&bytes(*sample));
            }
        }
    }
    Ok(())
}

fn unpack<S: Copy, const BYTES: usize>(
    base: u64,
    from: &[Plane],
    to: &mut [PlaneMut<'_, S>],
    packed: &[u8],
    sample: impl Fn([u8; BYTES]) -> S,
) -> Result<(), CudaError> {
    let sizes =
        to.iter().map(|plane| (plane.width, plane.height, plane.stride, plane.samples.len()));
    check(from, sizes.collect(), BYTES)?;
    for (plane, to) in from.iter().zip(to) {
        let start = usize::try_from(plane.base - base).unwrap_or(usize::MAX);
        let rows = packed[start..].chunks_exact(plane.pitch as usize);
        for (y, row) in (0..to.height as usize).zip(rows) {
            let samples = &mut to.samples[y * to.stride..][..to.width as usize];
            let words = row.as_chunks::<BYTES>().0;
            for (to, word) in samples.iter_mut().zip(words) {
                *to = sample(*word);
            }
        }
    }
    Ok(())
}

/// Refuses planes that are not those of the picture: (width, height, stride, samples) of each.
fn check(
    planes: &[Plane],
    given: Vec<(u32, u32, usize, usize)>,
    bytes: usize,
) -> Result<(), CudaError> {
    let fits = |(plane, (width, height, stride, samples)): (&Plane, (u32, u32, usize, usize))| {
        let rows = (height as usize).saturating_sub(1);
        (plane.width, plane.height) == (width, height)
            && plane.bytes as usize == bytes
            && stride >= width as usize
            && samples >= rows.saturating_mul(stride).saturating_add(width as usize)
    };
    let all = given.len() == planes.len() && planes.iter().zip(given).all(fits);
    if all { Ok(()) } else { Err(CudaError::Shape("the planes are not those of the picture")) }
}
