//! The movie on a disk: a file without a name, until it is complete.
//!
//! Linux can make a file that has no name (`O_TMPFILE`) and name it later, so that a process
//! killed at any moment before leaves nothing at all. Where the file system cannot (NFS), a hidden file
//! beside the target has its name from the start, and is removed when it is dropped.
//!
//! Staged, the movie has a hidden name that carries its job and lease, and is then renamed. Before that, and when
//! it begins, a stitch removes the hidden names of its job's older leases: one that was paused between the two
//! finds nothing to rename when it wakes up.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use cleanplate_types::ids::{JobId, LeaseId};
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
    /// Its hidden name: once it is staged, or from the start where it had to have one.
    hidden: Option<Hidden>,
    /// Whose it is, where others may write the same.
    stage: Option<Stage>,
    staged: bool,
}

/// Whose a staged movie is.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) job: JobId,
    pub(crate) lease: LeaseId,
}

impl Stage {
    /// How the hidden names of all leases of the job begin.
    fn begins(&self) -> String {
        format!(".cleanplate.{}.lease-", self.job.as_str())
    }

    /// Whether `name` is the hidden name of an older lease of the same job.
    fn is_after(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.begins()).and_then(|rest| rest.strip_suffix(".partial"));
        let numbers = rest.into_iter().flat_map(|rest| rest.split('.').map(str::parse::<u64>));
        // Lease, process, and the process's own count: another job's name may begin as this one's.
        match numbers.collect::<Vec<_>>().as_slice() {
            [Ok(lease), Ok(_process), Ok(_count)] => *lease < self.lease.0,
            _ => false,
        }
    }

    /// Removes what was staged in `folder` under older leases of the job.
    fn clear(&self, folder: &Path) -> io::Result<()> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let folder = folder.display();
                tracing::warn!(%folder, "what older leases staged is not seen: the folder cannot be listed");
                return Ok(());
            }
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| self.is_after(name)) {
                match std::fs::remove_file(entry.path()) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }
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
        let (file, hidden) = match open_nameless(folder_of(&target)) {
            Some(file) => (file, None),
            None => {
                let name = hidden_name(folder_of(&target), None);
                open_hidden(name).map(|(file, name)| (file, Some(name))).map_err(failed)?
            }
        };
        Ok(Self { file: Arc::new(file), target, hidden, stage: None, staged: false })
    }

    /// The movie is that of `stage`, and what was staged of it before is removed.
    pub(crate) async fn belongs_to(&mut self, stage: Stage) -> Result<(), StoreError> {
        let (target, what, own) = (self.target.clone(), self.what(), stage.clone());
        let named = self.hidden.take();
        self.stage = Some(stage);
        self.hidden = blocking(move || {
            let failed = |error| StoreError::of_io(Side::Output, &what, &error);
            let folder = folder_of(&target);
            own.clear(folder).map_err(failed)?;
            let Some(named) = named else { return Ok(None) };
            let hidden = Hidden(hidden_name(folder, Some(&own)));
            std::fs::rename(&named.0, &hidden.0).map_err(failed)?;
            Ok(Some(hidden))
        })
        .await?;
        Ok(())
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

    /// Makes its bytes durable, and gives it its hidden name. Does nothing the second time.
    pub(crate) async fn stage(&mut self) -> Result<(), StoreError> {
        if self.staged {
            return Ok(());
        }
        let (file, what) = (Arc::clone(&self.file), self.what());
        let is_named = self.hidden.is_some();
        let hidden = hidden_name(folder_of(&self.target), self.stage.as_ref());
        let named = blocking(move || {
            let named = file.sync_all().and_then(|()| {
                if is_named {
                    return Ok(None);
                }
                let nameless = by_descriptor(&file);
                rustix::fs::linkat(CWD, &nameless, CWD, &hidden, AtFlags::SYMLINK_FOLLOW)?;
                Ok(Some(Hidden(hidden)))
            });
            named.map_err(|error| StoreError::of_io(Side::Output, &what, &error))
        })
        .await?;
        self.hidden = named.or_else(|| self.hidden.take());
        self.staged = true;
        Ok(())
    }

    /// Renames what was staged.
    pub(crate) async fn finish(self) -> Result<(), StoreError> {
        blocking(move || {
            self.name_now().map_err(|error| StoreError::of_io(Side::Output, &self.what(), &error))
        })
        .await
    }

    fn name_now(&self) -> io::Result<()> {
        let folder = folder_of(&self.target);
        if let Some(stage) = &self.stage {
            stage.clear(folder)?;
        }
        let hidden = self.hidden.as_ref().ok_or(io::ErrorKind::NotFound)?;
        std::fs::rename(&hidden.0, &self.target)?;
        // The name, too, is to survive a loss of power.
        File::open(folder)?.sync_all()
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

fn open_hidden(name: PathBuf) -> io::Result<(File, Hidden)> {
    let file = File::options().read(true).write(true).create_new(true).open(&name)?;
    Ok((file, Hidden(name)))
}

fn hidden_name(folder: &Path, stage: Option<&Stage>) -> PathBuf {
    let begins = match stage {
        Some(stage) => format!("{}{}", stage.begins(), stage.lease.0),
        None => ".cleanplate".to_owned(),
    };
    folder.join(format!("{begins}.{}.{}.partial", std::process::id(), unique()))
}

fn folder_of(target: &Path) -> &Path {
    target.parent().unwrap_or_else(|| Path::new("/"))
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
        let (file, name) = open_hidden(hidden_name(target.parent().unwrap(), None)).unwrap();
        let (file, target) = (Arc::new(file), target.to_owned());
        MovieFile { file, target, hidden: Some(name), stage: None, staged: false }
    }

    fn stage(lease: u64) -> Stage {
        Stage { job: JobId::parse("j").unwrap(), lease: LeaseId(lease) }
    }

    async fn staged(target: &Path, lease: u64, bytes: &'static [u8]) -> MovieFile {
        let mut movie = MovieFile::start(target.to_owned()).await.unwrap();
        movie.belongs_to(stage(lease)).await.unwrap();
        movie.write_at(0, Bytes::from_static(bytes)).await.unwrap();
        movie.stage().await.unwrap();
        movie
    }

    #[tokio::test]
    async fn a_movie_that_was_staged_under_an_older_lease_is_not_named_after_a_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("movie.mkv");
        let paused = staged(&target, 8, b"older").await;
        let later = staged(&target, 9, b"later").await;
        later.finish().await.unwrap();
        paused.finish().await.unwrap_err();
        assert_eq!(std::fs::read(&target).unwrap(), b"later");
        assert_eq!(names(folder.path()), ["movie.mkv"]);
    }

    #[tokio::test]
    async fn an_older_lease_removes_nothing_of_a_later_one_and_nobody_what_is_of_another_job() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("movie.mkv");
        let other = folder.path().join(".cleanplate.j.lease-1.lease-1.1.1.partial");
        std::fs::write(&other, b"another's").unwrap();
        let later = staged(&target, 10, b"later").await;
        let older = staged(&target, 9, b"older").await;
        older.finish().await.unwrap();
        later.finish().await.unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"later");
        assert!(other.exists());
    }

    #[tokio::test]
    async fn one_that_was_named_from_the_start_is_staged_under_its_lease_too() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("movie.mkv");
        let mut movie = hidden(&target);
        movie.belongs_to(stage(7)).await.unwrap();
        assert!(names(folder.path())[0].starts_with(".cleanplate.j.lease-7."));
        movie.stage().await.unwrap();
        movie.finish().await.unwrap();
        assert_eq!(names(folder.path()), ["movie.mkv"]);
    }

    #[tokio::test]
    async fn with_a_hidden_name_it_replaces_the_old_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("movie.mkv");
        std::fs::write(&target, b"old").unwrap();
        let mut movie = hidden(&target);
        movie.write_at(0, Bytes::from_static(b"new")).await.unwrap();
        movie.stage().await.unwrap();
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
        let mut movie = MovieFile::start(link.clone()).await.unwrap();
        movie.write_at(0, Bytes::from_static(b"new")).await.unwrap();
        movie.stage().await.unwrap();
        movie.finish().await.unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
    }
}
