//! A real PostgreSQL server on a unix socket, as `make test` installs it, ended by id, and by the system where
//! the test program dies.
//!
//! The tests of `coordinator` take this file in by its path: it names nothing of this crate.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long the server may take until it answers: below 1 s on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whom the server runs as where the tests run as root, which PostgreSQL refuses: Debian's package makes it.
const ACCOUNT: &str = "postgres";

/// What every database is reached by. No message of the product may ever show it.
pub const PASSWORD: &str = "hush-hush";

/// A running server. Dropped, it is ended, and its folder is removed.
#[derive(Debug)]
pub struct TestPostgres {
    programs: PathBuf,
    account: Option<(u32, u32)>,
    folder: TempDir,
    /// Running, unless it was killed; what is sent ends it.
    server: Mutex<Option<Server>>,
    databases: AtomicU32,
}

/// The server's process, which a thread of its own started and waits for: the system ends the process when that
/// thread ends, however it does.
#[derive(Debug)]
struct Server {
    id: u32,
    ended: Receiver<ExitStatus>,
    thread: JoinHandle<()>,
}

impl TestPostgres {
    /// Starts a server of this test's own.
    ///
    /// # Errors
    /// Why there is none here: the test that wanted it says `skipped: ` and this.
    pub fn start() -> Result<Self, String> {
        let programs = programs().ok_or(
            "no PostgreSQL in /usr/lib/postgresql (scripts/setup-postgres.sh installs it)",
        )?;
        Ok(Self::running(programs, account()?))
    }

    fn running(programs: PathBuf, account: Option<(u32, u32)>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).expect("root may give folders away");
        }
        let new = Self {
            programs,
            account,
            folder,
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        new.make_cluster();
        new.run();
        new
    }

    /// The server that the tests of this program share while any of them uses it.
    ///
    /// # Errors
    /// As for [`TestPostgres::start`].
    pub fn shared() -> Result<Arc<Self>, String> {
        static SHARED: Mutex<Weak<TestPostgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let running = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&running);
        Ok(running)
    }

    /// Makes a database of its own; returns its URL, with the password in it.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("journal{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url_of(&name)
    }

    /// The URL of a database of that name.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        let place = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://postgres:{PASSWORD}@{place}/{database}")
    }

    /// Performs a statement by psql; returns what it shows, without frames.
    ///
    /// # Panics
    /// Where the server refuses it.
    #[must_use]
    pub fn ask(&self, database: &str, statement: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement, &self.url_of(database)])
            .stdin(Stdio::null())
            .output()
            .expect("psql starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statement}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// As `ask`, where nothing is shown.
    ///
    /// # Panics
    /// Where the server refuses it.
    pub fn sql(&self, database: &str, statement: &str) {
        drop(self.ask(database, statement));
    }

    /// Ends the server at once, as a crash does. Does nothing where it does not run.
    pub fn kill(&self) {
        self.end("QUIT");
    }

    /// Runs it again after [`TestPostgres::kill`].
    pub fn run(&self) {
        let mut held = self.server.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        assert!(held.is_none(), "it is not running");
        let (started, told) = sync_channel(1);
        let (ends, ended) = sync_channel(1);
        let command = self.server_command();
        let thread = std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || attend(command, &started, &ends))
            .expect("a thread starts");
        let id = told.recv().expect("the server starts");
        *held = Some(Server { id, ended, thread });
        drop(held);
        self.wait();
    }

    fn end(&self, signal: &str) {
        let mut held = self.server.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(Server { id, ended, thread }) = held.take() {
            let sent = Command::new("kill").args([format!("-{signal}"), id.to_string()]).status();
            assert!(sent.is_ok_and(|status| status.success()), "the server is ended by its id");
            ended.recv_timeout(PATIENCE).expect("the server ends");
            thread.join().expect("its thread ends with it");
        }
    }

    fn make_cluster(&self) {
        let secret = self.folder.path().join("password");
        fs::write(&secret, PASSWORD).expect("the folder can be written");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("it can be read");
        let made = self
            .as_account(&self.programs.join("initdb"))
            .args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "-N"])
            .arg("--pwfile")
            .arg(&secret)
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::null())
            .output()
            .expect("initdb starts");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    }

    fn server_command(&self) -> Command {
        let log = self.folder.path().join("log");
        let log = fs::File::options().create(true).append(true).open(log).expect("a log");
        let mut command = self.as_account(&self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        for setting in [
            "listen_addresses=",
            // Processes are killed here, machines are not: nothing need reach the disk.
            "fsync=off",
            "dynamic_shared_memory_type=mmap",
            "max_connections=60",
            "shared_buffers=16MB",
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }

    /// A program under the account that the server has, ended in order when its parent thread is gone.
    fn as_account(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        if let Some((user, group)) = self.account {
            command.args([format!("--reuid={user}"), format!("--regid={group}")]);
            command.arg("--clear-groups");
        }
        command.args(["--pdeathsig", "QUIT", "--"]).arg(program);
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        let socket = self.folder.path().display().to_string();
        loop {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", &socket])
                .status()
                .expect("pg_isready starts");
            if ready.success() {
                return;
            }
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "PostgreSQL is not ready: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        self.end("QUIT");
    }
}

/// Starts the server and waits for its end.
fn attend(mut command: Command, started: &SyncSender<u32>, ends: &SyncSender<ExitStatus>) {
    let mut process = command.spawn().expect("setpriv starts");
    started.send(process.id()).expect("somebody waits for it");
    let status = process.wait().expect("a child can be waited for");
    // Where nobody asks any more, nobody wants to know.
    ends.send(status).ok();
}

/// The folder of the newest version's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let found = versions.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let folder = entry.path().join("bin");
        folder.join("initdb").is_file().then_some((version, folder))
    });
    found.max().map(|(_, folder)| folder)
}

/// The numbers of user and group that the server gets; `None` where the tests do not run as root.
fn account() -> Result<Option<(u32, u32)>, String> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    if id(&["-u"]) != Some(0) {
        return Ok(None);
    }
    let numbers = id(&["-u", ACCOUNT]).zip(id(&["-g", ACCOUNT]));
    numbers.map(Some).ok_or_else(|| {
        format!("PostgreSQL refuses to run as root, and there is no user `{ACCOUNT}`")
    })
}
