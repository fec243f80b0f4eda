//! Names for jobs: short enough to type, without letters that are taken for others; or made of a key of the client's,
//! so that the same key is the same job on every coordinator and after every restart.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use cleanplate_types::ids::JobId;
use sha2::{Digest as _, Sha256};
use tonic::Status;

/// Digits and letters without vowels (no words by chance) and without `l`.
const LETTERS: &[u8; 30] = b"0123456789bcdfghjkmnpqrstvwxyz";

/// Letters of a name: 30^6 names, so that a thousand jobs meet once in 700,000 submissions, and then
/// another name is taken.
const LENGTH: usize = 6;

/// Letters of a name that is made of a key: 30^24 names, which nobody meets by trying.
const KEYED_LENGTH: usize = 24;

/// The name that `key` is of jobs of `owner`.
///
/// # Errors
/// INTERNAL, which is a bug.
pub(crate) fn keyed(owner: &str, key: &str) -> Result<JobId, Status> {
    let mut hash = Sha256::new();
    for part in ["cleanplate job of a key", owner, key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    // A byte gives a letter, some a little more often than others: 24 of them are 117 bits.
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    let letters: String = hash.finalize().iter().take(KEYED_LENGTH).map(letter).collect();
    JobId::parse(&format!("key-{letters}")).map_err(|bad| Status::internal(bad.to_string()))
}

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
    fn a_key_is_one_name_for_an_owner_for_good() {
        let name = |owner: &str, key: &str| keyed(owner, key).unwrap().as_str().to_owned();
        // Written down: another name would be another job after an upgrade.
        assert_eq!(name("alice", "order-17"), name("alice", "order-17"));
        assert_ne!(name("alice", "order-17"), name("bob", "order-17"));
        assert_ne!(name("a", "bc"), name("ab", "c"));
        assert_eq!(name("", "").len(), 28);
    }

    #[test]
    fn every_seed_gives_a_name() {
        for seed in [0, 1, u64::MAX] {
            assert!(named(seed).is_ok());
        }
    }
}
