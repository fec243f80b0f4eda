//! The farm's figure: one coordinator process, its journal in PostgreSQL and then in SQLite, and two thousand played workers
//! over real connections, in this process, on this machine.
//!
//! The workers hold each lease for as long as they are told (nothing at last: as fast as it goes), hand in a valid summary
//! and no media. No movie is written: the only turn to write one (`coordinator.movies_max`) is held by a job whose source
//! never answers.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_client::JobsClient;
use cleanplate_store::Store;
use cleanplate_tests::binary;
use cleanplate_tests::cluster::free_port;
use cleanplate_tests::postgres::TestPostgres;
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

#[path = "farm/media.rs"]
mod media;
#[path = "farm/worker.rs"]
mod worker;

use worker::Shared;

/// Connected workers.
const WORKERS: usize = 2000;

/// Jobs, each of [`media::CELLS`] cells.
const JOBS: usize = 160;

/// How long the workers hold a lease on average, round after round: 500, 1,000 and 2,000 leases a second of all workers
/// together, then as fast as it goes, which uses up what cells are left.
const HOLDS: [Duration; 4] = [
    Duration::from_millis(4000),
    Duration::from_millis(2000),
    Duration::from_millis(1000),
    Duration::ZERO,
];

/// How long a round is measured, and how long it goes on before that.
const MEASURED: Duration = Duration::from_secs(6);
const BEFORE: Duration = Duration::from_secs(3);

/// How long all workers may take to attach and all jobs to be cut.
const PATIENCE: Duration = Duration::from_secs(60);

/// Prints the figures; false where this machine has no PostgreSQL or the farm does not come up.
pub(crate) fn figures(folder: &Path) -> bool {
    println!(
        "\n# one coordinator, {WORKERS} connected workers that compute nothing, {JOBS} jobs of {} cells, a lease a cell",
        media::CELLS
    );
    let server = match TestPostgres::start() {
        Ok(server) => server,
        Err(reason) => {
            println!("skipped: {reason}");
            return false;
        }
    };
    let sqlite = format!("sqlite:{}", folder.join("farm.db").display());
    let journals = [("PostgreSQL", server.database()), ("SQLite", sqlite)];
    journals.iter().all(|(name, state)| {
        let runtime = Runtime::new().expect("a runtime starts");
        let measured = runtime.block_on(measured(name, state, folder));
        runtime.shutdown_background();
        if let Err(reason) = &measured {
            println!("{name}: {reason}");
        }
        measured.is_ok()
    })
}

/// The coordinator's process; killed when it is dropped.
struct Coordinator(Child);

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Coordinator {
    fn start(name: &str, state: &str, store: &Path, (port, mute): (u16, u16), log: &Path) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let log = std::fs::File::create(log.join(format!("{name}.log"))).expect("a log");
        let child = binary::command(["coordinator", "--listen", &listen, "--state", state])
            .arg("--store")
            .arg(store)
            .env("CLEANPLATE_COORDINATOR_MOVIES_MAX", "1")
            .env("CLEANPLATE_AUDIT_CELLS", "0")
            // The bucket of the source that never answers.
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{mute}"))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .envs([("AWS_ACCESS_KEY_ID", "played"), ("AWS_SECRET_ACCESS_KEY", "played")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the coordinator starts");
        Self(child)
    }

    /// Seconds of processor time until now.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()));
        let stat = stat.unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        // utime and stime, in hundredths on every Linux of these days.
        let ticks: f64 = fields.skip(11).take(2).filter_map(|text| text.parse::<f64>().ok()).sum();
        ticks / 100.0
    }

    /// Resident MiB, now.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) / 1024
    }
}

async fn measured(name: &str, state: &str, folder: &Path) -> Result<(), String> {
    let place = folder.join(format!("farm-{name}"));
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    let port = free_port();
    // It takes connections and never says a word: whoever reads from it waits.
    let mute = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let silent = mute.local_addr().map_err(|error| error.to_string())?.port();
    let store = place.join("store");
    let coordinator = Coordinator::start(name, state, &store, (port, silent), folder);
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))
        .map_err(|error| error.to_string())?;
    let channel = connected(&endpoint).await?;
    let mut jobs = JobsClient::new(channel);
    let store = Store::open(&place.join("store").display().to_string())
        .map_err(|error| error.to_string())?;
    let shared = Arc::new(Shared::new(store));
    shared.hold(HOLDS[0]);
    submit(&mut jobs, "s3://silent/in.mp4", &place, "first").await?;
    let began = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..WORKERS {
        let (endpoint, shared) = (endpoint.clone(), Arc::clone(&shared));
        workers.spawn(worker::work(endpoint, format!("played-{number}"), shared));
    }
    shared
        .until("all workers attach", PATIENCE, |it| it.attached.load(Ordering::Relaxed) == WORKERS)
        .await?;
    println!("{name}: {WORKERS} workers attached after {:.1} s", began.elapsed().as_secs_f64());
    for number in 0..JOBS {
        submit(&mut jobs, "/played/in.mp4", &place, &number.to_string()).await?;
    }
    for hold in HOLDS {
        shared.hold(hold);
        tokio::time::sleep(BEFORE).await;
        shared.begin();
        let (start, cpu, before) = (Instant::now(), coordinator.cpu(), committed(&mut jobs).await?);
        tokio::time::sleep(MEASURED).await;
        let (granted, mut waits) = shared.end();
        let after = committed(&mut jobs).await?;
        let took = start.elapsed().as_secs_f64();
        let cpu = (coordinator.cpu() - cpu) / took * 100.0;
        waits.sort_unstable();
        let at = |share: f64| {
            let place = (waits.len() as f64 * share) as usize;
            waits.get(place).map_or(f64::NAN, |wait| f64::from(*wait) / 1000.0)
        };
        println!(
            "{name}: held {:>4} ms: {:>5.0} leases granted/s, {:>5.0} cells committed/s; ask to grant p50 {:.1} ms, p99 {:.1} ms; coordinator {cpu:.0} % of a core, {} MiB",
            hold.as_millis(),
            granted as f64 / MEASURED.as_secs_f64(),
            (after - before) as f64 / took,
            at(0.5),
            at(0.99),
            coordinator.resident(),
        );
    }
    let lost = shared.lost.load(Ordering::Relaxed);
    // Killed as it is, with every cell that was committed in its journal, it starts again.
    let cells = committed(&mut jobs).await?;
    drop(coordinator);
    shared.begin();
    let killed = Instant::now();
    let coordinator = Coordinator::start(name, state, &place.join("store"), (port, silent), folder);
    let mut jobs = JobsClient::new(connected(&endpoint).await?);
    // In PostgreSQL it stands by until the one before it was silent for too long.
    while let Err(error) = submit(&mut jobs, "/played/in.mp4", &place, "restarted").await {
        if killed.elapsed() > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    shared.until("the first grant after a restart", PATIENCE, |it| it.has_granted()).await?;
    println!(
        "{name}: kill -9 with {cells} cells committed in {JOBS} open jobs: the first grant {:.1} s after the next start (PostgreSQL's lead is free after 5 s), {} MiB",
        killed.elapsed().as_secs_f64(),
        coordinator.resident(),
    );
    workers.abort_all();
    drop(mute);
    if lost == 0 { Ok(()) } else { Err(format!("{lost} streams were lost")) }
}

async fn connected(endpoint: &Endpoint) -> Result<Channel, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        match endpoint.connect().await {
            Ok(channel) => return Ok(channel),
            Err(error) if Instant::now() > until => return Err(error.to_string()),
            Err(_not_yet) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn submit(
    jobs: &mut JobsClient<Channel>,
    input: &str,
    place: &Path,
    name: &str,
) -> Result<(), String> {
    let request = media::request(input, &place.join(format!("{name}.mp4")).display().to_string());
    let request = pb::SubmitRequest { request: Some(request), job: None };
    jobs.submit(request).await.map(drop).map_err(|status| status.to_string())
}

/// Cells that are committed by now, of all jobs.
async fn committed(jobs: &mut JobsClient<Channel>) -> Result<u64, String> {
    let list = pb::ListRequest { limit: 1000, ..pb::ListRequest::default() };
    let listed = jobs.list(list).await.map_err(|status| status.to_string())?.into_inner();
    Ok(listed.jobs.iter().map(|job| u64::from(job.cells_done)).sum())
}
