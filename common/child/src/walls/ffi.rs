//! The one raw call behind the walls: closing what a process was left open.
#![expect(unsafe_code, reason = "closing descriptors that nobody owns is a system call")]

/// Closes every descriptor from 3 on, where the kernel can.
#[cfg(target_os = "linux")]
pub(super) fn close_from_three() {
    // SAFETY: takes three numbers. Called in the first lines of a child, when no value of this process owns a
    // descriptor beside the standard streams: whatever else is open was left so by the parent. Where the kernel has
    // no such call (before 5.9) it fails and nothing is closed.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if closed != 0 {
        tracing::debug!("what the parent left open stays open: this kernel has no close_range");
    }
}

/// Elsewhere descriptors are closed at `exec` as they are marked.
#[cfg(not(target_os = "linux"))]
pub(super) const fn close_from_three() {}
