//! A card that kernels run on: found by its place or its UUID, opened once per process.

use std::sync::Arc;

use super::error::CudaError;
use super::ffi::{self, Queue};

/// A card as the CUDA driver tells it, in the driver's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCard {
    /// Its place in the driver's order, which `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER` change.
    pub ordinal: u32,
    /// Its name for `CUDA_VISIBLE_DEVICES`, the same as NVML tells.
    pub uuid: String,
    /// Its name for people.
    pub name: String,
    /// Its memory in bytes, as the driver counts it.
    pub total_bytes: u64,
    /// Its compute capability, such as (9, 0).
    pub capability: (i32, i32),
}

/// The memory of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that nobody holds.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// The driver's own handles, for libraries that must work in the same context, on the same stream. They
/// stay valid as long as the [`Device`]: who keeps them keeps that too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handles {
    /// `CUcontext`.
    pub context: usize,
    /// `CUstream`.
    pub stream: usize,
}

/// One card with its primary context, one stream, and the kernels loaded.
#[derive(Debug)]
pub struct Device {
    queue: Queue,
    card: DeviceCard,
}

/// Whether the CUDA driver can be loaded.
#[must_use]
pub fn is_driver_there() -> bool {
    ffi::is_driver_there()
}

impl Device {
    /// The cards that the driver shows this process. Opens none of them.
    ///
    /// # Errors
    /// [`CudaError::Absent`] or [`CudaError::NoCard`] where there are none, and what the driver says.
    pub fn cards() -> Result<Vec<DeviceCard>, CudaError> {
        let cards: Result<Vec<_>, _> = (0..ffi::count()?).map(ffi::card).collect();
        cards.map_err(|error| ffi::said("asking for the cards", error))
    }

    /// The card at `ordinal` in the driver's order: 0 in a process that was given one card.
    ///
    /// # Errors
    /// [`CudaError`] where there is none such, or it cannot be used.
    pub fn open(ordinal: u32) -> Result<Arc<Self>, CudaError> {
        let card = Self::cards()?.into_iter().nth(ordinal as usize).ok_or(CudaError::NoCard)?;
        Ok(Arc::new(Self { queue: Queue::open(card.ordinal)?, card }))
    }

    /// The card whose UUID is `uuid`, or begins with it, as `CUDA_VISIBLE_DEVICES` takes it.
    ///
    /// # Errors
    /// [`CudaError`] where there is none such, or it cannot be used.
    pub fn open_by_uuid(uuid: &str) -> Result<Arc<Self>, CudaError> {
        let named = |card: &DeviceCard| !uuid.is_empty() && card.uuid.starts_with(uuid);
        let card = Self::cards()?.into_iter().find(named);
        let card = card.ok_or_else(|| CudaError::NoSuchCard(uuid.to_owned()))?;
        Ok(Arc::new(Self { queue: Queue::open(card.ordinal)?, card }))
    }

    /// What card it is.
    #[must_use]
    pub const fn card(&self) -> &DeviceCard {
        &self.card
    }

    /// Its memory, now.
    ///
    /// # Errors
    /// What the driver says.
    pub fn memory(&self) -> Result<Memory, CudaError> {
        let asked = self.queue.context().mem_get_info();
        let (free, total) = asked.map_err(|error| ffi::said("asking for free memory", error))?;
        Ok(Memory { free_bytes: free as u64, total_bytes: total as u64 })
    }

    /// The handles of its context and its stream.
    #[must_use]
    pub fn handles(&self) -> Handles {
        Handles {
            context: self.queue.context().cu_ctx().addr(),
            stream: self.queue.stream().cu_stream().addr(),
        }
    }

    /// Waits until all that was launched is done.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn wait(&self) -> Result<(), CudaError> {
        self.queue.wait()
    }

    pub(super) const fn queue(&self) -> &Queue {
        &self.queue
    }
}
