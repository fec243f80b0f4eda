//! The movie on a disk: a file without a name, until it is complete.
//!
//! Linux can make a file that has no name (`O_TMPFILE`) and name it later, so that a process
//! killed at any moment leaves nothing at all. Where the file system cannot (NFS), a hidden file
//! beside the target is renamed, and removed when it is dropped.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use crate::error::{Side, StoreError};
use crate::reading::blocking;
use crate::store::unique;

/// A movie on its way to `target`.
#[derive(Debug)]
pub(crate) struct MovieFile {
    file: Arc<File>,
    /// Where it will appear; links resolved.
    target: PathBuf,
    /// Its hidden name, where it had to have one.
    hidden: Option<Hidden>,
}

/// A hidden file that goes with the upload, unless it was renamed.
#[derive(Debug)]
struct Hidden(PathBuf);

impl Drop for Hidden {
    fn drop(&mut self) {
        // A file that was renamed is not there any more, and that is what was wanted.
        std::fs::remove_file(&self.0).ok();
    }
}

impl MovieFile {
    pub(crate) async fn start(path: PathBuf) -> Result<Self, StoreError> {
        blocking(move || Self::start_now(&path)).await
    }

    fn start_now(path: &Path) -> Result<Self, StoreError> {
        let what = path.display().to_string();
        let failed = |error| StoreError::of_io(Side::Output, &what, &error);
        let target = match std::fs::canonicalize(path) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(failed(error)),
        };
        // Renaming over a device or a folder would do what nobody meant.
        let found = match std::fs::metadata(&target) {
            Ok(there) if there.is_dir() => Some("a folder"),
            Ok(there) if !there.is_file() => Some("a device or a pipe"),
            Ok(_) | Err(_) => None,
        };
        if let Some(found) = found {
            return Err(StoreError::NotAFile { side: Side::Output, what, found });
        }
        let folder = target.parent().unwrap_or_else(|| Path::new("/"));
        let (file, hidden) = match open_nameless(folder) {
            Some(file) => (file, None),
            None => open_hidden(folder).map(|(file, name)| (file, Some(name))).map_err(failed)?,
        };
        Ok(Self { file: Arc::new(file), target, hidden })
    }

    pub(crate) async fn write_at(&self, offset: u64, bytes: Bytes) -> Result<(), StoreError> {
        let file = Arc::clone(&self.file);
        let what = self.what();
        blocking(move || {
            file.write_all_at(&bytes, offset)
                .map_err(|error| StoreError::of_io(Side::Output, &what, &error))
        })
        .await
    }

    pub(crate) async fn finish(self) -> Result<(), StoreError> {
        blocking(move || {
            self.name_now().map_err(|error| StoreError::of_io(Side::Output, &self.what(), &error))
        })
        .await
    }

    fn name_now(&self) -> io::Result<()> {
        self.file.sync_all()?;
        let folder = self.target.parent().unwrap_or_else(|| Path::new("/"));
        match &self.hidden {
            Some(Hidden(hidden)) => std::fs::rename(hidden, &self.target)?,
            None => self.link(folder)?,
        }
        // The name, too, is to survive a loss of power.
        File::open(folder)?.sync_all()
    }

    /// Names the nameless file; over an existing one by way of a hidden name, since linking never
    /// replaces.
    fn link(&self, folder: &Path) -> io::Result<()> {
        let nameless = by_descriptor(&self.file);
        match rustix::fs::linkat(CWD, &nameless, CWD, &self.target, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::EXIST) => {
                let hidden = Hidden(hidden_name(folder));
                rustix::fs::linkat(CWD, &nameless, CWD, &hidden.0, AtFlags::SYMLINK_FOLLOW)?;
                std::fs::rename(&hidden.0, &self.target)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn what(&self) -> String {
        self.target.display().to_string()
    }
}

/// A file without a name in `folder`; `None` where the file system makes none, or where it could
/// not be named later because `/proc` is missing.
fn open_nameless(folder: &Path) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(0o666)).ok()?);
    std::fs::metadata(by_descriptor(&file)).ok().map(|_| file)
}

fn open_hidden(folder: &Path) -> io::Result<(File, Hidden)> {
    let name = hidden_name(folder);
    let file = File::options().read(true).write(true).create_new(true).open(&name)?;
    Ok((file, Hidden(name)))
}

fn hidden_name(folder: &Path) -> PathBuf {
    folder.join(format!(".cleanplate.{}.{}.partial", std::process::id(), unique()))
}

fn by_descriptor(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn hidden(target: &Path) -> MovieFile {
        let (file, name) = open_hidden(target.parent().unwrap()).unwrap();
        MovieFile { file: Arc::new(file), target: target.to_owned(), hidden: Some(name) }
    }

    #[tokio::test]
    async fn with_a_hidden_name_it_replaces_the_old_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("movie.mkv");
        std::fs::write(&target, b"old").unwrap();
        let movie = hidden(&target);
        movie.write_at(0, Bytes::from_static(b"new")).await.unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        movie.finish().await.unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["movie.mkv"]);
    }

    #[tokio::test]
    async fn dropped_with_a_hidden_name_it_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let movie = hidden(&folder.path().join("movie.mkv"));
        movie.write_at(0, Bytes::from_static(b"new")).await.unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(movie);
        assert!(names(folder.path()).is_empty());
    }

    #[tokio::test]
    async fn a_link_is_followed_and_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("movie.mkv"), folder.path().join("link.mkv"));
        std::fs::write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let movie = MovieFile::start(link.clone()).await.unwrap();
        movie.write_at(0, Bytes::from_static(b"new")).await.unwrap();
        movie.finish().await.unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
    }
}
