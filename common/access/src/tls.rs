//! The server's side of TLS: certificate, key and the authority of workers' certificates, read again when they change.
//!
//! TLS 1.3 alone: both ends are ours, and what else speaks gRPC has had it for years. A client without a certificate is
//! let through the handshake, since clients show tokens; one with a certificate of another authority is not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::watched::Watched;

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("{} has no {what} in PEM that can be used: {why}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Certificate and key do not belong together, or are of a kind that cannot be used.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(String),
}

/// See the top of the file.
#[derive(Debug, Clone)]
pub struct ServerTls {
    config: Watched<Arc<ServerConfig>>,
}

impl ServerTls {
    /// Of these files; with the authority of `client_ca`, workers may show certificates.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, TlsError> {
        let (cert, key) = (cert.to_owned(), key.to_owned());
        let client_ca = client_ca.map(Path::to_owned);
        let paths = [Some(cert.clone()), Some(key.clone()), client_ca.clone()];
        let paths = paths.into_iter().flatten().collect();
        let read = move || config(&cert, &key, client_ca.as_deref());
        Ok(Self { config: Watched::start("the certificate (tls)", paths, read)? })
    }

    /// For the next connection.
    #[must_use]
    pub fn now(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.now())
    }
}

fn config(
    cert: &Path,
    key: &Path,
    client_ca: Option<&Path>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = certificates(cert)?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| wrong(key, "private key", &error.to_string()))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| TlsError::Pair(error.to_string()))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => builder.with_client_cert_verifier(verifier(path, provider)?),
    };
    let config = builder.with_single_cert(chain, key);
    let mut config = config.map_err(|error| TlsError::Pair(error.to_string()))?;
    // What asks for nothing speaks as it likes; gRPC asks for the first.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn tokio_rustls::rustls::server::danger::ClientCertVerifier>, TlsError> {
    let bad = |why: String| wrong(path, "certificate of an authority", &why);
    let mut roots = RootCertStore::empty();
    for one in certificates(path)? {
        roots.add(one).map_err(|error| bad(error.to_string()))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    verifier.allow_unauthenticated().build().map_err(|error| bad(error.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = |why: &str| wrong(path, "certificate", why);
    let found = CertificateDer::pem_file_iter(path).map_err(|error| bad(&error.to_string()))?;
    let found: Result<Vec<_>, _> = found.collect();
    let found = found.map_err(|error| bad(&error.to_string()))?;
    if found.is_empty() { Err(bad("there is none in it")) } else { Ok(found) }
}

fn wrong(path: &Path, what: &'static str, why: &str) -> TlsError {
    TlsError::File { path: path.to_owned(), what, why: why.to_owned() }
}

/// The names of a certificate that was verified: the DNS names among its alternative names. A common name is none.
#[must_use]
pub fn names_of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> rcgen::CertifiedKey<rcgen::KeyPair> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        rcgen::generate_simple_self_signed(names).unwrap()
    }

    #[test]
    fn the_names_of_a_certificate_are_its_alternative_names() {
        let certificate = made(&["box-1", "box-1.farm"]);
        assert_eq!(names_of(certificate.cert.der()), ["box-1", "box-1.farm"]);
        assert!(names_of(&CertificateDer::from(b"no certificate".to_vec())).is_empty());
    }

    #[tokio::test]
    async fn a_key_of_another_certificate_and_files_that_are_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (one, two) = (made(&["localhost"]), made(&["localhost"]));
        std::fs::write(path("cert"), one.cert.pem()).unwrap();
        std::fs::write(path("key"), one.signing_key.serialize_pem()).unwrap();
        std::fs::write(path("other"), two.signing_key.serialize_pem()).unwrap();
        assert!(ServerTls::open(&path("cert"), &path("key"), Some(&path("cert"))).is_ok());
        let error = ServerTls::open(&path("cert"), &path("other"), None).unwrap_err();
        assert!(matches!(error, TlsError::Pair(_)), "{error}");
        for (cert, key) in [("key", "key"), ("cert", "cert"), ("none", "key"), ("cert", "none")] {
            let error = ServerTls::open(&path(cert), &path(key), None).unwrap_err();
            assert!(matches!(error, TlsError::File { .. }), "{cert}, {key}: {error}");
            assert!(!error.to_string().contains("BEGIN"), "{error}");
        }
    }
}
