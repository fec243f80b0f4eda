//! A panic is a bug: it ends the process with one sentence and status 1, in whichever thread.
//!
//! A thread that dies alone would leave the others waiting for it. The journal makes it safe to end:
//! a coordinator that is started again goes on where this one stopped.

use std::panic::PanicHookInfo;

use crate::exit::Status;
use crate::say;

/// Makes every panic end the process so, from here on.
pub(crate) fn end_in_words() {
    std::panic::set_hook(Box::new(|panic| {
        say::note(&format!("error: {}", sentence(panic)));
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0") {
            say::note(&std::backtrace::Backtrace::force_capture().to_string());
        }
        #[expect(clippy::exit, reason = "a process with a bug does not go on")]
        std::process::exit(Status::Failed.code().into());
    }));
}

fn sentence(panic: &PanicHookInfo<'_>) -> String {
    let said = panic.payload_as_str().unwrap_or("no words");
    let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
    format!("cleanplate found a bug in itself{place}: {}", say::one_line(said))
}
