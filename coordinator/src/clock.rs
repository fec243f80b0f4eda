//! The one clock of the coordinator: milliseconds since the Unix epoch that never run backwards.
//!
//! Refuses to follow a wall clock that is set back while the coordinator runs, or that was set back
//! since the journal's last record: deadlines in the records must mean the same after a restart.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cleanplate_types::time::Tick;

/// Where time comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    base: Tick,
    started: Instant,
}

impl Clock {
    /// A clock that shows the wall clock's time, or `latest` where that is later.
    pub(crate) fn starting_after(latest: Tick) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let wall = Tick(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX));
        Self { base: wall.max(latest), started: Instant::now() }
    }

    /// Now.
    pub(crate) fn now(&self) -> Tick {
        self.base.after(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Waits until `deadline`; without one, for ever.
    pub(crate) async fn until(self, deadline: Option<Tick>) {
        match deadline {
            None => std::future::pending().await,
            Some(deadline) => {
                tokio::time::sleep(Duration::from_millis(deadline.since(self.now()))).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_behind_the_journal_is_not_followed() {
        let latest = Tick(u64::MAX / 2);
        assert!(Clock::starting_after(latest).now() >= latest);
    }
}
