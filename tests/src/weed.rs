//! A real S3 server on loopback: SeaweedFS, as `make test` installs it, ended by id.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::binary::repository;
use crate::cluster::send;

/// The bucket that is there when the server is ready.
pub const BUCKET: &str = "tests";

/// How long the server may take until it answers: 4 s on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);

const ACCESS_KEY: &str = "tests";
const SECRET_KEY: &str = "tests-secret";

/// The server's ports, in the order in which [`Weed::start`] hands them out.
const PORTS: usize = 8;

/// A running server with an empty bucket.
#[derive(Debug)]
pub struct Weed {
    process: Child,
    port: u16,
    filer: u16,
    grpc_ports: [u16; 4],
    folder: TempDir,
    arguments: Vec<String>,
}

impl Weed {
    /// Starts a server and waits until it takes objects.
    ///
    /// # Errors
    /// Why there is none here: the test that wanted it says `skipped: ` and this.
    pub fn start() -> Result<Self, String> {
        if !program().is_file() {
            return Err("no SeaweedFS in build/tools (scripts/setup-weed.sh installs it)".into());
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = folder.path().join("s3.json");
        std::fs::write(&settings, identities()).expect("the folder can be written");
        let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc] =
            free_ports();
        let grpc_ports = [master_grpc, volume_grpc, filer_grpc, s3_grpc];
        let arguments = [
            format!("-dir={}", folder.path().display()),
            "-ip=127.0.0.1".to_owned(),
            "-ip.bind=127.0.0.1".to_owned(),
            format!("-master.port={master}"),
            format!("-master.port.grpc={master_grpc}"),
            "-master.volumeSizeLimitMB=64".to_owned(),
            "-master.telemetry=false".to_owned(),
            format!("-volume.port={volume}"),
            format!("-volume.port.grpc={volume_grpc}"),
            "-volume.max=256".to_owned(),
            "-filer".to_owned(),
            format!("-filer.port={filer}"),
            format!("-filer.port.grpc={filer_grpc}"),
            "-s3".to_owned(),
            format!("-s3.port={s3}"),
            format!("-s3.port.grpc={s3_grpc}"),
            "-s3.port.iceberg=0".to_owned(),
            "-s3.port.lance=0".to_owned(),
            "-s3.autoCreateBucket=false".to_owned(),
            format!("-s3.config={}", settings.display()),
        ];
        let process = launch(&arguments, folder.path())?;
        let mut server =
            Self { process, port: s3, filer, grpc_ports, folder, arguments: arguments.to_vec() };
        let bucket = format!("/buckets/{BUCKET}/");
        server.wait(&[
            ("PUT", filer, "/ready", " 201 "),
            ("GET", s3, "/healthz", " 200 "),
            ("POST", filer, bucket.as_str(), " 201 "),
        ]);
        Ok(server)
    }

    /// The port at which it speaks S3.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The environment in which every tool of the ecosystem finds the server.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        Self::environment_at(self.port)
    }

    /// The same where it is found at another port: behind a proxy.
    #[must_use]
    pub fn environment_at(port: u16) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Puts an object into the bucket, by another door than the product's.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let path = format!("/buckets/{BUCKET}/{}", escaped(key));
        let answer = request("PUT", self.filer, &path, bytes).expect("the server answers");
        assert!(status(&answer).contains(" 201 "), "{}", status(&answer));
    }

    /// Gets an object of the bucket, where there is one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let path = format!("/buckets/{BUCKET}/{}", escaped(key));
        let answer = request("GET", self.filer, &path, b"")?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        status(&answer).contains(" 200 ").then(|| answer[end + 4..].to_vec())
    }

    /// A look at the bucket from elsewhere.
    #[must_use]
    pub const fn peek(&self) -> Peek {
        Peek(self.filer)
    }

    /// Stops it without notice (SIGKILL); what it had stored stays.
    pub fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }

    /// Pauses all of it (SIGSTOP), or lets it go on.
    pub fn pause(&self, paused: bool) {
        send(if paused { "STOP" } else { "CONT" }, &[self.process.id()]);
    }

    /// Starts it again on the same ports with what it had stored, and waits until it takes objects.
    pub fn restart(&mut self) {
        self.kill();
        self.process = launch(&self.arguments, self.folder.path()).expect("it started before");
        let steps =
            [("PUT", self.filer, "/ready", " 201 "), ("GET", self.port, "/healthz", " 200 ")];
        self.wait(&steps);
    }

    /// Asks, step by step, until each is answered as it should be.
    fn wait(&mut self, steps: &[(&str, u16, &str, &str)]) {
        let deadline = Instant::now() + PATIENCE;
        let mut left = steps.iter();
        let mut step = left.next();
        while let Some((method, port, path, status)) = step {
            let answer = request(method, *port, path, b"ok");
            if answer.is_some_and(|answer| self::status(&answer).contains(status)) {
                step = left.next();
                continue;
            }
            let ended = self.process.try_wait().expect("a child can be asked");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "SeaweedFS is not ready: {}",
                tail(&self.folder.path().join("weed.log"))
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Looks at what a server's bucket shows.
#[derive(Debug, Clone, Copy)]
pub struct Peek(u16);

impl Peek {
    /// The size of an object, where there is one.
    #[must_use]
    pub fn size(self, key: &str) -> Option<u64> {
        let path = format!("/buckets/{BUCKET}/{}", escaped(key));
        let answer = request("HEAD", self.0, &path, b"")?;
        if !status(&answer).contains(" 200 ") {
            return None;
        }
        let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        head.split("content-length:").nth(1)?.lines().next()?.trim().parse().ok()
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        for port in self.grpc_ports {
            for role in ["master", "volume", "filer", "s3"] {
                let socket = PathBuf::from(format!("/tmp/seaweedfs-{role}-grpc-{port}.sock"));
                std::fs::remove_file(socket).ok();
            }
        }
    }
}

fn program() -> PathBuf {
    repository().join("build/tools/weed/bin/weed")
}

fn launch(arguments: &[String], folder: &Path) -> Result<Child, String> {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("weed.log"));
    Command::new(program())
        .arg("-logtostderr=true")
        .arg("server")
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.expect("a log"))
        .spawn()
        .map_err(|error| format!("SeaweedFS does not start: {error}"))
}

fn identities() -> String {
    let mut text = String::new();
    write!(
        text,
        r#"{{"identities":[{{"name":"tests","credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}],"actions":["Admin","Read","Write","List","Tagging"]}}]}}"#
    )
    .expect("text takes text");
    text
}

/// Ports that were free a moment ago; all are held while they are found, so that they differ.
fn free_ports() -> [u16; PORTS] {
    let held: [TcpListener; PORTS] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("loopback has free ports"));
    held.map(|listener| listener.local_addr().expect("it is bound").port())
}

/// A key as it stands in the path of a request.
fn escaped(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    key.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// One request; the whole answer, where one came.
fn request(method: &str, port: u16, path: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(answer)
}

/// The first line of an answer.
fn status(answer: &[u8]) -> String {
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
