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
static FOREIGN: Mutex<VecDeque<Line>> = Mutex::new(VecDeque::new());

/// Set once per process.
static INSTALLED: Once = Once::new();

thread_local! {
    /// Lines of this thread; nothing until it first asks for them or opens media.
    static OWN: RefCell<Option<VecDeque<Line>>> = const { RefCell::new(None) };
}

/// One line that libav logged.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    text: String,
    severity: Severity,
}

/// How bad a line is, of those that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    /// Odd, but handled.
    Warning,
    /// Something did not work.
    Error,
}

/// Makes libav's log come here, once per process, and starts keeping this thread's lines.
///
/// Everything in this crate that opens media calls it; calling it again costs nothing.
pub fn install() {
    INSTALLED.call_once(|| {
        // Gives libav's return codes their texts; there is nothing in it that can fail.
        ffmpeg_next::init().ok();
        ffi::set_callback();
    });
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
        return texts(own, |_any| true);
    }
    texts(take_foreign(), |_any| true)
}

/// Takes this thread's lines, and returns those that tell of an error, oldest first; with `foreign`
/// those of libav's own threads too, which a decoder with several threads logs on.
pub(crate) fn take_errors(foreign: bool) -> Vec<String> {
    let is_error = |line: &Line| line.severity == Severity::Error;
    let own = OWN.with(|own| own.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default());
    let mut errors = texts(own, is_error);
    if foreign {
        errors.extend(texts(take_foreign(), is_error));
    }
    errors
}

fn take_foreign() -> VecDeque<Line> {
    std::mem::take(&mut *FOREIGN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn texts(lines: VecDeque<Line>, wanted: impl Fn(&Line) -> bool) -> Vec<String> {
    lines.into_iter().filter(wanted).map(|line| line.text).collect()
}

/// Takes one finished line from the callback.
fn keep(text: &str, severity: Option<Severity>) {
    tracing::debug!(target: "libav", "{text}");
    let Some(severity) = severity else { return };
    let line = Line { text: text.to_owned(), severity };
    let kept_here = OWN.try_with(|own| {
        own.try_borrow_mut().is_ok_and(|mut own| match own.as_mut() {
            Some(lines) => {
                push(lines, line.clone());
                true
            }
            None => false,
        })
    });
    if kept_here != Ok(true) {
        push(&mut FOREIGN.lock().unwrap_or_else(PoisonError::into_inner), line);
    }
}

fn push(lines: &mut VecDeque<Line>, line: Line) {
    if lines.back() == Some(&line) {
        return;
    }
    if lines.len() == LINES_KEPT {
        lines.pop_front();
    }
    lines.push_back(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept_and_taking_empties() {
        install();
        drop(take());
        for number in 0..LINES_KEPT + 7 {
            keep(&format!("line {number}"), Some(Severity::Warning));
        }
        let lines = take();
        assert_eq!(lines.len(), LINES_KEPT);
        assert_eq!(lines[0], "line 7");
        assert!(take().is_empty());
    }

    #[test]
    fn only_errors_are_taken_as_such_and_nothing_stays_behind() {
        install();
        drop(take());
        keep("odd", Some(Severity::Warning));
        keep("broken", Some(Severity::Error));
        keep("chatter", None);
        assert_eq!(take_errors(false), ["broken"]);
        assert!(take_errors(false).is_empty());
    }
}
