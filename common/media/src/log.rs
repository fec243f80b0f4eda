//! libav's log: kept per thread, so that an error can say what the library itself said.
//!
//! Owns the process-wide log callback. Refuses to print: lines go to the trace at debug level, and
//! the last ones of a thread into the error that it makes next.

mod ffi;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Mutex, Once, PoisonError};

/// Lines kept of each thread, and of libav's own threads together: 50 lines are the words of many
/// damaged pictures, and at most some kilobytes.
pub const LINES_KEPT: usize = 50;

/// Lines of threads that libav made itself (frame threads of decoders, thread pools).
static FOREIGN: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Set once per process.
static INSTALLED: Once = Once::new();

thread_local! {
    /// Lines of this thread; nothing until it first asks for them or opens media.
    static OWN: RefCell<Option<VecDeque<String>>> = const { RefCell::new(None) };
}

/// Makes libav's log come here, once per process, and starts keeping this thread's lines.
///
/// Everything in this crate that opens media calls it; calling it again costs nothing.
pub fn install() {
    INSTALLED.call_once(ffi::set_callback);
    OWN.with(|own| {
        own.borrow_mut().get_or_insert_with(VecDeque::new);
    });
}

/// Takes the lines that libav logged on this thread since the last call, oldest first.
///
/// Where this thread has none, the lines of libav's own threads are taken: they belong to whichever
/// decoder or encoder made them, which a process that does one piece of media work at a time knows.
#[must_use]
pub fn take() -> Vec<String> {
    let own = OWN.with(|own| own.borrow_mut().replace(VecDeque::new())).unwrap_or_default();
    if !own.is_empty() {
        return own.into();
    }
    let mut foreign = FOREIGN.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *foreign).into()
}

/// Takes one finished line from the callback.
fn keep(line: &str, serious: bool) {
    tracing::debug!(target: "libav", "{line}");
    if !serious {
        return;
    }
    let kept_here = OWN.try_with(|own| {
        own.try_borrow_mut().is_ok_and(|mut own| match own.as_mut() {
            Some(lines) => {
                push(lines, line);
                true
            }
            None => false,
        })
    });
    if kept_here != Ok(true) {
        push(&mut FOREIGN.lock().unwrap_or_else(PoisonError::into_inner), line);
    }
}

fn push(lines: &mut VecDeque<String>, line: &str) {
    if lines.back().is_some_and(|last| last == line) {
        return;
    }
    if lines.len() == LINES_KEPT {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept_and_taking_empties() {
        install();
        drop(take());
        for number in 0..LINES_KEPT + 7 {
            keep(&format!("line {number}"), true);
        }
        let lines = take();
        assert_eq!(lines.len(), LINES_KEPT);
        assert_eq!(lines[0], "line 7");
        assert!(take().is_empty());
    }
}
