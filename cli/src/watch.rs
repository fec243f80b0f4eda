//! `watch`: follows a job to its end and ends with the job's exit status. Ctrl-C ends the watching,
//! not the job.

use crate::arguments::JobArgument;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::follow::{self, Waited};
use crate::progress::Progress;
use crate::settings::Settings;
use crate::signals::Signals;

/// Does it.
///
/// # Errors
/// A refusal where there is no such job, nobody answers, or the job came to no output.
pub(crate) async fn run(arguments: JobArgument, settings: &Settings) -> Result<Status, Refusal> {
    let JobArgument { job, client } = arguments;
    let mut signals = Signals::listen()?;
    let connected = Client::of(settings, &client).await?;
    let mut progress = Progress::new(client.json);
    let outcome = tokio::select! {
        outcome = follow::to_the_end(&connected, &job, &mut progress) => outcome,
        status = signals.next() => {
            progress.end();
            progress.note(&format!("the job goes on; cleanplate cancel {job} ends it"));
            return Ok(status);
        }
    };
    progress.end();
    let state = outcome?;
    let ms = now_ms().saturating_sub(state.submitted_ms);
    follow::conclude(&state, &state.output, Waited { ms, frames_before: 0 })
}

/// Milliseconds since the Unix epoch.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
