//! Loading a library and calling the one function that tells its version.
//!
//! A library stays loaded until the process ends, so what it returns stays valid.
#![expect(unsafe_code, reason = "a library's functions are C")]

use std::error::Error as _;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::ManuallyDrop;

use libloading::Symbol;

/// A library that stays loaded.
pub(super) struct Loaded(ManuallyDrop<libloading::Library>);

/// Loads `file` as the loader finds it.
pub(super) fn load(file: &OsStr) -> Result<Loaded, String> {
    // SAFETY: runs the library's initialisers; the files are drivers and a runtime that are made to
    // be loaded so, or the file that the user names for one of them.
    let library = unsafe { libloading::Library::new(file) };
    library.map(|library| Loaded(ManuallyDrop::new(library))).map_err(|error| loaders_words(&error))
}

/// What the loader itself said, which stands behind the library's own words.
fn loaders_words(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// What the library says of its version.
pub(super) fn version(which: super::Library, library: &Loaded) -> Option<String> {
    match which {
        super::Library::Cuda => cuda(library),
        super::Library::Nvenc => nvenc(library),
        super::Library::OnnxRuntime => onnx_runtime(library),
        super::Library::Nvdec => None,
    }
}

/// The newest CUDA that the driver serves, such as `12.4`.
fn cuda(library: &Loaded) -> Option<String> {
    // SAFETY: the type is that of `cuDriverGetVersion` in cuda.h.
    let ask: Symbol<'_, unsafe extern "C" fn(*mut c_int) -> c_int> =
        unsafe { library.0.get(b"cuDriverGetVersion\0") }.ok()?;
    let mut version = 0;
    // SAFETY: writes one int; needs no `cuInit`.
    let status = unsafe { ask(&raw mut version) };
    (status == 0).then(|| format!("CUDA {}.{}", version / 1000, version % 1000 / 10))
}

/// The newest interface that the driver's encoder serves, such as `12.1`.
fn nvenc(library: &Loaded) -> Option<String> {
    // SAFETY: the type is that of `NvEncodeAPIGetMaxSupportedVersion` in nvEncodeAPI.h.
    let ask: Symbol<'_, unsafe extern "C" fn(*mut u32) -> c_int> =
        unsafe { library.0.get(b"NvEncodeAPIGetMaxSupportedVersion\0") }.ok()?;
    let mut version = 0;
    // SAFETY: writes one number.
    let status = unsafe { ask(&raw mut version) };
    (status == 0).then(|| format!("interface {}.{}", version >> 4, version & 0xf))
}

/// `OrtApiBase` of `onnxruntime_c_api.h`, the same in every version.
#[repr(C)]
struct OrtApiBase {
    get_api: unsafe extern "C" fn(u32) -> *const c_void,
    get_version_string: unsafe extern "C" fn() -> *const c_char,
}

fn onnx_runtime(library: &Loaded) -> Option<String> {
    // SAFETY: the type is that of `OrtGetApiBase` in onnxruntime_c_api.h.
    let base: Symbol<'_, unsafe extern "C" fn() -> *const OrtApiBase> =
        unsafe { library.0.get(b"OrtGetApiBase\0") }.ok()?;
    // SAFETY: takes nothing and returns a static table.
    let base = unsafe { base() };
    // SAFETY: null is handled; the table is static.
    let base = unsafe { base.as_ref() }?;
    // SAFETY: takes nothing and returns a static string.
    let text = unsafe { (base.get_version_string)() };
    if text.is_null() {
        return None;
    }
    // SAFETY: the string is terminated and static.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
