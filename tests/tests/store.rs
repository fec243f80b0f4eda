//! What the store promises, the same in memory, in a folder and on a real S3 server.
//!
//! The server is told by the environment, so the test of it runs itself once more with that set.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cleanplate_store::{
    Keys, Location, MovieUpload, OwnKeys, Sign, Signed, SourceReader, Store, StoreError,
    Unsignable, Unsigned, keys,
};
use cleanplate_tests::azurite::{Azurite, CONTAINER};
use cleanplate_tests::tiny_disk::TinyDisk;
use cleanplate_tests::weed::{BUCKET, Weed};
use cleanplate_types::digest::Sha;
use cleanplate_types::ids::LeaseId;
use cleanplate_types::object::ObjectRef;
use tokio::task::JoinSet;

/// Set in the second run of a test: the store's root.
const ROOT: &str = "CLEANPLATE_TEST_STORE";

const MIB: usize = 1 << 20;

#[tokio::test]
async fn in_memory_every_promise_holds() {
    objects(&Store::in_memory()).await;
}

#[tokio::test]
async fn in_a_folder_every_promise_holds() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    every_promise(root.to_str().unwrap()).await;
    assert_eq!(files(&root), Vec::<String>::new(), "no staging file is left");
}

#[tokio::test]
async fn on_a_real_s3_server_every_promise_holds() {
    if let Ok(root) = std::env::var(ROOT) {
        every_promise(&root).await;
        what_another_signs_is_as_good(&root).await;
        return a_killed_upload_leaves_nothing_visible(&root).await;
    }
    let server = match Weed::start() {
        Ok(server) => server,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "on_a_real_s3_server_every_promise_holds", "--nocapture"])
        .env(ROOT, format!("s3://{BUCKET}/some/prefix"))
        .envs(server.environment())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn on_a_server_of_azures_blobs_every_promise_holds() {
    if let Ok(root) = std::env::var(ROOT) {
        every_promise(&root).await;
        return a_killed_upload_leaves_nothing_visible(&root).await;
    }
    let server = match Azurite::start() {
        Ok(server) => server,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "on_a_server_of_azures_blobs_every_promise_holds", "--nocapture"])
        .env(ROOT, format!("az://{CONTAINER}/some/prefix"))
        .envs(server.environment())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn a_killed_upload_to_a_folder_leaves_nothing_visible() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    a_killed_upload_leaves_nothing_visible(root.to_str().unwrap()).await;
    assert!(!files(&root).is_empty(), "the killed writer left a piece that no listing shows");
    let store = Store::open(root.to_str().unwrap()).unwrap();
    store.delete_prefix("jobs/k", |_| true).await.unwrap();
    assert_eq!(files(&root), Vec::<String>::new(), "which goes with its job");
}

#[tokio::test]
async fn a_sweep_of_a_folder_takes_what_is_doomed_with_its_pieces_and_leaves_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let store = Store::open(root.to_str().unwrap()).unwrap();
    for key in [
        "jobs/k/table.3",
        "jobs/k/parts/000001.3.part",
        "jobs/k/parts/000001.7.part",
        "jobs/kk/table.3",
    ] {
        store.put(key, Bytes::from_static(b"some")).await.unwrap();
    }
    // What writers that were killed leave.
    for piece in
        ["jobs/k/parts/000002.3.part#1", "jobs/k/parts/000002.7.part#1", "jobs/k/old/000001.3#22"]
    {
        std::fs::create_dir_all(root.join(piece).parent().unwrap()).unwrap();
        std::fs::write(root.join(piece), b"half").unwrap();
    }
    let before = |key: &str| keys::lease_of(key).is_none_or(|lease| lease < LeaseId(7));
    assert_eq!(store.delete_prefix("jobs/k", before).await.unwrap(), 2);
    let left = ["jobs/k/parts/000001.7.part", "jobs/k/parts/000002.7.part#1", "jobs/kk/table.3"];
    let mut found = files(&root);
    found.sort_unstable();
    assert_eq!(found, left.map(|key| root.join(key).display().to_string()));
    assert!(!root.join("jobs/k/old").exists(), "a folder that is empty goes too");
}

#[tokio::test]
#[ignore = "started by other tests, to be killed"]
async fn a_writer_that_waits_to_be_killed() {
    let root = std::env::var(ROOT).unwrap();
    let mut part = Store::open(&root).unwrap().sink("jobs/k/part").unwrap();
    part.write(noise(17 * MIB, 1)).await.unwrap();
    let mut movie = MovieUpload::start(&at(&root, "movie.mp4")).await.unwrap();
    movie.write_at(0, noise(20 * MIB, 2)).await.unwrap();
    println!("{WRITTEN}");
    std::future::pending::<()>().await;
}

/// What the writer says when it may be killed.
const WRITTEN: &str = "part and movie are half written";

async fn a_killed_upload_leaves_nothing_visible(root: &str) {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_writer_that_waits_to_be_killed", "--ignored", "--nocapture"])
        .env(ROOT, root)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let written = lines.any(|line| line.unwrap().contains(WRITTEN));
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert!(written, "the writer got so far");
    assert!(Store::open(root).unwrap().list("").await.unwrap().is_empty());
    assert!(whole(&at(root, "movie.mp4")).await.is_none());
}

#[tokio::test]
async fn a_full_disk_is_said_and_leaves_nothing() {
    let disk = match TinyDisk::mount(12) {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let root = disk.path().to_str().unwrap();
    let store = Store::open(root).unwrap();
    let too_much = noise(20 * MIB, 1);

    let error = store.put("jobs/f/x", too_much.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    let mut part = store.sink("jobs/f/part").unwrap();
    let written = part.write(too_much.clone()).await;
    let finished = part.finish().await;
    let error = written.and(finished.map(drop)).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(store.list("").await.unwrap().is_empty());
    store.delete_prefix("jobs", |_| true).await.unwrap();

    let location = at(root, "movie.mp4");
    let mut movie = MovieUpload::start(&location).await.unwrap();
    let error = movie.write_at(0, too_much).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("movie.mp4"), "{error}");
    drop(movie);
    assert_eq!(files(disk.path()), Vec::<String>::new());
}

async fn every_promise(root: &str) {
    let store = Store::open(root).unwrap();
    objects(&store).await;
    a_source_is_read_as_it_was_or_not_at_all(&store).await;
    a_movie_appears_whole_with_its_patched_head(root).await;
    a_movie_that_is_given_up_leaves_nothing(root).await;
    a_movie_that_fits_one_request_is_a_movie_too(root).await;
    a_place_that_takes_no_movie_says_so_before_any_work(root).await;
    store.check().await.unwrap();
    let left = store.list("").await.unwrap();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// The keys of this process, asked for by one that could as well have none.
#[derive(Debug, Default)]
struct Signs {
    keys: OwnKeys,
    signed: AtomicUsize,
    refuses: AtomicBool,
}

#[async_trait::async_trait]
impl Sign for Signs {
    async fn sign(&self, request: &Unsigned) -> Result<Signed, Unsignable> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(Unsignable::Refused("not for you".to_owned()));
        }
        self.signed.fetch_add(1, Ordering::Relaxed);
        let lasts = Duration::from_secs(600);
        let url = self.keys.sign(request, lasts).await;
        let url = url.map_err(|error| Unsignable::Unanswered(error.to_string()))?;
        Ok(Signed { url, lasts })
    }
}

/// A worker's store: what it reads and writes, the pieces of uploads included.
async fn what_another_signs_is_as_good(root: &str) {
    let signs = Arc::new(Signs::default());
    let store = Store::open_by(root, Keys::Signed(Arc::clone(&signs) as _)).unwrap();
    for length in [0, 100, 19 * MIB + 3] {
        let bytes = noise(length, 2);
        let mut part = store.sink("jobs/p/part").unwrap();
        part.write(bytes.clone()).await.unwrap();
        let object = part.finish().await.unwrap();
        assert_eq!(store.get(&object).await.unwrap(), bytes);
        let reader = store.reader(&object).await.unwrap();
        let (from, end) = (length / 2, length);
        let read = reader.read_range(from as u64, length).await.unwrap();
        assert!(read == bytes[from..end], "{length} bytes from {from}");
    }
    let odd = "jobs/a/what's + 100 % of it?.&=#";
    let object = store.put(odd, noise(9, 7)).await.unwrap();
    let before = signs.signed.load(Ordering::Relaxed);
    for _ in 0..5 {
        assert_eq!(store.get(&object).await.unwrap(), noise(9, 7));
    }
    let asked = signs.signed.load(Ordering::Relaxed) - before;
    assert_eq!(asked, 1, "what is read again is not signed again");
    let mut part = store.sink("jobs/p/other").unwrap();
    part.write(noise(17 * MIB, 3)).await.unwrap();
    part.abort().await.unwrap();
    assert!(!store.exists("jobs/p/other").await.unwrap());
    Store::open(root).unwrap().delete_prefix("jobs", |_| true).await.unwrap();
    signs.refuses.store(true, Ordering::Relaxed);
    let refused = store.put("jobs/p/part", Bytes::new()).await.unwrap_err();
    let StoreError::Denied { detail, .. } = &refused else { panic!("{refused:?}") };
    assert!(detail.contains("not for you"), "{detail}");
}

/// What holds of every store; leaves it as it was.
async fn objects(store: &Store) {
    what_is_put_comes_back_whole(store).await;
    what_was_put_over_is_not_taken_for_the_old(store).await;
    a_create_takes_a_key_once(store).await;
    a_listing_is_by_whole_parts_of_the_key_and_in_order(store).await;
    a_part_is_there_whole_when_it_is_finished(store).await;
    a_part_that_is_given_up_is_never_there(store).await;
    a_reader_holds_to_the_version_it_opened(store).await;
    keys_that_could_leave_the_root_are_refused(store).await;
    let left = store.list("").await.unwrap();
    assert!(left.is_empty(), "left behind: {left:?}");
}

async fn what_is_put_comes_back_whole(store: &Store) {
    for length in [0, 1, 5000, 3 * MIB + 7] {
        let bytes = noise(length, 1);
        let object = store.put("jobs/a/x", bytes.clone()).await.unwrap();
        assert_eq!(object.bytes, length as u64);
        assert_eq!(object.sha, Sha::of(&bytes));
        assert_eq!(store.get(&object).await.unwrap(), bytes);
        assert!(store.exists("jobs/a/x").await.unwrap());
    }
    let value = vec![(7_u32, "sieben".to_owned()); 4000];
    let object = store.put_value("jobs/a/x", "numbers", &value).await.unwrap();
    assert_eq!(store.get_value::<Vec<(u32, String)>>(&object, "numbers").await.unwrap(), value);
    let other = store.get_value::<Vec<(u32, String)>>(&object, "plan").await;
    assert!(matches!(other, Err(StoreError::Undecodable { .. })), "{other:?}");

    store.delete("jobs/a/x").await.unwrap();
    store.delete("jobs/a/x").await.expect("none there is as good");
    assert!(!store.exists("jobs/a/x").await.unwrap());
    let gone = store.get(&object).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { .. }), "{gone:?}");
    assert!(gone.to_string().contains("jobs/a/x"), "{gone}");
}

async fn what_was_put_over_is_not_taken_for_the_old(store: &Store) {
    let old = store.put("k", Bytes::from_static(b"old")).await.unwrap();
    store.put("k", Bytes::from_static(b"new")).await.unwrap();
    assert!(matches!(store.get(&old).await, Err(StoreError::Corrupt { .. })));
    store.put("k", Bytes::from_static(b"longer")).await.unwrap();
    assert!(matches!(store.get(&old).await, Err(StoreError::Corrupt { .. })));
    assert!(matches!(store.reader(&old).await, Err(StoreError::Corrupt { .. })));
    store.delete("k").await.unwrap();
}

async fn a_create_takes_a_key_once(store: &Store) {
    let mut racers = JoinSet::new();
    for racer in 0..8_u8 {
        let store = store.clone();
        racers.spawn(async move { store.create("race", vec![racer; 100].into()).await });
    }
    let results = racers.join_all().await;
    let won: Vec<&ObjectRef> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    let [winner] = won[..] else { panic!("one wins: {results:?}") };
    let lost = |result: &Result<_, _>| matches!(result, Ok(_) | Err(StoreError::Exists { .. }));
    assert!(results.iter().all(lost), "{results:?}");
    store.get(winner).await.expect("the winner's bytes are there");
    store.delete("race").await.unwrap();
    store.create("race", Bytes::new()).await.expect("a deleted key is free");
    store.delete("race").await.unwrap();
}

/// More keys than a bucket lists in one answer.
const MANY: usize = 1100;

async fn a_listing_is_by_whole_parts_of_the_key_and_in_order(store: &Store) {
    let keys = ["jobs/a/2", "jobs/a/1", "jobs/ab/1", "jobs/a/deep/er/3", "other"];
    for key in keys {
        store.put(key, Bytes::from_static(b"four")).await.unwrap();
    }
    let listed = |prefix: &'static str| async move {
        let found = store.list(prefix).await.unwrap();
        assert!(found.iter().all(|one| one.bytes == 4), "{found:?}");
        found.into_iter().map(|one| one.key).collect::<Vec<_>>()
    };
    assert_eq!(listed("jobs/a").await, ["jobs/a/1", "jobs/a/2", "jobs/a/deep/er/3"]);
    assert_eq!(listed("jobs/a/").await, ["jobs/a/1", "jobs/a/2", "jobs/a/deep/er/3"]);
    assert_eq!(listed("nothing").await, Vec::<String>::new());
    assert_eq!(listed("").await.len(), keys.len());

    let refused = store.delete_prefix("/", |_| true).await;
    assert!(matches!(refused, Err(StoreError::BadKey { .. })), "{refused:?}");
    assert_eq!(store.delete_prefix("jobs/a", |key| key != "jobs/a/deep/er/3").await.unwrap(), 2);
    assert_eq!(listed("jobs/a").await, ["jobs/a/deep/er/3"], "what is to be kept is kept");
    assert_eq!(store.delete_prefix("jobs/a", |_| true).await.unwrap(), 1);
    assert_eq!(listed("").await, ["jobs/ab/1", "other"]);
    store.delete_prefix("jobs", |_| true).await.unwrap();
    store.delete("other").await.unwrap();

    let mut puts = JoinSet::new();
    for index in 0..MANY {
        let store = store.clone();
        puts.spawn(async move { store.put(&format!("many/{index:04}"), Bytes::new()).await });
        if puts.len() >= 32 {
            puts.join_next().await.unwrap().unwrap().unwrap();
        }
    }
    puts.join_all().await.into_iter().for_each(|put| drop(put.unwrap()));
    let found = store.list("many").await.unwrap();
    assert_eq!(found.len(), MANY);
    assert!(found.is_sorted_by(|one, two| one.key < two.key));
    assert_eq!(store.delete_prefix("many", |_| true).await.unwrap(), MANY as u64);
}

async fn a_part_is_there_whole_when_it_is_finished(store: &Store) {
    // One request, and several pieces with an odd rest.
    for length in [0, 100, 19 * MIB + 3] {
        let bytes = noise(length, 2);
        let mut part = store.sink("jobs/p/part").unwrap();
        for piece in bytes.chunks(MIB - 1) {
            part.write_at(part.bytes(), Bytes::copy_from_slice(piece)).await.unwrap();
        }
        let wrong = part.write_at(part.bytes() + 1, Bytes::from_static(b"x")).await;
        assert!(matches!(wrong, Err(StoreError::Offset { .. })), "{wrong:?}");
        assert!(!store.exists("jobs/p/part").await.unwrap(), "not before it is finished");
        let object = part.finish().await.unwrap();
        let expected =
            ObjectRef { key: "jobs/p/part".to_owned(), bytes: length as u64, sha: Sha::of(&bytes) };
        assert_eq!(object, expected);
        assert_eq!(store.get(&object).await.unwrap(), bytes);
        store.delete("jobs/p/part").await.unwrap();
    }
}

async fn a_part_that_is_given_up_is_never_there(store: &Store) {
    for aborted in [true, false] {
        let mut part = store.sink("jobs/p/part").unwrap();
        part.write(noise(17 * MIB, 3)).await.unwrap();
        if aborted {
            part.abort().await.unwrap();
        } else {
            drop(part);
        }
        assert!(!store.exists("jobs/p/part").await.unwrap());
        assert!(store.list("").await.unwrap().is_empty());
    }
}

async fn a_reader_holds_to_the_version_it_opened(store: &Store) {
    let bytes = noise(11 * MIB + 5, 4);
    let object = store.put("big", bytes.clone()).await.unwrap();
    let reader = store.reader(&object).await.unwrap();
    let end = bytes.len();
    // Inside a block, over its border, over many blocks, up to the end, past it.
    for (offset, length) in
        [(0, 10), (MIB - 5, 10), (MIB, MIB), (3, 9 * MIB), (end - 7, 100), (end, 1), (end + 9, 1)]
    {
        let read = reader.read_range(offset as u64, length).await.unwrap();
        let expected = &bytes[offset.min(end)..(offset + length).min(end)];
        assert!(read == expected, "{length} bytes from {offset}");
    }
    let fresh = store.reader(&object).await.unwrap();
    store.put("big", noise(end, 5)).await.unwrap();
    let changed = fresh.read_range(0, 10).await;
    assert!(matches!(changed, Err(StoreError::Changed { .. })), "{changed:?}");
    store.delete("big").await.unwrap();
}

async fn keys_that_could_leave_the_root_are_refused(store: &Store) {
    for key in ["", "/", "/a", "a/", "a//b", "../a", "a/../../b", "."] {
        let refused = store.put(key, Bytes::new()).await;
        assert!(matches!(refused, Err(StoreError::BadKey { .. })), "{key:?}: {refused:?}");
        assert!(matches!(store.sink(key), Err(StoreError::BadKey { .. })), "{key:?}");
    }
}

async fn a_source_is_read_as_it_was_or_not_at_all(store: &Store) {
    let bytes = noise(2 * MIB, 6);
    store.put("in.mp4", bytes.clone()).await.unwrap();
    let location = Location::parse(&store.url_of("in.mp4")).unwrap();
    let reader = SourceReader::open(&location, None).await.unwrap();
    let version = reader.head().version.clone().expect("both kinds of place have versions");
    assert_eq!(reader.head().bytes, bytes.len() as u64);
    assert_eq!(reader.read_range(5, 100).await.unwrap(), bytes[5..105]);

    let again = SourceReader::open(&location, Some(&version)).await.unwrap();
    store.put("in.mp4", noise(2 * MIB, 7)).await.unwrap();
    let read = again.read_range(0, 10).await;
    // A file that was replaced is still open; what is read is then the old version.
    match read {
        Ok(read) => assert_eq!(read, bytes[..10]),
        Err(error) => assert!(matches!(error, StoreError::Changed { .. }), "{error:?}"),
    }
    let error = SourceReader::open(&location, Some(&version)).await.unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error:?}");
    assert!(error.to_string().contains("in.mp4"), "{error}");
    store.delete("in.mp4").await.unwrap();
    let error = SourceReader::open(&location, None).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
}

fn at(root: &str, key: &str) -> Location {
    Location::parse(&format!("{root}/{key}")).unwrap()
}

async fn whole(location: &Location) -> Option<Vec<u8>> {
    let reader = SourceReader::open(location, None).await.ok()?;
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < reader.head().bytes {
        bytes.extend(reader.read_range(bytes.len() as u64, 16 * MIB).await.unwrap());
    }
    Some(bytes)
}

async fn a_movie_appears_whole_with_its_patched_head(root: &str) {
    let location = at(root, "movie.mp4");
    for round in 0..2_u8 {
        // The head, two full pieces and a rest; the second round replaces the first's movie.
        let mut expected = noise(25 * MIB + 11, 8 + round).to_vec();
        let before = whole(&location).await;
        let mut movie = MovieUpload::start(&location).await.unwrap();
        let mut offset = 0;
        for piece in expected.chunks(3 * MIB + 1) {
            movie.write_at(offset, Bytes::copy_from_slice(piece)).await.unwrap();
            offset += piece.len() as u64;
        }
        let size = expected.len();
        movie.write_at(36, Bytes::copy_from_slice(&size.to_be_bytes())).await.unwrap();
        expected[36..44].copy_from_slice(&size.to_be_bytes());
        let last = 8 * MIB - 4;
        movie.write_at(last as u64, Bytes::from_static(b"edge")).await.unwrap();
        expected[last..last + 4].copy_from_slice(b"edge");
        let refused = movie.write_at(8 * MIB as u64 - 2, Bytes::from_static(b"over")).await;
        assert!(matches!(refused, Err(StoreError::Offset { .. })), "{refused:?}");
        let refused = movie.write_at(size as u64 + 1, Bytes::from_static(b"gap")).await;
        assert!(matches!(refused, Err(StoreError::Offset { .. })), "{refused:?}");

        assert!(whole(&location).await == before, "nothing shows before it is finished");
        assert_eq!(movie.finish().await.unwrap().bytes, size as u64);
        assert!(whole(&location).await.as_ref() == Some(&expected), "round {round}");
    }
    Store::open(root).unwrap().delete("movie.mp4").await.unwrap();
}

async fn a_movie_that_is_given_up_leaves_nothing(root: &str) {
    let location = at(root, "movie.mp4");
    let store = Store::open(root).unwrap();
    for aborted in [true, false] {
        let mut movie = MovieUpload::start(&location).await.unwrap();
        movie.write_at(0, noise(20 * MIB, 10)).await.unwrap();
        if aborted {
            movie.abort().await.unwrap();
        } else {
            drop(movie);
        }
        assert!(whole(&location).await.is_none());
        assert!(store.list("").await.unwrap().is_empty());
    }
    MovieUpload::prove(&location).await.unwrap();
    assert!(store.list("").await.unwrap().is_empty(), "a proof leaves nothing");
}

async fn a_movie_that_fits_one_request_is_a_movie_too(root: &str) {
    let location = at(root, "small.mp4");
    let mut movie = MovieUpload::start(&location).await.unwrap();
    movie.write_at(0, Bytes::from_static(b"0000 and the rest")).await.unwrap();
    movie.write_at(0, Bytes::from_static(b"1234")).await.unwrap();
    movie.finish().await.unwrap();
    assert_eq!(whole(&location).await.unwrap(), b"1234 and the rest");
    Store::open(root).unwrap().delete("small.mp4").await.unwrap();
}

async fn a_place_that_takes_no_movie_says_so_before_any_work(root: &str) {
    let absent = if root.starts_with("s3://") { "s3://absent-bucket" } else { "/absent/folder" };
    let error = MovieUpload::prove(&at(absent, "movie.mp4")).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(absent) && text.contains("create it first"), "{text}");
}

/// Bytes that look like nothing, by a seed.
fn noise(length: usize, seed: u8) -> Bytes {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ (u64::from(seed) << 32);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// Every file below `folder`, also those that no listing of a store shows.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}
