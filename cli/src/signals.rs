//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Refusal, Status};

/// Listens from the moment that it is made; before that a signal ends the process by itself.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// A refusal with status 1 where the system refuses.
    pub(crate) fn listen() -> Result<Self, Refusal> {
        let of = |kind| {
            signal(kind).map_err(|error| Refusal::failed(format!("no signals can be had: {error}")))
        };
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal and returns the status that the process should end with.
    pub(crate) async fn next(&mut self) -> Status {
        tokio::select! {
            _ = self.interrupt.recv() => Status::Interrupted,
            _ = self.terminate.recv() => Status::Terminated,
        }
    }

    /// Waits for `work` to end in order, unless another signal says not to.
    ///
    /// The engine processes end with this one, because their socket does: nothing is left running.
    pub(crate) async fn unless_repeated<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            status = self.next() => {
                // Asked twice: the person does not want to wait.
                std::process::exit(status.code().into());
            }
        }
    }
}
