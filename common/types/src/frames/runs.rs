//! How timestamps are stored: the first, then runs of equal distances. Ten hours at a constant rate
//! take a few bytes, a millisecond clock some three bytes for three frames.
//!
//! Refuses more frames than [`FRAMES_MAX`], so that a hostile object cannot ask for more memory.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Pts;

/// The most frames of a table: 155 hours at 60 frames a second, 256 MiB of memory.
pub const FRAMES_MAX: usize = 1 << 25;

/// Distance in ticks, and how many times in a row.
type Run = (i64, u64);

pub(super) fn serialize<S: Serializer>(pts: &[Pts], serializer: S) -> Result<S::Ok, S::Error> {
    if pts.len() > FRAMES_MAX {
        return Err(serde::ser::Error::custom(format!("more than {FRAMES_MAX} frames")));
    }
    (pts.first().copied(), Runs(pts)).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Pts>, D::Error> {
    let (first, Expanded(mut pts)) = <(Option<Pts>, Expanded)>::deserialize(deserializer)?;
    match first {
        Some(first) => {
            for one in &mut pts {
                one.0 = one.0.wrapping_add(first.0);
            }
            Ok(pts)
        }
        None if pts.len() == 1 => Ok(Vec::new()),
        None => Err(D::Error::custom("distances without a first timestamp")),
    }
}

/// The distances between timestamps, as runs.
struct Runs<'a>(&'a [Pts]);

impl Runs<'_> {
    fn each(&self) -> impl Iterator<Item = Run> {
        let distances = self.0.windows(2).map(|pair| pair[1].0.wrapping_sub(pair[0].0));
        let mut distances = distances.peekable();
        std::iter::from_fn(move || {
            let distance = distances.next()?;
            let mut count = 1;
            while distances.next_if_eq(&distance).is_some() {
                count += 1;
            }
            Some((distance, count))
        })
    }
}

impl Serialize for Runs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Counted first: a list of the runs may be larger than the timestamps.
        let mut sequence = serializer.serialize_seq(Some(self.each().count()))?;
        for run in self.each() {
            sequence.serialize_element(&run)?;
        }
        sequence.end()
    }
}

/// Timestamps from the first on, which is 0.
struct Expanded(Vec<Pts>);

impl<'de> Deserialize<'de> for Expanded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Expand)
    }
}

struct Expand;

impl<'de> Visitor<'de> for Expand {
    type Value = Expanded;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("runs of distances")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut runs: A) -> Result<Expanded, A::Error> {
        let mut pts = vec![Pts(0)];
        let mut at = 0_i64;
        while let Some((distance, count)) = runs.next_element::<Run>()? {
            if count > (FRAMES_MAX - pts.len()) as u64 {
                return Err(A::Error::custom(format!("more than {FRAMES_MAX} frames")));
            }
            for _ in 0..count {
                at = at.wrapping_add(distance);
                pts.push(Pts(at));
            }
        }
        Ok(Expanded(pts))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Stored {
        #[serde(with = "super")]
        pts: Vec<Pts>,
        after: u8,
    }

    fn bytes(pts: Vec<Pts>) -> Vec<u8> {
        postcard::to_stdvec(&Stored { pts, after: 7 }).unwrap()
    }

    #[test]
    fn ten_hours_at_a_constant_rate_take_a_few_bytes() {
        let stored = bytes((0..1_080_000).map(|frame| Pts(frame * 512 - 1024)).collect());
        assert!(stored.len() < 16, "{} bytes", stored.len());
    }

    #[test]
    fn a_hostile_run_asks_for_no_memory() {
        let hostile = (Some(Pts(0)), vec![(1_i64, u64::MAX)], 7_u8);
        let hostile = postcard::to_stdvec(&hostile).unwrap();
        assert!(postcard::from_bytes::<Stored>(&hostile).is_err());
        let headless = postcard::to_stdvec(&(None::<Pts>, vec![(1_i64, 1_u64)], 7_u8)).unwrap();
        assert!(postcard::from_bytes::<Stored>(&headless).is_err());
    }

    proptest! {
        #[test]
        fn any_timestamps_come_back(pts in prop::collection::vec(prop_oneof![0_i64..4, any::<i64>()], 0..50)) {
            let pts: Vec<Pts> = pts.into_iter().map(Pts).collect();
            let stored: Stored = postcard::from_bytes(&bytes(pts.clone())).unwrap();
            prop_assert_eq!(stored, Stored { pts, after: 7 });
        }
    }
}
