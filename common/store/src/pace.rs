//! How fast one bucket or web server is asked: as fast as it takes, slower when it says that this is too much.
//!
//! Owns how many requests are under way to it and the pause before the next, for all of the process. A throttled
//! answer halves the one and doubles the other; answers that are good bring both back. Refuses to decide what is
//! tried again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::arrived::Arrivals;
use crate::backoff::jittered;

/// The first pause after a throttled answer.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// The longest pause that throttled answers grow to by themselves.
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// The longest pause that a server may ask for by `Retry-After`.
const ASKED_MAX: Duration = Duration::from_secs(60);

/// The pace of one server. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Pace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    freed: Notify,
    arrivals: Arrivals,
}

/// What is known, and what may happen when.
#[derive(Debug)]
struct State {
    /// Requests that may be under way at once.
    limit: usize,
    limit_max: usize,
    running: usize,
    /// Good answers since the limit changed.
    good: usize,
    pause: Duration,
    not_before: Option<Instant>,
}

/// The right to one request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Shared>);

/// The pace of the server or bucket `whose`, which all of the process shares.
pub(crate) fn pace_of(whose: &str, requests_max: usize) -> Pace {
    static PACES: Mutex<BTreeMap<String, Pace>> = Mutex::new(BTreeMap::new());
    let mut paces = PACES.lock().unwrap_or_else(PoisonError::into_inner);
    paces.entry(whose.to_owned()).or_insert_with(|| Pace::new(requests_max)).clone()
}

impl Pace {
    pub(crate) fn new(requests_max: usize) -> Self {
        let limit = requests_max.max(1);
        let state = State {
            limit,
            limit_max: limit,
            running: 0,
            good: 0,
            pause: Duration::ZERO,
            not_before: None,
        };
        let arrivals = Arrivals::default();
        Self(Arc::new(Shared { state: Mutex::new(state), freed: Notify::new(), arrivals }))
    }

    /// What is known of how it tells what arrived.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.0.arrivals
    }

    /// Waits for the right to one request.
    pub(crate) async fn turn(&self) -> Turn {
        loop {
            let freed = self.0.freed.notified();
            let begun = self.0.lock().begin(Instant::now());
            match begun {
                Begun::Now => return Turn(Arc::clone(&self.0)),
                Begun::At(time) => tokio::time::sleep_until(time).await,
                Begun::WhenFree => freed.await,
            }
        }
    }

    /// The server says that it is asked too much, and perhaps for how long to leave it alone. Returns the pause.
    pub(crate) fn throttled(&self, asked: Option<Duration>) -> Duration {
        self.0.lock().throttled(Instant::now(), asked)
    }

    /// The server answered as it should.
    pub(crate) fn went_well(&self) {
        if self.0.lock().went_well() {
            self.0.freed.notify_one();
        }
    }
}

enum Begun {
    Now,
    At(Instant),
    WhenFree,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self, now: Instant) -> Begun {
        if let Some(time) = self.not_before.filter(|time| *time > now) {
            return Begun::At(time);
        }
        if self.running >= self.limit {
            return Begun::WhenFree;
        }
        self.running += 1;
        Begun::Now
    }

    fn throttled(&mut self, now: Instant, asked: Option<Duration>) -> Duration {
        // Requests that were under way together are told together: that is one sign, not many.
        if self.not_before.is_none_or(|time| time <= now) {
            self.limit = (self.limit / 2).max(1);
            self.pause = (self.pause * 2).clamp(PAUSE_FIRST, PAUSE_MAX);
            self.good = 0;
        }
        let pause = asked.map_or(self.pause, |asked| asked.min(ASKED_MAX).max(self.pause));
        let until = now + jittered(pause);
        self.not_before = Some(self.not_before.map_or(until, |time| time.max(until)));
        pause
    }

    /// Whether one more may be under way.
    fn went_well(&mut self) -> bool {
        self.good += 1;
        if self.good < self.limit {
            return false;
        }
        self.good = 0;
        self.pause /= 2;
        let grows = self.limit < self.limit_max;
        self.limit += usize::from(grows);
        grows
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(limit: usize) -> State {
        let Pace(shared) = Pace::new(limit);
        Arc::try_unwrap(shared).unwrap().state.into_inner().unwrap()
    }

    #[test]
    fn a_throttled_server_is_asked_less_and_later_and_by_and_by_as_before() {
        let (mut state, now) = (state(8), Instant::now());
        assert!(matches!(state.begin(now), Begun::Now));
        // Two are told at the same moment: one sign.
        assert_eq!(state.throttled(now, None), PAUSE_FIRST);
        assert_eq!(state.throttled(now, None), PAUSE_FIRST);
        assert_eq!(state.limit, 4);
        assert!(matches!(state.begin(now), Begun::At(time) if time >= now + PAUSE_FIRST / 2));
        let later = now + PAUSE_FIRST;
        assert!(matches!(state.begin(later), Begun::Now));
        assert_eq!(state.throttled(later, None), 2 * PAUSE_FIRST);
        for _ in 0..200 {
            state.went_well();
        }
        assert_eq!(state.limit, 8);
        assert!(state.pause < PAUSE_FIRST);
    }

    #[test]
    fn a_server_that_says_how_long_is_left_alone_so_long_but_not_for_ever() {
        let asked =
            |seconds| state(1).throttled(Instant::now(), Some(Duration::from_secs(seconds)));
        assert_eq!(asked(3), Duration::from_secs(3));
        assert_eq!(asked(0), PAUSE_FIRST);
        assert_eq!(asked(9999), ASKED_MAX);
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_may_be() {
        let pace = Pace::new(1);
        let turn = pace.turn().await;
        assert!(matches!(pace.0.lock().begin(Instant::now()), Begun::WhenFree));
        let second = pace.turn();
        drop(turn);
        drop(second.await);
        assert_eq!(pace.0.lock().running, 0);
    }
}
