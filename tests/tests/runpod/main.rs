//! A container of RunPod beside a real coordinator, by the platform's HTTP: a job of the endpoint is a time of work, and
//! what was done is posted. The platform is ours; the last tests hold it to the platform's own SDK.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use cleanplate_tests::binary::{self, repository};
use cleanplate_tests::clips;
use cleanplate_tests::cluster::{Cluster, send};
use cleanplate_tests::runpod::{ENDPOINT, KEY, Ping, Platform};
use serde_json::{Value, json};

const FRAMES: u32 = 240;

/// A job that is done in a second or two.
const QUICK: [&str; 10] = [
    "--region",
    "20,20,120,50",
    "--encoder",
    "libx264",
    "--preset",
    "ultrafast",
    "--fill",
    "membrane",
    "--cell-frames",
    "60",
];

/// A job that takes longer than any test waits for its first cells.
const SLOW: [&str; 12] = [
    "--region",
    "20,20,120,50",
    "--fill",
    "membrane",
    "--encoder",
    "libx264",
    "--preset",
    "veryslow",
    "--cell-frames",
    "24",
    "--segment-frames",
    "720",
];

/// A process that the platform started.
struct Container {
    process: Child,
    log: PathBuf,
}

impl Container {
    /// Our own, which may work for `cluster` with one slot.
    fn start(name: &str, platform: &Platform, cluster: &Cluster, folder: &Path) -> Self {
        let mut command = binary::command(["runpod", "--cpu"]);
        command
            .env("CLEANPLATE_COORDINATOR", cluster.url())
            .env("CLEANPLATE_RUNPOD_SCRATCH", "1MiB")
            .env("CLEANPLATE_WORKER_SCRATCH", folder.join(name))
            .env("CLEANPLATE_WORKER_SLOTS", "1")
            .env("CLEANPLATE_WORKER_GRACE", "2s")
            .env("CLEANPLATE_MODELS_FOLDER", folder.join("no-models"));
        Self::run(name, platform, command, folder)
    }

    fn run(name: &str, platform: &Platform, mut command: Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        let process = command
            .envs(platform.environment(name))
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { process, log }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What `platform` has of a job when it has a result.
    fn result(&self, platform: &Platform, job: &str) -> Value {
        platform.result(job, || self.said())
    }

    fn signal(&self, signal: &str) {
        send(signal, &[self.process.id()]);
    }

    fn ended(&mut self, platform: &Platform) -> ExitStatus {
        let (process, log) = (&mut self.process, self.log.clone());
        let logs = || std::fs::read_to_string(&log).unwrap_or_default();
        platform.until("the container ends", logs, || process.try_wait().unwrap())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Frames that are committed.
fn cells(state: &Value) -> u64 {
    state["cells_done"].as_u64().unwrap_or(0)
}

fn with_job<'a>(pings: &'a [Ping], job: &str) -> Vec<&'a Ping> {
    pings.iter().filter(|ping| ping.said.get("job_id").map(String::as_str) == Some(job)).collect()
}

fn by_http(url: &str) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = async { reqwest::get(url).await.unwrap().bytes().await.unwrap() };
    serde_json::from_slice(&runtime.block_on(answer)).unwrap()
}

fn error(result: &Value) -> Value {
    serde_json::from_str(result["error"].as_str().unwrap()).unwrap()
}

#[test]
fn a_posted_job_makes_a_worker_that_makes_the_movie_and_tells_its_cards_time() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let platform = Platform::start();
    platform.fail_takes(&[503, 500]);
    platform.fail_outputs(&[502]);
    let mut container = Container::start("pod-a", &platform, &cluster, folder.path());

    let clip = clips::kept("320x180", FRAMES, &clips::X264_PLAIN);
    let movie = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip), text(&movie), &QUICK);
    let endpoint_job = platform.post(json!({"idle_exit_seconds": 2}));
    cluster.done(&job);
    let result = container.result(&platform, &endpoint_job);
    let output = &result["output"];
    assert!(result.get("error").is_none(), "{result}");
    assert_eq!((&output["outcome"], &output["attached"]), (&json!("idle"), &json!(true)));
    assert_eq!((&output["frames"], &output["cells"]), (&json!(FRAMES), &json!(4)));
    assert_eq!((&output["jobs"], &output["worker"]), (&json!([job]), &json!("pod-a")));
    assert!(container.said().contains("503"), "{}", container.said());

    // What the container counts is what the coordinator's report has.
    let shown = cluster.show(&job);
    let attempts = shown["attempts"].as_array().unwrap().iter();
    let ours: Vec<&Value> = attempts.filter(|it| it["worker"] == "runpod-pod-a").collect();
    assert!(ours.iter().all(|it| it["tier"] == "cpu"), "{shown}");
    assert_eq!(output["leases"]["done"], json!(ours.len()));
    let by_http = by_http(&format!("{}/api/v1/jobs/{job}/attempts", cluster.url()));
    assert_eq!(by_http["attempts"], shown["attempts"]);
    let held: u64 = ours.iter().map(|it| it["held_ms"].as_u64().unwrap()).sum();
    let card = &output["cards"][0];
    assert_eq!((&card["name"], &card["tier"]), (&json!("none"), &json!("cpu")));
    let (ours, busy) = (card["held_ms"].as_u64().unwrap(), card["busy_ms"].as_u64().unwrap());
    assert!(held > 0 && held.abs_diff(ours) <= 500 + held / 4, "{held} ms there, {ours} ms here");
    assert!(busy <= ours && output["took_ms"].as_u64().unwrap() >= busy + 2000, "{output}");
    let pings = platform.pings("pod-a");
    assert!(!with_job(&pings, &endpoint_job).is_empty(), "{pings:?}");
    assert!(pings[0].said["runpod_version"].starts_with("cleanplate-"));

    for (input, name, words) in [
        (json!({"prompt": "hello"}), "bad_input", "`prompt`"),
        (json!({"coordinator": "http://10.1.2.3:7700"}), "coordinator_not_allowed", ""),
    ] {
        let endpoint_job = platform.post(input);
        let result = container.result(&platform, &endpoint_job);
        let error = error(&result);
        assert_eq!(error["error_type"], name);
        assert!(error["error_message"].as_str().unwrap().contains(words), "{error}");
        assert_eq!(result["output"]["attached"], false);
    }
    container.signal("TERM");
    assert!(container.ended(&platform).success(), "{}", container.said());
    assert!(!container.said().contains(KEY));
    assert_eq!(platform.odd(), Vec::<String>::new());
}

#[test]
fn what_is_stopped_hands_in_its_cells_and_says_who_stopped_it() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let platform = Platform::start();
    let mut container = Container::start("pod-a", &platform, &cluster, folder.path());
    let clip = clips::kept("640x360", 720, &clips::X264_PLAIN);
    let movie = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip), text(&movie), &SLOW);
    let begun = |before: u64| cells(&cluster.watch_until(&job, |state| cells(state) > before));

    let first = platform.post(json!({}));
    let done = begun(0);
    platform.stop(&first);
    let result = container.result(&platform, &first);
    let output = &result["output"];
    assert_eq!(
        (&output["outcome"], &output["why"]),
        (&json!("stopped"), &json!("the platform stopped the job"))
    );
    let kept = cells(&cluster.show(&job)["state"]);
    assert!(kept >= done && output["cells"].as_u64() == Some(kept), "{kept} cells, {output}");
    assert_eq!(output["leases"]["given_back"], 1, "{output}");

    let second = platform.post(json!({"max_seconds": 1}));
    let result = container.result(&platform, &second);
    assert_eq!(result["output"]["why"], "its `max_seconds` are over", "{result}");

    let before = cells(&cluster.show(&job)["state"]);
    let third = platform.post(json!({}));
    begun(before);
    container.signal("TERM");
    let result = container.result(&platform, &third);
    let output = &result["output"];
    assert!(output["why"].as_str().unwrap().contains("SIGTERM"), "{output}");
    assert_eq!((&output["outcome"], &output["jobs"]), (&json!("stopped"), &json!([job])));
    assert!(output["cards"][0]["held_ms"].as_u64().unwrap() > 0, "{output}");
    assert!(container.ended(&platform).success(), "{}", container.said());
    assert_eq!(platform.odd(), Vec::<String>::new());
}

#[test]
fn a_container_that_is_killed_is_silent_at_once_and_another_does_its_work() {
    let folder = tempfile::tempdir().unwrap();
    let silent = [("CLEANPLATE_SCHEDULER_WORKER_SILENT".to_owned(), "2s".to_owned())];
    let store = format!("file://{}", folder.path().join("store").display());
    let cluster = Cluster::start_with(folder.path(), &store, &silent);
    let platform = Platform::start();
    let mut first = Container::start("pod-a", &platform, &cluster, folder.path());
    let clip = clips::kept("320x180", FRAMES, &clips::X264_PLAIN);
    let movie = folder.path().join("out.mp4");
    let options = ["--region", "20,20,120,50", "--fill", "membrane", "--encoder", "libx264"];
    let options = [&options[..], &["--preset", "veryslow", "--cell-frames", "24"]].concat();
    let job = cluster.submit(text(&clip), text(&movie), &options);
    let lost = platform.post(json!({}));
    cluster.watch_until(&job, |state| cells(state) > 0);
    first.process.kill().unwrap();
    first.process.wait().unwrap();
    let silent = platform.pings("pod-a").len();

    let second = Container::start("pod-b", &platform, &cluster, folder.path());
    let next = platform.post(json!({"idle_exit_seconds": 5}));
    cluster.done(&job);
    let result = second.result(&platform, &next);
    assert!(
        result["output"]["frames"].as_u64().unwrap() < FRAMES.into(),
        "what was handed in stays: {result}"
    );
    assert_eq!(platform.pings("pod-a").len(), silent);
    let lost = platform.job(&lost);
    assert_eq!((lost.status, lost.worker.as_deref()), ("IN_PROGRESS", Some("pod-a")));
    assert!(!with_job(&platform.pings("pod-b"), &next).is_empty());
}

#[test]
fn an_unfit_container_tells_the_platform_and_takes_no_job() {
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::start();
    platform.post(json!({}));
    let start = |name: &str, variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = binary::command([&["runpod"], arguments].concat());
        command
            .env("CLEANPLATE_WORKER_SCRATCH", folder.path().join("scratch"))
            .env("CLEANPLATE_MODELS_FOLDER", folder.path().join("no-models"))
            .envs(variables.iter().copied());
        Container::run(name, &platform, command, folder.path())
    };
    let somewhere = ("CLEANPLATE_COORDINATOR", "http://127.0.0.1:1");
    let full = [somewhere, ("CLEANPLATE_RUNPOD_SCRATCH", "4000TiB")];
    let nvenc: &[&str] = &["--cpu", "--encoder", "h264_nvenc"];
    let small = ("CLEANPLATE_RUNPOD_SCRATCH", "1MiB");
    for (name, variables, arguments, check, code) in [
        ("nowhere", &[][..], &["--cpu"][..], "settings", 2),
        ("full", &full[..], &["--cpu"], "scratch", 4),
        ("bare", &[somewhere, small][..], nvenc, "encoder", 4),
        ("slow", &[somewhere, small][..], &[], "card", 4),
    ] {
        let mut container = start(name, variables, arguments);
        let status = container.ended(&platform);
        if status.code() != Some(code) && Path::new("/dev/nvidia0").exists() {
            println!("skipped: this machine has a card");
            continue;
        }
        assert_eq!(status.code(), Some(code), "{name}: {}", container.said());
        let pings = platform.pings(name);
        assert_eq!(pings.len(), 1, "{name}: {pings:?}");
        let said = &pings[0].said;
        assert_eq!((said["status"].as_str(), said["check"].as_str()), ("unhealthy", check));
        assert!(!said["reason"].is_empty() && said["reason"].chars().count() <= 256);
    }
    assert_eq!(platform.takes(), 0);
    assert_eq!(platform.odd(), Vec::<String>::new());
    let elsewhere = binary::run(["runpod", "--cpu"]);
    assert_eq!(elsewhere.status.code(), Some(2));
    let said = String::from_utf8_lossy(&elsewhere.stderr).into_owned();
    assert!(
        said.contains("RUNPOD_WEBHOOK_GET_JOB") && said.contains("cleanplate worker"),
        "{said}"
    );
}

#[test]
fn the_feeder_posts_what_the_work_is_worth_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let platform = Platform::start();
    let feed = |most: &str| {
        let ran = Command::new("python3")
            .arg(repository().join("clients/python/examples/runpod_feed.py"))
            .args([ENDPOINT, "--every", "0", "--frames", "100", "--idle", "7", "--most", most])
            .env("PYTHONPATH", repository().join("clients/python/src"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("CLEANPLATE_COORDINATOR", cluster.url())
            .env("RUNPOD_ENDPOINT_BASE_URL", platform.url())
            .env("RUNPOD_API_KEY", KEY)
            .env("no_proxy", "127.0.0.1")
            .output();
        let ran = ran.ok()?;
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{said}");
        Some(String::from_utf8_lossy(&ran.stdout).lines().count())
    };
    let Some(posted) = feed("5") else {
        println!("skipped: no python3");
        return;
    };
    assert_eq!(posted, 0, "there is no job");
    let clip = clips::kept("320x180", FRAMES, &clips::X264_PLAIN);
    for name in ["1.mp4", "2.mp4", "3.mp4"] {
        let _job = cluster.submit(text(&clip), text(&folder.path().join(name)), &QUICK);
    }
    assert_eq!(feed("2"), Some(2), "no more than are to be");
    assert_eq!(feed("5"), Some(1), "a job that nobody has looked at is one container's");
    assert_eq!(feed("5"), Some(0), "those are there already");
    let asked = platform.jobs().into_values().map(|job| job.input);
    assert!(asked.into_iter().all(|input| input == json!({"idle_exit_seconds": 7})));
    assert_eq!(platform.odd(), Vec::<String>::new());
}

/// RunPod's own SDK; nothing where it is not installed.
fn sdk() -> Option<PathBuf> {
    let python = repository().join("build/tools/runpod/bin/python");
    if python.is_file() {
        return Some(python);
    }
    println!("skipped: no SDK of RunPod in build/tools (scripts/setup-runpod.sh brings it)");
    None
}

/// A worker by the SDK.
fn by_sdk(name: &str, python: &Path, platform: &Platform, folder: &Path, unfit: bool) -> Container {
    let mut command = Command::new(python);
    command
        .arg(repository().join("tests/tests/runpod/handler.py"))
        .env("HOME", folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("RUNPOD_SKIP_AUTO_SYSTEM_CHECKS", "true")
        .env("RUNPOD_SKIP_GPU_CHECK", "true");
    if unfit {
        command.env("TEST_UNFIT", "1");
    }
    Container::run(name, platform, command, folder)
}

#[test]
fn the_platforms_own_sdk_works_with_our_platform() {
    let Some(python) = sdk() else { return };
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::start();
    platform.fail_takes(&[503]);
    let worker = by_sdk("sdk-a", &python, &platform, folder.path(), false);
    let client = repository().join("tests/tests/runpod/client.py");
    let asked = json!({"word": "héllo & more", "seconds": 3});
    let ran = Command::new(&python)
        .arg(client)
        .args([&platform.url(), KEY, ENDPOINT, &asked.to_string()])
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{said}\n{}", worker.said());
    let output: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(output, json!({"echo": asked}));
    let (id, job) = platform.jobs().into_iter().next().unwrap();
    assert_eq!((job.status, job.worker.as_deref()), ("COMPLETED", Some("sdk-a")));
    assert!(!with_job(&platform.pings("sdk-a"), &id).is_empty(), "{:?}", platform.pings("sdk-a"));

    let failing = platform.post(json!({"fail": true}));
    let told = error(&worker.result(&platform, &failing));
    assert_eq!(
        (&told["error_message"], &told["worker_id"]),
        (&json!("as it was asked"), &json!("sdk-a"))
    );

    // One that is stopped says nothing more of it, and takes the next.
    let hanging = platform.post(json!({"hang": true}));
    platform.until("it hangs", || worker.said(), || platform.job(&hanging).worker);
    platform.stop(&hanging);
    let next = platform.post(json!({"word": "next"}));
    assert_eq!(worker.result(&platform, &next)["output"], json!({"echo": {"word": "next"}}));
    assert_eq!(platform.job(&hanging).result, None);
    assert_eq!(platform.odd(), Vec::<String>::new(), "{}", worker.said());
}

#[test]
fn an_unfit_worker_by_the_sdk_says_what_ours_says() {
    let Some(python) = sdk() else { return };
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::start();
    let mut worker = by_sdk("sdk-a", &python, &platform, folder.path(), true);
    assert_eq!(worker.ended(&platform).code(), Some(1), "{}", worker.said());
    let said = platform.pings("sdk-a").remove(0).said;
    let names: Vec<&str> = said.keys().map(String::as_str).collect();
    assert_eq!(names, ["check", "reason", "runpod_version", "status"]);
    assert_eq!((said["status"].as_str(), said["check"].as_str()), ("unhealthy", "wheel"));
    assert_eq!((platform.takes(), platform.odd()), (0, Vec::new()));
}
