//! What is SQLite's own: the lock of its file, and its folder.

use cleanplate_coordinator::{JournalError, SqliteJournal};

#[tokio::test]
async fn a_second_coordinator_on_the_same_journal_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/journal.db");
    let first = SqliteJournal::open(&path).await.unwrap();
    let error = SqliteJournal::open(&path).await.unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("--state"), "{error}");
    drop(first);
    SqliteJournal::open(&path).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_journal_that_is_reached_by_a_link_is_the_same_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let first = SqliteJournal::open(&link).await.unwrap();
    let error = SqliteJournal::open(&path).await.unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    drop(first);
    let first = SqliteJournal::open(&path).await.unwrap();
    SqliteJournal::open(&link).await.unwrap_err();
    drop(first);
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state"), b"a file").unwrap();
    let path = folder.path().join("state/journal.db");
    let error = SqliteJournal::open(&path).await.unwrap_err();
    assert!(matches!(error, JournalError::Folder { .. }), "{error}");
}
