//! Two coordinators on one journal: the one that leads is killed or paused in the middle of a job, and the other goes on
//! with all that is there.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use cleanplate_proto::v1::ListRequest;
use cleanplate_proto::v1::jobs_client::JobsClient;
use cleanplate_proto::{LEADER, StandsBy};
use cleanplate_tests::cluster::{Cluster, said};
use cleanplate_tests::pair::Pair;
use cleanplate_tests::postgres::TestPostgres;
use cleanplate_tests::{binary, clips};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const OPTIONS: [&str; 12] = [
    "--region",
    "20,20,120,50",
    "--cell-frames",
    "40",
    "--segment-frames",
    "80",
    "--encoder",
    "libx264",
    "--preset",
    "ultrafast",
    "--fill",
    "membrane",
];

const FRAMES: u32 = 1200;

fn clip() -> PathBuf {
    clips::kept("640x360", FRAMES, &clips::X264_PLAIN)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn hash(path: &Path) -> Vec<u8> {
    Sha256::digest(std::fs::read(path).unwrap()).to_vec()
}

/// What nobody disturbs.
static EXPECTED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("expected.mp4");
    let clip = clip();
    let arguments = ["run", text(&clip), "-o", text(&output), "--workers", "1"];
    binary::run_ok([&arguments[..], &OPTIONS].concat());
    hash(&output)
});

fn postgres() -> Option<Arc<TestPostgres>> {
    match TestPostgres::shared() {
        Ok(postgres) => Some(postgres),
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}

fn done(state: &Value) -> u64 {
    state["frames_done"].as_u64().unwrap_or(0)
}

/// The attempts that count have every frame once, in segments that meet: nothing that was committed was made again.
fn nothing_was_made_again(cluster: &Cluster, job: &str) {
    let attempts = cluster.attempts(job, "segment");
    let bound = |attempt: &Value, at: usize| attempt["frames"][at].as_u64().unwrap();
    let counts = attempts.iter().filter(|attempt| attempt["outcome"] == "done");
    let mut made: Vec<_> = counts.map(|it| (bound(it, 0), bound(it, 1))).collect();
    made.sort_unstable();
    let end = made.iter().fold(0, |end, (from, to)| {
        assert_eq!(*from, end, "{made:?}");
        *to
    });
    assert_eq!(end, u64::from(FRAMES), "{made:?}");
}

/// What the coordinator at `url` says of the health of `service`; none where it ends connections just now, as it does
/// when it takes the lead and when it gives it up.
async fn health_now(url: &str, service: &str) -> Option<ServingStatus> {
    let channel = tonic::transport::Endpoint::from_shared(url.to_owned()).unwrap();
    let mut client = HealthClient::new(channel.connect().await.ok()?);
    let request = HealthCheckRequest { service: service.to_owned() };
    match client.check(request).await {
        Ok(response) => Some(response.into_inner().status()),
        Err(status) if std::error::Error::source(&status).is_some() => None,
        Err(status) => panic!("{service} at {url}: {status}"),
    }
}

/// The same of one whose part does not change.
async fn health(url: &str, service: &str) -> ServingStatus {
    health_now(url, service).await.unwrap_or_else(|| panic!("{url} does not answer"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_leader_that_is_killed_is_followed_by_the_other_and_nothing_is_made_again() {
    let Some(postgres) = postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut pair = Pair::start(folder.path(), &postgres, 2);
    let output = folder.path().join("out.mp4");
    let job = pair.first.submit(text(&clip()), text(&output), &OPTIONS);
    let both = format!("{},{}", pair.first.url(), pair.second.url());
    let mut watching = binary::command(["watch", &job, "--coordinator", &both])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let state = pair.first.watch_until(&job, |state| done(state) >= 120);
    assert!(state["outcome"].is_null(), "it is in the middle: {state}");
    let killed = Instant::now();
    pair.first.kill_coordinator();
    println!("kill -9 to the next grant: {:.1} s", pair.next_grant(killed).as_secs_f64());
    pair.second.done(&job);
    assert!(hash(&output) == *EXPECTED, "the movie of an undisturbed run");
    nothing_was_made_again(&pair.second, &job);
    assert_eq!(watching.wait().unwrap().code(), Some(0), "who watched both saw the end");
}

#[test]
fn a_leader_that_was_paused_stands_by_when_it_wakes_and_publishes_nothing() {
    let Some(postgres) = postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut pair = Pair::start(folder.path(), &postgres, 2);
    let output = folder.path().join("out.mp4");
    let job = pair.first.submit(text(&clip()), text(&output), &OPTIONS);
    let state = pair.first.watch_until(&job, |state| done(state) >= 120);
    assert!(state["outcome"].is_null(), "it is in the middle: {state}");
    pair.first.signal_coordinator("STOP");
    pair.second.tell_of(&format!("{},{}", pair.second.url(), pair.first.url()));
    pair.second.done(&job);
    assert!(hash(&output) == *EXPECTED, "the movie of an undisturbed run");
    let published = std::fs::metadata(&output).unwrap();

    pair.first.signal_coordinator("CONT");
    let runtime = runtime();
    let url = pair.first.url();
    let says = |service, wanted| {
        (runtime.block_on(health_now(&url, service)) == Some(wanted)).then_some(())
    };
    pair.first.until("the one that was paused stands by", |_| {
        says("cleanplate.v1.Jobs", ServingStatus::NotServing)
    });
    pair.first.until("the process lives", |_| says("", ServingStatus::Serving));
    let listed = pair.first.ask_json(&["jobs"]);
    assert_eq!((listed.len(), &listed[0]["phase"]), (1, &Value::from("done")), "{listed:?}");
    let engines = pair.first.coordinator_processes();
    assert_eq!(engines.len(), 1, "no child of the old lead is left");
    let now = std::fs::metadata(&output).unwrap();
    assert_eq!(
        (now.ino(), now.mtime(), now.mtime_nsec()),
        (published.ino(), published.mtime(), published.mtime_nsec()),
        "published once"
    );
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let partial: Vec<_> = names.filter(|name| name.to_string_lossy().contains("partial")).collect();
    assert!(partial.is_empty(), "{partial:?}");

    // It leads again when the other ends, in the same process.
    let id = pair.first.coordinator_processes();
    assert_eq!(pair.second.end_coordinator("TERM").code(), Some(0), "{}", pair.second.logs());
    pair.first.until("it leads again", |_| says("cleanplate.v1.Jobs", ServingStatus::Serving));
    assert_eq!(pair.first.coordinator_processes(), id, "no restart");
}

#[test]
fn a_client_that_knows_only_the_one_that_stands_by_is_sent_to_the_leader() {
    let Some(postgres) = postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::start(folder.path(), &postgres, 0);
    let (leader, standby) = (pair.first.url(), pair.second.url());
    let listed = pair.second.ask(&["jobs"]);
    assert!(listed.status.success(), "{}", said(&listed));
    assert!(said(&listed).contains("there are no jobs"), "{}", said(&listed));

    let runtime = runtime();
    let status = runtime.block_on(async {
        let mut client = JobsClient::connect(standby.clone()).await.unwrap();
        client.list(ListRequest { limit: 1, ..ListRequest::default() }).await.unwrap_err()
    });
    assert_eq!(status.code(), tonic::Code::Unavailable);
    assert_eq!(status.metadata().get(LEADER).unwrap(), leader.as_str());
    assert_eq!(StandsBy::of(&status), Some(StandsBy { leader: Some(leader.clone()) }));
    assert!(status.message().contains(&leader), "{status}");
    for service in ["cleanplate.v1.Jobs", "cleanplate.v1.Fleet"] {
        let health = runtime.block_on(health(&standby, service));
        assert_eq!(health, ServingStatus::NotServing, "{service}");
    }
    assert_eq!(runtime.block_on(health(&standby, "")), ServingStatus::Serving);
    assert_eq!(runtime.block_on(health(&leader, "cleanplate.v1.Jobs")), ServingStatus::Serving);
}
