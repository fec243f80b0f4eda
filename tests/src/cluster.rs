//! A coordinator and workers as real processes on free loopback ports, ended by id.

use std::io::{BufRead as _, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::{command, models_folder};
use crate::memory;

/// How long a process may take to be ready, or a job to get somewhere, before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// How long to wait before something is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(40);

/// Variables for a process.
pub type Environment = [(&'static str, String)];

/// A coordinator and its workers.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    /// The folder of its workers' models.
    models: PathBuf,
    /// Of the coordinator, in the names of logs.
    name: String,
    port: u16,
    state: String,
    store: String,
    /// Where workers and clients are told to look.
    addresses: String,
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

    /// Starts a coordinator with its state in `folder`, and another store and environment, which
    /// its workers share.
    #[must_use]
    pub fn start_with(folder: &Path, store: &str, environment: &[(String, String)]) -> Self {
        let state = format!("sqlite:{}", folder.join("journal.db").display());
        let mut cluster = Self::of("coordinator", folder, (&state, store), environment);
        cluster.start_coordinator();
        cluster
    }

    /// Starts a coordinator of this name with its journal at `state`, and its store in `folder`.
    #[must_use]
    pub fn start_as(
        name: &str,
        folder: &Path,
        state: &str,
        environment: &[(String, String)],
    ) -> Self {
        let store = format!("file://{}", folder.join("store").display());
        let mut cluster = Self::of(name, folder, (state, &store), environment);
        cluster.start_coordinator();
        cluster
    }

    fn of(
        name: &str,
        folder: &Path,
        (state, store): (&str, &str),
        environment: &[(String, String)],
    ) -> Self {
        let port = free_port();
        Self {
            folder: folder.to_owned(),
            models: folder.join("no-models"),
            name: name.to_owned(),
            port,
            state: state.to_owned(),
            store: store.to_owned(),
            addresses: format!("http://127.0.0.1:{port}"),
            environment: environment.to_vec(),
            coordinator: None,
            workers: Vec::new(),
        }
    }

    /// Its workers have the models of the tests. Others have none: to prove one costs a third of a worker's start.
    #[must_use]
    pub fn with_models(mut self) -> Self {
        self.models = models_folder();
        self
    }

    /// From now on its workers and clients are told of these addresses, divided by commas.
    pub fn tell_of(&mut self, addresses: &str) {
        addresses.clone_into(&mut self.addresses);
    }

    /// The port that its coordinator listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The coordinator's address for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    fn log(&self, name: &str) -> Stdio {
        let file = std::fs::File::options().create(true).append(true).open(self.log_path(name));
        Stdio::from(file.expect("a log can be written"))
    }

    /// What `coordinator` or `worker-N` wrote to its standard error.
    #[must_use]
    pub fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.log_path(name)).unwrap_or_default()
    }

    /// Starts the coordinator (again), on the same state, and waits until it answers.
    pub fn start_coordinator(&mut self) {
        let listen = format!("127.0.0.1:{}", self.port);
        let child = command(["coordinator", "--listen", &listen, "--state", &self.state])
            .args(["--store", &self.store])
            .envs(self.environment.iter().cloned())
            .stderr(self.log(&self.name))
            .stdout(Stdio::null())
            .spawn()
            .expect("the coordinator starts");
        self.coordinator = Some(child);
        self.until("the coordinator answers", |cluster| {
            TcpStream::connect(("127.0.0.1", cluster.port)).ok()
        });
    }

    /// Starts a worker called `worker-N`; returns N, its place among the workers.
    pub fn start_worker(&mut self, slots: u32) -> usize {
        self.start_worker_with(slots, &[], &[])
    }

    /// Starts a worker with more options and variables.
    pub fn start_worker_with(
        &mut self,
        slots: u32,
        options: &[&str],
        environment: &Environment,
    ) -> usize {
        let place = self.workers.len();
        let name = format!("worker-{place}");
        let child = command(["worker", "--coordinator", &self.addresses, "--name", &name])
            .args(["--slots", &slots.to_string()])
            .arg("--scratch")
            .arg(self.folder.join(&name))
            .args(options)
            .env("CLEANPLATE_MODELS_FOLDER", &self.models)
            .envs(self.environment.iter().cloned())
            .envs(environment.iter().cloned())
            .stderr(self.log(&name))
            .stdout(Stdio::null())
            .spawn()
            .expect("a worker starts");
        self.workers.push(Some(child));
        place
    }

    fn worker(&self, place: usize) -> &Child {
        self.workers[place].as_ref().expect("the worker runs")
    }

    /// Kills a worker without notice (SIGKILL).
    pub fn kill_worker(&mut self, place: usize) {
        end(self.workers[place].take());
    }

    /// The processes of a worker: itself and its engines.
    #[must_use]
    pub fn processes(&self, place: usize) -> Vec<u32> {
        memory::tree(self.worker(place).id())
    }

    /// The processes of the coordinator: itself and its engines.
    #[must_use]
    pub fn coordinator_processes(&self) -> Vec<u32> {
        memory::tree(self.coordinator.as_ref().expect("the coordinator runs").id())
    }

    /// Sends a signal to a worker.
    pub fn signal_worker(&self, place: usize, signal: &str) {
        send(signal, &[self.worker(place).id()]);
    }

    /// Waits until a worker has ended by itself.
    pub fn worker_ended(&mut self, place: usize) -> ExitStatus {
        self.until("the worker ends by itself", |cluster| {
            let child = cluster.workers[place].as_mut().expect("the worker runs");
            child.try_wait().expect("a child can be asked")
        })
    }

    /// Kills the coordinator without notice (SIGKILL).
    pub fn kill_coordinator(&mut self) {
        end(self.coordinator.take());
    }

    /// Sends a signal to the coordinator's own process.
    pub fn signal_coordinator(&self, signal: &str) {
        send(signal, &[self.coordinator.as_ref().expect("the coordinator runs").id()]);
    }

    /// Sends a signal to the coordinator and waits for its end.
    pub fn end_coordinator(&mut self, signal: &str) -> ExitStatus {
        let id = self.coordinator.as_ref().expect("the coordinator runs").id();
        send(signal, &[id]);
        self.until("the coordinator ends by itself", |cluster| {
            let child = cluster.coordinator.as_mut().expect("the coordinator runs");
            child.try_wait().expect("a child can be asked")
        })
    }

    /// A client's command with the cluster's address.
    #[must_use]
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.args(["--coordinator", &self.addresses]).envs(self.environment.iter().cloned());
        command
    }

    /// Runs a client's command to its end.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> Output {
        self.client(arguments).output().expect("a client starts")
    }

    /// Runs a client's command with `--json`; returns what it printed.
    #[must_use]
    pub fn ask_json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.ask(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(|line| serde_json::from_str(line).expect("--json prints JSON")).collect()
    }

    /// A job with its attempts.
    #[must_use]
    pub fn show(&self, job: &str) -> Value {
        self.ask_json(&["jobs", "--show", job]).remove(0)
    }

    /// A job's attempts at one kind of work.
    #[must_use]
    pub fn attempts(&self, job: &str, work: &str) -> Vec<Value> {
        let shown = self.show(job);
        let attempts = shown["attempts"].as_array().expect("a job has attempts").iter();
        attempts.filter(|attempt| attempt["work"] == work).cloned().collect()
    }

    /// Submits a job; returns its id.
    #[must_use]
    pub fn submit(&self, input: &str, output: &str, options: &[&str]) -> String {
        let output = self.ask(&[&["submit", input, output], options].concat());
        assert!(output.status.success(), "{}", said(&output));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.lines().count(), 1, "nothing but the id: {text}");
        text.trim().to_owned()
    }

    /// Follows a job until `enough` says so of one of its states, or until it has ended; returns
    /// the last state seen.
    pub fn watch_until(&self, job: &str, enough: impl Fn(&Value) -> bool) -> Value {
        let mut child = self
            .client(&["watch", job, "--json"])
            .stdout(Stdio::piped())
            .stderr(self.log("watch"))
            .spawn()
            .expect("watch starts");
        let lines = lines_of(child.stdout.take().expect("stdout is piped"));
        let deadline = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => last = serde_json::from_str(&line).expect("--json prints JSON lines"),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    end(Some(child));
                    panic!("the job gets nowhere: {last}\n{}", self.logs());
                }
            }
            if enough(&last) {
                break;
            }
        }
        end(Some(child));
        last
    }

    /// Follows a job to its end and insists that it is a good one; returns the last state.
    pub fn done(&self, job: &str) -> Value {
        let last = self.watch_until(job, |_| false);
        assert_eq!(last["outcome"]["kind"], "done", "{last}\n{}", self.logs());
        last
    }

    /// Waits for a job's end; returns the exit status of `watch`.
    #[must_use]
    pub fn wait(&self, job: &str) -> i32 {
        self.watch_until(job, |_| false);
        self.ask(&["watch", job]).status.code().unwrap_or(-1)
    }

    /// Asks again until there is an answer.
    pub fn until<T>(&mut self, what: &str, mut ask: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            assert!(Instant::now() < deadline, "not in time: {what}\n{}", self.logs());
            std::thread::sleep(ASK_AGAIN);
        }
    }

    /// The ends of all logs, for the message of a test that fails.
    #[must_use]
    pub fn logs(&self) -> String {
        let names = (0..self.workers.len()).map(|place| format!("worker-{place}"));
        let names = std::iter::once(self.name.clone()).chain(names);
        let ends = names.map(|name| {
            let text = self.said(&name);
            let lines: Vec<&str> = text.lines().collect();
            format!("== {name}\n{}\n", lines[lines.len().saturating_sub(25)..].join("\n"))
        });
        ends.collect()
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

/// A port that was free a moment ago.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

/// Sends a signal (`INT`, `STOP`) to processes, by id; those that are gone do not matter.
pub fn send(signal: &str, ids: &[u32]) {
    for id in ids {
        let arguments = [format!("-{signal}"), id.to_string()];
        Command::new("kill").args(arguments).stderr(Stdio::null()).status().expect("kill starts");
    }
}

/// The lines of a stream as they come, read by a thread of their own.
#[must_use]
pub fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1024);
    let read = move || {
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        for line in lines {
            if sender.send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("lines".to_owned()).spawn(read).expect("a thread starts");
    receiver
}

/// What a process wrote to its standard error.
#[must_use]
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        child.kill().ok();
        child.wait().ok();
    }
}
