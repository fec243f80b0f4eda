//! Model files on this machine: those that are installed, and a cache of those that jobs bring.
//!
//! Owns the cache and its limit. Refuses a file whose bytes are not those that the job pinned, and to open a
//! model: that is a child's.

use std::fs::{self, File, FileTimes};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cleanplate_store::{Keys, Location, SourceReader, shown_place};
use cleanplate_types::digest::Sha;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::model::ModelRef;
use cleanplate_vision::ModelsFolder;

/// Largest model that is taken: what onnx's container itself can hold in one file.
const MODEL_BYTES_MAX: u64 = 2 << 30;

/// Where models are on this machine.
#[derive(Debug)]
pub(crate) struct Models {
    installed: ModelsFolder,
    cache: ModelsFolder,
    cache_bytes: u64,
}

/// A model file that is open: it stays readable where the cache drops it.
#[derive(Debug, Clone)]
pub(crate) struct ModelFile {
    pub(crate) file: Arc<File>,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

impl Models {
    /// Models that are installed in `installed`, and a cache of at most `cache_bytes` in `cache`.
    pub(crate) fn new(installed: ModelsFolder, cache: &Path, cache_bytes: u64) -> Self {
        Self { installed, cache: ModelsFolder::new(cache), cache_bytes }
    }

    /// Opens `model`, which is read from where its URL says, by `keys`, if it is not here yet.
    ///
    /// # Errors
    /// [`FailureKind::WorkerLacks`] where it must be installed and is not,
    /// [`FailureKind::SourceUnavailable`] where it cannot be read, [`FailureKind::BadRequest`] where it is
    /// another file than the job pinned.
    pub(crate) async fn open(&self, keys: &Keys, model: &ModelRef) -> Result<ModelFile, Failure> {
        if let Some(file) = in_folder(&self.installed, model).await? {
            return Ok(file);
        }
        if model.is_installed() {
            let folder = self.installed.path().display();
            let text = format!(
                "the model `{model}` is not in {folder}, or is damaged: run `make setup-models`"
            );
            return Err(failed(FailureKind::WorkerLacks, text));
        }
        if let Some(file) = in_folder(&self.cache, model).await? {
            return Ok(file);
        }
        let bytes = fetch(keys, model).await?;
        let kept = self.cache.keep(&bytes).map_err(|error| {
            failed(FailureKind::WorkerLacks, format!("the model `{model}` cannot be kept: {error}"))
        })?;
        let path = self.cache.file(kept);
        let file = File::open(&path).map_err(|error| unreadable(model, &error))?;
        trim(self.cache.path(), self.cache_bytes, &path);
        opened(file, path, model)
    }
}

/// The model's file of a folder, where it is there and its bytes are those that the job pinned.
async fn in_folder(folder: &ModelsFolder, model: &ModelRef) -> Result<Option<ModelFile>, Failure> {
    let path = folder.file(model.sha);
    let Ok(file) = File::open(&path) else { return Ok(None) };
    let file = opened(file, path, model)?;
    let (inner, pinned) = (Arc::clone(&file.file), model.sha);
    let checked = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        (&*inner).read_to_end(&mut bytes).map(|_| Sha::of(&bytes) == pinned)
    });
    let checked = checked.await.map_err(io::Error::other).flatten();
    Ok(checked.map_err(|error| unreadable(model, &error))?.then_some(file))
}

/// Reads a model from where it is, and checks that it is the one.
async fn fetch(keys: &Keys, model: &ModelRef) -> Result<Vec<u8>, Failure> {
    let unread = |error: &dyn std::fmt::Display| {
        let text = format!("the model {} cannot be read: {error}", shown_place(&model.url));
        failed(FailureKind::SourceUnavailable, text)
    };
    let changed = |found: &dyn std::fmt::Display| {
        let text = format!(
            "the model {} is not the one that was submitted: {found}; submit the job again",
            shown_place(&model.url)
        );
        failed(FailureKind::BadRequest, text)
    };
    if model.bytes > MODEL_BYTES_MAX {
        return Err(changed(&format!("{} bytes are more than 2 GiB", model.bytes)));
    }
    let location = Location::parse(&model.url).map_err(|error| unread(&error))?;
    let reader =
        SourceReader::open_by(&location, None, keys).await.map_err(|error| unread(&error))?;
    let found = reader.head().bytes;
    if found != model.bytes {
        return Err(changed(&format!("it has {found} bytes instead of {}", model.bytes)));
    }
    let size = usize::try_from(found).map_err(|error| unread(&error))?;
    let bytes = reader.read_range(0, size).await.map_err(|error| unread(&error))?;
    let sha = Sha::of(&bytes);
    if sha == model.sha { Ok(bytes.into()) } else { Err(changed(&format!("its SHA-256 is {sha}"))) }
}

/// An open file, marked as used just now.
fn opened(file: File, path: PathBuf, model: &ModelRef) -> Result<ModelFile, Failure> {
    let bytes = file.metadata().map_err(|error| unreadable(model, &error))?.len();
    // A folder that cannot be written to keeps its times: then the order of use is not known.
    file.set_times(FileTimes::new().set_modified(SystemTime::now())).ok();
    Ok(ModelFile { file: Arc::new(file), path, bytes })
}

/// Drops the files that were used longest ago until all have `limit` bytes at most; never `kept`.
fn trim(folder: &Path, limit: u64, kept: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((about.modified().ok()?, about.len(), entry.path()))
        })
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in files {
        if total <= limit {
            return;
        }
        if path != kept && fs::remove_file(&path).is_ok() {
            total -= bytes;
        }
    }
}

fn unreadable(model: &ModelRef, error: &io::Error) -> Failure {
    failed(FailureKind::WorkerLacks, format!("the model `{model}` cannot be read: {error}"))
}

fn failed(kind: FailureKind, text: String) -> Failure {
    Failure::new(kind, Stage::Fetch, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> (tempfile::TempDir, Models) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        let models = Models::new(ModelsFolder::new(at("installed")), &at("cache"), 10);
        (folder, models)
    }

    fn written(folder: &Path, name: &str, bytes: &[u8]) -> ModelRef {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        let url = format!("file://{}", path.display());
        ModelRef { url, sha: Sha::of(bytes), bytes: bytes.len() as u64 }
    }

    fn cached(models: &Models) -> usize {
        fs::read_dir(models.cache.path()).map_or(0, Iterator::count)
    }

    #[tokio::test]
    async fn a_model_is_read_once_and_then_is_in_the_cache() {
        let (folder, models) = places();
        let model = written(folder.path(), "a.onnx", b"abc");
        assert_eq!(models.open(&Keys::Own, &model).await.unwrap().bytes, 3);
        fs::remove_file(folder.path().join("a.onnx")).unwrap();
        assert_eq!(models.open(&Keys::Own, &model).await.unwrap().bytes, 3);
    }

    #[tokio::test]
    async fn the_cache_keeps_to_its_limit_and_what_is_open_stays_readable() {
        use std::os::unix::fs::FileExt as _;
        let (folder, models) = places();
        let first = written(folder.path(), "a.onnx", b"aaaaaa");
        let file = models.open(&Keys::Own, &first).await.unwrap();
        let second = written(folder.path(), "b.onnx", b"bbbbbb");
        models.open(&Keys::Own, &second).await.unwrap();
        assert_eq!(cached(&models), 1, "both are more than 10 bytes");
        assert!(models.cache.file(second.sha).exists());
        let mut read = [0; 6];
        file.file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(&read, b"aaaaaa");
        let large = written(folder.path(), "c.onnx", b"cccccccccccc");
        assert_eq!(
            models.open(&Keys::Own, &large).await.unwrap().bytes,
            12,
            "it is needed, whatever the limit"
        );
    }

    #[tokio::test]
    async fn another_file_than_the_job_pinned_is_refused_and_not_kept() {
        let (folder, models) = places();
        let mut model = written(folder.path(), "a.onnx", b"abc");
        model.sha = Sha::of(b"abd");
        let failure = models.open(&Keys::Own, &model).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadRequest);
        assert!(failure.message.contains("submit the job again"), "{}", failure.message);
        assert_eq!(cached(&models), 0);
    }

    #[tokio::test]
    async fn a_file_that_was_changed_in_the_cache_is_read_anew() {
        let (folder, models) = places();
        let model = written(folder.path(), "a.onnx", b"abc");
        models.open(&Keys::Own, &model).await.unwrap();
        fs::write(models.cache.file(model.sha), b"xyz").unwrap();
        models.open(&Keys::Own, &model).await.unwrap();
        assert_eq!(fs::read(models.cache.file(model.sha)).unwrap(), b"abc");
    }

    #[tokio::test]
    async fn a_model_that_must_be_installed_names_the_remedy() {
        let (_folder, models) = places();
        let model = ModelRef::installed("text", Sha::of(b"text"), 4);
        let failure = models.open(&Keys::Own, &model).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::WorkerLacks);
        assert!(failure.message.contains("make setup-models"), "{}", failure.message);
        models.installed.keep(b"text").unwrap();
        assert_eq!(models.open(&Keys::Own, &model).await.unwrap().bytes, 4);
    }
}
