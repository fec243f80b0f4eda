//! What must hold of `error`.

use super::*;

fn io_error(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "words of the system")
}

#[test]
fn whose_fault_it_is_depends_on_the_side() {
    let of = |side, kind| StoreError::of_io(side, "/x", &io_error(kind)).kind();
    assert_eq!(of(Side::Source, io::ErrorKind::NotFound), FailureKind::BadInput);
    assert_eq!(of(Side::Output, io::ErrorKind::NotFound), FailureKind::OutputUnwritable);
    assert_eq!(of(Side::Store, io::ErrorKind::NotFound), FailureKind::ObjectLost);
    assert_eq!(of(Side::Output, io::ErrorKind::StorageFull), FailureKind::OutputUnwritable);
    assert_eq!(of(Side::Store, io::ErrorKind::StorageFull), FailureKind::WorkerLacks);
    assert_eq!(of(Side::Source, io::ErrorKind::TimedOut), FailureKind::SourceUnavailable);
}

#[test]
fn a_full_disk_is_called_by_its_name() {
    let full = io::Error::from_raw_os_error(28);
    let error = StoreError::of_io(Side::Output, "/movies/a.mp4", &full);
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().starts_with("no space left for /movies/a.mp4: "), "{error}");
}

#[test]
fn the_systems_error_below_the_librarys_is_the_one_that_counts() {
    let wrapped = |kind| object_store::Error::Generic {
        store: "LocalFileSystem",
        source: Box::new(io_error(kind)),
    };
    // Only errors that came from the system, with its number, are the local disk's.
    let full = object_store::Error::Generic {
        store: "LocalFileSystem",
        source: Box::new(io::Error::from_raw_os_error(28)),
    };
    let error = StoreError::of_object(Side::Store, "k", &full);
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    let refused = wrapped(io::ErrorKind::ConnectionRefused);
    let error = StoreError::of_object(Side::Store, "s3://b/k", &refused);
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("words of the system"), "{error}");
}

#[test]
fn no_message_spans_lines_or_ends_in_a_full_stop() {
    let error =
        object_store::Error::Generic { store: "S3", source: "a body\n  <xml>\n</xml>".into() };
    let text = StoreError::of_object(Side::Output, "s3://b/k", &error).to_string();
    assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
}
