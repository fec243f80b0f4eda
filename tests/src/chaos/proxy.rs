//! A proxy between workers and coordinator, which stops passing bytes or breaks what it holds when it is told to.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// What the proxy does with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mode {
    /// Passes it on.
    Pass = 0,
    /// Takes connections and bytes up to a buffer's worth, and passes nothing on.
    Silent = 1,
    /// Breaks every connection, and every new one.
    Broken = 2,
    /// As broken, and ends.
    Over = 3,
}

impl Mode {
    const fn of(number: u8) -> Self {
        match number {
            0 => Self::Pass,
            1 => Self::Silent,
            2 => Self::Broken,
            _ => Self::Over,
        }
    }
}

/// How soon a mode is taken up.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Proxy {
    port: u16,
    mode: Arc<AtomicU8>,
}

impl Proxy {
    /// A proxy on a free port before the coordinator's.
    pub(super) fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        listener.set_nonblocking(true).expect("a socket can be told not to block");
        let port = listener.local_addr().expect("it is bound").port();
        let mode = Arc::new(AtomicU8::new(Mode::Pass as u8));
        let shared = Arc::clone(&mode);
        spawn(move || accept(&listener, target, &shared));
        Self { port, mode }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn set(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Mode::Over);
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().name("proxy".to_owned()).spawn(work).expect("a thread starts");
}

fn accept(listener: &TcpListener, target: u16, mode: &Arc<AtomicU8>) {
    loop {
        let now = Mode::of(mode.load(Ordering::SeqCst));
        if now == Mode::Over {
            return;
        }
        match listener.accept() {
            Ok((from, _)) if now != Mode::Broken => {
                // Nobody listens there while the coordinator is dead: then this connection breaks too.
                if let Ok(to) = TcpStream::connect(("127.0.0.1", target)) {
                    join(&from, &to, mode);
                }
            }
            Ok(_broken) => {}
            Err(_none) => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

fn join(from: &TcpStream, to: &TcpStream, mode: &Arc<AtomicU8>) {
    for (reads, writes) in [(from, to), (to, from)] {
        if let (Ok(reads), Ok(writes)) = (reads.try_clone(), writes.try_clone()) {
            let mode = Arc::clone(mode);
            spawn(move || pump(reads, writes, &mode));
        }
    }
}

/// Passes on what comes, in the mode of the moment, until either side ends.
fn pump(mut reads: TcpStream, mut writes: TcpStream, mode: &AtomicU8) {
    reads.set_nonblocking(false).ok();
    reads.set_nodelay(true).ok();
    reads.set_read_timeout(Some(LOOK_AGAIN)).ok();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = match Mode::of(mode.load(Ordering::SeqCst)) {
            Mode::Pass => reads.read(&mut buffer),
            Mode::Silent => {
                std::thread::sleep(LOOK_AGAIN);
                continue;
            }
            Mode::Broken | Mode::Over => break,
        };
        match read {
            Ok(0) => break,
            Ok(count) if writes.write_all(&buffer[..count]).is_ok() => {}
            Ok(_gone) => break,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_gone) => break,
        }
    }
    reads.shutdown(Shutdown::Both).ok();
    writes.shutdown(Shutdown::Both).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_passes_while_it_is_silent_and_nothing_lasts_while_it_is_broken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap().port());
        let mut near = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let mut byte = [0];
        near.write_all(b"a").unwrap();
        far.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"a");
        proxy.set(Mode::Silent);
        std::thread::sleep(LOOK_AGAIN * 4);
        near.write_all(b"b").unwrap();
        far.set_read_timeout(Some(LOOK_AGAIN * 10)).unwrap();
        assert!(far.read_exact(&mut byte).is_err(), "it is held back");
        proxy.set(Mode::Pass);
        far.set_read_timeout(None).unwrap();
        far.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"b", "and comes later");
        proxy.set(Mode::Broken);
        assert!(far.read_exact(&mut byte).is_err(), "the connection is gone");
        let mut refused = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        assert!(refused.read_exact(&mut byte).is_err(), "and another one is not had");
    }
}
