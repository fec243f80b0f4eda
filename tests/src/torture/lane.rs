//! Performs drawn runs: on a cluster that lives from run to run, or by the command for one machine;
//! kills whom the draw names; judges what came out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cleanplate_types::failure::FailureKind;
use serde_json::Value;

use super::compare::{Truth, differences, frames};
use super::draw::{Draw, Through, Victim};
use super::kind::Expect;
use super::story::{Story, has_ended};
use crate::cluster::{Cluster, send};
use crate::{binary, memory, reference};

/// Jobs after which a cluster is given up for a fresh one, so that its folder stays small.
const JOBS_MAX: u32 = 60;

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit status of the job.
    pub status: i32,
    /// What was said of it: the failure, or nothing.
    pub message: String,
    /// The notes of the job.
    pub notes: String,
    /// The encoder, where one was chosen.
    pub encoder: String,
    /// How many were killed.
    pub kills: u32,
}

/// Performs runs one after the other.
#[derive(Debug)]
pub struct Lane {
    folder: PathBuf,
    fleet: Option<Fleet>,
    fleets: u32,
    outputs: u32,
}

#[derive(Debug)]
struct Fleet {
    cluster: Cluster,
    alive: Vec<usize>,
    jobs: u32,
}

impl Lane {
    /// A lane whose clusters and outputs are in `folder`.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder, fleet: None, fleets: 0, outputs: 0 }
    }

    /// Performs a run; returns everything that is not as it should be, and how many were killed.
    ///
    /// # Panics
    /// Where the job gets nowhere.
    pub fn perform(&mut self, draw: &Draw, truth: &Truth, source: &Path) -> (Vec<String>, u32) {
        self.outputs += 1;
        let folder = self.folder.join(format!("out-{}", self.outputs));
        std::fs::create_dir_all(&folder).expect("the lane's folder can be written");
        let output = folder.join(format!("out.{}", draw.output.container));
        let ended = self.end_of(draw, source, &output);
        let wrong = judge(draw, truth, &output, &ended);
        std::fs::remove_dir_all(&folder).expect("the lane's folder can be written");
        (wrong, ended.kills)
    }

    /// Performs a run and judges nothing.
    ///
    /// # Panics
    /// Where the job gets nowhere.
    pub fn end_of(&mut self, draw: &Draw, source: &Path, output: &Path) -> Ended {
        match draw.through {
            Through::Cluster => self.on_cluster(draw, source, output),
            Through::Run => by_run(draw, source, output),
        }
    }

    /// The words of the cluster's processes, for the report of a run that hangs.
    #[must_use]
    pub fn logs(&self) -> String {
        self.fleet.as_ref().map(|fleet| fleet.cluster.logs()).unwrap_or_default()
    }

    fn on_cluster(&mut self, draw: &Draw, source: &Path, output: &Path) -> Ended {
        if self.fleet.as_ref().is_some_and(|fleet| fleet.jobs >= JOBS_MAX) {
            self.fleet = None;
        }
        let fleet = match &mut self.fleet {
            Some(fleet) => fleet,
            none => {
                self.fleets += 1;
                let folder = self.folder.join(format!("cluster-{}", self.fleets));
                std::fs::create_dir_all(&folder).expect("the lane's folder can be written");
                none.insert(Fleet::start(&folder))
            }
        };
        fleet.perform(draw, source, output)
    }
}

impl Fleet {
    fn start(folder: &Path) -> Self {
        let store = format!("file://{}", folder.join("store").display());
        // Whoever was killed does not come back here: nobody waits for it.
        let settings = [("CLEANPLATE_SCHEDULER_RESTORE_GRACE".to_owned(), "1s".to_owned())];
        let cluster = Cluster::start_with(folder, &store, &settings);
        Self { cluster, alive: Vec::new(), jobs: 0 }
    }

    fn perform(&mut self, draw: &Draw, source: &Path, output: &Path) -> Ended {
        self.jobs += 1;
        let workers = usize::try_from(draw.workers).unwrap_or(1);
        while self.alive.len() > workers {
            let place = self.alive.remove(0);
            self.cluster.kill_worker(place);
        }
        while self.alive.len() < workers {
            self.alive.push(self.cluster.start_worker(1));
        }
        let options = options(draw);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let asked =
            self.cluster.ask(&[&["submit", text(source), text(output)], &options[..]].concat());
        if !asked.status.success() {
            let message = String::from_utf8_lossy(&asked.stderr).into_owned();
            let status = asked.status.code().unwrap_or(-1);
            return Ended {
                status,
                message,
                notes: String::new(),
                encoder: String::new(),
                kills: 0,
            };
        }
        let job = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        let mut story = Story::of(self.watch(&job));
        let kills = self.kill(draw, &mut story);
        let mut last = story.last_state();
        while !has_ended(&last) {
            // The coordinator was killed before the first answer.
            let mut again = Story::of(self.watch(&job));
            last = again.last_state();
        }
        ended(&last, kills)
    }

    fn watch(&self, job: &str) -> Command {
        let mut client = self.cluster.client(&["watch", job, "--json"]);
        client.stderr(Stdio::null());
        client
    }

    /// Kills whom the draw names, each in its time; returns how many. Engines are killed while there
    /// are some.
    fn kill(&mut self, draw: &Draw, story: &mut Story) -> u32 {
        let mut kills = 0;
        for kill in &draw.kills {
            story.wait_until(Duration::from_millis(kill.after_ms));
            let (whose, what) = match kill.victim {
                Victim::Worker => {
                    let place = self.alive.remove(0);
                    self.cluster.kill_worker(place);
                    self.alive.push(self.cluster.start_worker(1));
                    kills += 1;
                    continue;
                }
                Victim::Coordinator => {
                    self.cluster.kill_coordinator();
                    self.cluster.start_coordinator();
                    kills += 1;
                    continue;
                }
                Victim::Engine => (self.alive.clone(), "worker"),
                Victim::Stitch => (Vec::new(), "stitch"),
            };
            let found = story.find(|| {
                let processes = if whose.is_empty() {
                    self.cluster.coordinator_processes()
                } else {
                    whose.iter().flat_map(|place| self.cluster.processes(*place)).collect()
                };
                engine(&processes, what)
            });
            if let Some(id) = found {
                send("KILL", &[id]);
                kills += 1;
            }
        }
        kills
    }
}

/// An engine among processes that does such work.
fn engine(processes: &[u32], what: &str) -> Option<u32> {
    let wanted = format!("\0engine\0{what}\0");
    let does = |id: &&u32| {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.contains(&wanted)
    };
    processes.iter().find(does).copied()
}

fn ended(last: &Value, kills: u32) -> Ended {
    let outcome = &last["outcome"];
    let failure = &outcome["failure"];
    let status = match outcome["kind"].as_str() {
        Some("done" | "unchanged") => 0,
        Some("abstained") => 5,
        Some("cancelled") => 6,
        _ => {
            let kind = failure["kind"].as_str().and_then(FailureKind::parse);
            kind.map_or(1, |kind| i32::from(kind.exit_status()))
        }
    };
    let message = if failure.is_null() { String::new() } else { failure.to_string() };
    Ended {
        status,
        message,
        notes: last["notes"].to_string(),
        encoder: last["encoder"].as_str().unwrap_or_default().to_owned(),
        kills,
    }
}

fn by_run(draw: &Draw, source: &Path, output: &Path) -> Ended {
    let workers = draw.workers.to_string();
    let mut command = binary::command(["run", text(source), "-o", text(output), "--json"]);
    command.args(options(draw)).args(["--workers", &workers]);
    let log = output.with_extension("log");
    let file = std::fs::File::create(&log).expect("the lane's folder can be written");
    command.stderr(file);
    let mut story = Story::of(command);
    let id = story.id();
    let mut kills = 0;
    for kill in &draw.kills {
        story.wait_until(Duration::from_millis(kill.after_ms));
        if let Some(id) = story.find(|| engine(&memory::tree(id), "worker")) {
            send("KILL", &[id]);
            kills += 1;
        }
    }
    let last = story.last_state();
    let status = story.ended().code().unwrap_or(-1);
    let message = std::fs::read_to_string(&log).unwrap_or_default();
    std::fs::remove_file(&log).expect("the lane's folder can be written");
    Ended {
        status,
        message,
        notes: last["notes"].to_string(),
        encoder: last["encoder"].as_str().unwrap_or_default().to_owned(),
        kills,
    }
}

fn options(draw: &Draw) -> Vec<String> {
    let mut options = vec!["--detect".to_owned(), "none".to_owned()];
    if draw.lossless {
        options.push("--lossless".to_owned());
    }
    options.extend(["--cell-frames".to_owned(), draw.cell_frames.to_string()]);
    options.extend(["--segment-frames".to_owned(), draw.segment_frames.to_string()]);
    if let Some(encoder) = draw.encoder {
        options.extend(["--encoder".to_owned(), encoder.to_owned()]);
    }
    if draw.conceal {
        options.extend(["--on-damage".to_owned(), "conceal".to_owned()]);
    }
    options.extend(draw.kind.options.iter().map(|option| (*option).to_owned()));
    options
}

/// Everything that is not as it should be.
#[must_use]
pub fn judge(draw: &Draw, truth: &Truth, output: &Path, ended: &Ended) -> Vec<String> {
    let mut wrong = match draw.output.expect {
        Expect::Exact if ended.status == 0 => differences(truth, draw.kind, &draw.output, output),
        Expect::Exact => vec![format!("ended with {}: {}", ended.status, ended.message)],
        Expect::Refused { status, words } => refusal(ended, status, words),
        Expect::Damaged { words, .. } if !draw.conceal => refusal(ended, 3, words),
        Expect::Damaged { .. } if ended.status != 0 => {
            vec![format!("concealing, it ended with {}: {}", ended.status, ended.message)]
        }
        Expect::Damaged { noted, .. } => {
            let mut wrong = frames(truth.single(), &reference::frames(output), false);
            if !ended.notes.contains(noted) {
                wrong.push(format!("the notes do not say `{noted}`: {}", ended.notes));
            }
            wrong
        }
    };
    if ended.status != 0 && output.exists() {
        wrong.push("an output was published nevertheless".to_owned());
    }
    // What failed in the middle keeps its state for the next try.
    if matches!(ended.status, 0 | 2 | 3) {
        wrong.extend(left_behind(output));
    }
    wrong
}

fn refusal(ended: &Ended, status: i32, words: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if ended.status != status {
        wrong.push(format!("ended with {} instead of {status}: {}", ended.status, ended.message));
    } else if !ended.message.contains(words) {
        wrong.push(format!("the refusal does not say `{words}`: {}", ended.message));
    }
    wrong
}

/// What is beside the output that should not be there.
fn left_behind(output: &Path) -> Option<String> {
    let folder = output.parent()?;
    let entries = std::fs::read_dir(folder).expect("the lane's folder can be read");
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let own = output.file_name()?.to_string_lossy().into_owned();
    let others: Vec<String> = names.filter(|name| *name != own).collect();
    (!others.is_empty()).then(|| format!("left behind: {others:?}"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}
