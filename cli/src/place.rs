//! Sources and outputs as people type them, resolved to places before any work begins.
//!
//! Looks at the disk of this machine where a place is on it: what is plainly wrong is said here, in
//! one sentence, before a process or a folder is made.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use cleanplate_store::Location;

use crate::exit::{Refusal, Status};

/// Takes what was typed as a place.
///
/// # Errors
/// A refusal with status 2.
pub(crate) fn parse(what: &str, text: &str) -> Result<Location, Refusal> {
    Location::parse(text).map_err(|error| Refusal::usage(format!("{what} {error}")))
}

/// Refuses a source on this machine that is not a file that can be read.
///
/// # Errors
/// A refusal with status 3 names the file.
pub(crate) fn check_input(input: &Location) -> Result<(), Refusal> {
    let Some(path) = input.path() else { return Ok(()) };
    let bad = |what: String| Err(Refusal::new(Status::BadInput, what));
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return bad(format!("there is no file {shown}"));
        }
        Err(error) => return bad(format!("the input {shown} cannot be read: {error}")),
    };
    if metadata.is_dir() {
        return bad(format!("the input {shown} is a folder, not a video file"));
    }
    if !metadata.is_file() {
        return bad(format!("the input {shown} is not a regular file"));
    }
    match fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => bad(format!("the input {shown} cannot be read: {error}")),
    }
}

/// Refuses an output on this machine that could not be written, or would replace the input.
///
/// # Errors
/// A refusal with status 2 where the place makes no sense, 1 where its folder is not there or may
/// not be written to.
pub(crate) fn check_output(input: &Location, output: &Location) -> Result<(), Refusal> {
    if output.is_same(input) {
        return Err(Refusal::usage(format!(
            "the output is the input, {}; name another file, the source is never written to",
            input.shown()
        )));
    }
    let Some(path) = output.path() else { return Ok(()) };
    if path.is_dir() || path.file_name().is_none() {
        return Err(Refusal::usage(format!(
            "the output {} is a folder; name a file in it",
            path.display()
        )));
    }
    let folder = folder_of(path);
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(Refusal::failed(format!("{} is not a folder", folder.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Refusal::failed(format!(
            "there is no folder {} for the output; make it first",
            folder.display()
        ))),
        Err(error) => Err(Refusal::failed(format!(
            "the folder {} is out of reach: {error}",
            folder.display()
        ))),
    }
}

/// The folder that holds `path`.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}

/// Where the state of a `run` is kept: beside an output on this machine, else in the user's state
/// folder under a name made of the output's URL.
///
/// # Errors
/// A refusal with status 1 where the user has no home.
pub(crate) fn state_folder(
    output: &Location,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<PathBuf, Refusal> {
    if let Some(path) = output.path() {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".cleanplate");
        return Ok(folder_of(path).join(name));
    }
    let home = || lookup("HOME").map(|home| Path::new(&home).join(".local/state"));
    let root = lookup("XDG_STATE_HOME").map(PathBuf::from).or_else(home).ok_or_else(|| {
        Refusal::failed("there is no folder for the state of the run; set XDG_STATE_HOME or HOME")
    })?;
    let name: String = cleanplate_types::digest::Sha::of(output.url().as_bytes())
        .to_string()
        .chars()
        .take(16)
        .collect();
    Ok(root.join("cleanplate").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_lies_beside_a_file_and_at_home_for_a_bucket() {
        let none = |_: &str| None;
        let beside = state_folder(&Location::File("/a/b.mp4".into()), &none).unwrap();
        assert_eq!(beside, Path::new("/a/b.mp4.cleanplate"));
        let bucket = Location::parse("s3://bucket/b.mp4").unwrap();
        let home = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        let state = state_folder(&bucket, &home).unwrap();
        assert!(state.starts_with("/home/me/.local/state/cleanplate"), "{}", state.display());
        assert!(state_folder(&bucket, &none).is_err());
    }

    #[test]
    fn an_output_without_a_folder_to_be_in_is_not_a_usage_error() {
        let folder = tempfile::tempdir().unwrap();
        let input = Location::File(folder.path().join("in.mp4"));
        let output = Location::File(folder.path().join("absent/out.mp4"));
        let refusal = check_output(&input, &output).unwrap_err();
        assert_eq!(refusal.status, Status::Failed);
        assert!(refusal.message.contains("absent"), "{}", refusal.message);
        let refusal = check_output(&input, &Location::File(folder.path().to_owned())).unwrap_err();
        assert_eq!(refusal.status, Status::Usage);
    }
}
