//! The job's store: small objects put and got whole and checked, large ones by upload and reader.

use std::fmt;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use cleanplate_types::digest::Sha;
use cleanplate_types::object::ObjectRef;
use futures::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Content, Side, StoreError};
use crate::location::Location;
use crate::objects::{decode_object, encode_object};
use crate::reading::{SourceReader, blocking};
use crate::remote::{Patience, checked_path, open_bucket};
use crate::signing::Keys;
use crate::traffic;
use crate::writing::PartUpload;

/// Deletions under way at once in [`Store::delete_prefix`].
const DELETES_IN_FLIGHT_MAX: usize = 16;

/// A folder or a prefix in a bucket, in which a fleet keeps its objects. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    root: Root,
    /// Rooted at the folder, or at the whole bucket with `prefix` below it.
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    /// By which sources are read as well.
    keys: Keys,
}

#[derive(Debug, Clone)]
enum Root {
    Place(Location),
    Memory,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key below the store's root.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Store {
    /// Opens the store at `root` (a path, `file://`, or a prefix in a bucket: `s3://`, `gs://`, `az://`). A folder is created
    /// where it is missing; a bucket is not talked to before the first request.
    ///
    /// # Errors
    /// Those of [`Location::parse`], a folder that cannot be made, and settings without sense.
    pub fn open(root: &str) -> Result<Self, StoreError> {
        Self::open_by(root, Keys::Own)
    }

    /// The same by other keys than this process's own.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_by(root: &str, keys: Keys) -> Result<Self, StoreError> {
        Self::open_patient(Location::parse(root)?, Patience::Work, keys)
    }

    /// A store in this process's memory, for tests.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            root: Root::Memory,
            objects: Arc::new(InMemory::new()),
            prefix: Path::default(),
            keys: Keys::Own,
        }
    }

    fn open_patient(root: Location, patience: Patience, keys: Keys) -> Result<Self, StoreError> {
        let (objects, prefix): (Arc<dyn ObjectStore>, Path) = match &root {
            Location::File(path) => (Arc::new(open_folder(path, &root)?), Path::default()),
            Location::S3 { .. }
            | Location::Gcs { .. }
            | Location::Azure { .. }
            | Location::Web(_) => {
                let bucket = root.bucket().ok_or_else(|| root.is_no_bucket())?;
                let key = bucket.key.trim_end_matches('/');
                let prefix = if key.is_empty() { Path::default() } else { checked_path(key)? };
                (open_bucket(bucket, patience, &keys)?, prefix)
            }
        };
        Ok(Self { root: Root::Place(root), objects, prefix, keys })
    }

    /// The root as a URL that [`Store::open`] takes on another machine that reaches it.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.root {
            Root::Place(location) => location.url(),
            Root::Memory => "memory://".to_owned(),
        }
    }

    /// The full URL of a key, for messages.
    #[must_use]
    pub fn url_of(&self, key: &str) -> String {
        format!("{}/{key}", self.url().trim_end_matches('/'))
    }

    /// Stores `bytes` under `key`, over what may be there. Visible whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::BadKey`], and what kept the store from taking them.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<ObjectRef, StoreError> {
        self.put_as(key, bytes, PutMode::Overwrite).await
    }

    /// Stores `bytes` under `key` where nothing is yet.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where something is; else as [`Store::put`].
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<ObjectRef, StoreError> {
        self.put_as(key, bytes, PutMode::Create).await
    }

    async fn put_as(
        &self,
        key: &str,
        bytes: Bytes,
        mode: PutMode,
    ) -> Result<ObjectRef, StoreError> {
        let path = self.path(key)?;
        let object =
            ObjectRef { key: key.to_owned(), bytes: bytes.len() as u64, sha: Sha::of(&bytes) };
        let options = PutOptions { mode, ..PutOptions::default() };
        self.objects
            .put_opts(&path, PutPayload::from_bytes(bytes), options)
            .await
            .map_err(|error| self.failed(key, &error))?;
        traffic::written(usize::try_from(object.bytes).unwrap_or(usize::MAX));
        Ok(object)
    }

    /// Reads an object whole and checks that it is the one that was stored.
    ///
    /// For objects that fit in memory: tables, briefs, manifests. Parts go by [`Store::reader`].
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where size or hash differ, [`StoreError::NotFound`], and what kept
    /// the bytes from arriving.
    pub async fn get(&self, object: &ObjectRef) -> Result<Bytes, StoreError> {
        let path = self.path(&object.key)?;
        let failed = |error| self.failed(&object.key, &error);
        let answer = self.objects.get(&path).await.map_err(failed)?;
        let expected = Content { bytes: object.bytes, sha: Some(object.sha) };
        // Before any byte: an object of another size is not read into memory.
        if answer.meta.size != object.bytes {
            let found = Content { bytes: answer.meta.size, sha: None };
            return Err(StoreError::Corrupt { key: object.key.clone(), expected, found });
        }
        let bytes = answer.bytes().await.map_err(failed)?;
        traffic::read(bytes.len());
        let found = Content { bytes: bytes.len() as u64, sha: Some(Sha::of(&bytes)) };
        if found == expected {
            Ok(bytes)
        } else {
            Err(StoreError::Corrupt { key: object.key.clone(), expected, found })
        }
    }

    /// Reads an object that nobody holds to a hash, and decodes it as `kind`.
    ///
    /// # Errors
    /// [`StoreError::Undecodable`], and what kept the bytes from arriving.
    pub async fn get_listed<T: DeserializeOwned>(
        &self,
        listed: &Listed,
        kind: &str,
    ) -> Result<T, StoreError> {
        let failed = |error| self.failed(&listed.key, &error);
        let answer = self.objects.get(&self.path(&listed.key)?).await.map_err(failed)?;
        let bytes = answer.bytes().await.map_err(failed)?;
        traffic::read(bytes.len());
        decode_object(kind, &bytes)
            .map_err(|source| StoreError::Undecodable { key: listed.key.clone(), source })
    }

    /// Encodes `value` as an object of `kind` and puts it.
    ///
    /// # Errors
    /// [`StoreError::Unencodable`], and those of [`Store::put`].
    pub async fn put_value<T: Serialize + Sync>(
        &self,
        key: &str,
        kind: &str,
        value: &T,
    ) -> Result<ObjectRef, StoreError> {
        let bytes = encode_object(kind, value)
            .map_err(|source| StoreError::Unencodable { key: key.to_owned(), source })?;
        self.put(key, bytes.into()).await
    }

    /// Gets an object and decodes it as `kind`.
    ///
    /// # Errors
    /// [`StoreError::Undecodable`], and those of [`Store::get`].
    pub async fn get_value<T: DeserializeOwned>(
        &self,
        object: &ObjectRef,
        kind: &str,
    ) -> Result<T, StoreError> {
        let bytes = self.get(object).await?;
        decode_object(kind, &bytes)
            .map_err(|source| StoreError::Undecodable { key: object.key.clone(), source })
    }

    /// Opens a stored object for ranged reads. Its size is checked here; its hash is the caller's
    /// to check, who alone knows whether all of it is read.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the size differs; else as [`Store::get`].
    pub async fn reader(&self, object: &ObjectRef) -> Result<SourceReader, StoreError> {
        let path = self.path(&object.key)?;
        let objects = Arc::clone(&self.objects);
        let what = self.url_of(&object.key);
        let reader = SourceReader::of_stored(objects, path, what).await?;
        let found = reader.head().bytes;
        if found == object.bytes {
            return Ok(reader);
        }
        Err(StoreError::Corrupt {
            key: object.key.clone(),
            expected: Content { bytes: object.bytes, sha: None },
            found: Content { bytes: found, sha: None },
        })
    }

    /// By which keys it is read and written.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Opens a source by the keys of this store. With `pinned`, only that version of it.
    ///
    /// # Errors
    /// As for [`SourceReader::open`].
    pub async fn source(
        &self,
        location: &Location,
        pinned: Option<&str>,
    ) -> Result<SourceReader, StoreError> {
        SourceReader::open_by(location, pinned, &self.keys).await
    }

    /// Begins an upload under `key` that is written from front to back and hashed on the way.
    ///
    /// # Errors
    /// [`StoreError::BadKey`]; the store is not talked to yet.
    pub fn sink(&self, key: &str) -> Result<PartUpload, StoreError> {
        let path = self.path(key)?;
        Ok(PartUpload::new(Arc::clone(&self.objects), path, key.to_owned(), self.url_of(key)))
    }

    /// Whether there is an object under `key`.
    ///
    /// # Errors
    /// What kept the store from answering.
    pub async fn exists(&self, key: &str) -> Result<bool, StoreError> {
        match self.objects.head(&self.path(key)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed(key, &error)),
        }
    }

    /// The objects below `prefix` (whole path parts: `jobs/a` does not list `jobs/ab`), in the
    /// order of their keys. Their number is that of a job's cells: some thousands.
    ///
    /// # Errors
    /// What kept the store from answering.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let path = self.prefix_path(prefix)?;
        let mut found: Vec<Listed> = self
            .objects
            .list(Some(&path))
            .map_ok(|meta| Listed { key: self.key_of(&meta.location), bytes: meta.size })
            .try_collect()
            .await
            .map_err(|error| self.failed(prefix, &error))?;
        found.sort_by(|one, two| one.key.cmp(&two.key));
        Ok(found)
    }

    /// The names of the folders right below `prefix`, in their order.
    ///
    /// # Errors
    /// What kept the store from answering.
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let path = self.prefix_path(prefix)?;
        let listed = self.objects.list_with_delimiter(Some(&path)).await;
        let listed = listed.map_err(|error| self.failed(prefix, &error))?;
        let name = |path: &Path| path.filename().map(str::to_owned);
        let mut names: Vec<String> = listed.common_prefixes.iter().filter_map(name).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes the object under `key`; none there is as good.
    ///
    /// # Errors
    /// What kept the store from deleting it.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.objects.delete(&self.path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(key, &error)),
        }
    }

    /// Deletes the objects below `prefix` whose keys are `doomed` and returns how many there were. An empty
    /// prefix, which would be the whole store, is refused.
    ///
    /// In a folder this also takes the pieces that killed writers of such objects left, which no listing shows,
    /// and the folders that are empty then.
    ///
    /// # Errors
    /// [`StoreError::BadKey`] for the empty prefix, and what kept the store from deleting one.
    pub async fn delete_prefix(
        &self,
        prefix: &str,
        doomed: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<u64, StoreError> {
        if prefix.trim_matches('/').is_empty() {
            let reason = "it is the whole store".to_owned();
            return Err(StoreError::BadKey { key: prefix.to_owned(), reason });
        }
        let path = self.prefix_path(prefix)?;
        if let Root::Place(Location::File(root)) = &self.root {
            let folder = root.join(path.as_ref());
            return blocking(move || clear_folder(&folder, path.as_ref(), &doomed)).await;
        }
        self.objects
            .list(Some(&path))
            .map_err(|error| self.failed(prefix, &error))
            .map_ok(|meta| self.key_of(&meta.location))
            .try_filter(|key| std::future::ready(doomed(key)))
            .map_ok(|key| async move { self.delete(&key).await.map(|()| 1_u64) })
            .try_buffer_unordered(DELETES_IN_FLIGHT_MAX)
            .try_fold(0_u64, |sum, one| std::future::ready(Ok(sum + one)))
            .await
    }

    /// Writes, reads and deletes a small object, without long retries: for `doctor`, and for a
    /// worker or coordinator before it takes work.
    ///
    /// # Errors
    /// The first step that failed.
    pub async fn check(&self) -> Result<(), StoreError> {
        let probe = match &self.root {
            Root::Place(root) => {
                Self::open_patient(root.clone(), Patience::Check, self.keys.clone())?
            }
            Root::Memory => self.clone(),
        };
        let key = format!("check/{}.{}", std::process::id(), unique());
        let object = probe.put(&key, Bytes::from_static(b"cleanplate was here\n")).await?;
        let read = probe.get(&object).await;
        let deleted = probe.delete(&key).await;
        read?;
        deleted
    }

    fn path(&self, key: &str) -> Result<Path, StoreError> {
        let path = checked_path(key)?;
        Ok(if self.prefix.as_ref().is_empty() {
            path
        } else {
            Path::from_iter(self.prefix.parts().chain(path.parts()))
        })
    }

    fn prefix_path(&self, prefix: &str) -> Result<Path, StoreError> {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if prefix.is_empty() { Ok(self.prefix.clone()) } else { self.path(prefix) }
    }

    fn key_of(&self, path: &Path) -> String {
        let text = path.as_ref();
        let below = text.strip_prefix(self.prefix.as_ref()).unwrap_or(text);
        below.trim_start_matches('/').to_owned()
    }

    fn failed(&self, key: &str, error: &object_store::Error) -> StoreError {
        StoreError::of_object(Side::Store, &self.url_of(key), error)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("root", &self.url()).finish_non_exhaustive()
    }
}

fn open_folder(path: &PathBuf, root: &Location) -> Result<LocalFileSystem, StoreError> {
    std::fs::create_dir_all(path)
        .map_err(|error| StoreError::of_io(Side::Store, &root.shown(), &error))?;
    let folder = LocalFileSystem::new_with_prefix(path)
        .map_err(|error| StoreError::of_object(Side::Store, &root.shown(), &error))?;
    // Folders are no objects: the last object of a job takes its folders with it.
    Ok(folder.with_automatic_cleanup(true))
}

/// What stands between the name of an object and a number in the name of the file in which `object_store` collects
/// the object's bytes; no key holds it.
const COLLECTED: char = '#';

/// Deletes the objects in `folder`, whose key is `prefix`, that are `doomed`, and what their writers left.
fn clear_folder(
    folder: &FilePath,
    prefix: &str,
    doomed: &dyn Fn(&str) -> bool,
) -> Result<u64, StoreError> {
    let failed = |error: io::Error| {
        // Somebody else deletes too.
        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            return Ok(0);
        }
        Err(StoreError::of_io(Side::Store, &folder.display().to_string(), &error))
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return failed(error),
    };
    let mut count = 0;
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return failed(error),
        };
        let name = entry.file_name();
        let (path, name) = (entry.path(), name.to_string_lossy());
        let (name, is_object) =
            name.split_once(COLLECTED).map_or((&*name, true), |(name, _)| (name, false));
        let key = format!("{prefix}/{name}");
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            count += clear_folder(&path, &key, doomed)?;
        } else if doomed(&key) {
            match std::fs::remove_file(&path) {
                Ok(()) => count += u64::from(is_object),
                Err(error) => count += failed(error)?,
            }
        }
    }
    // One that is not empty stays.
    std::fs::remove_dir(folder).ok();
    Ok(count)
}

/// A number that no other call in this process gives.
pub(crate) fn unique() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
