//! How media code reaches bytes: positioned reads of a source, positioned writes of an output.
//!
//! Owns the two traits only. Who implements them (a file, an object, a socket to the parent
//! process) is the business of `cleanplate-store` and `cleanplate-child`.

use std::io;

/// A source of known size that is read by ranges, from any thread.
pub trait ReadAt: Send + Sync {
    /// The size in bytes; it does not change while the source is open.
    fn size(&self) -> u64;

    /// Reads into `buffer` from byte `offset` on and returns how many bytes were read.
    ///
    /// Fewer than asked for is allowed; zero means that `offset` is at or past the end.
    ///
    /// # Errors
    /// Whatever kept the bytes from arriving, after the implementation's own retries.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// An output that is written mostly in order, and becomes visible only when it is finished.
///
/// A writer that goes away without `finish` leaves nothing behind under the final name.
pub trait PartSink: Send {
    /// Asks, before the first write, that the first `bytes` may be patched until the end, instead
    /// of [`HEAD_BYTES`].
    ///
    /// # Errors
    /// `Unsupported` where the head is as long as it is; `InvalidInput` after the first write, and
    /// beyond [`HEAD_BYTES_MAX`].
    fn keep_head(&mut self, bytes: u64) -> io::Result<()> {
        if bytes <= HEAD_BYTES { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    /// Writes `bytes` at `offset`: at the current end, or inside the head that may still be patched
    /// ([`HEAD_BYTES`], or what [`PartSink::keep_head`] was granted).
    ///
    /// # Errors
    /// `InvalidInput` where the offset is in neither place; else whatever kept the bytes from
    /// being taken.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Ends the object and returns what was stored.
    ///
    /// # Errors
    /// Whatever kept the object from being completed; nothing is visible then.
    fn finish(self: Box<Self>) -> io::Result<Stored>;
}

/// What a finished [`PartSink`] left behind.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stored {
    /// Size in bytes.
    pub bytes: u64,
}

/// Bytes from the start of an output that may be written again until it is finished.
///
/// Muxers go back to fill in sizes in their header (mdat size, Matroska's segment size and seek
/// head). S3 takes the parts of a multipart upload in any order, so the first part is kept in
/// memory until the end: 8 MiB, above S3's smallest part of 5 MiB.
pub const HEAD_BYTES: u64 = 8 << 20;

/// The longest head that can be asked for: what the index of some 48 hours at 30 frames a second
/// takes. A sink that is no file keeps it in memory until the end.
pub const HEAD_BYTES_MAX: u64 = 128 << 20;
