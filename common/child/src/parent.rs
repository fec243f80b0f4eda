//! The parent's end: starts a child, serves its calls, notices when it is silent, turns in circles or takes too much
//! memory, and ends it.
//!
//! Dropping the future of [`run_child`] kills the child: that is how work is cancelled.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use cleanplate_types::failure::Failure;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::host::{Host, HostFile, HostSink};
use crate::spin::{Spin, Turning};
use crate::walls::{Walls, resident_bytes};
use crate::wire::{DATA_BYTES_MAX, Down, ErrorKind, Reply, Up, encode, read_async};

/// Which program is started as a child.
#[derive(Debug, Clone)]
pub struct ChildProgram {
    /// The executable: this product's own.
    pub executable: PathBuf,
    /// Its arguments: the hidden subcommand.
    pub arguments: Vec<String>,
    /// Further environment variables, such as the card that it may see.
    pub environment: Vec<(String, String)>,
    /// The walls around it.
    pub walls: Walls,
}

/// How long a child may take for what.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may be silent while nothing that it asked for is outstanding.
    pub silent: Duration,
}

/// How a child ended that did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ChildEnd {
    /// It could not be started.
    #[error("the engine process cannot be started: {0}")]
    NotStarted(#[source] io::Error),
    /// It says itself what went wrong.
    #[error("{0}")]
    Failed(Failure),
    /// It died.
    #[error("the engine process died ({status}){}", said(.stderr))]
    Crashed {
        /// How.
        status: ExitStatus,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// It said nothing for too long and was killed.
    #[error("the engine process made no progress for {silent_ms} ms and was killed{}", said(.stderr))]
    Hung {
        /// How long it was silent.
        silent_ms: u128,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// It read the same bytes over and over without a word of progress, and was killed.
    #[error("the engine process turned in circles ({turning}) and was killed{}", said(.stderr))]
    Spun {
        /// What it read.
        turning: Turning,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// It took more memory than it may have.
    #[error(
        "the engine process took more than the {memory_mib} MiB of memory that `walls.memory` gives it{}",
        said(.stderr)
    )]
    Overate {
        /// What it may have.
        memory_mib: u64,
        /// The last lines of its standard error.
        stderr: String,
    },
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; its last words: {stderr}") }
}

/// Environment variables that a child may see: what the loader and the drivers need, and how to
/// log. No keys, no tokens.
const ENVIRONMENT_PASSED: [&str; 11] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "ORT_DYLIB_PATH",
    "RUST_BACKTRACE",
    "CLEANPLATE_LOG",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
];

/// Lines of a child's standard error that are kept for the message about its end.
const STDERR_LINES_KEPT: usize = 8;

/// Starts a child with `request`, serves it by `host`, and returns its result.
///
/// # Errors
/// [`ChildEnd`] says how it ended otherwise.
pub async fn run_child(
    program: &ChildProgram,
    request: Vec<u8>,
    host: Arc<dyn Host>,
    limits: Limits,
) -> Result<Vec<u8>, ChildEnd> {
    let (mut child, socket) = start(program).map_err(ChildEnd::NotStarted)?;
    let stderr = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut side = JoinSet::new();
    if let Some(pipe) = child.stderr.take() {
        let lines = Arc::clone(&stderr);
        side.spawn(keep_lines(pipe, lines));
    }
    let memory = program.walls.memory_bytes;
    let served = tokio::select! {
        served = serve(socket, (program.walls.clone(), request), host, limits) => served,
        () = overeats(child.id(), memory) => Served::Overate,
    };
    if !matches!(served, Served::Gone) {
        // It has nothing left to do; whether it ends by itself is of no interest.
        child.start_kill().ok();
    } else if tokio::time::timeout(GONE_WAIT, child.wait()).await.is_err() {
        // The socket is closed and the process does not end: it closed it on purpose.
        child.start_kill().ok();
    }
    let status = child.wait().await;
    let last_words = match &served {
        Served::Done(_) | Served::Failed(_) => String::new(),
        Served::Silent | Served::Spun(_) | Served::Overate | Served::Gone => {
            side.join_next().await;
            stderr.lock().unwrap_or_else(std::sync::PoisonError::into_inner).join(" | ")
        }
    };
    match served {
        Served::Done(result) => Ok(result),
        Served::Failed(failure) => Err(ChildEnd::Failed(failure)),
        Served::Silent => {
            let silent_ms = limits.silent.as_millis();
            Err(ChildEnd::Hung { silent_ms, stderr: last_words })
        }
        Served::Spun(turning) => Err(ChildEnd::Spun { turning, stderr: last_words }),
        Served::Overate => Err(overate(memory, last_words)),
        Served::Gone if last_words.contains(NO_MEMORY) && memory.is_some() => {
            Err(overate(memory, last_words))
        }
        Served::Gone => {
            let status = status.map_err(ChildEnd::NotStarted)?;
            Err(ChildEnd::Crashed { status, stderr: last_words })
        }
    }
}

/// What Rust's allocator says before it ends a process.
const NO_MEMORY: &str = "memory allocation of";

const fn overate(memory: Option<u64>, stderr: String) -> ChildEnd {
    let memory_mib = match memory {
        Some(bytes) => bytes >> 20,
        None => 0,
    };
    ChildEnd::Overate { memory_mib, stderr }
}

/// How often it is looked at what a child has in memory.
const MEMORY_EVERY: Duration = Duration::from_millis(500);

/// Resolves when the process has more than `most` bytes in memory. The kernel's own limit is quicker, and does not
/// hold for a card's driver.
async fn overeats(process: Option<u32>, most: Option<u64>) {
    let (Some(process), Some(most)) = (process, most) else { return std::future::pending().await };
    let mut looks = tokio::time::interval(MEMORY_EVERY);
    loop {
        looks.tick().await;
        if resident_bytes(process).is_some_and(|bytes| bytes > most) {
            return;
        }
    }
}

/// How long a child may take to die after its socket closed: a core dump of some GiB.
const GONE_WAIT: Duration = Duration::from_secs(20);

fn start(program: &ChildProgram) -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(&program.executable);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| {
            name.to_str().is_some_and(|name| ENVIRONMENT_PASSED.contains(&name))
        }))
        .envs(program.environment.iter().cloned())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // Ctrl-C in a terminal goes to the whole group: the parent decides when its child ends.
        .process_group(0);
    let child = command.spawn()?;
    Ok((child, UnixStream::from_std(ours)?))
}

async fn keep_lines(pipe: tokio::process::ChildStderr, lines: Arc<std::sync::Mutex<Vec<String>>>) {
    let mut reader = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        tracing::debug!(target: "engine", "{line}");
        let mut kept = lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.len() == STDERR_LINES_KEPT {
            kept.remove(0);
        }
        kept.push(line);
    }
}

enum Served {
    Done(Vec<u8>),
    Failed(Failure),
    Silent,
    Spun(Turning),
    Overate,
    Gone,
}

/// An object being written; taken out when it is finished.
type OpenSink = Arc<Mutex<Option<Box<dyn HostSink>>>>;

struct Session {
    host: Arc<dyn Host>,
    writing: Mutex<tokio::net::unix::OwnedWriteHalf>,
    files: Mutex<BTreeMap<u32, Arc<dyn HostFile>>>,
    sinks: Mutex<BTreeMap<u32, OpenSink>>,
    next: AtomicU32,
    outstanding: AtomicUsize,
    spin: Spin,
}

async fn serve(
    socket: UnixStream,
    (walls, request): (Walls, Vec<u8>),
    host: Arc<dyn Host>,
    limits: Limits,
) -> Served {
    let (mut reading, writing) = socket.into_split();
    let session = Arc::new(Session {
        host,
        writing: Mutex::new(writing),
        files: Mutex::default(),
        sinks: Mutex::default(),
        next: AtomicU32::new(0),
        outstanding: AtomicUsize::new(0),
        spin: Spin::default(),
    });
    if session.send(&Down::Start { walls, request }).await.is_err() {
        return Served::Gone;
    }
    // Calls are served side by side: a child's reader must not wait for its writer.
    let mut calls = JoinSet::new();
    loop {
        // The message is read in a future of its own that is never dropped half-way.
        let message = read_async::<Up>(&mut reading);
        tokio::pin!(message);
        let message = loop {
            match tokio::time::timeout(limits.silent, &mut message).await {
                Ok(message) => break message,
                Err(_) if session.outstanding.load(Ordering::Acquire) == 0 => {
                    return Served::Silent;
                }
                Err(_) => {}
            }
        };
        while calls.try_join_next().is_some() {}
        if let Ok(Some(message)) = &message
            && let Some(turning) = session.spin.heard(message)
        {
            return Served::Spun(turning);
        }
        match message {
            Ok(Some(Up::Walled { report })) => session.host.walled(&report),
            Ok(Some(Up::Event { event })) => session.host.event(event),
            Ok(Some(Up::Done { result })) => return Served::Done(result),
            Ok(Some(Up::Failed { failure })) => return Served::Failed(failure),
            Ok(Some(Up::Close { file })) => {
                session.files.lock().await.remove(&file);
            }
            Ok(Some(Up::Abandon { sink })) => {
                session.sinks.lock().await.remove(&sink);
            }
            Ok(Some(call)) => {
                session.outstanding.fetch_add(1, Ordering::AcqRel);
                calls.spawn(Arc::clone(&session).reply_to(call));
            }
            Ok(None) | Err(_) => return Served::Gone,
        }
    }
}

impl Session {
    async fn send(&self, message: &Down) -> io::Result<()> {
        let bytes = encode(message)?;
        self.writing.lock().await.write_all(&bytes).await
    }

    async fn reply_to(self: Arc<Self>, message: Up) {
        let (call, reply) = match message {
            Up::Open { call, name } => (call, self.open(&name).await),
            Up::Read { call, file, offset, bytes } => (call, self.read(file, offset, bytes).await),
            Up::Create { call, name } => (call, self.create(&name).await),
            Up::KeepHead { call, sink, bytes } => (call, self.keep_head(sink, bytes).await),
            Up::Write { call, sink, offset, data } => (call, self.write(sink, offset, data).await),
            Up::Finish { call, sink } => (call, self.finish(sink).await),
            Up::Ask { call, question } => {
                let answer = self.host.answer(question).await;
                (call, answer.map(|answer| Reply::Said { answer }))
            }
            Up::Close { .. }
            | Up::Abandon { .. }
            | Up::Event { .. }
            | Up::Walled { .. }
            | Up::Done { .. }
            | Up::Failed { .. } => return,
        };
        let reply = reply.unwrap_or_else(|error| Reply::Refused {
            kind: ErrorKind::of(error.kind()),
            message: error.to_string(),
        });
        let sent = self.send(&Down::Reply { call, reply }).await;
        self.outstanding.fetch_sub(1, Ordering::AcqRel);
        if let Err(error) = sent {
            tracing::debug!(%error, "a child went away before its reply");
        }
    }

    async fn open(&self, name: &str) -> io::Result<Reply> {
        let opened = self.host.open(name).await?;
        let file = self.next.fetch_add(1, Ordering::Relaxed);
        let size = opened.size();
        self.spin.opened(size);
        self.files.lock().await.insert(file, opened);
        Ok(Reply::Opened { file, size })
    }

    async fn read(&self, file: u32, offset: u64, bytes: u32) -> io::Result<Reply> {
        let opened = self.files.lock().await.get(&file).cloned();
        let opened = opened.ok_or(io::ErrorKind::InvalidInput)?;
        let data = opened.read(offset, (bytes as usize).min(DATA_BYTES_MAX)).await?;
        Ok(Reply::Data { data })
    }

    async fn create(&self, name: &str) -> io::Result<Reply> {
        let created = self.host.create(name).await?;
        let sink = self.next.fetch_add(1, Ordering::Relaxed);
        self.sinks.lock().await.insert(sink, Arc::new(Mutex::new(Some(created))));
        Ok(Reply::Created { sink })
    }

    async fn keep_head(&self, sink: u32, bytes: u64) -> io::Result<Reply> {
        let open = self.sinks.lock().await.get(&sink).cloned();
        let open = open.ok_or(io::ErrorKind::InvalidInput)?;
        let mut slot = open.lock().await;
        slot.as_mut().ok_or(io::ErrorKind::InvalidInput)?.keep_head(bytes).await?;
        Ok(Reply::Written)
    }

    async fn write(&self, sink: u32, offset: u64, data: Vec<u8>) -> io::Result<Reply> {
        let open = self.sinks.lock().await.get(&sink).cloned();
        let open = open.ok_or(io::ErrorKind::InvalidInput)?;
        let mut slot = open.lock().await;
        slot.as_mut().ok_or(io::ErrorKind::InvalidInput)?.write(offset, data).await?;
        Ok(Reply::Written)
    }

    async fn finish(&self, sink: u32) -> io::Result<Reply> {
        let open = self.sinks.lock().await.remove(&sink).ok_or(io::ErrorKind::InvalidInput)?;
        let open = open.lock().await.take().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Reply::Finished { bytes: open.finish().await? })
    }
}
