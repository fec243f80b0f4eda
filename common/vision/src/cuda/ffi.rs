//! The driver behind a fence: loading it, memory, and launching a kernel with its own arguments.
//!
//! What is launched reads and writes the addresses in its arguments. They are taken from [`Memory`] and
//! checked for size by the typed functions beside this file, which are all that can reach it.
#![expect(unsafe_code, reason = "the driver's functions are C, and kernels are not checked")]

use std::sync::{Arc, OnceLock};

use cudarc::driver::sys::{
    CUdevice, CUdevice_attribute, CUresult, CUuuid, cuDeviceGetUuid_v2, is_culib_present,
};
use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, DevicePtr as _, DeviceRepr, DriverError,
    LaunchConfig, PushKernelArg as _, ValidAsZeroBits, result,
};
use cudarc::nvrtc::Ptx;

use super::DeviceCard;
use super::args::{Arguments, GrainFound, Kernel, MODULES, Pair, Ring, Square};
use super::error::CudaError;
use crate::library::{Library, LibraryState, find_library};

/// Threads of a block, across and down: whole warps along a row.
const BLOCK: (u32, u32) = (32, 8);
/// Blocks down at most, by the driver's rule.
const BLOCKS_DOWN_MAX: u32 = 65_535;

/// What can lie in a card's memory as it is here.
pub(super) trait Plain: DeviceRepr + ValidAsZeroBits + Copy {}

impl Plain for u8 {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for u64 {}
impl Plain for f32 {}

/// Structures of numbers, all of whose bits may be 0.
macro_rules! plain {
    ($($name:ty),+) => {
        $(
            // SAFETY: `repr(C)`, of numbers alone, without gaps.
            unsafe impl DeviceRepr for $name {}
            // SAFETY: as above; 0 is a value of every field.
            unsafe impl ValidAsZeroBits for $name {}
            impl Plain for $name {}
        )+
    };
}

plain!(Pair, Ring, Square, GrainFound);

/// Whether the driver's library can be loaded. Without it cudarc panics, so everything asks this first.
///
/// Asked once: it then stays loaded, since unloading drivers is what they are tested least for.
pub(super) fn is_driver_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let found = find_library(Library::Cuda, None);
        // SAFETY: runs the initialisers of the driver's library, which is made to be loaded so.
        matches!(found, LibraryState::There { .. }) && unsafe { is_culib_present() }
    })
}

/// Starts the driver; how many cards it shows.
pub(super) fn count() -> Result<u32, CudaError> {
    if !is_driver_there() {
        return Err(CudaError::Absent);
    }
    let count = CudaContext::device_count();
    let count = count.map_err(|error| said("counting the cards", error))?;
    u32::try_from(count).ok().filter(|count| *count > 0).ok_or(CudaError::NoCard)
}

/// The card at `ordinal`, below [`count`], without a context.
pub(super) fn card(ordinal: u32) -> Result<DeviceCard, DriverError> {
    let device = result::device::get(i32::try_from(ordinal).unwrap_or(i32::MAX))?;
    // SAFETY: the handle is that of a card, from the call above.
    let total = unsafe { result::device::total_mem(device) }?;
    let ask = |which| {
        // SAFETY: as above.
        unsafe { result::device::get_attribute(device, which) }
    };
    Ok(DeviceCard {
        ordinal,
        uuid: uuid(device)?,
        name: result::device::get_name(device)?,
        total_bytes: total as u64,
        capability: (
            ask(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            ask(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
    })
}

/// The name of a card: `GPU-` and the UUID that NVML tells too.
fn uuid(device: CUdevice) -> Result<String, DriverError> {
    let mut uuid = CUuuid { bytes: [0; 16] };
    // SAFETY: writes 16 bytes; the handle is that of a card. In every driver since CUDA 11.4.
    unsafe { cuDeviceGetUuid_v2(&raw mut uuid, device) }.result()?;
    let hex = uuid.bytes.map(|byte| format!("{:02x}", byte.cast_unsigned()));
    let parts = [0..4, 4..6, 6..8, 8..10, 10..16].map(|part| hex[part].concat());
    Ok(format!("GPU-{}", parts.join("-")))
}

/// A plane as somebody else stores it in a card's memory: a decoder's surface, an encoder's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredPlane {
    address: u64,
    pitch: u32,
}

impl StoredPlane {
    /// The plane at an address of the card's memory, with rows `pitch` bytes apart.
    ///
    /// # Safety
    /// Until what is launched with it is done, the memory there must hold as many rows as the picture that
    /// it is taken for, and nobody else may change them or, where a kernel writes, look at them.
    #[must_use]
    pub const unsafe fn new(address: u64, pitch: u32) -> Self {
        Self { address, pitch }
    }

    /// The plane of a picture of ours.
    pub(super) const fn of(address: u64, pitch: u32) -> Self {
        Self { address, pitch }
    }

    /// Where it begins.
    #[must_use]
    pub const fn address(self) -> u64 {
        self.address
    }

    /// Bytes from one row to the next.
    #[must_use]
    pub const fn pitch(self) -> u32 {
        self.pitch
    }
}

/// Numbers in a card's memory. Holds the stream, and by it the context, until it is dropped.
#[derive(Debug)]
pub(super) struct Memory<T> {
    slice: CudaSlice<T>,
}

impl<T: Plain> Memory<T> {
    /// Where it begins.
    pub(super) fn address(&self) -> u64 {
        self.slice.device_ptr(self.slice.stream()).0
    }
}

/// All kernels, in the order of [`Kernel`].
fn load(context: &Arc<CudaContext>) -> Result<Vec<CudaFunction>, CudaError> {
    let mut functions = Vec::new();
    for module in &MODULES {
        let failed =
            |error: DriverError| CudaError::Kernels { module: module.name, said: name(error) };
        let loaded = context.load_module(Ptx::from_src(module.ptx)).map_err(failed)?;
        for (_, function) in module.kernels {
            functions.push(loaded.load_function(function).map_err(failed)?);
        }
    }
    Ok(functions)
}

/// One card: its primary context, one stream, and the kernels once one is launched. A driver that takes none of
/// them still decodes and runs models.
#[derive(Debug)]
pub(super) struct Queue {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    functions: OnceLock<Result<Vec<CudaFunction>, CudaError>>,
}

impl Queue {
    /// The card at `ordinal` in the driver's order, below [`count`], with a stream of its own.
    pub(super) fn open(ordinal: u32) -> Result<Self, CudaError> {
        let context = CudaContext::new(ordinal as usize);
        let context = context.map_err(|error| said("opening the card", error))?;
        // SAFETY: all memory of this context is made, used and given back on the one stream below.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().map_err(|error| said("making a stream", error))?;
        Ok(Self { context, stream, functions: OnceLock::new() })
    }

    /// The function of `kernel`.
    fn function(&self, kernel: Kernel) -> Result<&CudaFunction, CudaError> {
        let functions = self.functions.get_or_init(|| load(&self.context)).as_ref();
        functions.map(|functions| &functions[kernel as usize]).map_err(Clone::clone)
    }

    pub(super) const fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    pub(super) const fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    /// `count` zeros.
    pub(super) fn zeros<T: Plain>(&self, count: usize) -> Result<Memory<T>, CudaError> {
        // The driver refuses to give nothing.
        let slice = self.stream.alloc_zeros(count.max(1));
        slice.map(|slice| Memory { slice }).map_err(|error| self.refused::<T>(count, error))
    }

    /// A copy of `numbers`.
    pub(super) fn upload<T: Plain>(&self, numbers: &[T]) -> Result<Memory<T>, CudaError> {
        let mut memory = self.zeros(numbers.len())?;
        self.write(numbers, &mut memory)?;
        Ok(memory)
    }

    /// Replaces the first numbers of `memory`.
    pub(super) fn write<T: Plain>(
        &self,
        numbers: &[T],
        memory: &mut Memory<T>,
    ) -> Result<(), CudaError> {
        if numbers.len() > memory.slice.len() {
            return Err(CudaError::Shape("more numbers than the memory holds"));
        }
        let copied = self.stream.memcpy_htod(numbers, &mut memory.slice);
        copied.map_err(|error| said("copying to the card", error))
    }

    /// Sets all of it to 0.
    pub(super) fn clear<T: Plain>(&self, memory: &mut Memory<T>) -> Result<(), CudaError> {
        let cleared = self.stream.memset_zeros(&mut memory.slice);
        cleared.map_err(|error| said("clearing the card's memory", error))
    }

    /// What is there once all that was launched is done.
    pub(super) fn download<T: Plain>(&self, memory: &Memory<T>) -> Result<Vec<T>, CudaError> {
        let failed = |error| said("copying from the card", error);
        let numbers = self.stream.clone_dtoh(&memory.slice).map_err(failed)?;
        self.wait()?;
        Ok(numbers)
    }

    /// Waits until all that was launched is done; what went wrong on the way is told here.
    pub(super) fn wait(&self) -> Result<(), CudaError> {
        self.stream.synchronize().map_err(|error| said("waiting for the card", error))?;
        self.context.check_err().map_err(|error| said("working on the card", error))
    }

    /// Runs a kernel over `columns` by `rows` places; returns before it is done.
    pub(super) fn launch<A: Arguments>(
        &self,
        kernel: Kernel,
        args: &A,
        (columns, rows): (u32, u32),
    ) -> Result<(), CudaError> {
        assert!(A::KERNELS.contains(&kernel), "a kernel is given its own arguments");
        if columns == 0 || rows == 0 {
            return Ok(());
        }
        let block = if rows == 1 { (BLOCK.0 * BLOCK.1, 1) } else { BLOCK };
        let grid = (columns.div_ceil(block.0), rows.div_ceil(block.1), 1);
        if grid.1 > BLOCKS_DOWN_MAX {
            return Err(CudaError::Shape("more rows than a kernel can be run over"));
        }
        let config =
            LaunchConfig { grid_dim: grid, block_dim: (block.0, block.1, 1), shared_mem_bytes: 0 };
        let argument = Argument(*args);
        let mut launch = self.stream.launch_builder(self.function(kernel)?);
        launch.arg(&argument);
        // SAFETY: the kernel takes this one structure, by the assertion above and the test of its size;
        // its addresses are of memory that is given back in the stream's order, after the kernel.
        let launched = unsafe { launch.launch(config) };
        launched.map(|_| ()).map_err(|error| said("launching a kernel", error))
    }

    fn refused<T>(&self, count: usize, error: DriverError) -> CudaError {
        if error.0 != CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            return said("asking for memory", error);
        }
        let free = self.context.mem_get_info().map_or(0, |(free, _)| free);
        let wanted_bytes = (count as u64).saturating_mul(size_of::<T>() as u64);
        CudaError::OutOfMemory { wanted_bytes, free_bytes: free as u64 }
    }
}

/// One structure as a kernel's argument.
#[repr(transparent)]
struct Argument<A>(A);

// SAFETY: [`Arguments`] are `repr(C)` structures of numbers.
unsafe impl<A: Arguments> DeviceRepr for Argument<A> {}

/// The driver's name for what went wrong.
pub(super) fn name(error: DriverError) -> String {
    error.error_name().map_or_else(
        |_| format!("error {}", error.0 as u32),
        |name| name.to_string_lossy().into_owned(),
    )
}

pub(super) fn said(doing: &'static str, error: DriverError) -> CudaError {
    if error.0 == CUresult::CUDA_ERROR_NO_DEVICE {
        return CudaError::NoCard;
    }
    CudaError::Driver { doing, said: name(error) }
}
