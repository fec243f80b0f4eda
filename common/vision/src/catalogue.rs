//! Models by name, and the folder in which they lie.
//!
//! Owns where models are kept. Refuses to download (`make setup-models` does,
//! and shows the licences) and to hand out a file whose bytes are not those that were pinned.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cleanplate_types::digest::Sha;
use cleanplate_types::known_models::known_model;

/// Why a model of the folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Nobody knows the name.
    #[error(
        "no model is called `{name}`; known are `text` and `faces`, or give the path of an ONNX file"
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// It is not in the folder.
    #[error("the model `{name}` is not in {}: run `make setup-models`", folder.display())]
    Absent {
        /// Its name, or its hash where it has none.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The file is there and is not what its name says.
    #[error(
        "{} is damaged (its SHA-256 is {actual}): delete it and run `make setup-models`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The hash of its bytes.
        actual: Sha,
    },
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// A folder in which models lie under their hashes, as `<sha256>.onnx`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelsFolder {
    path: PathBuf,
}

impl ModelsFolder {
    /// The folder at `path`; it need not be there yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder of whoever runs this: `$XDG_DATA_HOME/cleanplate/models`, or
    /// `~/.local/share/cleanplate/models`; `None` where neither variable names a home.
    #[must_use]
    pub fn of_this_user() -> Option<Self> {
        let absolute =
            |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || absolute("HOME").map(|home| home.join(".local/share"));
        let data = absolute("XDG_DATA_HOME").or_else(home)?;
        Some(Self::new(data.join("cleanplate/models")))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the model with the hash `sha` lies, or would.
    #[must_use]
    pub fn file(&self, sha: Sha) -> PathBuf {
        self.path.join(format!("{sha}.onnx"))
    }

    /// The bytes of the known model `name`.
    ///
    /// # Errors
    /// [`CatalogueError`]: the name is unknown, the file is absent, unreadable or damaged.
    pub fn open(&self, name: &str) -> Result<Vec<u8>, CatalogueError> {
        let model = known_model(name);
        let model = model.ok_or_else(|| CatalogueError::Unknown { name: name.to_owned() })?;
        self.read(model.sha, name)
    }

    /// The bytes of the model with the hash `sha`.
    ///
    /// # Errors
    /// [`CatalogueError`]: the file is absent, unreadable or damaged.
    pub fn open_sha(&self, sha: Sha) -> Result<Vec<u8>, CatalogueError> {
        self.read(sha, &sha.to_string())
    }

    /// Keeps a model under its hash. A reader sees all of it or nothing.
    ///
    /// # Errors
    /// [`CatalogueError::Io`] where the folder cannot be written.
    pub fn keep(&self, bytes: &[u8]) -> Result<Sha, CatalogueError> {
        let sha = Sha::of(bytes);
        let path = self.file(sha);
        let failed = |source| CatalogueError::Io { path: path.clone(), source };
        fs::create_dir_all(&self.path).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.path).map_err(failed)?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(sha)
    }

    fn read(&self, sha: Sha, name: &str) -> Result<Vec<u8>, CatalogueError> {
        let path = self.file(sha);
        let bytes = fs::read(&path).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                CatalogueError::Absent { name: name.to_owned(), folder: self.path.clone() }
            } else {
                CatalogueError::Io { path: path.clone(), source }
            }
        })?;
        let actual = Sha::of(&bytes);
        if actual == sha { Ok(bytes) } else { Err(CatalogueError::Damaged { path, actual }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, ModelsFolder) {
        let folder = tempfile::tempdir().unwrap();
        let models = ModelsFolder::new(folder.path().join("models"));
        (folder, models)
    }

    #[test]
    fn a_model_that_is_kept_is_opened_by_its_hash() {
        let (_folder, models) = folder();
        let sha = models.keep(b"a model").unwrap();
        assert_eq!(models.open_sha(sha).unwrap(), b"a model");
        assert_eq!(models.file(sha).file_name().unwrap().to_str().unwrap(), format!("{sha}.onnx"));
        assert_eq!(models.keep(b"a model").unwrap(), sha, "keeping it again changes nothing");
    }

    #[test]
    fn one_flipped_bit_is_found_when_it_is_opened() {
        let (_folder, models) = folder();
        let sha = models.keep(b"a model").unwrap();
        fs::write(models.file(sha), b"b model").unwrap();
        let told = models.open_sha(sha).unwrap_err().to_string();
        assert!(told.contains("damaged") && told.contains("make setup-models"), "{told}");
    }

    #[test]
    fn an_absent_model_names_the_folder_and_the_remedy() {
        let (_folder, models) = folder();
        let told = models.open("text").unwrap_err().to_string();
        assert!(told.contains("`text`") && told.contains("make setup-models"), "{told}");
        assert!(told.contains(models.path().to_str().unwrap()), "{told}");
        assert!(models.open("logos").unwrap_err().to_string().contains("`logos`"));
    }
}
