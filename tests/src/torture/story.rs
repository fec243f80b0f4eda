//! The states of a job as a client prints them, read while somebody is killed.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{PATIENCE, lines_of};

/// How long to look for somebody to kill before the next line of the job's story is read.
const LOOK_AGAIN: Duration = Duration::from_millis(3);

/// The states of a job as a client prints them.
pub(super) struct Story {
    child: Child,
    lines: Receiver<String>,
    started: Instant,
    last: Value,
}

impl Story {
    /// Starts a client that prints states; where its standard error goes is the caller's affair.
    pub(super) fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the client starts");
        let lines = lines_of(child.stdout.take().expect("stdout is piped"));
        Self { child, lines, started: Instant::now(), last: Value::Null }
    }

    /// Reads states for at most `wait`; false at the end.
    fn read(&mut self, wait: Duration) -> bool {
        match self.lines.recv_timeout(wait) {
            Ok(line) => {
                if let Ok(state) = serde_json::from_str(&line) {
                    self.last = state;
                }
                !has_ended(&self.last)
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    pub(super) fn wait_until(&mut self, after: Duration) {
        while self.started.elapsed() < after {
            if !self.read(after.saturating_sub(self.started.elapsed())) {
                return;
            }
        }
    }

    /// Asks until there is an answer or the job has ended.
    pub(super) fn find<T>(&mut self, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = ask() {
                return Some(found);
            }
            if !self.read(LOOK_AGAIN) || self.started.elapsed() > PATIENCE {
                return None;
            }
        }
    }

    pub(super) fn last_state(&mut self) -> Value {
        while self.read(PATIENCE.saturating_sub(self.started.elapsed())) {
            assert!(self.started.elapsed() < PATIENCE, "the job gets nowhere: {}", self.last);
        }
        self.last.clone()
    }
}

impl Story {
    /// The process of the client.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the client ended.
    pub(super) fn ended(&mut self) -> ExitStatus {
        self.child.wait().expect("a child can be waited for")
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(super) fn has_ended(state: &Value) -> bool {
    !state["outcome"].is_null()
}
