//! Hashes that prove identity: of bytes, and of lists of timestamps.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::time::Pts;

/// The SHA-256 of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sha(pub [u8; 32]);

impl Sha {
    /// The hash of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Takes the 32 bytes of a hash; `None` where there are more or fewer.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sha {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sha({self})")
    }
}

/// A fast hash of the visible samples of a decoded frame: two decodings of one frame have the same
/// one. It is no proof against forgery, only against mishaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameHash(pub u64);

impl fmt::Display for FrameHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for FrameHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FrameHash({self})")
    }
}

/// Hashes bytes that arrive in pieces.
#[derive(Debug, Clone, Default)]
pub struct ShaWriter(Sha256);

impl ShaWriter {
    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Sha {
        Sha(self.0.finalize().into())
    }
}

/// The hash of a list of timestamps: equal exactly when count, order and every tick are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PtsDigest(pub Sha);

impl PtsDigest {
    /// The digest of `pts`: SHA-256 over the ticks as little-endian 64-bit integers.
    #[must_use]
    pub fn of(pts: &[Pts]) -> Self {
        let mut writer = ShaWriter::default();
        for one in pts {
            writer.write(&one.0.to_le_bytes());
        }
        Self(writer.finish())
    }
}
