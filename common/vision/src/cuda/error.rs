//! What a card refuses, by what can be done about it.

/// Why the card did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CudaError {
    /// There is no driver.
    #[error("no CUDA driver is installed here (libcuda.so.1 cannot be loaded)")]
    Absent,
    /// The driver knows no card that may be used.
    #[error("the CUDA driver knows no card here (is it hidden by CUDA_VISIBLE_DEVICES?)")]
    NoCard,
    /// No card has that name.
    #[error("no card here has the UUID {0}")]
    NoSuchCard(String),
    /// The card's memory is used up; less at once may fit.
    #[error("the card has no {wanted_bytes} bytes left ({free_bytes} are free)")]
    OutOfMemory {
        /// Bytes that were asked for.
        wanted_bytes: u64,
        /// Bytes that the card says are free.
        free_bytes: u64,
    },
    /// The driver cannot use the kernels, or not on this card.
    #[error("the driver does not take the kernels of `{module}`: {said}")]
    Kernels {
        /// The source that they come from.
        module: &'static str,
        /// The driver's name for it.
        said: String,
    },
    /// What was given does not fit together.
    #[error("{0}")]
    Shape(&'static str),
    /// Anything else. The context may be lost: the process should end, and the work be done elsewhere.
    #[error("{doing}: the driver says {said}")]
    Driver {
        /// What was being done.
        doing: &'static str,
        /// The driver's name for it.
        said: String,
    },
}

impl CudaError {
    /// Whether the same may work with less memory: a smaller batch, a smaller segment.
    #[must_use]
    pub const fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::OutOfMemory { .. })
    }
}
