//! The raw questions to libav about itself. Owns nothing: all answers are static strings.
#![expect(unsafe_code, reason = "libav's version and device lists are C")]

use std::ffi::CStr;

use ffmpeg_next::ffi;

/// The release, such as `5.1.9-0+deb12u1`.
pub(super) fn release() -> String {
    // SAFETY: takes nothing and returns a static string.
    let text = unsafe { ffi::av_version_info() };
    // SAFETY: the string is terminated and static.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Names of the kinds of hardware that are built in.
pub(super) fn hwaccels() -> Vec<String> {
    let mut names = Vec::new();
    let mut kind = ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_NONE;
    loop {
        // SAFETY: any kind that the call itself returned may be passed back.
        kind = unsafe { ffi::av_hwdevice_iterate_types(kind) };
        if kind == ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_NONE {
            return names;
        }
        // SAFETY: the kind is one that libav just named.
        let name = unsafe { ffi::av_hwdevice_get_type_name(kind) };
        if !name.is_null() {
            // SAFETY: the name is terminated and static.
            names.push(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned());
        }
    }
}
