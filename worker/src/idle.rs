//! How long the whole worker has had nothing to do.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts the leases of all seats and remembers since when there is none.
#[derive(Debug)]
pub(crate) struct Idleness {
    limit: Option<Duration>,
    state: Mutex<(usize, Instant)>,
}

impl Idleness {
    /// Idle from now on; over after `limit`, or never.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self { limit, state: Mutex::new((0, Instant::now())) }
    }

    /// A lease begins.
    pub(crate) fn begin(&self) {
        self.lock().0 += 1;
    }

    /// A lease ends.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.0 = state.0.saturating_sub(1);
        state.1 = Instant::now();
    }

    /// Whether there was nothing to do for as long as the worker waits.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.lock();
        self.limit.is_some_and(|limit| state.0 == 0 && state.1.elapsed() >= limit)
    }

    fn lock(&self) -> MutexGuard<'_, (usize, Instant)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_with_a_lease_is_never_idle_for_too_long() {
        let idle = Idleness::new(Some(Duration::ZERO));
        assert!(idle.is_over());
        idle.begin();
        idle.begin();
        idle.end();
        assert!(!idle.is_over(), "one is left");
        idle.end();
        assert!(idle.is_over());
        assert!(!Idleness::new(None).is_over(), "without a limit it stays");
    }
}
