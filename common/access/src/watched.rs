//! What is read from files and read again when they change, without a restart.
//!
//! Owns when that is looked for: once a second, by the files' stamps. What cannot be read or makes no sense leaves what
//! was there before, and is told once: a typing error locks nobody out and lets nobody in.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::task::AbortHandle;

/// How often the files are looked at: what was rotated holds after a second.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// See the top of the file. Clones see the same.
#[derive(Debug)]
pub struct Watched<T> {
    current: Arc<RwLock<Arc<T>>>,
    _looking: Option<Arc<Looking>>,
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self { current: Arc::clone(&self.current), _looking: self._looking.clone() }
    }
}

/// Ends with the last who sees what it finds.
#[derive(Debug)]
struct Looking(AbortHandle);

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// By what a file is known to be another: mtime in nanoseconds, size, inode, device. Absent where it is not there.
type Stamp = Option<(i64, i64, u64, u64, u64)>;

fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.mtime(), found.mtime_nsec(), found.size(), found.ino(), found.dev()))
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    paths.iter().map(|path| stamp(path)).collect()
}

impl<T> Watched<T> {
    /// What never changes.
    #[must_use]
    pub fn fixed(value: T) -> Self {
        Self { current: Arc::new(RwLock::new(Arc::new(value))), _looking: None }
    }

    /// What it is at the moment.
    #[must_use]
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads what is in `paths` by `read`, now and whenever one of them has changed. `what` is what it is called in
    /// the log. Must be called within a runtime.
    ///
    /// # Errors
    /// That of the first reading.
    pub fn start<E: std::fmt::Display>(
        what: &'static str,
        paths: Vec<PathBuf>,
        read: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        // Before the reading: what changes meanwhile is read again.
        let mut seen = stamps(&paths);
        let current = Arc::new(RwLock::new(Arc::new(read()?)));
        let found = Arc::clone(&current);
        let mut look = move || {
            let there = stamps(&paths);
            if there == seen {
                return;
            }
            seen = there;
            match read() {
                Ok(value) => {
                    *found.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
                    tracing::info!(what, "read again, since it has changed");
                }
                Err(error) => tracing::error!(
                    what,
                    %error,
                    "it has changed and cannot be used: what was read before still holds"
                ),
            }
        };
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                // Files may be far away: no thread that serves waits for them.
                let looked = tokio::task::spawn_blocking(move || {
                    look();
                    look
                });
                match looked.await {
                    Ok(again) => look = again,
                    Err(error) => {
                        tracing::error!(what, %error, "it is not looked at any more");
                        return;
                    }
                }
            }
        });
        Ok(Self { current, _looking: Some(Arc::new(Looking(task.abort_handle()))) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn until(watched: &Watched<String>, wanted: &str) {
        let waited = async {
            while *watched.now() != wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_rotated_is_read_again_and_what_is_broken_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let read = {
            let path = path.clone();
            move || match std::fs::read_to_string(&path) {
                Ok(text) if text == "broken" => Err("it is broken".to_owned()),
                Ok(text) => Ok(text),
                Err(error) => Err(error.to_string()),
            }
        };
        let watched = Watched::start("a test", vec![path.clone()], read).unwrap();
        assert_eq!(*watched.now(), "one");
        // As an editor or a mounted secret does it: another file under the same name.
        std::fs::write(folder.path().join("new"), "two").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        until(&watched, "two").await;
        std::fs::write(&path, "broken").unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "broken").unwrap();
        let seen = watched.clone();
        std::fs::write(folder.path().join("new"), "three").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        until(&seen, "three").await;
    }

    #[tokio::test]
    async fn a_first_reading_that_fails_is_told() {
        let read = || Err::<String, _>("no");
        assert_eq!(Watched::start("a test", Vec::new(), read).unwrap_err(), "no");
    }
}
