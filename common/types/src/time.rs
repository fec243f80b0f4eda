//! Exact time: timebases, presentation stamps, and the scheduler's clock. Refuses floating seconds.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// The length of one tick in seconds, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timebase {
    num: NonZeroU32,
    den: NonZeroU32,
}

/// A presentation timestamp in ticks of some [`Timebase`]; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pts(pub i64);

impl Timebase {
    /// A timebase of `num / den` seconds a tick; `None` where either is zero.
    #[must_use]
    pub fn new(num: u32, den: u32) -> Option<Self> {
        Some(Self { num: NonZeroU32::new(num)?, den: NonZeroU32::new(den)? })
    }

    /// The numerator, in seconds.
    #[must_use]
    pub const fn num(self) -> u32 {
        self.num.get()
    }

    /// The denominator.
    #[must_use]
    pub const fn den(self) -> u32 {
        self.den.get()
    }

    /// Returns `pts` on the `target` clock, or `None` where it would fall between two ticks.
    #[must_use]
    pub fn rescale_exact(self, pts: Pts, target: Self) -> Option<Pts> {
        let scaled = i128::from(pts.0) * i128::from(self.num()) * i128::from(target.den());
        let unit = i128::from(self.den()) * i128::from(target.num());
        if scaled % unit != 0 {
            return None;
        }
        i64::try_from(scaled / unit).ok().map(Pts)
    }

    /// Nanoseconds from `from` to `to`, rounded towards zero: for people and for time spans that
    /// people typed, never for a frame's identity.
    #[must_use]
    pub fn nanos_between(self, from: Pts, to: Pts) -> i128 {
        (i128::from(to.0) - i128::from(from.0)) * i128::from(self.num()) * 1_000_000_000
            / i128::from(self.den())
    }
}

impl fmt::Display for Timebase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.num, self.den)
    }
}

/// Milliseconds on the coordinator's clock since the Unix epoch, so that they mean the same after
/// a restart. The core never reads a clock: it is told.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Tick(pub u64);

impl Tick {
    /// The tick `millis` later.
    #[must_use]
    pub const fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this tick; zero where it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stamp_between_two_ticks_is_refused() {
        let film = Timebase::new(1001, 24000).unwrap();
        let millis = Timebase::new(1, 1000).unwrap();
        assert_eq!(film.rescale_exact(Pts(1), millis), None);
        assert_eq!(film.rescale_exact(Pts(24), millis), Some(Pts(1001)));
    }

    proptest! {
        #[test]
        fn an_exact_rescale_comes_back(
            pts in -1_i64 << 40..1_i64 << 40, num in 1_u32..2000, den in 1_u32..200_000, by in 1_u32..50
        ) {
            let coarse = Timebase::new(num, den).unwrap();
            let fine = Timebase::new(num, den * by).unwrap();
            let there = coarse.rescale_exact(Pts(pts), fine).unwrap();
            prop_assert_eq!(fine.rescale_exact(there, coarse), Some(Pts(pts)));
        }
    }
}
