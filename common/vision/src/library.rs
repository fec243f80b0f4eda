//! Libraries that are loaded at run time or not at all: whether the loader finds them, where, and
//! which version they say they are.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

mod ffi;

/// A library that a machine may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Library {
    /// The CUDA driver.
    Cuda,
    /// Decoding on the card.
    Nvdec,
    /// Encoding on the card.
    Nvenc,
    /// Models.
    OnnxRuntime,
}

impl Library {
    /// Every library.
    pub const ALL: [Self; 4] = [Self::Cuda, Self::Nvdec, Self::Nvenc, Self::OnnxRuntime];

    /// The files that the loader is asked for, in order.
    const fn files(self) -> &'static [&'static str] {
        match self {
            Self::Cuda => &["libcuda.so.1"],
            Self::Nvdec => &["libnvcuvid.so.1"],
            Self::Nvenc => &["libnvidia-encode.so.1"],
            Self::OnnxRuntime => &["libonnxruntime.so", "libonnxruntime.so.1"],
        }
    }
}

/// Whether a library is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryState {
    /// It loads.
    There {
        /// Its file, links followed.
        path: PathBuf,
        /// Its version: what it says itself, or what its file's name says.
        version: Option<String>,
    },
    /// It does not.
    Absent {
        /// The loader's words.
        why: String,
    },
}

/// Loads `library`, from the file `explicit` where one is given, and asks for its version. It stays
/// loaded: unloading drivers is what they are tested least for.
#[must_use]
pub fn find_library(library: Library, explicit: Option<&Path>) -> LibraryState {
    let files = match explicit {
        Some(path) => vec![path.as_os_str()],
        None => library.files().iter().copied().map(OsStr::new).collect(),
    };
    let mut why = None;
    for file in files {
        match ffi::load(file) {
            Ok(handle) => {
                let path = file_of(file).unwrap_or_else(|| PathBuf::from(file));
                let version = ffi::version(library, &handle).or_else(|| version_in_name(&path));
                return LibraryState::There { path, version };
            }
            // The first file is the one that people know.
            Err(error) => why = why.or(Some(error)),
        }
    }
    LibraryState::Absent { why: why.unwrap_or_default() }
}

/// The file that was mapped for `asked`, links followed.
fn file_of(asked: &OsStr) -> Option<PathBuf> {
    let stem = Path::new(asked).file_name()?.to_str()?.split(".so").next()?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines()
        .filter_map(|line| line.find('/').and_then(|start| line.get(start..)))
        .map(Path::new)
        .find(|path| {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(".so"))
        })
        .map(Path::to_owned)
}

/// `535.129.03` of `libnvcuvid.so.535.129.03`; a single number is an interface, not a version.
fn version_in_name(path: &Path) -> Option<String> {
    let (_, version) = path.file_name()?.to_str()?.split_once(".so.")?;
    let good = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (good && version.contains('.')).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_is_absent_in_the_loaders_words() {
        let state = find_library(Library::Cuda, Some(Path::new("/absent/libcuda.so.1")));
        let LibraryState::Absent { why } = state else { panic!("there is no such library") };
        assert!(why.contains("/absent/libcuda.so.1"), "{why}");
    }

    #[test]
    fn a_library_without_the_symbol_has_the_version_of_its_files_name() {
        // The C library is loaded in every process: it stands in for one that tells no version.
        let state = find_library(Library::OnnxRuntime, Some(Path::new("libc.so.6")));
        let LibraryState::There { path, version } = state else { panic!("libc is there") };
        assert!(path.is_absolute(), "{}", path.display());
        assert_eq!(version, None);
    }

    #[test]
    fn a_version_is_read_off_a_files_name() {
        let of = |name: &str| version_in_name(Path::new(name));
        assert_eq!(of("/usr/lib/libnvcuvid.so.535.129.03").as_deref(), Some("535.129.03"));
        assert_eq!(of("/opt/libonnxruntime.so.1.22.0").as_deref(), Some("1.22.0"));
        assert_eq!(of("/usr/lib/libnvcuvid.so.1"), None);
        assert_eq!(of("/usr/lib/libnvcuvid.so"), None);
    }
}
