//! ONNX Runtime, found and loaded at run time.
//!
//! Owns where it is looked for and the one copy that a process loads. Refuses to guess: a library that
//! was named and does not load is an error, never a reason to look elsewhere, and what is absent is told
//! with every place that was tried. Never panics where nothing is there.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;

use crate::library::{Library, LibraryState, find_library};

mod error;

pub use error::{RuntimeError, Tried};

/// The environment variable that names the library: the same that `ort` and others read.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// The folder of a models folder that holds the runtime, as `make setup-models` leaves it.
pub const RUNTIME_FOLDER: &str = "onnxruntime";

/// Where the library is looked for, in this order. The first two are binding: what they name is loaded, or
/// loading fails.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuntimePlaces {
    /// The file that a setting names.
    pub setting: Option<PathBuf>,
    /// The file that the environment names.
    pub variable: Option<PathBuf>,
    /// Folders to look in: the executable's own, then that of the models.
    pub folders: Vec<PathBuf>,
    /// The Python whose installed packages may hold it; nothing to leave Python alone.
    pub python: Option<OsString>,
    /// Whether the system's loader is asked at last, for what a distribution installed.
    pub system: bool,
}

impl RuntimePlaces {
    /// The places of this machine: `setting`, [`LIBRARY_VARIABLE`], beside the executable, the folder
    /// `models`, a package of `python3`, and what the system's loader knows.
    #[must_use]
    pub fn of_this_machine(setting: Option<&Path>, models: &Path) -> Self {
        let variable = std::env::var_os(LIBRARY_VARIABLE).filter(|value| !value.is_empty());
        let executable = std::env::current_exe().ok();
        let beside = executable.as_deref().and_then(Path::parent).map(Path::to_owned);
        Self {
            setting: setting.map(Path::to_owned),
            variable: variable.map(PathBuf::from),
            folders: beside.into_iter().chain([models.join(RUNTIME_FOLDER)]).collect(),
            python: Some(OsString::from("python3")),
            system: true,
        }
    }
}

/// The runtime of this process.
#[derive(Debug)]
pub struct Runtime {
    environment: Environment,
    path: PathBuf,
    version: String,
}

/// The one runtime: the C interface behind it is one per process.
static LOADED: OnceLock<Runtime> = OnceLock::new();
/// Held while it is being loaded.
static LOADING: Mutex<()> = Mutex::new(());

impl Runtime {
    /// The runtime of this process, loaded from the first of `places` that holds one where that has not
    /// happened yet. Once it is loaded, only a setting that names another file is refused.
    ///
    /// # Errors
    /// [`RuntimeError`]: none found, the named one does not load, another is in use.
    pub fn load(places: &RuntimePlaces) -> Result<&'static Self, RuntimeError> {
        let _turn = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = LOADED.get() {
            return loaded.serves(places);
        }
        let mut tried = Tried::default();
        let found = if let Some((named_by, path)) = places.named() {
            let unusable = |why| RuntimeError::Unusable { path: path.to_owned(), named_by, why };
            Self::open(path).map_err(unusable)?
        } else {
            let found = places.candidates(&mut tried);
            let Some(found) = found else { return Err(RuntimeError::NotFound { tried }) };
            found
        };
        Ok(LOADED.get_or_init(|| found))
    }

    /// The file of the library.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the library says of its version, such as `1.22.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    fn serves(&'static self, places: &RuntimePlaces) -> Result<&'static Self, RuntimeError> {
        let asked = places.named().map(|(_, path)| path);
        match asked {
            Some(asked) if resolved(asked) != self.path => {
                Err(RuntimeError::Another { loaded: self.path.clone(), asked: asked.to_owned() })
            }
            Some(_) | None => Ok(self),
        }
    }

    /// Loads the library at `path`; the reason in words where that fails.
    fn open(path: &Path) -> Result<Self, String> {
        let path = resolved(path);
        let version = match find_library(Library::OnnxRuntime, Some(&path)) {
            LibraryState::There { version: Some(version), .. } => version,
            LibraryState::There { version: None, .. } => {
                return Err("it is a library, but not ONNX Runtime".to_owned());
            }
            LibraryState::Absent { why } => return Err(why),
        };
        let builder = ort::init_from(&path).map_err(|error| error.to_string())?;
        let builder = builder.with_name("cleanplate").with_telemetry(false);
        let environment = builder.build().map_err(|error| error.to_string())?;
        // What goes wrong comes back as an error; the runtime's own lines on stderr would be said twice.
        environment.set_log_level(ort::logging::LogLevel::Fatal);
        Ok(Self { environment, path, version })
    }
}

/// The file with links followed, where it is there; the loader wants it absolute.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path)
        .or_else(|_absent| std::path::absolute(path))
        .unwrap_or_else(|_nameless| path.to_owned())
}

impl RuntimePlaces {
    fn named(&self) -> Option<(&'static str, &Path)> {
        let setting = self.setting.as_deref().map(|path| ("the setting", path));
        setting.or_else(|| self.variable.as_deref().map(|path| (LIBRARY_VARIABLE, path)))
    }

    /// The first library that loads, of the places that nobody named.
    fn candidates(&self, tried: &mut Tried) -> Option<Runtime> {
        let in_folders = self.folders.iter().find_map(|folder| open_in(folder, tried));
        in_folders.or_else(|| self.of_python(tried)).or_else(|| self.of_system(tried))
    }

    fn of_python(&self, tried: &mut Tried) -> Option<Runtime> {
        let python = self.python.as_deref()?;
        match package_folders(python) {
            Ok(folders) => folders
                .iter()
                .find_map(|folder| open_in(&folder.join("onnxruntime").join("capi"), tried)),
            Err(why) => {
                tried.note(python.display(), why);
                None
            }
        }
    }

    fn of_system(&self, tried: &mut Tried) -> Option<Runtime> {
        if !self.system {
            return None;
        }
        let path = match find_library(Library::OnnxRuntime, None) {
            LibraryState::There { path, .. } => path,
            LibraryState::Absent { why } => {
                tried.note("the system's loader", why);
                return None;
            }
        };
        Runtime::open(&path).inspect_err(|why| tried.note(path.display(), why)).ok()
    }
}

/// Opens the newest runtime in `folder`.
fn open_in(folder: &Path, tried: &mut Tried) -> Option<Runtime> {
    let files = libraries_in(folder);
    if files.is_empty() {
        tried.note(folder.display(), "no libonnxruntime.so in it");
    }
    let mut opened = files
        .iter()
        .map(|file| Runtime::open(file).inspect_err(|why| tried.note(file.display(), why)).ok());
    opened.find_map(|one| one)
}

/// The files `libonnxruntime.so` and `libonnxruntime.so.VERSION` of a folder, newest first.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(Vec<u64>, PathBuf)> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter_map(|path| {
            let name = path.file_name().and_then(OsStr::to_str)?;
            let rest = name.strip_prefix("libonnxruntime.so")?;
            let numbers = rest.split('.').filter(|part| !part.is_empty());
            let version: Result<Vec<u64>, _> = numbers.map(str::parse).collect();
            version.ok().map(|version| (version, path.clone()))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

/// Folders in which `python` looks for packages. They are asked for, so that environments count, and no
/// package is imported.
fn package_folders(python: &OsStr) -> Result<Vec<PathBuf>, String> {
    let output = Command::new(python)
        .args(["-c", "import sys; print(*sys.path, sep='\\n')"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("ended with {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let folders = text.lines().map(PathBuf::from).filter(|folder| folder.is_absolute());
    Ok(folders.filter(|folder| folder.is_dir()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> RuntimePlaces {
        RuntimePlaces::default()
    }

    #[test]
    fn what_is_absent_is_told_with_every_place_and_the_remedy() {
        let places = RuntimePlaces {
            folders: vec![PathBuf::from("/absent/beside"), PathBuf::from("/absent/models")],
            python: Some(OsString::from("/absent/python3")),
            ..nowhere()
        };
        let error = Runtime::load(&places).unwrap_err();
        let RuntimeError::NotFound { tried } = &error else { panic!("{error}") };
        assert_eq!(tried.places().count(), 3);
        let told = error.to_string();
        for part in ["/absent/beside", "/absent/models", "/absent/python3", "make setup-models"] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains('\n'), "{told}");
    }

    #[test]
    fn a_file_that_is_named_is_loaded_or_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libonnxruntime.so");
        fs::write(&file, "no library").unwrap();
        // The folder would be looked in, were nothing named.
        let folders = vec![folder.path().to_owned()];
        let variable = RuntimePlaces { variable: Some(file), folders, ..nowhere() };
        let told = Runtime::load(&variable).unwrap_err().to_string();
        assert!(told.contains(LIBRARY_VARIABLE) && told.contains("make setup-models"), "{told}");
        let setting = RuntimePlaces { setting: Some(PathBuf::from("/absent.so")), ..nowhere() };
        let error = Runtime::load(&setting).unwrap_err();
        assert!(matches!(error, RuntimeError::Unusable { .. }), "{error}");
    }

    #[test]
    fn a_setting_is_before_the_environment() {
        let setting = Some(PathBuf::from("/a"));
        let variable = Some(PathBuf::from("/b"));
        let both = RuntimePlaces { setting, variable: variable.clone(), ..nowhere() };
        assert_eq!(both.named(), Some(("the setting", Path::new("/a"))));
        let one = RuntimePlaces { variable, ..nowhere() };
        assert_eq!(one.named(), Some((LIBRARY_VARIABLE, Path::new("/b"))));
    }

    #[test]
    fn the_newest_library_of_a_folder_is_first_and_others_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.22.0", "libonnxruntime.so"];
        for name in names.iter().chain(&["libonnxruntime_providers_shared.so", "readme"]) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found: Vec<String> = libraries_in(folder.path())
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            found,
            ["libonnxruntime.so.1.22.0", "libonnxruntime.so.1.9.0", "libonnxruntime.so"]
        );
    }

    #[test]
    fn the_folders_of_packages_are_pythons_own() {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join("python3");
        let text = format!("#!/bin/sh\necho {}\necho relative\n", folder.path().display());
        fs::write(&python, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&python, mode).unwrap();
        assert_eq!(package_folders(python.as_os_str()).unwrap(), [folder.path()]);
    }
}
