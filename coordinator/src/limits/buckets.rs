//! Token buckets by key: each key may do so much a second, and for a short while more.
//!
//! Owns the sums. Time is an argument, so that they can be tested and replayed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Keys that are remembered: one costs some 100 bytes. A key that has not asked for [`BURST_SECS`] has a full bucket
/// and need not be known.
const KEYS_MAX: usize = 1 << 16;

/// Seconds of its rate that a key may use at once.
const BURST_SECS: u32 = 10;

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    /// Tokens a second.
    rate: f64,
    /// Tokens that a bucket holds.
    full: f64,
    known: BTreeMap<K, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Ord> Buckets<K> {
    /// Buckets that fill by `rate` a second.
    pub(crate) fn new(rate: u32) -> Self {
        let full = f64::from(rate) * f64::from(BURST_SECS);
        Self { rate: f64::from(rate), full, known: BTreeMap::new() }
    }

    /// Takes one token of `key`.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub(crate) fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        if self.known.len() >= KEYS_MAX && !self.known.contains_key(&key) {
            self.forget(now);
        }
        let Self { rate, full, known } = self;
        let bucket = known.entry(key).or_insert(Bucket { tokens: *full, at: now });
        let filled = now.saturating_duration_since(bucket.at).as_secs_f64() * *rate;
        bucket.tokens = (bucket.tokens + filled).min(*full);
        bucket.at = bucket.at.max(now);
        if bucket.tokens < 1.0 {
            let wait = (1.0 - bucket.tokens) / *rate;
            return Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// Forgets keys whose bucket is full again; where none is, those that asked longest ago: a flood of keys must not
    /// keep the others out.
    fn forget(&mut self, now: Instant) {
        let refilled = Duration::from_secs(BURST_SECS.into());
        self.known.retain(|_, bucket| now.saturating_duration_since(bucket.at) < refilled);
        if self.known.len() < KEYS_MAX {
            return;
        }
        let mut times: Vec<Instant> = self.known.values().map(|bucket| bucket.at).collect();
        times.sort_unstable();
        let Some(middle) = times.get(times.len() / 2).copied() else { return };
        self.known.retain(|_, bucket| bucket.at > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_do_a_burst_then_its_rate_and_others_are_not_touched() {
        let now = Instant::now();
        let mut buckets = Buckets::new(5);
        for _ in 0..50 {
            assert_eq!(buckets.take("a", now), Ok(()));
        }
        let wait = buckets.take("a", now).unwrap_err();
        assert_eq!(wait.as_millis(), 200);
        assert_eq!(buckets.take("b", now), Ok(()));
        assert_eq!(buckets.take("a", now + wait), Ok(()));
        assert!(buckets.take("a", now + wait).is_err());
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_and_takes_nothing() {
        let now = Instant::now() + Duration::from_secs(9);
        let mut buckets = Buckets::new(1);
        for _ in 0..10 {
            assert!(buckets.take(1, now).is_ok());
        }
        assert!(buckets.take(1, now.checked_sub(Duration::from_secs(5)).unwrap()).is_err());
        assert!(buckets.take(1, now).is_err());
        assert!(buckets.take(1, now + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn a_flood_of_keys_is_forgotten_and_never_fills_the_memory() {
        let now = Instant::now();
        let mut buckets = Buckets::new(1);
        for key in 0..4 * KEYS_MAX {
            let later = now + Duration::from_micros(key as u64);
            assert_eq!(buckets.take(key, later), Ok(()));
            assert!(buckets.known.len() <= KEYS_MAX);
        }
    }
}
