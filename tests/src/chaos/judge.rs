//! What may come of a run: the movie of an undisturbed run, byte for byte, or a failure with a kind and a reason; and
//! nothing beside it.

use std::path::{Path, PathBuf};

use cleanplate_types::failure::FailureKind;
use serde_json::Value;

/// How the job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// The movie is there.
    Exact,
    /// It failed, in words.
    Failed {
        /// The kind of failure.
        kind: String,
        /// The reason.
        message: String,
    },
    /// Neither; what is wrong says more.
    Wrong,
}

/// Judges the last state of the job and what is under the final name.
pub(super) fn ending(last: &Value, output: &Path, movie: &[u8], wrong: &mut Vec<String>) -> Ending {
    let outcome = &last["outcome"];
    let there = std::fs::read(output).ok();
    match outcome["kind"].as_str() {
        Some("done") if there.as_deref() == Some(movie) => Ending::Exact,
        Some("done") => {
            let bytes = there.map_or(0, |there| there.len());
            wrong.push(format!("the movie is another one: {bytes} bytes, not {}", movie.len()));
            Ending::Wrong
        }
        Some("failed") => {
            let words = |name: &str| {
                outcome["failure"][name].as_str().unwrap_or_default().trim().to_owned()
            };
            let (kind, message) = (words("kind"), words("message"));
            if FailureKind::parse(&kind).is_none() || message.is_empty() {
                wrong.push(format!("the failure has no kind or no reason: {outcome}"));
            }
            if there.is_some() {
                wrong.push(format!("a movie was published though the job failed: {outcome}"));
            }
            Ending::Failed { kind, message }
        }
        _ => {
            wrong.push(format!("no end that this job may have: {outcome}"));
            if there.is_some_and(|there| there != movie) {
                wrong.push("and what is under the final name is not the movie".to_owned());
            }
            Ending::Wrong
        }
    }
}

/// Looks for what should not be there any more once all processes have ended.
pub(super) fn leftovers(folder: &Path, movies: &Path, ending: &Ending, wrong: &mut Vec<String>) {
    let scratch = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let scratch = scratch.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        path.is_dir() && (name == "tmp" || name.starts_with("worker-"))
    });
    let mut left: Vec<PathBuf> = scratch.flat_map(|path| files(&path)).collect();
    left.extend(files(movies).into_iter().filter(|path| {
        let is_movie = path.file_name().is_some_and(|name| name == "out.mp4");
        !(is_movie && *ending == Ending::Exact)
    }));
    if !left.is_empty() {
        wrong.push(format!("files are left behind: {left:?}"));
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.map(|entry| entry.path()).flat_map(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_movie_or_a_failure_with_a_reason_and_without_a_movie_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.mp4");
        let judged = |state: &str| {
            let mut wrong = Vec::new();
            let state = serde_json::from_str(state).unwrap();
            let ending = ending(&state, &output, b"movie", &mut wrong);
            (ending, wrong.len())
        };
        let failed = r#"{"outcome":{"kind":"failed","failure":{"kind":"store_unavailable","message":"no space"}}}"#;
        let silent =
            r#"{"outcome":{"kind":"failed","failure":{"kind":"store_unavailable","message":" "}}}"#;
        let done = r#"{"outcome":{"kind":"done"}}"#;
        assert_eq!(judged(failed).1, 0);
        assert_eq!(judged(silent).1, 1);
        assert_eq!(judged(done), (Ending::Wrong, 1));
        assert_eq!(judged("{}"), (Ending::Wrong, 1));
        std::fs::write(&output, "movie").unwrap();
        assert_eq!(judged(done), (Ending::Exact, 0));
        assert_eq!(judged(failed).1, 1);
        std::fs::write(&output, "other").unwrap();
        assert_eq!(judged(done), (Ending::Wrong, 1));
    }

    #[test]
    fn whatever_is_beside_the_movie_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let movies = folder.path().join("movies");
        std::fs::create_dir_all(&movies).unwrap();
        std::fs::create_dir_all(folder.path().join("worker-0/models")).unwrap();
        std::fs::write(movies.join("out.mp4"), "").unwrap();
        let left = || {
            let mut wrong = Vec::new();
            leftovers(folder.path(), &movies, &Ending::Exact, &mut wrong);
            wrong.len()
        };
        assert_eq!(left(), 0);
        std::fs::write(folder.path().join("worker-0/piece"), "").unwrap();
        assert_eq!(left(), 1);
    }
}
