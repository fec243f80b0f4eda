//! What a parent offers its child: the names it may read and write, and answers to its questions.

use std::io;
use std::sync::Arc;

use crate::walls::WallsReport;

/// The parent's side of the work. Every name comes from the child and is not to be trusted.
#[async_trait::async_trait]
pub trait Host: Send + Sync {
    /// Opens what `name` stands for.
    ///
    /// # Errors
    /// `PermissionDenied` for a name that the work does not need; else what kept it from opening.
    async fn open(&self, name: &str) -> io::Result<Arc<dyn HostFile>>;

    /// Begins the object that `name` stands for.
    ///
    /// # Errors
    /// As for `open`.
    async fn create(&self, name: &str) -> io::Result<Box<dyn HostSink>>;

    /// Answers a question; may wait as long as the answer takes.
    ///
    /// # Errors
    /// Where there is no answer; the child sees the message.
    async fn answer(&self, question: Vec<u8>) -> io::Result<Vec<u8>>;

    /// Takes which walls stand around the child, once, before anything else. Must not block.
    fn walled(&self, report: &WallsReport) {
        tracing::debug!("{report}");
    }

    /// Takes what the child tells. Called in order, must not block.
    fn event(&self, event: Vec<u8>);
}

/// Something open for reading.
#[async_trait::async_trait]
pub trait HostFile: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Reads up to `bytes` from `offset` on; empty at the end.
    ///
    /// # Errors
    /// What kept the bytes from arriving.
    async fn read(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>>;
}

/// An object that the parent has in memory.
#[derive(Debug)]
pub struct Whole<B>(pub B);

#[async_trait::async_trait]
impl<B: AsRef<[u8]> + Send + Sync> HostFile for Whole<B> {
    fn size(&self) -> u64 {
        self.0.as_ref().len() as u64
    }

    async fn read(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let all = self.0.as_ref();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
        let end = start.saturating_add(bytes).min(all.len());
        Ok(all.get(start..end).unwrap_or_default().to_vec())
    }
}

/// Something being written. Dropped without `finish`, nothing of it stays.
#[async_trait::async_trait]
pub trait HostSink: Send {
    /// Keeps the first `bytes` open for patches, as
    /// [`cleanplate_types::access::PartSink::keep_head`] asks.
    ///
    /// # Errors
    /// `Unsupported` where the head is as long as it is.
    async fn keep_head(&mut self, bytes: u64) -> io::Result<()> {
        if bytes <= cleanplate_types::access::HEAD_BYTES {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "this object keeps no longer head"))
    }

    /// Writes at `offset`, as [`cleanplate_types::access::PartSink::write_at`] allows.
    ///
    /// # Errors
    /// What kept the bytes from being taken.
    async fn write(&mut self, offset: u64, data: Vec<u8>) -> io::Result<()>;

    /// Completes it and returns its size in bytes.
    ///
    /// # Errors
    /// What kept it from being completed.
    async fn finish(self: Box<Self>) -> io::Result<u64>;
}
