//! RunPod's serverless platform on loopback, as far as workers and those who post jobs see it.
//!
//! Owns a queue of jobs, what workers told, and what they did that the platform does not know ([`Platform::odd`]). It is
//! held to the platform's own SDK by a test, so that what satisfies it satisfies more than us. Ends when it is dropped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::cluster::{Environment, PATIENCE};

/// The endpoint's id.
pub const ENDPOINT: &str = "e1";

/// What workers and clients show.
pub const KEY: &str = "rp-hush-key";

/// How long a question for a job or for stops is held.
const HELD: Duration = Duration::from_millis(400);

/// How long to wait before something is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A sign of life.
#[derive(Debug, Clone)]
pub struct Ping {
    /// When it came.
    pub at: Instant,
    /// Of which worker.
    pub worker: String,
    /// Its parameters.
    pub said: BTreeMap<String, String>,
}

/// A job and what became of it.
#[derive(Debug, Clone)]
pub struct Posted {
    /// What it asks for.
    pub input: Value,
    /// `IN_QUEUE`, `IN_PROGRESS`, `COMPLETED`, `FAILED` or `CANCELLED`.
    pub status: &'static str,
    /// Who took it.
    pub worker: Option<String>,
    /// What was posted of it.
    pub result: Option<Value>,
}

#[derive(Debug, Default)]
struct State {
    jobs: BTreeMap<String, Posted>,
    queue: VecDeque<String>,
    stops: Vec<String>,
    pings: Vec<Ping>,
    takes: usize,
    /// Answers to the next questions for jobs, and to the next outputs.
    failing: (VecDeque<u16>, VecDeque<u16>),
    odd: Vec<String>,
}

/// See the top of the file.
#[derive(Debug)]
pub struct Platform {
    port: u16,
    state: Arc<Mutex<State>>,
    _running: oneshot::Sender<()>,
}

impl Platform {
    /// Starts one without jobs.
    #[must_use]
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        listener.set_nonblocking(true).expect("a socket can be told not to block");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(Mutex::new(State::default()));
        let (running, over) = oneshot::channel();
        let owned = Arc::clone(&state);
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                tokio::select! {
                    () = serve(listener, owned) => {}
                    _ended = over => {}
                }
            });
        };
        std::thread::Builder::new().name("runpod".to_owned()).spawn(run).expect("a thread starts");
        Self { port, state, _running: running }
    }

    /// The address of its interface for clients, as the SDK's `runpod.endpoint_url_base` has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v2", self.port)
    }

    /// What it sets in the environment of a container.
    #[must_use]
    pub fn environment(&self, worker: &str) -> Vec<(&'static str, String)> {
        let base = format!("{}/{ENDPOINT}", self.url());
        let set: &Environment = &[
            ("RUNPOD_POD_ID", worker.to_owned()),
            ("RUNPOD_AI_API_KEY", KEY.to_owned()),
            ("RUNPOD_WEBHOOK_GET_JOB", format!("{base}/job-take/$ID?gpu=NVIDIA+L4")),
            (
                "RUNPOD_WEBHOOK_POST_OUTPUT",
                format!("{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=NVIDIA+L4"),
            ),
            ("RUNPOD_WEBHOOK_PING", format!("{base}/ping/$RUNPOD_POD_ID")),
            ("RUNPOD_PING_INTERVAL", "1000".to_owned()),
        ];
        set.to_vec()
    }

    /// Queues a job; returns its id.
    pub fn post(&self, input: Value) -> String {
        queue(&mut self.lock(), input)
    }

    /// Cancels a job, and tells the worker that has it to stop it.
    pub fn stop(&self, job: &str) {
        cancel(&mut self.lock(), job);
    }

    /// Answers the next questions for jobs with these statuses.
    pub fn fail_takes(&self, statuses: &[u16]) {
        self.lock().failing.0.extend(statuses);
    }

    /// Answers the next outputs with these statuses.
    pub fn fail_outputs(&self, statuses: &[u16]) {
        self.lock().failing.1.extend(statuses);
    }

    /// How often a job was asked for.
    #[must_use]
    pub fn takes(&self) -> usize {
        self.lock().takes
    }

    /// The signs of life of a worker.
    #[must_use]
    pub fn pings(&self, worker: &str) -> Vec<Ping> {
        self.lock().pings.iter().filter(|ping| ping.worker == worker).cloned().collect()
    }

    /// A job as it stands.
    #[must_use]
    pub fn job(&self, id: &str) -> Posted {
        self.lock().jobs[id].clone()
    }

    /// All jobs, by id.
    #[must_use]
    pub fn jobs(&self) -> BTreeMap<String, Posted> {
        self.lock().jobs.clone()
    }

    /// What was asked that the platform does not know.
    #[must_use]
    pub fn odd(&self) -> Vec<String> {
        self.lock().odd.clone()
    }

    /// Waits until a job has a result.
    #[must_use]
    pub fn result(&self, job: &str, logs: impl Fn() -> String) -> Value {
        self.until(&format!("a result of {job}"), logs, || self.job(job).result)
    }

    /// Looks again until there is an answer.
    pub fn until<T>(
        &self,
        what: &str,
        logs: impl Fn() -> String,
        mut look: impl FnMut() -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = look() {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "not in time: {what}\n{:?}\n{}",
                self.lock(),
                logs()
            );
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn queue(state: &mut State, input: Value) -> String {
    let id = format!("job-{}-u1", state.jobs.len());
    let posted = Posted { input, status: "IN_QUEUE", worker: None, result: None };
    state.jobs.insert(id.clone(), posted);
    state.queue.push_back(id.clone());
    id
}

fn cancel(state: &mut State, job: &str) -> bool {
    let Some(known) = state.jobs.get_mut(job) else { return false };
    known.status = "CANCELLED";
    state.queue.retain(|queued| queued != job);
    state.stops.push(job.to_owned());
    true
}

async fn serve(listener: std::net::TcpListener, state: Arc<Mutex<State>>) {
    let listener = TcpListener::from_std(listener).expect("a runtime is there");
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // What ends a connection is for the other end to see.
            talk(stream, &state).await.ok();
        });
    }
}

/// A request.
#[derive(Debug)]
struct Request {
    method: String,
    /// Its path, by parts.
    path: Vec<String>,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// Status and body.
type Answer = (u16, Option<Value>);

async fn talk(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    loop {
        let request = read(&mut stream).await?;
        let (status, body) = answer(&request, state).await;
        let body = body.map_or_else(String::new, |body| body.to_string());
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} so\r\n{kind}Content-Length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
    }
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    Ok(Request {
        method: method.to_owned(),
        path: path.split('/').skip(1).map(plain).collect(),
        query: pairs.map(|(name, value)| (plain(name), plain(value))).collect(),
        headers,
        body,
    })
}

/// A text without its `%XX` and `+`.
fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let coded = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let coded = coded.and_then(|it| u8::from_str_radix(it, 16).ok());
        match (byte, coded) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            (byte, _) => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn answer(request: &Request, state: &Mutex<State>) -> Answer {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let shown = request.headers.get("authorization").map(String::as_str);
    let (worker_key, client_key) = (Some(KEY), format!("Bearer {KEY}"));
    let of_worker =
        path.get(2).is_some_and(|what| ["job-take", "job-stop", "job-done", "ping"].contains(what));
    if shown != if of_worker { worker_key } else { Some(client_key.as_str()) } {
        return (401, None);
    }
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["v2", ENDPOINT, "job-take", worker]) => take(request, worker, state).await,
        ("GET", ["v2", ENDPOINT, "job-stop", worker]) => stops(worker, state).await,
        ("POST", ["v2", ENDPOINT, "job-done", worker, job]) => done(request, (worker, job), state),
        ("GET", ["v2", ENDPOINT, "ping", worker]) => {
            let (worker, said) = ((*worker).to_owned(), request.query.clone());
            lock(state).pings.push(Ping { at: Instant::now(), worker, said });
            (200, Some(json!({})))
        }
        ("POST", ["v2", ENDPOINT, "run"]) => {
            let posted: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            match posted.get("input") {
                Some(input) => {
                    let id = queue(&mut lock(state), input.clone());
                    (200, Some(json!({"id": id, "status": "IN_QUEUE"})))
                }
                None => (400, None),
            }
        }
        ("POST", ["v2", ENDPOINT, "cancel", job]) => match cancel(&mut lock(state), job) {
            true => (200, Some(json!({"id": job, "status": "CANCELLED"}))),
            false => (404, None),
        },
        ("GET", ["v2", ENDPOINT, "status", job]) => status(job, state),
        ("GET", ["v2", ENDPOINT, "health"]) => {
            let state = lock(state);
            let of = |status| state.jobs.values().filter(|job| job.status == status).count();
            let (queued, running) = (of("IN_QUEUE"), of("IN_PROGRESS"));
            let jobs = json!({"inQueue": queued, "inProgress": running, "completed": of("COMPLETED"),
                              "failed": of("FAILED"), "retried": 0});
            (200, Some(json!({"jobs": jobs, "workers": {"idle": 0, "running": running}})))
        }
        _ => odd(state, &format!("{} {}", request.method, path.join("/")), 404),
    }
}

fn odd(state: &Mutex<State>, what: &str, status: u16) -> Answer {
    lock(state).odd.push(what.to_owned());
    (status, None)
}

async fn take(request: &Request, worker: &str, state: &Mutex<State>) -> Answer {
    let busy = request.query.get("job_in_progress").map(String::as_str);
    if !matches!(busy, Some("0" | "1")) || !request.query.contains_key("gpu") {
        return odd(state, &format!("job-take with {:?}", request.query), 404);
    }
    lock(state).takes += 1;
    let deadline = Instant::now() + HELD;
    loop {
        {
            let mut state = lock(state);
            if let Some(status) = state.failing.0.pop_front() {
                return (status, None);
            }
            if let Some(id) = state.queue.pop_front() {
                let job = state.jobs.get_mut(&id).expect("what is queued is there");
                (job.status, job.worker) = ("IN_PROGRESS", Some(worker.to_owned()));
                return (200, Some(json!({"id": id, "input": job.input, "webhook": null})));
            }
        }
        if Instant::now() >= deadline {
            return (204, None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn stops(worker: &str, state: &Mutex<State>) -> Answer {
    let deadline = Instant::now() + HELD;
    loop {
        {
            let mut state = lock(state);
            let State { jobs, stops, .. } = &mut *state;
            let ours = |id: &String| jobs[id].worker.as_deref() == Some(worker);
            let stopped: Vec<String> = stops.iter().filter(|id| ours(id)).cloned().collect();
            if !stopped.is_empty() {
                stops.retain(|id| !stopped.contains(id));
                return (200, Some(json!({"jobsToStop": stopped})));
            }
        }
        if Instant::now() >= deadline {
            return (204, None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn done(request: &Request, (worker, job): (&str, &str), state: &Mutex<State>) -> Answer {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let kind = header("content-type").unwrap_or_default();
    let is_right = header("x-request-id") == Some(job)
        && kind.starts_with("application/x-www-form-urlencoded")
        && request.query.get("isStream").map(String::as_str) == Some("false")
        && request.query.contains_key("gpu");
    let result: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if !is_right || !result.is_object() {
        return odd(state, &format!("job-done with {request:?}"), 400);
    }
    let mut state = lock(state);
    if let Some(status) = state.failing.1.pop_front() {
        return (status, None);
    }
    match state.jobs.get_mut(job) {
        Some(known) if known.worker.as_deref() == Some(worker) => {
            let ended = if result.get("error").is_some() { "FAILED" } else { "COMPLETED" };
            known.status = if known.status == "CANCELLED" { "CANCELLED" } else { ended };
            known.result = Some(result);
            (200, Some(json!({})))
        }
        Some(_) | None => {
            state.odd.push(format!("an output of {job} by {worker}"));
            (404, None)
        }
    }
}

fn status(job: &str, state: &Mutex<State>) -> Answer {
    let state = lock(state);
    let Some(known) = state.jobs.get(job) else { return (404, None) };
    let mut told = json!({"id": job, "status": known.status, "delayTime": 1, "executionTime": 1});
    for name in ["output", "error"] {
        if let Some(said) = known.result.as_ref().and_then(|result| result.get(name)) {
            told[name] = said.clone();
        }
    }
    (200, Some(told))
}
