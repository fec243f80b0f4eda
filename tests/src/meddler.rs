//! A proxy before an HTTP server that meddles by rule: it kills, stalls, refuses, cuts short, slows and falsifies, for
//! requests of a verb and a path, a stated number of times; everything else it passes on. It also counts.
//!
//! Owns one thread a connection and one connection to the server a request. Refuses nothing: what is no HTTP/1 ends
//! the connection.

mod passing;

use std::io::{BufReader, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::meddler::passing::{Head, Request, answer, pass};

/// How soon a thread notices that the proxy has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What is done to a request.
#[derive(Debug, Clone)]
pub enum How {
    /// The connection breaks before the server hears of it.
    Kill,
    /// The server does it, and the connection breaks before the client hears of that.
    LoseAnswer,
    /// Nobody answers for as long as the client waits.
    Stall,
    /// An answer of the proxy's own: status, code in the manner of S3, and seconds of `Retry-After`.
    Answer(u16, &'static str, Option<u32>),
    /// The connection breaks after so many bytes of the answer's body.
    Cut(usize),
    /// Nothing comes any more after so many bytes of the answer's body.
    StallIn(usize),
    /// A byte in the middle of the answer's body is another one.
    Falsify,
    /// A byte in the middle of the request's body is another one.
    FalsifyUpload,
    /// The answer's body comes at so many bytes a millisecond.
    Slow(usize),
}

/// Which requests are meddled with, and how often.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The verb; empty for all.
    verb: &'static str,
    /// What path and query contain; several, divided by spaces, all of them.
    path: String,
    /// Requests that are passed on before.
    skip: u32,
    /// Requests that are meddled with.
    times: u32,
    how: How,
    seen: u32,
}

impl Rule {
    /// Meddles with every request of `verb` whose path and query contain `path`.
    #[must_use]
    pub fn new(verb: &'static str, path: &str, how: How) -> Self {
        Self { verb, path: path.to_owned(), skip: 0, times: u32::MAX, how, seen: 0 }
    }

    /// So often only.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// After so many that are passed on.
    #[must_use]
    pub const fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn take(&mut self, request: &Head) -> Option<How> {
        let is_meant = (self.verb.is_empty() || request.verb == self.verb)
            && self.path.split(' ').all(|part| request.path.contains(part));
        if !is_meant {
            return None;
        }
        let place = self.seen;
        self.seen += 1;
        let last = self.skip.saturating_add(self.times);
        (self.skip..last).contains(&place).then(|| self.how.clone())
    }
}

/// A request that was passed on, and the bytes of its answer's body that the client got.
#[derive(Debug, Clone)]
pub struct Passed {
    /// Its verb.
    pub verb: String,
    /// Its path and query.
    pub path: String,
    /// Bytes of the answer's body.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Kept {
    rules: Vec<Rule>,
    meddled: u32,
    passed: Vec<Passed>,
}

#[derive(Debug)]
struct Shared {
    target: u16,
    kept: Mutex<Kept>,
    /// Connections are broken as soon as they come, as where nobody listens.
    closed: AtomicBool,
    over: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

/// See the top of the file.
#[derive(Debug)]
pub struct Meddler {
    port: u16,
    shared: Arc<Shared>,
}

impl Meddler {
    /// A proxy on a free port before the server at `target` of this machine.
    #[must_use]
    pub fn before(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        listener.set_nonblocking(true).expect("a socket can be told not to block");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            target,
            kept: Mutex::default(),
            closed: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let owned = Arc::clone(&shared);
        spawn(move || accept(&listener, &owned));
        Self { port, shared }
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Forgets all rules and counts, and goes by these.
    pub fn meddle(&self, rules: Vec<Rule>) {
        *self.shared.lock() = Kept { rules, ..Kept::default() };
        self.close(false);
    }

    /// Breaks all connections as soon as they come, or no longer.
    pub fn close(&self, closed: bool) {
        self.shared.closed.store(closed, Ordering::SeqCst);
    }

    /// How many requests were meddled with.
    #[must_use]
    pub fn meddled(&self) -> u32 {
        self.shared.lock().meddled
    }

    /// What was passed on.
    #[must_use]
    pub fn passed(&self) -> Vec<Passed> {
        self.shared.lock().passed.clone()
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().name("meddler".to_owned()).spawn(work).expect("a thread starts");
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while !shared.is_over() {
        match listener.accept() {
            Ok((client, _)) if !shared.is_closed() => {
                let shared = Arc::clone(shared);
                // What ends a connection is for the client to see.
                spawn(move || drop(serve(&client, &shared)));
            }
            Ok(_broken) => {}
            Err(_none) => std::thread::sleep(LOOK_AGAIN / 4),
        }
    }
}

/// Serves one connection until it ends or is broken.
fn serve(client: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    while let Some(mut request) = Request::read(&mut reader)? {
        if shared.is_over() || shared.is_closed() {
            break;
        }
        let how = {
            let mut kept = shared.lock();
            let how = kept.rules.iter_mut().find_map(|rule| rule.take(&request.head));
            kept.meddled += u32::from(how.is_some());
            how
        };
        match &how {
            Some(How::Kill) => break,
            Some(How::Stall) => {
                hold(client, shared)?;
                break;
            }
            Some(How::Answer(status, code, retry_after)) => {
                answer(client, &request.head, *status, (*code, *retry_after))?;
                continue;
            }
            Some(How::FalsifyUpload) => falsify(&mut request.body),
            Some(How::LoseAnswer | How::Cut(_) | How::StallIn(_) | How::Falsify | How::Slow(_))
            | None => {}
        }
        let (bytes, goes_on) = pass(client, &request, shared.target, how.as_ref())?;
        let Head { verb, path, .. } = request.head;
        shared.lock().passed.push(Passed { verb, path, bytes });
        if matches!(how, Some(How::StallIn(_))) {
            hold(client, shared)?;
        }
        if !goes_on {
            break;
        }
    }
    client.shutdown(Shutdown::Both)
}

/// Waits until the client has had enough.
fn hold(client: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    client.set_read_timeout(Some(LOOK_AGAIN))?;
    let mut waiting = client;
    while !shared.is_over() {
        match waiting.read(&mut [0; 1024]) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if passing::is_late(&error) => {}
            Err(_gone) => break,
        }
    }
    Ok(())
}

fn falsify(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 0x55;
    }
}

#[cfg(test)]
mod tests;
