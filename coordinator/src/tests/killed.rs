//! A coordinator as a process of its own, which dies where it is told to and is started again at once, and workers
//! that go on with whichever coordinator there is.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_core::config::Retention;
use cleanplate_proto::v1::jobs_client::JobsClient;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};

use crate::failpoint;
use crate::journal::SqliteJournal;
use crate::tests::fleet::{FakeWorker, Granted, Said};
use crate::tests::place::{self, Place};
use crate::{Coordinator, JournalError};

/// How this test program is started as a coordinator.
const PROCESS: [&str; 3] =
    ["tests::killed::the_coordinator_plays_its_part", "--exact", "--nocapture"];

/// The folder of the place whose coordinator it is.
const ROOT: &str = "CLEANPLATE_TEST_COORDINATOR";

/// For how many milliseconds it keeps a job that has ended.
const RETENTION_MS: &str = "CLEANPLATE_TEST_RETENTION";

/// What stands before its address where it tells it.
const LISTENS: &str = "listens at ";

/// How long to wait before something is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(5);

/// Where the coordinator is; nothing while there is none.
pub(super) type Address = watch::Receiver<Option<SocketAddr>>;

/// The process's side. Does nothing when the test runner calls it.
#[test]
fn the_coordinator_plays_its_part() {
    let Ok(root) = std::env::var(ROOT) else { return };
    let retention_ms = std::env::var(RETENTION_MS).unwrap().parse().unwrap();
    #[expect(clippy::exit, reason = "this process is a coordinator's, and its parent is gone")]
    let parent = || {
        // Its end of the pipe is closed when it ends, however it does.
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        std::process::exit(0);
    };
    std::thread::Builder::new().name("parent".to_owned()).spawn(parent).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(coordinate(Path::new(&root), retention_ms));
}

async fn coordinate(root: &Path, retention_ms: u64) {
    let journal = journal(root).await;
    let options = place::options(
        Arc::new(journal),
        Place::store_in(root),
        Retention::all(Some(retention_ms)),
    );
    let program = place::stitch_child("join".to_owned(), root);
    let coordinator = Coordinator::start_with(options, program).await.unwrap();
    let listener = crate::listen("127.0.0.1:0").await.unwrap();
    println!("{LISTENS}{}", listener.local_addr().unwrap());
    coordinator.serve(listener, std::future::pending()).await.unwrap();
}

/// The journal of a place, once whoever had it is gone.
pub(super) async fn journal(root: &Path) -> SqliteJournal {
    loop {
        match SqliteJournal::open(&root.join("journal.db")).await {
            Ok(journal) => return journal,
            // It takes a moment to be gone, and a child that it was just starting has the lock as well.
            Err(JournalError::InUse { .. }) => tokio::time::sleep(ASK_AGAIN).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Keeps a coordinator running: one that dies is started again. `failpoint` is where the first one dies.
pub(super) async fn keep(
    place: &Place,
    failpoint: Option<&str>,
    retention_ms: u64,
    address: watch::Sender<Option<SocketAddr>>,
) {
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(PROCESS)
            .env(ROOT, place.root())
            .env(RETENTION_MS, retention_ms.to_string())
            .envs(failpoint.map(|point| (failpoint::VARIABLE, point)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, told)) = line.split_once(LISTENS) {
                address.send_replace(Some(told.parse().unwrap()));
            }
        }
        let status = child.wait().await.unwrap();
        assert_eq!(status.signal(), Some(9), "it ends by nothing else: {status}");
        address.send_replace(None);
    }
}

/// A connection to whichever coordinator there is.
pub(super) async fn connect(address: &mut Address) -> Channel {
    loop {
        let at = *address.wait_for(Option::is_some).await.unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", at.unwrap())).unwrap();
        if let Ok(channel) = endpoint.connect().await {
            return channel;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// A client of whichever coordinator there is.
pub(super) async fn jobs(address: &mut Address) -> JobsClient<Channel> {
    JobsClient::new(connect(address).await)
}

/// Does what is granted, for ever; cells only while `gate` is open. What it held when a coordinator died it brings
/// to the next.
pub(super) async fn work(
    place: &Place,
    name: &str,
    mut address: Address,
    mut gate: watch::Receiver<bool>,
) {
    let mut held: Option<Granted> = None;
    loop {
        let channel = connect(&mut address).await;
        let lease = held.as_ref().map(|granted| granted.lease);
        let Ok(mut worker) = FakeWorker::at(channel, name, lease).await else {
            tokio::time::sleep(ASK_AGAIN).await;
            continue;
        };
        let mut waiting = held.clone();
        loop {
            let may = *gate.borrow_and_update();
            if let Some(granted) = waiting.take_if(|it| may || !it.is_segment()) {
                worker.perform(place, granted).await;
            }
            let said = tokio::select! {
                said = worker.hear() => said,
                changed = gate.changed() => match changed {
                    Ok(()) => Said::Else,
                    Err(_over) => return,
                },
            };
            match said {
                Said::Granted(granted) => {
                    held = Some(*granted);
                    waiting.clone_from(&held);
                }
                Said::Revoked(lease) => {
                    held.take_if(|it| it.lease == lease);
                    waiting.take_if(|it| it.lease == lease);
                }
                Said::Else => {}
                Said::Gone => break,
            }
        }
    }
}
