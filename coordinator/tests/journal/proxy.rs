//! A line to the database that breaks where a test says.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// Listens in a folder of its own and passes everything on.
#[derive(Debug)]
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    armed: Arc<AtomicUsize>,
    cut: watch::Sender<u64>,
}

impl Proxy {
    /// Begins to pass on to the server whose socket is in `behind`.
    pub(crate) fn before(behind: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(socket(folder.path())).unwrap();
        let (behind, armed) = (socket(behind), Arc::new(AtomicUsize::new(0)));
        let (cut, cuts) = watch::channel(0);
        let swallows = Arc::clone(&armed);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&behind).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&swallows), cuts.clone()));
            }
        });
        Self { folder, armed, cut }
    }

    /// The folder of its socket.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Swallows what the server says next, on whichever line, and breaks that line.
    pub(crate) fn swallow_one_answer(&self) {
        self.armed.store(1, Ordering::SeqCst);
    }

    /// Whether an answer is still to be swallowed.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::SeqCst) > 0
    }

    /// Breaks every line on the client's side; the server does not learn of it.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join(".s.PGSQL.5432")
}

async fn pass(
    client: UnixStream,
    server: UnixStream,
    armed: Arc<AtomicUsize>,
    mut cuts: watch::Receiver<u64>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    cuts.mark_unchanged();
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => match read {
                Ok(length @ 1..) => to_server.write_all(&asked[..length]).await.unwrap_or(()),
                Ok(0) | Err(_) => return,
            },
            read = from_server.read(&mut answered) => match read {
                Ok(length @ 1..) => {
                    let swallow = |armed: usize| armed.checked_sub(1);
                    if armed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, swallow).is_ok() {
                        return;
                    }
                    to_client.write_all(&answered[..length]).await.unwrap_or(());
                }
                Ok(0) | Err(_) => return,
            },
            _ = cuts.changed() => {
                drop((from_client, to_client));
                // The server goes on as if somebody listened.
                while matches!(from_server.read(&mut answered).await, Ok(1..)) {}
                return;
            }
        }
    }
}
