//! A server on loopback that speaks Azure's blobs: Azurite, as `make test` installs it, ended by id.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tempfile::TempDir;

use crate::binary::repository;

/// The container that is there when the server is ready.
pub const CONTAINER: &str = "tests";

/// The account that the server has, and its key: both are in its documentation.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// How long the server may take until it answers: 2 s on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running server with an empty container.
#[derive(Debug)]
pub struct Azurite {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Azurite {
    /// Starts a server and waits until it takes blobs.
    ///
    /// # Errors
    /// Why there is none here: the test that wanted it says `skipped: ` and this.
    ///
    /// # Panics
    /// Where it is there and does not start.
    pub fn start() -> Result<Self, String> {
        let program = program();
        if !program.is_file() {
            return Err("no Azurite in build/tools (scripts/setup-azurite.sh installs it)".into());
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = {
            let held = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
            held.local_addr().expect("it is bound").port()
        };
        let process = Command::new(program)
            .args(["--silent", "--skipApiVersionCheck", "--disableTelemetry"])
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .arg("--location")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("Azurite does not start: {error}"))?;
        let mut server = Self { process, port, _folder: folder };
        let deadline = Instant::now() + PATIENCE;
        while !server.has_made_the_container() {
            let ended = server.process.try_wait().expect("a child can be asked");
            assert!(ended.is_none() && Instant::now() < deadline, "Azurite is not ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// The environment in which the product finds the server.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
            ("AZURE_STORAGE_ENDPOINT", format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Asks for the container, signed by the account's key as Azure's documents of the Blob service say.
    fn has_made_the_container(&self) -> bool {
        let date = httpdate::fmt_http_date(SystemTime::now());
        let version = "2021-08-06";
        let to_sign = format!(
            "PUT{}x-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container",
            "\n".repeat(12)
        );
        let key = BASE64_STANDARD.decode(KEY).expect("the key is base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length will do");
        mac.update(to_sign.as_bytes());
        let proof = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        let request = format!(
            "PUT /{ACCOUNT}/{CONTAINER}?restype=container HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\
             connection: close\r\nx-ms-date: {date}\r\nx-ms-version: {version}\r\n\
             authorization: SharedKey {ACCOUNT}:{proof}\r\n\r\n"
        );
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut answer = String::new();
        let asked = stream.write_all(request.as_bytes());
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 201 ")
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn program() -> PathBuf {
    repository().join("build/tools/azurite/node_modules/.bin/azurite-blob")
}
