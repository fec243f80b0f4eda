//! The state of a `run`: a folder beside the output with the journal, the store, and a ticket that
//! says which command it belongs to.
//!
//! One run at a time works on a folder, by a lock that the system gives up with the process. The
//! same command takes its state up again; parts of another command are not thrown away unasked.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::Refusal;

/// Which command a state belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// The job's id: made of the request, of the source's version and of the version of cleanplate.
    pub(super) job: String,
    /// The command, for people.
    pub(super) command: String,
}

/// A state folder that this process works on.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
    /// Held for as long as the run lasts.
    _lock: File,
    /// Whether an earlier run of the same command left something here.
    pub(super) resumed: bool,
}

impl State {
    /// Takes `folder` for the command of `ticket`.
    ///
    /// # Errors
    /// A refusal with status 1 where the folder cannot be written, another run works on it, or it
    /// holds parts of another command.
    pub(super) fn take(folder: &Path, ticket: &Ticket) -> Result<Self, Refusal> {
        let lock = lock(folder)?;
        let mut state = Self { folder: folder.to_owned(), _lock: lock, resumed: false };
        match state.found()? {
            Found::Nothing => {}
            Found::Ticket(found) if found.job == ticket.job => {
                state.resumed = true;
                return Ok(state);
            }
            Found::Ticket(found) => {
                let parts = state.parts();
                if parts > 0 {
                    return Err(Refusal::failed(format!(
                        "{} holds {parts} finished parts of another command for this output (`{}`); \
                         run that command again to go on with it, or remove the folder to begin anew",
                        folder.display(),
                        found.command
                    )));
                }
                state.clear().map_err(|error| unwritable(folder, &error))?;
            }
            Found::Foreign => {
                // Nothing of ours stays in it.
                fs::remove_file(folder.join(LOCK)).ok();
                return Err(Refusal::failed(format!(
                    "{} is where the state of the run belongs, and it holds something else; move it \
                     away or name another output",
                    folder.display()
                )));
            }
        }
        let text = serde_json::to_string_pretty(ticket).map_err(|error| {
            Refusal::failed(format!("the state of the run cannot be written: {error}"))
        })?;
        fs::write(folder.join(TICKET), text).map_err(|error| unwritable(folder, &error))?;
        Ok(state)
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The journal's file.
    pub(super) fn journal(&self) -> PathBuf {
        self.folder.join("journal.db")
    }

    /// The store's folder.
    pub(super) fn store(&self) -> PathBuf {
        self.folder.join(STORE)
    }

    /// The folder for temporary files of the engines.
    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// Takes the folder away.
    ///
    /// # Errors
    /// A refusal with status 1 names what is left.
    pub(super) fn remove(self) -> Result<(), Refusal> {
        let gone = self
            .clear()
            .and_then(|()| fs::remove_file(self.folder.join(TICKET)))
            .and_then(|()| fs::remove_file(self.folder.join(LOCK)))
            .and_then(|()| fs::remove_dir(&self.folder));
        gone.map_err(|error| {
            Refusal::failed(format!(
                "the state folder {} cannot be removed: {error}",
                self.folder.display()
            ))
        })
    }

    /// Removes everything but ticket and lock. The store goes first: a journal without objects
    /// begins anew, objects without a journal would be in its way.
    fn clear(&self) -> io::Result<()> {
        remove_folder(&self.store())?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == TICKET || name == LOCK {
                continue;
            }
            if entry.file_type()?.is_dir() {
                remove_folder(&entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn found(&self) -> Result<Found, Refusal> {
        let text = match fs::read_to_string(self.folder.join(TICKET)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let others = fs::read_dir(&self.folder)
                    .map_err(|error| unwritable(&self.folder, &error))?
                    .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != LOCK))
                    .count();
                return Ok(if others == 0 { Found::Nothing } else { Found::Foreign });
            }
            Err(error) => return Err(unwritable(&self.folder, &error)),
        };
        // A ticket that was cut off was written before there was anything to lose.
        let ticket = serde_json::from_str(&text).ok();
        Ok(ticket.map_or_else(
            || Found::Ticket(Ticket { job: String::new(), command: "unknown".to_owned() }),
            Found::Ticket,
        ))
    }

    /// Whether something was finished that would have to be done again.
    pub(super) fn has_work(&self) -> bool {
        self.parts() > 0 || self.objects("evidence").next().is_some()
    }

    /// Finished parts in the store, by their manifests.
    fn parts(&self) -> usize {
        let is_manifest = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "manifest");
        self.objects("parts").filter(is_manifest).count()
    }

    /// What the store has in the folder `below` of each job.
    fn objects(&self, below: &'static str) -> impl Iterator<Item = PathBuf> {
        let jobs = fs::read_dir(self.store().join("jobs")).into_iter().flatten().flatten();
        let folders = jobs.filter_map(move |job| fs::read_dir(job.path().join(below)).ok());
        folders.flatten().flatten().map(|object| object.path())
    }
}

enum Found {
    /// The folder is new.
    Nothing,
    /// A run's.
    Ticket(Ticket),
    /// Somebody else's.
    Foreign,
}

/// Makes the folder and takes its lock.
fn lock(folder: &Path) -> Result<File, Refusal> {
    // Another run may be removing the folder: then the lock that was taken is on a file that has no
    // name any more.
    for _ in 0..LOCK_TRIES {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        let path = folder.join(LOCK);
        let file = match File::options().create(true).truncate(false).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(unwritable(folder, &error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Refusal::failed(format!(
                    "another `cleanplate run` works on this output (its state is in {}); wait for it, \
                     or name another output",
                    folder.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(folder, &error)),
        }
        let named = fs::metadata(&path).ok().map(|metadata| metadata.ino());
        if named.is_some() && named == file.metadata().ok().map(|metadata| metadata.ino()) {
            return Ok(file);
        }
    }
    Err(Refusal::failed(format!("{} cannot be locked", folder.display())))
}

fn unwritable(folder: &Path, error: &io::Error) -> Refusal {
    let shown = folder.display();
    #[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is not ours and grows")]
    Refusal::failed(match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => format!(
            "the state of the run cannot be kept in {shown}: the folder may not be written to \
             ({error}); name an output in a folder of yours"
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!(
            "the state of the run cannot be kept in {shown}: the disk is full ({error}); free some \
             space or name an output on another disk"
        ),
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => format!(
            "{shown} is where the state of the run belongs, and it is no folder; move it away or \
             name another output"
        ),
        _ => format!(
            "the state of the run cannot be kept in {shown}: {error}; name an output in a folder that \
             can be written to"
        ),
    })
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The file that is locked.
const LOCK: &str = "lock";
/// The file that says whose state it is.
const TICKET: &str = "run.json";
/// The folder of the store.
const STORE: &str = "store";
/// How often a folder that another run removes is made again.
const LOCK_TRIES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(job: &str) -> Ticket {
        Ticket { job: job.to_owned(), command: format!("cleanplate run {job}") }
    }

    fn write_part(folder: &Path) {
        let parts = folder.join("store/jobs/one/parts");
        fs::create_dir_all(&parts).unwrap();
        fs::write(parts.join("000000.1.manifest"), "x").unwrap();
        fs::write(folder.join("journal.db"), "x").unwrap();
    }

    #[test]
    fn the_same_command_takes_its_state_up_and_removes_it_whole() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("out.mp4.cleanplate");
        let state = State::take(&folder, &ticket("one")).unwrap();
        assert!(!state.resumed);
        write_part(&folder);
        drop(state);
        let state = State::take(&folder, &ticket("one")).unwrap();
        assert!(state.resumed && state.journal().exists());
        state.remove().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn parts_of_another_command_are_kept_and_the_command_is_named() {
        let folder = tempfile::tempdir().unwrap();
        drop(State::take(folder.path(), &ticket("one")).unwrap());
        write_part(folder.path());
        let refusal = State::take(folder.path(), &ticket("two")).unwrap_err();
        assert!(refusal.message.contains("1 finished parts"), "{}", refusal.message);
        assert!(refusal.message.contains("cleanplate run one"), "{}", refusal.message);
        assert!(folder.path().join("journal.db").exists());
    }

    #[test]
    fn another_command_begins_anew_where_nothing_was_finished() {
        let folder = tempfile::tempdir().unwrap();
        drop(State::take(folder.path(), &ticket("one")).unwrap());
        fs::write(folder.path().join("journal.db"), "x").unwrap();
        let state = State::take(folder.path(), &ticket("two")).unwrap();
        assert!(!state.resumed && !state.journal().exists());
        drop(state);
        assert!(State::take(folder.path(), &ticket("two")).unwrap().resumed);
    }

    #[test]
    fn two_runs_never_work_on_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let _first = State::take(folder.path(), &ticket("one")).unwrap();
        let refusal = State::take(folder.path(), &ticket("one")).unwrap_err();
        assert!(refusal.message.contains("another `cleanplate run`"), "{}", refusal.message);
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("letters.txt"), "x").unwrap();
        let refusal = State::take(folder.path(), &ticket("one")).unwrap_err();
        assert!(refusal.message.contains("something else"), "{}", refusal.message);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let file = folder.path().join("letters.txt");
        let refusal = State::take(&file, &ticket("one")).unwrap_err();
        assert!(refusal.message.contains("no folder"), "{}", refusal.message);
    }
}
