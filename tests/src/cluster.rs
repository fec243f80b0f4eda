//! A coordinator and workers as real processes on free loopback ports, ended by id.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::command;

/// How long a process may take to be ready, or a job to get somewhere, before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A coordinator and its workers.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    store: String,
    environment: Vec<(String, String)>,
    coordinator: Option<Child>,
    workers: Vec<Option<Child>>,
}

impl Cluster {
    /// Starts a coordinator whose state and store are in `folder`.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let store = format!("file://{}", folder.join("store").display());
        Self::start_with(folder, &store, &[])
    }

    /// Starts a coordinator with its state in `folder` and another store.
    #[must_use]
    pub fn start_with(folder: &Path, store: &str, environment: &[(String, String)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("loopback has free ports")
            .port();
        let mut cluster = Self {
            folder: folder.to_owned(),
            port,
            store: store.to_owned(),
            environment: environment.to_vec(),
            coordinator: None,
            workers: Vec::new(),
        };
        cluster.start_coordinator();
        cluster
    }

    /// The coordinator's address for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log(&self, name: &str) -> Stdio {
        let path = self.folder.join(format!("{name}.log"));
        let file = std::fs::File::options().create(true).append(true).open(path);
        Stdio::from(file.expect("a log can be written"))
    }

    /// Starts the coordinator (again), on the same state.
    pub fn start_coordinator(&mut self) {
        let state = format!("sqlite:{}", self.folder.join("journal.db").display());
        let listen = format!("127.0.0.1:{}", self.port);
        let child = command([
            "coordinator",
            "--listen",
            &listen,
            "--state",
            &state,
            "--store",
            &self.store,
        ])
        .envs(self.environment.iter().cloned())
        .stderr(self.log("coordinator"))
        .stdout(Stdio::null())
        .spawn()
        .expect("the coordinator starts");
        self.coordinator = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "the coordinator does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts a worker; returns its place among the workers.
    pub fn start_worker(&mut self, slots: u32) -> usize {
        let place = self.workers.len();
        let name = format!("worker-{place}");
        let child =
            command(["worker", "--coordinator", &self.url(), "--slots", &slots.to_string()])
                .arg("--scratch")
                .arg(self.folder.join(&name))
                .envs(self.environment.iter().cloned())
                .stderr(self.log(&name))
                .stdout(Stdio::null())
                .spawn()
                .expect("a worker starts");
        self.workers.push(Some(child));
        place
    }

    /// Kills a worker without notice (SIGKILL).
    pub fn kill_worker(&mut self, place: usize) {
        end(self.workers[place].take());
    }

    /// Kills the coordinator without notice (SIGKILL).
    pub fn kill_coordinator(&mut self) {
        end(self.coordinator.take());
    }

    /// Submits a job; returns its id.
    #[must_use]
    pub fn submit(&self, input: &str, output: &str, options: &[&str]) -> String {
        let url = self.url();
        let mut arguments = vec!["submit", input, output, "--coordinator", &url];
        arguments.extend(options);
        let output = command(&arguments)
            .envs(self.environment.iter().cloned())
            .output()
            .expect("submit starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Follows a job until `enough` says so of one of its states, or until it has ended; returns
    /// the last state seen.
    pub fn watch_until(&self, job: &str, enough: impl Fn(&Value) -> bool) -> Value {
        let mut child = command(["watch", job, "--json", "--coordinator", &self.url()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("watch starts");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let mut last = Value::Null;
        for line in lines.map_while(Result::ok) {
            last = serde_json::from_str(&line).expect("--json prints JSON lines");
            if enough(&last) {
                break;
            }
        }
        end(Some(child));
        last
    }

    /// Waits for a job's end; returns the exit status of `watch`.
    #[must_use]
    pub fn wait(&self, job: &str) -> i32 {
        let status = command(["watch", job, "--coordinator", &self.url()])
            .stdout(Stdio::null())
            .stderr(self.log("watch"))
            .status()
            .expect("watch starts");
        status.code().unwrap_or(-1)
    }
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        child.kill().ok();
        child.wait().ok();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            end(worker.take());
        }
        end(self.coordinator.take());
    }
}
