//! What a child tries that was taken over by the file that it reads: the tests' proof that the walls stand.
//!
//! Tries each way out once, harmlessly, and says which were open. Only fault switches and tests ask for it.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, getppid, test_kill_process};
use serde::{Deserialize, Serialize};

/// One way out that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was tried.
    pub what: String,
    /// Why it was refused; `None` where it worked.
    pub refused: Option<String>,
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.refused {
            Some(why) => write!(formatter, "{} refused ({why})", self.what),
            None => write!(formatter, "{} OPEN", self.what),
        }
    }
}

/// Tries every way out. `listener` is somebody who listens, `folder` a folder in which anybody may write.
#[must_use]
pub fn escape(listener: SocketAddr, folder: &Path) -> Vec<Attempt> {
    let tried = |what: &str, result: std::io::Result<()>| Attempt {
        what: what.to_owned(),
        refused: result.err().map(|error| error.to_string()),
    };
    let written = folder.join("written-by-a-child");
    vec![
        tried("read /etc/passwd", File::open("/etc/passwd").map(drop)),
        tried("list the folder", std::fs::read_dir(folder).map(drop)),
        tried("write a file", write(&written)),
        tried("make a folder", std::fs::create_dir(folder.join("made-by-a-child"))),
        tried("remove a file", std::fs::remove_file(folder.join("victim"))),
        tried("rename a file", std::fs::rename(folder.join("victim"), &written)),
        tried("connect over TCP", TcpStream::connect_timeout(&listener, PATIENCE).map(drop)),
        tried("listen over TCP", TcpListener::bind("127.0.0.1:0").map(drop)),
        tried("send over UDP", send(listener)),
        tried("open a Unix socket", UnixDatagram::unbound().map(drop)),
        tried("run a program", run()),
        tried("signal the parent", signal()),
        tried("read the parent's environment", peek()),
    ]
}

/// Longer than a machine takes that is busy, and no longer than a test may wait.
const PATIENCE: Duration = Duration::from_secs(5);

fn write(path: &Path) -> std::io::Result<()> {
    File::create(path)?.write_all(b"here")
}

fn send(to: SocketAddr) -> std::io::Result<()> {
    UdpSocket::bind("127.0.0.1:0")?.send_to(b"here", to).map(drop)
}

fn run() -> std::io::Result<()> {
    let mut command = Command::new("/bin/true");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn()?.wait().map(drop)
}

fn signal() -> std::io::Result<()> {
    let parent = getppid().unwrap_or(Pid::INIT);
    test_kill_process(parent).map_err(Into::into)
}

fn peek() -> std::io::Result<()> {
    let parent = getppid().unwrap_or(Pid::INIT);
    std::fs::read(format!("/proc/{}/environ", parent.as_raw_nonzero())).map(drop)
}
