//! The raw log callback of libav. Owns nothing; refuses to unwind into C (`extern "C"` aborts).
#![expect(unsafe_code, reason = "libav's log callback is a C function with a va_list")]

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_void};

use ffmpeg_next::ffi;

use super::Severity;

/// Bytes of one piece of a line; libav's own callback uses as many.
const LINE_BYTES: usize = 1024;

/// How a `va_list` parameter arrives: as a pointer where the type is an array.
#[cfg(target_arch = "x86_64")]
type Arguments = *mut ffi::__va_list_tag;
#[cfg(not(target_arch = "x86_64"))]
type Arguments = ffi::va_list;

thread_local! {
    /// libav's state of whether the next piece starts a line.
    static PREFIX: Cell<c_int> = const { Cell::new(1) };
    /// The pieces of a line that has not ended yet.
    static PIECES: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes libav log through [`on_line`].
pub(super) fn set_callback() {
    // SAFETY: the callback is a function of this program, valid for as long as the process.
    unsafe { ffi::av_log_set_callback(Some(on_line)) };
}

unsafe extern "C" fn on_line(
    context: *mut c_void,
    level: c_int,
    format: *const c_char,
    arguments: Arguments,
) {
    // The upper bytes of a level are a colour.
    let level = if level >= 0 { level & 0xff } else { level };
    if level > ffi::AV_LOG_INFO {
        return;
    }
    let mut line: [c_char; LINE_BYTES] = [0; LINE_BYTES];
    let mut prefix = PREFIX.try_with(Cell::get).unwrap_or(1);
    // SAFETY: libav hands a valid context, format and argument list for the time of this call, and
    // writes at most `LINE_BYTES` bytes with the terminating zero.
    let length = unsafe {
        ffi::av_log_format_line2(
            context,
            level,
            format,
            arguments,
            line.as_mut_ptr(),
            c_int::try_from(LINE_BYTES).unwrap_or(0),
            &raw mut prefix,
        )
    };
    if PREFIX.try_with(|kept| kept.set(prefix)).is_err() || length < 0 {
        return;
    }
    // SAFETY: the line was terminated by the call above.
    let piece = unsafe { CStr::from_ptr(line.as_ptr()) }.to_string_lossy();
    finish_lines(&piece, severity_of(level));
}

/// How bad a line of `level` is; nothing where it is only information.
const fn severity_of(level: c_int) -> Option<Severity> {
    if level <= ffi::AV_LOG_ERROR {
        Some(Severity::Error)
    } else if level <= ffi::AV_LOG_WARNING {
        Some(Severity::Warning)
    } else {
        None
    }
}

/// Adds a piece, and hands on the line when it is complete.
fn finish_lines(piece: &str, severity: Option<Severity>) {
    let whole = PIECES.try_with(|pieces| {
        let mut pieces = pieces.try_borrow_mut().ok()?;
        pieces.push_str(piece);
        let ended = pieces.ends_with(['\n', '\r']) || pieces.len() > LINE_BYTES;
        ended.then(|| std::mem::take(&mut *pieces))
    });
    if let Ok(Some(whole)) = whole {
        let line = without_address(whole.trim()).replace(['\n', '\r'], " ");
        if !line.is_empty() {
            super::keep(&line, severity);
        }
    }
}

/// libav starts lines with `[h264 @ 0x55d0c8f2e0]`: the address says nothing and differs each time.
fn without_address(line: &str) -> String {
    match (line.find(" @ 0x"), line.find(']')) {
        (Some(at), Some(end)) if line.starts_with('[') && at < end => {
            format!("{}:{}", &line[1..at], &line[end + 1..])
        }
        _ => line.to_owned(),
    }
}
