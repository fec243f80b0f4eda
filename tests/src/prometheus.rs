//! A real Prometheus on loopback, as scripts/setup-prometheus.sh brings it, ended by id.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::binary::repository;
use crate::cluster::free_port;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server that scrapes one address each second.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    port: u16,
    folder: TempDir,
}

fn program(name: &str) -> Result<PathBuf, String> {
    let path = repository().join("build/tools/prometheus/usr/bin").join(name);
    let lacks =
        || "no Prometheus in build/tools (scripts/setup-prometheus.sh brings it)".to_owned();
    if path.is_file() { Ok(path) } else { Err(lacks()) }
}

/// Runs `promtool` with these arguments.
///
/// # Errors
/// Why there is none here.
pub fn promtool(arguments: &[&str]) -> Result<Output, String> {
    let output = Command::new(program("promtool")?).args(arguments).output();
    output.map_err(|error| error.to_string())
}

impl Prometheus {
    /// Starts one that scrapes `/metrics` at `target` (`HOST:PORT`).
    ///
    /// # Errors
    /// Why there is none here: the test that wanted it says `skipped: ` and this.
    pub fn start(target: &str) -> Result<Self, String> {
        let program = program("prometheus")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = folder.path().join("prometheus.yml");
        let text = format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nscrape_configs:\n  - job_name: cleanplate\n    \
             static_configs:\n      - targets: [\"{target}\"]\n"
        );
        std::fs::write(&settings, text).expect("the folder can be written");
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("log")).expect("a log can be written");
        let process = Command::new(program)
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let server = Self { process, port, folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "Prometheus does not come up: {}", server.log());
            std::thread::sleep(Duration::from_millis(40));
        }
        Ok(server)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it wrote to its log.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
