//! The kernel as it is compiled for the CPU.
#![expect(unsafe_code, reason = "the kernel is C")]

use std::path::Path;

use super::TensorArgs;

/// `tensor_place` in a library of its own.
pub(super) struct TensorKernel(libloading::Library);

impl TensorKernel {
    pub(super) fn load(library: &Path) -> Self {
        // SAFETY: the library holds the kernel and no initialisers.
        Self(unsafe { libloading::Library::new(library) }.unwrap())
    }

    /// Runs it over every place of the tensor.
    pub(super) fn run(&self, args: &TensorArgs) {
        type Kernel = unsafe extern "C" fn(*const TensorArgs, u32, u32);
        // SAFETY: the type is that of the kernel in `kernels/tensor.cu`, as a C compiler sees it.
        let kernel = unsafe { self.0.get::<Kernel>(b"tensor_place\0") }.unwrap();
        // SAFETY: the addresses are of vectors that the caller keeps, and holds for as many samples.
        unsafe { kernel(std::ptr::from_ref(args), args.columns, args.rows) };
    }
}
