//! Names for jobs: short enough to type, without letters that are taken for others.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use cleanplate_types::ids::JobId;
use tonic::Status;

/// Digits and letters without vowels (no words by chance) and without `l`.
const LETTERS: &[u8; 30] = b"0123456789bcdfghjkmnpqrstvwxyz";

/// Letters of a name: 30^6 names, so that a thousand jobs meet once in 700,000 submissions, and then
/// another name is taken.
const LENGTH: usize = 6;

/// A name that is most likely new.
pub(super) fn fresh() -> Result<JobId, Status> {
    // Each `RandomState` is seeded anew.
    named(RandomState::new().build_hasher().finish())
}

fn named(seed: u64) -> Result<JobId, Status> {
    let letters = u64::try_from(LETTERS.len()).unwrap_or(u64::MAX);
    let mut rest = seed;
    let mut name = String::from("job-");
    for _ in 0..LENGTH {
        let at = usize::try_from(rest % letters).unwrap_or_default();
        name.push(char::from(LETTERS[at]));
        rest /= letters;
    }
    JobId::parse(&name).map_err(|bad| Status::internal(bad.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_two_differ() {
        let (one, two) = (fresh().unwrap(), fresh().unwrap());
        assert_eq!(one.as_str().len(), 10);
        assert_ne!(one, two);
    }

    #[test]
    fn every_seed_gives_a_name() {
        for seed in [0, 1, u64::MAX] {
            assert!(named(seed).is_ok());
        }
    }
}
