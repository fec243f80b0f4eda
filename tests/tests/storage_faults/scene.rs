//! The scene of all faults: a real server, a proxy that meddles, a coordinator and a worker behind it, and what an
//! undisturbed run makes of the source.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cleanplate_tests::cluster::{Cluster, said};
use cleanplate_tests::meddler::Meddler;
use cleanplate_tests::tiny_disk::TinyDisk;
use cleanplate_tests::weed::{BUCKET, Weed};
use cleanplate_tests::{binary, clips};
use serde_json::Value;
use tempfile::TempDir;

use crate::faults::{Deed, Fault, Job};

const ENCODE: &str =
    "--detect none --lossless --preset ultrafast --cell-frames 64 --segment-frames 64";
const LOOK: &str = "--detect static --allow-unchanged --cell-frames 64 --segment-frames 64";

/// Where the source is.
const SOURCE: &str = "in/source.mp4";

/// How long a server is out of reach.
const OUTAGE: Duration = Duration::from_secs(3);

/// How often the movie's name is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// How a job ended under a fault.
pub(crate) struct Ended {
    /// The kind of the failure where it is one.
    pub(crate) ending: Result<(), String>,
    pub(crate) message: String,
    pub(crate) meddled: u32,
    pub(crate) seconds: f64,
    /// What must not be.
    pub(crate) wrong: Vec<String>,
}

/// See the top of the file.
pub(crate) struct Scene {
    cluster: Cluster,
    meddler: Meddler,
    server: Weed,
    source: Vec<u8>,
    encoded: Vec<u8>,
    copied: Vec<u8>,
    played: u32,
    _folder: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Result<Self, String> {
        let server = Weed::start()?;
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("noise.mp4");
        let noise = "testsrc2=s=640x360:r=30:d=4.2666667,noise=alls=90:allf=t,format=yuv420p";
        let codec = "-c:v libx264 -preset ultrafast -crf 12 -g 32 -movflags +faststart";
        let mut arguments = vec!["-f", "lavfi", "-i", noise];
        arguments.extend(codec.split(' '));
        arguments.push(clip.to_str().unwrap());
        clips::ffmpeg(&arguments);
        let undisturbed = |options: &str| {
            let output = folder.path().join("undisturbed.mp4");
            let ends = ["run", clip.to_str().unwrap(), "-o", output.to_str().unwrap()];
            binary::run_ok([&ends[..], &options.split(' ').collect::<Vec<_>>()].concat());
            std::fs::read(&output).unwrap()
        };
        let (encoded, copied) = (undisturbed(ENCODE), undisturbed(LOOK));
        assert!(encoded.len() > 17 << 20, "{} bytes are one piece only", encoded.len());
        let source = std::fs::read(&clip).unwrap();
        server.put(SOURCE, &source);
        let meddler = Meddler::before(server.port());
        let mut environment = Weed::environment_at(meddler.port());
        let settings = [
            ("STORAGE_DEADLINE", "10s"),
            ("STORAGE_SILENT", "2s"),
            ("STORAGE_THROTTLED", "30s"),
            ("STORAGE_CACHE", "1MiB"),
            ("SCHEDULER_REST", "200ms"),
            ("SCHEDULER_SET_ASIDE", "500ms"),
            ("SCHEDULER_SECOND_WORKER", "500ms"),
        ];
        environment
            .extend(settings.map(|(name, value)| (format!("CLEANPLATE_{name}"), value.to_owned())));
        let store = format!("s3://{BUCKET}/store");
        let mut cluster = Cluster::start_with(folder.path(), &store, &environment);
        cluster.start_worker(2);
        Ok(Self { cluster, meddler, server, source, encoded, copied, played: 0, _folder: folder })
    }

    /// Runs a job under a fault; nothing where this machine cannot make it.
    pub(crate) fn play(&mut self, fault: &Fault) -> Option<Ended> {
        let began = Instant::now();
        self.played += 1;
        let key = format!("out/{}.mp4", self.played);
        let disk = match fault.job {
            Job::TinyDisk => Some(TinyDisk::mount(1).ok()?),
            Job::Encode | Job::Look => None,
        };
        let output = disk.as_ref().map_or_else(
            || format!("s3://{BUCKET}/{key}"),
            |disk| disk.path().join("movie.mp4").display().to_string(),
        );
        let options = if fault.job == Job::Look { LOOK } else { ENCODE };
        let expected = if fault.job == Job::Look { &self.copied } else { &self.encoded };
        self.meddler.meddle(fault.rules.clone());
        let watch = Watch::begin(&self.server, &key, expected.len() as u64);
        let source = format!("s3://{BUCKET}/{SOURCE}");
        let mut arguments = vec!["submit", &source, &output];
        arguments.extend(options.split(' '));
        let submitted = self.cluster.ask(&arguments);
        let (ending, message) = if submitted.status.success() {
            let job = String::from_utf8_lossy(&submitted.stdout).trim().to_owned();
            self.act(fault.deed);
            judged(&self.cluster.watch_until(&job, |_| false)["outcome"])
        } else {
            (Err("refused".to_owned()), said(&submitted).trim().to_owned())
        };
        let meddled = self.meddler.meddled();
        self.meddler.meddle(Vec::new());
        let mut wrong = watch.end();
        let found = self.server.get(&key);
        let expected = if fault.job == Job::Look { &self.copied } else { &self.encoded };
        match (&ending, found) {
            (Ok(()), Some(found)) if found == *expected => {}
            (Ok(()), found) => {
                let bytes = found.map_or(0, |found| found.len());
                wrong.push(format!("the movie has {bytes} bytes that are not it"));
            }
            (Err(_), Some(_)) => wrong.push("it failed, and there is a movie".to_owned()),
            (Err(kind), None) => {
                if kind.is_empty() || message.is_empty() {
                    wrong.push("the failure has no kind or no reason".to_owned());
                }
            }
        }
        if fault.deed == Deed::ReplaceSource {
            self.server.put(SOURCE, &self.source);
        }
        Some(Ended { ending, message, meddled, seconds: began.elapsed().as_secs_f64(), wrong })
    }

    /// Does the deed, once the first request was meddled with.
    fn act(&mut self, deed: Deed) {
        if deed == Deed::None {
            return;
        }
        let (cluster, meddler) = (&mut self.cluster, &self.meddler);
        cluster.until("the moment of the deed", |_| (meddler.meddled() > 0).then_some(()));
        match deed {
            Deed::None => {}
            Deed::ReplaceSource => {
                let mut other = self.source.clone();
                other.extend(b"free");
                self.server.put(SOURCE, &other);
            }
            Deed::RestartServer => self.server.restart(),
            Deed::PauseServer => {
                self.server.pause(true);
                self.outlast();
                self.server.pause(false);
            }
            Deed::CloseDoor => {
                self.meddler.close(true);
                self.outlast();
                self.meddler.close(false);
            }
        }
    }

    /// Lets an outage last.
    fn outlast(&mut self) {
        let until = Instant::now() + OUTAGE;
        self.cluster.until("the outage is over", |_| (Instant::now() >= until).then_some(()));
    }

    pub(crate) fn logs(&self) -> String {
        self.cluster.logs()
    }
}

fn judged(outcome: &Value) -> (Result<(), String>, String) {
    if outcome["kind"] != "failed" {
        // A copy ends as another kind, and its movie is held to the same.
        return (Ok(()), String::new());
    }
    let words = |name: &str| outcome["failure"][name].as_str().unwrap_or_default().to_owned();
    (Err(words("kind")), words("message"))
}

/// Looks at the movie's name all the time: what is there is the movie, whole, or nothing.
struct Watch {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<String>>,
}

impl Watch {
    fn begin(server: &Weed, key: &str, bytes: u64) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (ended, peek, key) = (Arc::clone(&over), server.peek(), key.to_owned());
        let look = move || {
            let mut wrong = Vec::new();
            while !ended.load(Ordering::SeqCst) {
                if let Some(found) = peek.size(&key).filter(|found| *found != bytes) {
                    wrong.push(format!("{found} of {bytes} bytes showed under its name"));
                    break;
                }
                std::thread::sleep(LOOK_AGAIN);
            }
            wrong
        };
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(look);
        Self { over, thread: thread.unwrap() }
    }

    fn end(self) -> Vec<String> {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}
