//! The figures of the dashboard: a real coordinator with 10,000 jobs and 1,000 workers, and how soon its pages come.
//!
//! The workers are streams that say who they are and ask for nothing. Times are printed, never asserted: machines are noisy.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::fleet_client::FleetClient;
use cleanplate_proto::v1::jobs_client::JobsClient;
use cleanplate_store::OBJECT_FORMAT;
use cleanplate_tests::cluster::Cluster;
use pb::from_worker::Message as Up;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

/// Jobs, of so many owners.
const JOBS: usize = 10_000;
const OWNERS: usize = 20;

/// Workers, on so many connections.
const WORKERS: usize = 1_000;
const CONNECTIONS: usize = 20;

/// Jobs that are submitted side by side.
const SIDE_BY_SIDE: usize = 32;

/// How often a page is asked for.
const TIMES: usize = 20;

/// How often a worker says that it lives.
const BEAT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = format!("file://{}", folder.path().join("store").display());
    let settings =
        [("CLEANPLATE_LIMITS_REQUESTS", "1000000"), ("CLEANPLATE_CAPS_OWNER_QUEUED", "100000")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let cluster = Cluster::start_with(folder.path(), &store, &settings);
    let endpoint = Endpoint::from_shared(cluster.url()).expect("it is an address");
    let filled = runtime.block_on(fill(endpoint, folder.path().display().to_string()));
    if let Err(why) = filled {
        println!("{why}");
        return ExitCode::FAILURE;
    }
    println!("\n# the dashboard, {JOBS} jobs of {OWNERS} owners, {WORKERS} workers");
    for path in ["/ui/jobs", "/ui/jobs?state=queued", "/ui/fleet", "/ui/fleet?page=9", "/metrics"] {
        tell(cluster.port(), path);
    }
    ExitCode::SUCCESS
}

/// Makes the jobs, then has the workers attach and stay, so that none of them is given anything but a source to look at.
async fn fill(endpoint: Endpoint, folder: String) -> Result<(), String> {
    let channel = endpoint.connect().await.map_err(|error| error.to_string())?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for lane in 0..SIDE_BY_SIDE {
        let (mut jobs, folder) = (JobsClient::new(channel.clone()), folder.clone());
        tasks.spawn(async move {
            for at in (lane..JOBS).step_by(SIDE_BY_SIDE) {
                submit(&mut jobs, &folder, at).await?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    println!("{JOBS} jobs submitted in {:.1} s", began.elapsed().as_secs_f64());
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(endpoint.connect().await.map_err(|error| error.to_string())?);
    }
    for at in 0..WORKERS {
        tokio::spawn(attend(channels[at % CONNECTIONS].clone(), at));
    }
    let mut jobs = JobsClient::new(channel);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let told = jobs.workers(pb::WorkersRequest {}).await.map_err(|error| error.to_string())?;
        let attached = told.into_inner().workers.len();
        if attached == WORKERS {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("only {attached} workers attached"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn submit(jobs: &mut JobsClient<Channel>, folder: &str, at: usize) -> Result<(), String> {
    let rect = pb::Rect { x: 20, y: 20, width: 100, height: 40 };
    let request = pb::JobRequest {
        input: format!("{folder}/a-folder-of-some-depth/season-{:02}/episode-{at:05}.mp4", at % 40),
        output: format!("{folder}/clean-{at:05}.mp4"),
        owner: format!("owner-{:02}", at % OWNERS),
        regions: vec![pb::Region { rect: Some(rect), when: None }],
        fill: "membrane".to_owned(),
        encoder: "libx264".to_owned(),
        ..pb::JobRequest::default()
    };
    let request = pb::SubmitRequest { request: Some(request), job: None };
    jobs.submit(request).await.map(drop).map_err(|status| status.to_string())
}

async fn attend(channel: Channel, at: usize) {
    let (up, waiting) = mpsc::channel(4);
    let hello = pb::Hello {
        protocol: cleanplate_proto::PROTOCOL_VERSION,
        version: "9.9.9".to_owned(),
        worker: format!("gpu-box-{:03}.gpu{}", at / 4, at % 4),
        slots: 1,
        encoders: ["libx264", "libx265", "hevc_nvenc"]
            .map(|name| pb::EncoderProof { name: name.to_owned(), build: "played".to_owned() })
            .to_vec(),
        card: Some(pb::Card {
            name: "NVIDIA GeForce RTX 4090".to_owned(),
            vram_mib: 24_564,
            pretended: true,
        }),
        objects: OBJECT_FORMAT.into(),
        instance: at as u64 + 1,
        ..pb::Hello::default()
    };
    up.send(pb::FromWorker { message: Some(Up::Hello(hello)) }).await.ok();
    let Ok(down) = FleetClient::new(channel).attend(ReceiverStream::new(waiting)).await else {
        return;
    };
    let mut down = down.into_inner();
    loop {
        match tokio::time::timeout(BEAT, down.message()).await {
            Err(_quiet) => {
                let load = pb::CardLoad {
                    busy_percent: Some(87),
                    celsius: Some(61),
                    used_mib: Some(9_000),
                };
                let beat = Up::Heartbeat(pb::Heartbeat { load: Some(load) });
                up.send(pb::FromWorker { message: Some(beat) }).await.ok();
            }
            Ok(Ok(Some(_message))) => {}
            Ok(Ok(None) | Err(_)) => return,
        }
    }
}

/// Prints how soon a page comes, and what it weighs with all its files.
fn tell(port: u16, path: &str) {
    let mut times = Vec::new();
    let mut page = String::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        page = get(port, path);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let files: BTreeSet<&str> =
        page.split('"').filter(|it| it.starts_with("/ui/assets/")).collect();
    let weight = page.len() + files.iter().map(|file| get(port, file).len()).sum::<usize>();
    println!(
        "{path}: {:.1} ms (median of {TIMES}; worst {:.1} ms), {} KiB of page, {} KiB with its {} files",
        times[TIMES / 2].as_secs_f64() * 1000.0,
        times[TIMES - 1].as_secs_f64() * 1000.0,
        page.len().div_ceil(1024),
        weight.div_ceil(1024),
        files.len(),
    );
}

/// The body of a page, over a connection of its own.
fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the coordinator answers");
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers with text");
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "{path}: {}",
        answer.lines().next().unwrap_or_default()
    );
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).expect("a head and a body")
}
