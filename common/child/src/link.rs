//! The child's end of the socket: calls to the parent from any thread, and the end of the process
//! when the parent is gone.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each call has one right reply; every other one is the same fault"
)]

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use cleanplate_types::access::{PartSink, ReadAt, Stored};
use cleanplate_types::failure::{Failure, FailureKind, Stage};

use crate::walls::{self, WallsMissing};
use crate::wire::{DATA_BYTES_MAX, Down, Reply, Up, read, write};

/// What kept a child from being one.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Somebody started the engine by hand.
    #[error("the engine is started by cleanplate itself; its standard input must be a socket")]
    NotAChild(#[source] io::Error),
    /// The parent said something else than what to do.
    #[error("the parent sent no request")]
    NoRequest,
    /// This kernel does not have the walls that the parent requires.
    #[error(transparent)]
    Unwalled(#[from] WallsMissing),
}

/// The way to the parent. Clones speak over the same socket.
#[derive(Debug, Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    socket: Mutex<UnixStream>,
    waiting: Mutex<BTreeMap<u64, SyncSender<Reply>>>,
    next_call: AtomicU64,
}

impl Link {
    /// Takes standard input as the socket to the parent, waits for the request, and puts up the walls that come with
    /// it. To be called before this process opens anything or has a second thread.
    ///
    /// From here on the process ends by itself (status 1) when the parent goes away.
    ///
    /// # Errors
    /// [`LinkError`] where standard input is no socket or brings no request, or this kernel lacks what is required.
    pub fn from_stdin() -> Result<(Self, Vec<u8>), LinkError> {
        walls::close_strays();
        let handle = io::stdin().as_fd().try_clone_to_owned().map_err(LinkError::NotAChild)?;
        Self::over(UnixStream::from(handle))
    }

    fn over(socket: UnixStream) -> Result<(Self, Vec<u8>), LinkError> {
        let reading = socket.try_clone().map_err(LinkError::NotAChild)?;
        let first: Option<Down> = read(&reading).map_err(LinkError::NotAChild)?;
        let Some(Down::Start { walls, request }) = first else {
            return Err(LinkError::NoRequest);
        };
        match walls::raise(&walls) {
            Ok(report) => write(&socket, &Up::Walled { report }).map_err(LinkError::NotAChild)?,
            Err(missing) => {
                let kind = FailureKind::WorkerLacks;
                let failure = Failure::new(kind, Stage::Fetch, missing.to_string());
                write(&socket, &Up::Failed { failure }).map_err(LinkError::NotAChild)?;
                return Err(missing.into());
            }
        }
        let shared = Arc::new(Shared {
            socket: Mutex::new(socket),
            waiting: Mutex::default(),
            next_call: AtomicU64::new(0),
        });
        let listener = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || listener.listen(&reading))
            .map_err(LinkError::NotAChild)?;
        Ok((Self { shared }, request))
    }

    /// Opens what the parent knows by `name`.
    ///
    /// # Errors
    /// What the parent says kept it from opening.
    pub fn open(&self, name: &str) -> io::Result<RemoteFile> {
        match self.call(|call| Up::Open { call, name: name.to_owned() })? {
            Reply::Opened { file, size } => Ok(RemoteFile { link: self.clone(), file, size }),
            other => Err(unexpected(&other)),
        }
    }

    /// Begins the object that the parent knows by `name`.
    ///
    /// # Errors
    /// What the parent says kept it from beginning.
    pub fn create(&self, name: &str) -> io::Result<RemoteSink> {
        match self.call(|call| Up::Create { call, name: name.to_owned() })? {
            Reply::Created { sink } => Ok(RemoteSink { link: self.clone(), sink, open: true }),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks the parent's own code; waits for the answer.
    ///
    /// # Errors
    /// What the parent says kept it from answering.
    pub fn ask(&self, question: Vec<u8>) -> io::Result<Vec<u8>> {
        match self.call(|call| Up::Ask { call, question })? {
            Reply::Said { answer } => Ok(answer),
            other => Err(unexpected(&other)),
        }
    }

    /// Tells the parent's own code something.
    ///
    /// # Errors
    /// Where the parent is gone.
    pub fn event(&self, event: Vec<u8>) -> io::Result<()> {
        self.shared.send(&Up::Event { event })
    }

    /// Ends the work with a result.
    ///
    /// # Errors
    /// Where the parent is gone.
    pub fn done(&self, result: Vec<u8>) -> io::Result<()> {
        self.shared.send(&Up::Done { result })
    }

    /// Ends the work with a failure.
    ///
    /// # Errors
    /// Where the parent is gone.
    pub fn failed(&self, failure: Failure) -> io::Result<()> {
        self.shared.send(&Up::Failed { failure })
    }

    fn call(&self, message: impl FnOnce(u64) -> Up) -> io::Result<Reply> {
        let call = self.shared.next_call.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver): (_, Receiver<Reply>) = sync_channel(1);
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(call, sender);
        self.shared.send(&message(call))?;
        match receiver.recv().map_err(|_gone| io::ErrorKind::BrokenPipe)? {
            Reply::Refused { kind, message } => Err(io::Error::new(kind.io(), message)),
            reply => Ok(reply),
        }
    }
}

impl Shared {
    fn send(&self, message: &Up) -> io::Result<()> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        write(&*socket, message)
    }

    fn listen(&self, reading: &UnixStream) {
        while let Ok(Some(Down::Reply { call, reply })) = read(reading) {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
            if let Some(waiting) = waiting {
                // A caller that gave up does not want the reply.
                waiting.send(reply).ok();
            }
        }
        // Without its parent a child has no purpose, whatever its threads are doing.
        std::process::exit(1);
    }
}

fn unexpected(reply: &Reply) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the parent answered with {reply:?}"))
}

/// A file that is read through the parent.
#[derive(Debug)]
pub struct RemoteFile {
    link: Link,
    file: u32,
    size: u64,
}

impl ReadAt for RemoteFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = u32::try_from(buffer.len().min(DATA_BYTES_MAX)).map_err(io::Error::other)?;
        let file = self.file;
        match self.link.call(|call| Up::Read { call, file, offset, bytes })? {
            Reply::Data { data } => {
                let Some(target) = buffer.get_mut(..data.len()) else {
                    return Err(unexpected(&Reply::Data { data }));
                };
                target.copy_from_slice(&data);
                Ok(data.len())
            }
            other => Err(unexpected(&other)),
        }
    }
}

impl Drop for RemoteFile {
    fn drop(&mut self) {
        // If the parent is gone it has forgotten the file already.
        self.link.shared.send(&Up::Close { file: self.file }).ok();
    }
}

/// An object that is written through the parent.
#[derive(Debug)]
pub struct RemoteSink {
    link: Link,
    sink: u32,
    open: bool,
}

impl PartSink for RemoteSink {
    fn keep_head(&mut self, bytes: u64) -> io::Result<()> {
        let sink = self.sink;
        match self.link.call(|call| Up::KeepHead { call, sink, bytes })? {
            Reply::Written => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut at = offset;
        for piece in bytes.chunks(DATA_BYTES_MAX) {
            let sink = self.sink;
            let reply = self.link.call(|call| Up::Write {
                call,
                sink,
                offset: at,
                data: piece.to_vec(),
            })?;
            if !matches!(reply, Reply::Written) {
                return Err(unexpected(&reply));
            }
            at += piece.len() as u64;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<Stored> {
        let sink = self.sink;
        self.open = false;
        match self.link.call(|call| Up::Finish { call, sink })? {
            Reply::Finished { bytes } => Ok(Stored { bytes }),
            other => Err(unexpected(&other)),
        }
    }
}

impl Drop for RemoteSink {
    fn drop(&mut self) {
        if self.open {
            // If the parent is gone it has forgotten the object already.
            self.link.shared.send(&Up::Abandon { sink: self.sink }).ok();
        }
    }
}
