//! A small web server on loopback, by http or by https, that serves one file well or badly.
//!
//! Owns one thread with its runtime; ends when it is dropped. Its certificate is made by the `openssl` command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// How the file is served.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Whole, whatever is asked for.
    pub whole: bool,
    /// `/moved...` sends to this URL.
    pub moved_to: Option<String>,
}

/// What the server has, and what was asked of it.
#[derive(Debug)]
struct Shared {
    file: Mutex<(Vec<u8>, u32)>,
    manner: Manner,
    sent: Mutex<u64>,
}

/// See the top of the file.
#[derive(Debug)]
pub struct WebServer {
    port: u16,
    shared: Arc<Shared>,
    certificate: Option<PathBuf>,
    _folder: TempDir,
    _running: oneshot::Sender<()>,
}

impl WebServer {
    /// Serves `file` by http.
    #[must_use]
    pub fn plain(file: Vec<u8>, manner: Manner) -> Self {
        Self::start(file, manner, None)
    }

    /// Serves `file` by https, as `localhost`.
    ///
    /// # Errors
    /// Why no certificate can be made here: the test says `skipped: ` and this.
    pub fn secure(file: Vec<u8>, manner: Manner) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (certificate, key) = certificate(folder.path())?;
        let chain = vec![CertificateDer::from_pem_file(&certificate).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(&key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("certificate and key fit");
        Ok(Self::start(file, manner, Some((config, certificate, folder))))
    }

    fn start(
        file: Vec<u8>,
        manner: Manner,
        secure: Option<(ServerConfig, PathBuf, TempDir)>,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        listener.set_nonblocking(true).expect("a socket can be told not to block");
        let port = listener.local_addr().expect("it is bound").port();
        let shared =
            Arc::new(Shared { file: Mutex::new((file, 1)), manner, sent: Mutex::default() });
        let (running, over) = oneshot::channel();
        let (acceptor, certificate, folder) = match secure {
            Some((config, certificate, folder)) => {
                (Some(TlsAcceptor::from(Arc::new(config))), Some(certificate), folder)
            }
            None => (None, None, tempfile::tempdir().expect("a temporary folder")),
        };
        let owned = Arc::clone(&shared);
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                tokio::select! {
                    () = serve(listener, acceptor, owned) => {}
                    _ended = over => {}
                }
            });
        };
        std::thread::Builder::new().name("web".to_owned()).spawn(run).expect("a thread starts");
        Self { port, shared, certificate, _folder: folder, _running: running }
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The certificate that a client must trust.
    #[must_use]
    pub fn certificate(&self) -> Option<&Path> {
        self.certificate.as_deref()
    }

    /// Serves another file from now on, under another tag.
    pub fn replace(&self, file: Vec<u8>) {
        let mut kept = self.shared.file.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = (file, kept.1 + 1);
    }

    /// Bytes of the file that were sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        *self.shared.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A certificate of a server called `localhost`, and its key.
fn certificate(folder: &Path) -> Result<(PathBuf, PathBuf), String> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .map_err(|error| format!("no openssl: {error}"))?;
    if made.status.success() {
        Ok((certificate, key))
    } else {
        Err(format!("openssl: {}", String::from_utf8_lossy(&made.stderr).trim()))
    }
}

async fn serve(
    listener: std::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let listener = TcpListener::from_std(listener).expect("a runtime is there");
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // What ends a connection is for the client to see.
            let ended = match acceptor {
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => talk(stream, &shared).await,
                    Err(error) => Err(error),
                },
                None => talk(stream, &shared).await,
            };
            drop(ended);
        });
    }
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let answer = answer(&head, shared);
        stream.write_all(&answer).await?;
        stream.flush().await?;
    }
}

/// The answer to a request.
fn answer(head: &str, shared: &Shared) -> Vec<u8> {
    let value = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let moved = head.split(' ').nth(1).is_some_and(|path| path.starts_with("/moved"));
    if let Some(place) = shared.manner.moved_to.as_ref().filter(|_| moved) {
        return format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n")
            .into();
    }
    let file = shared.file.lock().unwrap_or_else(PoisonError::into_inner);
    let (bytes, version) = &*file;
    let tag = format!("\"version-{version}\"");
    if value("if-match").is_some_and(|wanted| wanted != tag) {
        return b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n".to_vec();
    }
    let range = value("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let range = range.filter(|_| !shared.manner.whole).and_then(|(first, last)| {
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some((first, last.min(bytes.len().checked_sub(1)?)))
    });
    let (status, told, body) = match range {
        Some((first, last)) => {
            let told = format!("Content-Range: bytes {first}-{last}/{}\r\n", bytes.len());
            ("206 Partial Content", told, &bytes[first..=last])
        }
        None => ("200 OK", String::new(), &bytes[..]),
    };
    *shared.sent.lock().unwrap_or_else(PoisonError::into_inner) += body.len() as u64;
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nETag: {tag}\r\n{told}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
