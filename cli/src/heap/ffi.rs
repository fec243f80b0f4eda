//! The raw setter of glibc's allocator. Owns nothing; does nothing where there is none.
#![expect(unsafe_code, reason = "the allocator's settings are a C function")]

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// Heaps of the process, at most.
    Heaps,
    /// Bytes of the smallest block that comes from the system by itself.
    BlockBytes,
    /// Free bytes at a heap's end that go back to the system.
    FreeBytes,
}

/// Sets one; false where it is not taken.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn set(setting: Setting, value: i32) -> bool {
    let name = match setting {
        Setting::Heaps => libc::M_ARENA_MAX,
        Setting::BlockBytes => libc::M_MMAP_THRESHOLD,
        Setting::FreeBytes => libc::M_TRIM_THRESHOLD,
    };
    // SAFETY: takes two numbers, from any thread.
    unsafe { libc::mallopt(name, value) == 1 }
}

/// Sets one; false where it is not taken.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) const fn set(_setting: Setting, _value: i32) -> bool {
    false
}
