//! What must hold of `reading`.

use object_store::memory::InMemory;

use super::*;

async fn opened(path: &Path) -> Result<SourceReader, StoreError> {
    SourceReader::open(&Location::File(path.to_owned()), None).await
}

#[tokio::test]
async fn a_read_is_cut_to_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    std::fs::write(&path, b"0123456789").unwrap();
    let reader = opened(&path).await.unwrap();
    assert_eq!(reader.read_range(7, 100).await.unwrap(), b"789"[..]);
    assert_eq!(reader.read_range(10, 1).await.unwrap(), b""[..]);
    assert_eq!(reader.read_range(u64::MAX, 1).await.unwrap(), b""[..]);
}

#[tokio::test]
async fn a_file_that_is_written_to_while_it_is_read_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    std::fs::write(&path, b"0123456789").unwrap();
    let reader = opened(&path).await.unwrap();
    std::fs::write(&path, b"0123456789, and more").unwrap();
    let error = reader.read_range(0, 4).await.unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error:?}");
    assert!(error.to_string().contains("submit it again"), "{error}");
}

#[tokio::test]
async fn what_is_no_file_is_refused_and_a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for (path, found) in
        [(pipe.as_path(), "a pipe"), (folder.path(), "a folder"), (Path::new("/dev/zero"), "a dev")]
    {
        let error = opened(path).await.unwrap_err();
        assert!(matches!(error, StoreError::NotAFile { .. }), "{error:?}");
        assert!(error.to_string().contains(found), "{error}");
    }
    let error = opened(&folder.path().join("absent.mp4")).await.unwrap_err();
    assert!(error.to_string().starts_with("no such file: "), "{error}");
}

#[tokio::test]
async fn an_object_that_is_replaced_is_noticed_at_the_next_fetch() {
    let store = Arc::new(InMemory::new());
    let path = object_store::path::Path::from("a.mp4");
    let bytes = vec![1_u8; 3 << 20];
    store.put(&path, bytes.clone().into()).await.unwrap();
    let open = || {
        let store = Arc::clone(&store) as Arc<dyn ObjectStore>;
        let kept = (Blocks::shared(32 << 20), 1 << 20);
        SourceReader::of_object((store, path.clone()), ("a.mp4".to_owned(), Side::Source), kept)
    };
    let reader = open().await.unwrap();
    assert_eq!(reader.read_range(0, 10).await.unwrap(), bytes[..10]);
    store.put(&path, bytes.clone().into()).await.unwrap();
    assert_eq!(reader.read_range(20, 10).await.unwrap(), bytes[..10], "the block is kept");
    let error = reader.read_range(2 << 20, 10).await.unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error:?}");
    store.delete(&path).await.unwrap();
    let error = reader.read_range(1 << 20, 10).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    assert!(open().await.is_err());
}
