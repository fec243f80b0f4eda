//! What must hold of `writing`.

use cleanplate_types::ids::{JobId, LeaseId};
use object_store::memory::InMemory;

use super::*;
use crate::reading::SourceReader;
use crate::store::Store;

const MIB: usize = 1 << 20;

/// A bucket that takes pieces in any order, as S3 does.
fn bucket() -> Arc<InMemory> {
    Arc::new(InMemory::new())
}

async fn read(bucket: &Arc<InMemory>, key: &str) -> Option<Vec<u8>> {
    Some(bucket.get(&Path::from(key)).await.ok()?.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn the_head_is_patched_after_the_rest_was_sent() {
    let bucket = bucket();
    let mut movie = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    let mut expected: Vec<u8> = (0..251).cycle().take(30 * MIB + 5).collect();
    for (index, piece) in expected.chunks(MIB + 1).enumerate() {
        let offset = (index * (MIB + 1)) as u64;
        movie.write_at(offset, Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!(movie.bytes(), expected.len() as u64);
    movie.write_at(8 * MIB as u64 - 3, Bytes::from_static(b"end")).await.unwrap();
    movie.write_at(4, Bytes::from_static(b"size")).await.unwrap();
    expected[8 * MIB - 3..8 * MIB].copy_from_slice(b"end");
    expected[4..8].copy_from_slice(b"size");
    assert!(read(&bucket, "movie.mp4").await.is_none(), "not before it is finished");
    assert_eq!(movie.finish().await.unwrap().bytes, expected.len() as u64);
    assert!(read(&bucket, "movie.mp4").await.unwrap() == expected);
}

#[tokio::test]
async fn a_head_of_several_pieces_is_patched_to_its_last_byte() {
    let bucket = bucket();
    let mut movie = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    let head = 17 * MIB as u64;
    movie.keep_head(head).unwrap();
    let mut expected: Vec<u8> = (0..251).cycle().take(50 * MIB + 5).collect();
    for (index, piece) in expected.chunks(MIB + 1).enumerate() {
        let offset = (index * (MIB + 1)) as u64;
        movie.write_at(offset, Bytes::copy_from_slice(piece)).await.unwrap();
    }
    movie.write_at(head - 3, Bytes::from_static(b"end")).await.unwrap();
    movie.write_at(4, Bytes::from_static(b"size")).await.unwrap();
    let refused = movie.write_at(head - 3, Bytes::from_static(b"over")).await;
    assert!(matches!(refused, Err(StoreError::Offset { .. })), "{refused:?}");
    let late = movie.keep_head(2 * head);
    assert!(matches!(late, Err(StoreError::Offset { .. })), "{late:?}");
    expected[17 * MIB - 3..17 * MIB].copy_from_slice(b"end");
    expected[4..8].copy_from_slice(b"size");
    movie.finish().await.unwrap();
    assert!(read(&bucket, "movie.mp4").await.unwrap() == expected);
    let mut movie = MovieUpload::in_bucket(bucket, "movie.mp4");
    let large = movie.keep_head(HEAD_BYTES_MAX + 1);
    assert!(matches!(large, Err(StoreError::TooLarge { .. })), "{large:?}");
}

#[tokio::test]
async fn a_write_across_the_heads_border_is_an_append_or_refused() {
    let bucket = bucket();
    let mut movie = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    movie.write_at(0, vec![1; 8 * MIB - 2].into()).await.unwrap();
    movie.write_at(8 * MIB as u64 - 2, Bytes::from_static(b"abcd")).await.unwrap();
    let refused = movie.write_at(8 * MIB as u64 - 2, Bytes::from_static(b"xyz")).await;
    assert!(matches!(refused, Err(StoreError::Offset { .. })), "{refused:?}");
    movie.finish().await.unwrap();
    let whole = read(&bucket, "movie.mp4").await.unwrap();
    assert_eq!(whole[8 * MIB - 3..], *b"\x01abcd");
}

#[tokio::test]
async fn a_gap_is_refused() {
    let mut movie = MovieUpload::in_bucket(bucket(), "movie.mp4");
    let refused = movie.write_at(1, Bytes::from_static(b"x")).await.unwrap_err();
    assert!(refused.to_string().contains("at 1 is neither at the end (0)"), "{refused}");
}

#[tokio::test]
async fn a_movie_that_is_dropped_in_the_middle_gives_its_pieces_up() {
    let bucket = bucket();
    let mut movie = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    movie.write_at(0, vec![1; 20 * MIB].into()).await.unwrap();
    drop(movie);
    assert!(read(&bucket, "movie.mp4").await.is_none());
    let mut movie = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    movie.write_at(0, vec![1; 20 * MIB].into()).await.unwrap();
    movie.abort().await.unwrap();
    assert!(read(&bucket, "movie.mp4").await.is_none());
}

#[test]
fn an_upload_dropped_outside_a_runtime_does_not_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let movie = runtime.block_on(async {
        let mut movie = MovieUpload::in_bucket(bucket(), "movie.mp4");
        movie.write_at(0, vec![1; 20 * MIB].into()).await.unwrap();
        movie
    });
    drop(runtime);
    drop(movie);
}

#[tokio::test]
async fn a_file_keeps_its_old_bytes_until_the_new_ones_are_complete() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("movie.mkv"));
    std::fs::write(location.path().unwrap(), b"old").unwrap();
    let mut movie = MovieUpload::start(&location).await.unwrap();
    movie.write_at(0, Bytes::from_static(b"newer")).await.unwrap();
    let reader = SourceReader::open(&location, None).await.unwrap();
    assert_eq!(reader.read_range(0, 10).await.unwrap(), b"old"[..]);
    movie.finish().await.unwrap();
    assert_eq!(std::fs::read(location.path().unwrap()).unwrap(), b"newer");
}

#[tokio::test]
async fn what_is_no_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    for (path, found) in
        [(folder.path().to_owned(), "a folder"), ("/dev/null".into(), "a device or a pipe")]
    {
        let error = MovieUpload::start(&Location::File(path)).await.unwrap_err();
        assert!(error.to_string().contains(found), "{error}");
    }
}

/// The log of a stitch in `process`.
fn log(store: &Store, lease: u64, process: &str) -> UploadLog {
    let job = JobId::parse("j").unwrap();
    UploadLog::new(store.clone(), job, LeaseId(lease), process.to_owned())
}

/// A movie of 50 MiB that is written as far as `end` by a process that is killed then.
fn killed(bucket: &Arc<InMemory>, store: &Store, (movie, end): (&[u8], usize), lease: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let upload = runtime.block_on(async {
        let mut upload = MovieUpload::in_bucket(Arc::clone(bucket) as _, "movie.mp4");
        upload.resume(log(store, lease, &format!("process {lease}"))).await.unwrap();
        write(&mut upload, &movie[..end]).await;
        upload
    });
    // Outside a runtime nothing is given up, as by a process that is no more.
    drop(runtime);
    drop(upload);
}

async fn write(upload: &mut MovieUpload, movie: &[u8]) {
    for (index, piece) in movie.chunks(MIB + 1).enumerate() {
        let offset = (index * (MIB + 1)) as u64;
        upload.write_at(offset, Bytes::copy_from_slice(piece)).await.unwrap();
    }
}

/// Goes on under `lease`, and returns what was not sent again.
async fn goes_on(bucket: &Arc<InMemory>, store: &Store, movie: &[u8], lease: u64) -> u64 {
    let mut upload = MovieUpload::in_bucket(Arc::clone(bucket) as _, "movie.mp4");
    upload.resume(log(store, lease, "the last process")).await.unwrap();
    write(&mut upload, movie).await;
    let kept = upload.kept();
    upload.finish().await.unwrap();
    kept
}

#[test]
fn after_a_kill_what_was_acknowledged_is_not_sent_again() {
    let (bucket, store) = (bucket(), Store::in_memory());
    let movie: Vec<u8> = (0..251).cycle().take(50 * MIB + 5).collect();
    killed(&bucket, &store, (&movie, 30 * MIB), 3);
    // The second gets further, and is killed as well.
    killed(&bucket, &store, (&movie, 40 * MIB), 4);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        // Of 40 MiB the head was still in memory, and two pieces may have been under way.
        let kept = goes_on(&bucket, &store, &movie, 5).await;
        assert!((16 * MIB as u64..=32 * MIB as u64).contains(&kept), "{kept}");
        assert!(read(&bucket, "movie.mp4").await.unwrap() == movie);
        assert!(store.list("jobs/j/stitch/").await.unwrap().is_empty(), "the records are gone");
    });
}

#[test]
fn a_piece_that_is_another_now_is_sent_again() {
    let (bucket, store) = (bucket(), Store::in_memory());
    let mut movie: Vec<u8> = (0..251).cycle().take(50 * MIB).collect();
    killed(&bucket, &store, (&movie, 50 * MIB), 3);
    movie[20 * MIB] ^= 1;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let kept = goes_on(&bucket, &store, &movie, 4).await;
        assert!((8 * MIB as u64..=24 * MIB as u64).contains(&kept), "{kept}");
        assert!(read(&bucket, "movie.mp4").await.unwrap() == movie);
    });
}

#[test]
fn an_upload_that_the_bucket_has_forgotten_is_begun_anew() {
    let store = Store::in_memory();
    let movie: Vec<u8> = (0..251).cycle().take(50 * MIB).collect();
    killed(&bucket(), &store, (&movie, 50 * MIB), 3);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let other = bucket();
        assert_eq!(goes_on(&other, &store, &movie, 4).await, 0);
        assert!(read(&other, "movie.mp4").await.unwrap() == movie);
    });
}

#[tokio::test]
async fn an_upload_that_its_own_process_gives_up_is_not_taken_up() {
    let (bucket, store) = (bucket(), Store::in_memory());
    let movie: Vec<u8> = (0..251).cycle().take(50 * MIB).collect();
    let mut first = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    first.resume(log(&store, 3, "the last process")).await.unwrap();
    write(&mut first, &movie).await;
    let mut second = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    second.resume(log(&store, 4, "the last process")).await.unwrap();
    write(&mut second, &movie[..30 * MIB]).await;
    first.abort().await.unwrap();
    let left = store.list("jobs/j/stitch/").await.unwrap();
    assert!(left.iter().all(|one| one.key.starts_with("jobs/j/stitch/4")), "{left:?}");
    assert!(!left.is_empty());
    let more = &movie[30 * MIB..];
    second.write_at(30 * MIB as u64, Bytes::copy_from_slice(more)).await.unwrap();
    assert_eq!(second.kept(), 0);
    second.finish().await.unwrap();
    assert!(read(&bucket, "movie.mp4").await.unwrap() == movie);
}

#[tokio::test]
async fn an_upload_that_was_left_is_taken_up_under_a_later_lease_and_under_no_older_one() {
    let (bucket, store) = (bucket(), Store::in_memory());
    let movie: Vec<u8> = (0..251).cycle().take(50 * MIB + 5).collect();
    let mut deposed = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    deposed.resume(log(&store, 7, "the deposed one")).await.unwrap();
    write(&mut deposed, &movie).await;
    deposed.stage().await.unwrap();
    let mut paused = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    paused.resume(log(&store, 6, "one that was paused")).await.unwrap();
    write(&mut paused, &movie).await;
    assert_eq!(paused.kept(), 0, "who has the greater lease has taken over");
    paused.leave().await;
    deposed.leave().await;
    assert!(read(&bucket, "movie.mp4").await.is_none(), "neither has published");
    assert!(goes_on(&bucket, &store, &movie, 8).await > 0);
    assert!(read(&bucket, "movie.mp4").await.unwrap() == movie);
    let left = store.list("jobs/j/stitch/").await.unwrap();
    assert!(left.is_empty(), "the records are gone: {left:?}");
}

#[tokio::test]
async fn of_several_older_uploads_one_is_taken_up_and_the_others_are_ended() {
    let (bucket, store) = (bucket(), Store::in_memory());
    let movie: Vec<u8> = (0..251).cycle().take(50 * MIB + 5).collect();
    let mut first = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    let mut second = MovieUpload::in_bucket(Arc::clone(&bucket) as _, "movie.mp4");
    // Neither knew of the other.
    first.resume(log(&store, 3, "the first")).await.unwrap();
    second.resume(log(&store, 4, "the second")).await.unwrap();
    write(&mut first, &movie).await;
    write(&mut second, &movie).await;
    first.stage().await.unwrap();
    assert!(goes_on(&bucket, &store, &movie, 5).await > 0);
    first.finish().await.unwrap_err();
    second.leave().await;
    assert!(read(&bucket, "movie.mp4").await.unwrap() == movie);
}
