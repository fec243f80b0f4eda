//! What is below a folder or a prefix, one name after the other: a listing of any size needs the memory of a page.
//!
//! Owns how each kind of place is walked. Refuses web servers, which list nothing, and what a name could lead out by:
//! links to folders are not followed, and what is no file is no name.

use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use tokio::sync::mpsc;

use crate::error::{Side, StoreError};
use crate::location::Location;
use crate::reading::blocking;
use crate::remote::{Patience, checked_path, open_bucket};
use crate::signing::Keys;

/// Names that wait for whoever asked: one page of a bucket's listing would be a thousand.
const NAMES_WAITING_MAX: usize = 256;

/// Folders within each other that are walked; a path of the system's is no longer.
const DEPTH_MAX: usize = 256;

/// Names as they are found, in no order.
pub type Names = Pin<Box<dyn Stream<Item = Result<String, StoreError>> + Send>>;

impl Location {
    /// The place of this name below this one, which is a folder or a prefix.
    ///
    /// # Errors
    /// [`StoreError::BadLocation`] for a name that leads elsewhere, or for a web server.
    pub fn below(&self, name: &str) -> Result<Self, StoreError> {
        let bad = |reason: &str| StoreError::BadLocation {
            text: name.to_owned(),
            reason: reason.to_owned(),
        };
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) || name.contains('\0') {
            return Err(bad("it leads elsewhere"));
        }
        let joined = |key: &str| match key.trim_end_matches('/') {
            "" => name.to_owned(),
            key => format!("{key}/{name}"),
        };
        Ok(match self {
            Self::File(path) => Self::File(path.join(name)),
            Self::S3 { bucket, key } => Self::S3 { bucket: bucket.clone(), key: joined(key) },
            Self::Gcs { bucket, key } => Self::Gcs { bucket: bucket.clone(), key: joined(key) },
            Self::Azure { container, key } => {
                Self::Azure { container: container.clone(), key: joined(key) }
            }
            Self::Web(_) => return Err(bad("a web server has no folders that can be named")),
        })
    }

    /// The names of all files below this folder or prefix, as paths with slashes. What is no text in a
    /// name of the system stands as U+FFFD, and such a name may lead to no file.
    ///
    /// # Errors
    /// What kept the place from being listed, now or on the way.
    pub fn names_below(&self) -> Result<Names, StoreError> {
        let (what, path) = match self {
            Self::File(path) => return Ok(walk(path.clone())),
            Self::Web(_) => {
                return Err(StoreError::BadLocation {
                    text: self.shown(),
                    reason: "a web server lists nothing; name a folder or a bucket".to_owned(),
                });
            }
            Self::S3 { key, .. } | Self::Gcs { key, .. } | Self::Azure { key, .. } => {
                let key = key.trim_end_matches('/');
                let path = if key.is_empty() { None } else { Some(checked_path(key)?) };
                (self.shown(), path)
            }
        };
        let bucket = self.bucket().ok_or_else(|| self.is_no_bucket())?;
        let bucket = open_bucket(bucket, Patience::Work, &Keys::Own)?;
        let listed = bucket.list(path.as_ref());
        let begin = path.as_ref().map_or_else(String::new, |path| format!("{path}/"));
        let names = listed
            .map_ok(move |meta| {
                let key = meta.location.as_ref();
                key.strip_prefix(begin.as_str()).unwrap_or_default().to_owned()
            })
            .try_filter(|name| std::future::ready(!name.is_empty()))
            .map_err(move |error| StoreError::of_object(Side::Source, &what, &error));
        Ok(Box::pin(names))
    }

    /// Whether something is there. A web server is not asked.
    ///
    /// # Errors
    /// What kept the place from answering.
    pub async fn is_there(&self) -> Result<bool, StoreError> {
        let Some(bucket) = self.bucket() else {
            let Self::File(path) = self else { return Err(self.is_no_bucket()) };
            let (path, what) = (path.clone(), self.shown());
            return blocking(move || {
                path.try_exists().map_err(|error| StoreError::of_io(Side::Output, &what, &error))
            })
            .await;
        };
        let path = checked_path(bucket.key)?;
        match open_bucket(bucket, Patience::Work, &Keys::Own)?.head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(StoreError::of_object(Side::Output, &self.shown(), &error)),
        }
    }

    /// Makes the folder that this file is to be in. In a bucket there are none.
    ///
    /// # Errors
    /// What kept it from being made.
    pub async fn make_room(&self) -> Result<(), StoreError> {
        let Self::File(path) = self else { return Ok(()) };
        let Some(folder) = path.parent().map(Path::to_owned) else { return Ok(()) };
        let what = folder.display().to_string();
        blocking(move || {
            fs::create_dir_all(&folder)
                .map_err(|error| StoreError::of_io(Side::Output, &what, &error))
        })
        .await
    }
}

/// Walks a folder on a thread for things that block, as fast as the names are taken.
fn walk(root: PathBuf) -> Names {
    let (sender, receiver) = mpsc::channel(NAMES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let mut walk = Walk { stack: Vec::new(), root };
        if let Err(error) = walk.enter(&walk.root.clone()) {
            sender.blocking_send(Err(error)).ok();
            return;
        }
        while let Some(name) = walk.next_name() {
            if sender.blocking_send(name).is_err() {
                // Nobody wants more.
                return;
            }
        }
    });
    let names = futures::stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    });
    names.boxed()
}

/// The folders that are open, the innermost last.
struct Walk {
    root: PathBuf,
    stack: Vec<ReadDir>,
}

impl Walk {
    fn enter(&mut self, folder: &Path) -> Result<(), StoreError> {
        let opened = fs::read_dir(folder);
        let opened = opened.map_err(|error| self.failed(folder, &error))?;
        self.stack.push(opened);
        Ok(())
    }

    fn failed(&self, folder: &Path, error: &io::Error) -> StoreError {
        StoreError::of_io(Side::Source, &folder.display().to_string(), error)
    }

    fn next_name(&mut self) -> Option<Result<String, StoreError>> {
        loop {
            let entry = match self.stack.last_mut()?.next() {
                None => {
                    self.stack.pop();
                    continue;
                }
                Some(Ok(entry)) => entry,
                Some(Err(error)) => return Some(Err(self.failed(&self.root, &error))),
            };
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            if kind.is_dir() {
                if self.stack.len() >= DEPTH_MAX {
                    continue;
                }
                match self.enter(&path) {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                }
            }
            // A link to a file is read as the file that it is.
            let is_file = kind.is_file() || fs::metadata(&path).is_ok_and(|it| it.is_file());
            let name = path.strip_prefix(&self.root).ok().map(Path::to_string_lossy);
            if let Some(name) = name.filter(|_| is_file) {
                return Some(Ok(name.into_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn names(root: &Location) -> Vec<String> {
        let mut names: Vec<String> = root.names_below().unwrap().try_collect().await.unwrap();
        names.sort();
        names
    }

    #[tokio::test]
    async fn every_file_below_a_folder_is_named_once_and_links_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("elsewhere.mp4"), b"x").unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for name in ["one.mp4", "a/two.mkv", "a/b/three.txt"] {
            fs::write(folder.path().join(name), b"x").unwrap();
        }
        std::os::unix::fs::symlink(other.path(), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/loop")).unwrap();
        let root = Location::File(folder.path().to_owned());
        assert_eq!(names(&root).await, ["a/b/three.txt", "a/two.mkv", "one.mp4"]);
        let absent = Location::File(folder.path().join("absent"));
        let mut listed = absent.names_below().unwrap();
        assert!(matches!(listed.next().await, Some(Err(StoreError::NotFound { .. }))));
    }

    #[tokio::test]
    async fn a_folder_of_any_size_is_listed_while_few_names_wait() {
        let folder = tempfile::tempdir().unwrap();
        for at in 0..2_000 {
            fs::write(folder.path().join(format!("{at}.mp4")), b"").unwrap();
        }
        let root = Location::File(folder.path().to_owned());
        assert_eq!(names(&root).await.len(), 2_000);
        // One that is given up lets its thread go.
        let mut listed = root.names_below().unwrap();
        assert!(listed.next().await.is_some());
    }

    #[test]
    fn a_name_below_a_place_leads_nowhere_else() {
        let root = Location::parse("s3://b/in/").unwrap();
        assert_eq!(root.below("a/b c.mp4").unwrap().url(), "s3://b/in/a/b c.mp4");
        assert_eq!(Location::parse("s3://b").unwrap().below("a").unwrap().url(), "s3://b/a");
        for name in ["", "../x", "a//b", "a/./b", "/a", "a/"] {
            assert!(root.below(name).is_err(), "{name:?}");
        }
        assert!(Location::parse("https://h/a").unwrap().below("b").is_err());
    }
}
