//! Disk that is set aside for a lease before it is begun, so that leases side by side do not fill it for each other.
//!
//! Owns what is set aside on this machine. Nothing is written for it: it is held against what the file system says is
//! free, which others may take all the same; then the write says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::statvfs;

/// A disk without room for one lease more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the disk of {} is full: {free} bytes are free, {reserved} of them set aside for leases under way, and \
     `limits.disk` wants {wanted} for one more",
    .folder.display()
)]
pub(crate) struct DiskFull {
    /// Where it would be written.
    pub(crate) folder: PathBuf,
    /// Bytes that the file system has.
    pub(crate) free: u64,
    /// Bytes that are set aside.
    pub(crate) reserved: u64,
    /// Bytes that were wanted.
    pub(crate) wanted: u64,
}

/// Makes a scratch folder where there is none, and sees that it takes a file; returns the bytes that are free there.
///
/// # Errors
/// What the system says of a folder that cannot be made or written.
pub fn check_scratch(folder: &Path) -> std::io::Result<u64> {
    std::fs::create_dir_all(folder)?;
    let tried = folder.join(format!(".tried-by-{}", std::process::id()));
    std::fs::write(&tried, b"cleanplate")?;
    std::fs::remove_file(&tried)?;
    Ok(free(folder))
}

/// Bytes that are free on the disk of `folder`; where the system does not say how many, the write will.
fn free(folder: &Path) -> u64 {
    statvfs(folder).map_or(u64::MAX, |told| told.f_bavail.saturating_mul(told.f_frsize))
}

/// See the top of the file.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    reserved: Mutex<BTreeMap<PathBuf, u64>>,
}

/// Disk that is set aside; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Reserved {
    disk: Arc<Disk>,
    folder: PathBuf,
    bytes: u64,
}

impl Disk {
    /// Sets `bytes` aside on the disk of `folder`.
    ///
    /// # Errors
    /// [`DiskFull`].
    pub(crate) fn reserve(
        self: &Arc<Self>,
        folder: &Path,
        bytes: u64,
    ) -> Result<Reserved, DiskFull> {
        self.reserve_of(folder, bytes, free(folder))
    }

    fn reserve_of(
        self: &Arc<Self>,
        folder: &Path,
        wanted: u64,
        free: u64,
    ) -> Result<Reserved, DiskFull> {
        let mut all = self.lock();
        let reserved = all.entry(folder.to_owned()).or_default();
        if reserved.saturating_add(wanted) > free {
            let (folder, reserved) = (folder.to_owned(), *reserved);
            return Err(DiskFull { folder, free, reserved, wanted });
        }
        *reserved = reserved.saturating_add(wanted);
        Ok(Reserved { disk: Arc::clone(self), folder: folder.to_owned(), bytes: wanted })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, u64>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut all = self.disk.lock();
        if let Some(reserved) = all.get_mut(&self.folder) {
            *reserved = reserved.saturating_sub(self.bytes);
            if *reserved == 0 {
                all.remove(&self.folder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_side_by_side_share_what_is_free_and_give_it_back() {
        let disk = Arc::new(Disk::default());
        let folder = Path::new("/store");
        let first = disk.reserve_of(folder, 60, 100).unwrap();
        let refused = disk.reserve_of(folder, 60, 100).unwrap_err();
        assert_eq!((refused.free, refused.reserved, refused.wanted), (100, 60, 60));
        assert!(refused.to_string().contains("limits.disk"), "{refused}");
        assert!(disk.reserve_of(Path::new("/other"), 60, 100).is_ok(), "another disk");
        drop(first);
        assert!(disk.reserve_of(folder, 100, 100).is_ok());
        assert!(disk.lock().is_empty());
    }

    #[test]
    fn a_scratch_folder_is_one_that_takes_files() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("not/there/yet");
        assert!(check_scratch(&deep).unwrap() > 0);
        assert_eq!(std::fs::read_dir(&deep).unwrap().count(), 0);
        check_scratch(Path::new("/proc/self")).unwrap_err();
    }

    #[test]
    fn a_real_folder_has_room_for_a_byte_and_none_for_all_bytes() {
        let disk = Arc::new(Disk::default());
        let folder = tempfile::tempdir().unwrap();
        assert!(disk.reserve(folder.path(), 1).is_ok());
        assert!(disk.reserve(folder.path(), u64::MAX).is_err());
    }
}
