//! Pauses between tries: they grow, and no two processes make the same ones.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use object_store::{BackoffConfig, RetryConfig};
use tokio::time::Instant;

/// The first pause.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);

/// Tries of a request at most; the deadline comes sooner.
const TRIES_MAX: usize = 1000;

/// The same as `object_store` takes it: pauses between the first and twice the last, drawn.
pub(crate) fn retry_until(deadline: Duration) -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: FIRST, max_backoff: LONGEST, base: 2. };
    RetryConfig { backoff, max_retries: TRIES_MAX, retry_timeout: deadline }
}

/// The pauses of one request.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    until: Instant,
}

impl Backoff {
    pub(crate) fn until(deadline: Duration) -> Self {
        Self { next: FIRST, until: Instant::now() + deadline }
    }

    /// Waits before the next try; false where there is none.
    pub(crate) async fn pause(&mut self) -> bool {
        let Some(pause) = self.next(Instant::now()) else { return false };
        tokio::time::sleep(pause).await;
        true
    }

    fn next(&mut self, now: Instant) -> Option<Duration> {
        let pause = jittered(self.next);
        self.next = (self.next * 2).min(LONGEST);
        (now + pause <= self.until).then_some(pause)
    }
}

/// Between a half of `pause` and all of it, drawn.
pub(crate) fn jittered(pause: Duration) -> Duration {
    // Each `RandomState` is seeded anew.
    let drawn = RandomState::new().build_hasher().finish() % 1024;
    let half = pause / 2;
    let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
    half + Duration::from_nanos(nanos / 1024 * drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_end_with_the_deadline() {
        let began = Instant::now();
        let mut backoff = Backoff { next: FIRST, until: began + Duration::from_secs(60) };
        let (mut now, mut tries) = (began, 0);
        while let Some(pause) = backoff.next(now) {
            now += pause;
            tries += 1;
        }
        assert!((8..100).contains(&tries), "{tries}");
        let spent = now - began;
        assert!(spent >= Duration::from_secs(50) && spent <= Duration::from_secs(60), "{spent:?}");
    }

    #[test]
    fn a_jittered_pause_is_between_its_half_and_itself() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(4));
            assert!(pause >= Duration::from_secs(2) && pause <= Duration::from_secs(4));
        }
    }
}
