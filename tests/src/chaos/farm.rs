//! The processes of a run: a coordinator, workers behind a proxy, a client that follows the job; whoever dies is started
//! again, as a service manager does.
//!
//! Owns every process that it started and all that those started, by id and time of birth.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::proxy::Proxy;
use crate::binary::command;
use crate::cluster::{free_port, lines_of, send};
use crate::memory;

/// How long whoever died stays so: what a service manager waits.
const STARTS_AGAIN_AFTER: Duration = Duration::from_millis(150);

/// Timers of a fleet in a hurry: what a farm has divided by about ten, but for the lease that is stuck: on a machine
/// that builds beside the runs a cell takes ten seconds at times, and nothing that is drawn makes a lease stuck.
const SETTINGS: [(&str, &str); 8] = [
    ("CLEANPLATE_SCHEDULER_WORKER_SILENT", "1500ms"),
    ("CLEANPLATE_SCHEDULER_LEASE_STUCK", "30s"),
    ("CLEANPLATE_SCHEDULER_RESTORE_GRACE", "1s"),
    ("CLEANPLATE_SCHEDULER_SET_ASIDE", "300ms"),
    ("CLEANPLATE_SCHEDULER_SECOND_WORKER", "1s"),
    ("CLEANPLATE_SCHEDULER_REST", "200ms"),
    ("CLEANPLATE_SCHEDULER_CRASH_SPAN", "1s"),
    ("CLEANPLATE_WORKER_GRACE", "1s"),
];

/// A process and when it was born, in the kernel's ticks: an id alone may be given again.
type Known = (u32, u64);

/// A service: who it is, and when it may be started again.
#[derive(Debug)]
struct Service {
    name: String,
    child: Option<Child>,
    not_before: Instant,
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Farm {
    folder: PathBuf,
    port: u16,
    pub(super) proxy: Proxy,
    state: String,
    store: PathBuf,
    /// Where the coordinator dies by its own hand.
    failpoint: Option<String>,
    /// The coordinator, then the workers.
    services: Vec<Service>,
    known: BTreeSet<Known>,
    watch: Option<(Child, Receiver<String>)>,
    /// The last state of the job that the client told.
    pub(super) last: Value,
}

/// The place of the coordinator among the services; worker N is behind it.
const COORDINATOR: usize = 0;

impl Farm {
    /// Starts a coordinator on `state` and so many workers; all they say is in `folder`.
    pub(super) fn start(
        folder: &Path,
        store: &Path,
        state: String,
        workers: usize,
        failpoint: Option<String>,
    ) -> Self {
        std::fs::create_dir_all(folder.join("tmp")).expect("the run's folder can be written");
        let port = free_port();
        let names = (0..workers).map(|place| format!("worker-{place}"));
        let names = std::iter::once("coordinator".to_owned()).chain(names);
        let not_before = Instant::now();
        let mut farm = Self {
            folder: folder.to_owned(),
            port,
            proxy: Proxy::start(port),
            state,
            store: store.to_owned(),
            failpoint,
            services: names.map(|name| Service { name, child: None, not_before }).collect(),
            known: BTreeSet::new(),
            watch: None,
            last: Value::Null,
        };
        farm.tend();
        farm
    }

    /// Where what `name` says is kept.
    pub(super) fn log_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    fn log(&self, name: &str) -> File {
        let file = File::options().create(true).append(true).open(self.log_path(name));
        file.expect("a log can be written")
    }

    /// Starts again whoever is dead, and notes who lives.
    pub(super) fn tend(&mut self) {
        for place in 0..self.services.len() {
            let now = Instant::now();
            let service = &mut self.services[place];
            if let Some(child) = &mut service.child
                && child.try_wait().expect("a child can be asked").is_some()
            {
                service.child = None;
                service.not_before = now + STARTS_AGAIN_AFTER;
            }
            if service.child.is_none() && service.not_before <= now {
                let child = self.command_of(place).spawn().expect("a service starts");
                self.services[place].child = Some(child);
            }
        }
        self.know();
    }

    fn command_of(&self, place: usize) -> Command {
        let name = &self.services[place].name;
        let mut service = if place == COORDINATOR {
            let listen = format!("127.0.0.1:{}", self.port);
            let mut coordinator =
                command(["coordinator", "--listen", &listen, "--state", &self.state]);
            coordinator.arg("--store").arg(&self.store);
            if let Some(point) = &self.failpoint {
                let file = self.died().display().to_string();
                coordinator.env("CLEANPLATE_FAILPOINT", format!("{point}:{file}"));
            }
            coordinator
        } else {
            let url = format!("http://127.0.0.1:{}", self.proxy.port());
            let mut worker =
                command(["worker", "--coordinator", &url, "--name", name, "--slots", "1"]);
            worker.arg("--scratch").arg(self.folder.join(name));
            worker
        };
        service.envs(SETTINGS).env("TMPDIR", self.folder.join("tmp"));
        service.stdin(Stdio::null()).stdout(Stdio::null()).stderr(self.log(name));
        service
    }

    /// The file that is there once the coordinator has died by its own hand.
    pub(super) fn died(&self) -> PathBuf {
        self.folder.join("died")
    }

    /// Notes all processes that there are.
    pub(super) fn know(&mut self) {
        let roots = self.services.iter().filter_map(|service| service.child.as_ref());
        let watch = self.watch.as_ref().map(|(child, _)| child.id());
        let ids = roots.map(Child::id).flat_map(memory::tree).chain(watch);
        let known: Vec<Known> = ids.filter_map(|id| born(id).map(|born| (id, born))).collect();
        self.known.extend(known);
    }

    fn id_of(&self, place: usize) -> Option<u32> {
        self.services[place].child.as_ref().map(Child::id)
    }

    pub(super) fn coordinator(&self) -> Option<u32> {
        self.id_of(COORDINATOR)
    }

    pub(super) fn worker(&self, place: usize) -> Option<u32> {
        self.id_of(COORDINATOR + 1 + place)
    }

    fn workers(&self) -> usize {
        self.services.len() - COORDINATOR - 1
    }

    /// A child of any worker that is at work.
    pub(super) fn engine(&self) -> Option<u32> {
        let workers = (0..self.workers()).filter_map(|place| self.worker(place));
        workers.flat_map(memory::tree).find(|id| does(*id, "worker"))
    }

    /// The coordinator's child that joins parts.
    pub(super) fn stitch(&self) -> Option<u32> {
        memory::tree(self.coordinator()?).into_iter().find(|id| does(*id, "stitch"))
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut client = command(arguments);
        client.args(["--coordinator", &format!("http://127.0.0.1:{}", self.port)]);
        client.stdin(Stdio::null());
        client
    }

    /// Hands a job in; returns its id.
    ///
    /// # Errors
    /// What the client said last.
    pub(super) fn submit(
        &mut self,
        arguments: &[&str],
        within: Duration,
    ) -> Result<String, String> {
        let until = Instant::now() + within;
        loop {
            self.tend();
            let output = self.client(arguments).output().expect("a client starts");
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
            }
            if Instant::now() > until {
                return Err(format!("no job is taken: {}", crate::cluster::said(&output)));
            }
        }
    }

    /// Follows the job: takes what the client told, and starts it again where it ended without an end of the job.
    pub(super) fn follow(&mut self, job: &str) {
        let Some((child, lines)) = &mut self.watch else {
            let mut client = self.client(&["watch", job, "--json"]);
            let mut child = client
                .stdout(Stdio::piped())
                .stderr(self.log("watch"))
                .spawn()
                .expect("a client starts");
            let lines = lines_of(child.stdout.take().expect("stdout is piped"));
            self.watch = Some((child, lines));
            return;
        };
        loop {
            match lines.try_recv() {
                Ok(line) => {
                    if let Ok(state) = serde_json::from_str(&line) {
                        self.last = state;
                    }
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => break,
            }
        }
        child.wait().expect("a child can be waited for");
        self.watch = None;
    }

    /// Ends all in order; returns who did not end by themselves, and who outlived them.
    pub(super) fn end(&mut self, within: Duration) -> Vec<String> {
        self.know();
        let mut wrong = Vec::new();
        if let Some((mut child, _)) = self.watch.take() {
            child.kill().ok();
            child.wait().ok();
        }
        for service in self.services.iter_mut().rev() {
            let Some(mut child) = service.child.take() else { continue };
            send("TERM", &[child.id()]);
            let until = Instant::now() + within;
            while child.try_wait().expect("a child can be asked").is_none() {
                if Instant::now() > until {
                    wrong.push(format!("{} does not end after SIGTERM", service.name));
                    child.kill().ok();
                    child.wait().ok();
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let until = Instant::now() + within;
        let mut alive = self.alive();
        while !alive.is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
            alive = self.alive();
        }
        let who = |id: &u32| format!("process {id} is left behind: {}", line_of(*id));
        wrong.extend(alive.iter().map(who));
        send("KILL", &alive);
        wrong
    }

    fn alive(&self) -> Vec<u32> {
        let lives = |(id, at): &&Known| born(*id) == Some(*at);
        self.known.iter().filter(lives).map(|(id, _)| *id).collect()
    }

    /// The ends of all that was said.
    pub(super) fn logs(&self) -> String {
        let names = self.services.iter().map(|service| service.name.as_str()).chain(["watch"]);
        let ends = names.map(|name| {
            let text = std::fs::read_to_string(self.log_path(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("== {name}\n{}\n", lines[lines.len().saturating_sub(30)..].join("\n"))
        });
        ends.collect()
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        let alive = self.alive();
        send("KILL", &alive);
        for service in &mut self.services {
            if let Some(mut child) = service.child.take() {
                child.kill().ok();
                child.wait().ok();
            }
        }
    }
}

/// When a process that lives was born, in the kernel's ticks.
fn born(id: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    // Nobody is left of a process that its parent has not asked after.
    (*fields.first()? != "Z").then_some(())?;
    fields.get(19)?.parse().ok()
}

fn line_of(id: u32) -> String {
    std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default().replace('\0', " ")
}

/// Whether a process is an engine that does such work.
fn does(id: u32, what: &str) -> bool {
    let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
    line.contains(&format!("\0engine\0{what}\0"))
}
