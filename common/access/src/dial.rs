//! The other end: how clients and workers reach a coordinator, with which roots, certificate and token.
//!
//! Owns what a secret is sent over. A token leaves this machine in TLS only, unless somebody said otherwise; and no
//! secret is taken from a command line, which every process of the machine may read.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

/// The longest secret that is read from a file.
const SECRET_BYTES_MAX: u64 = 4096;

/// A secret as it was told to this process, which it never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("the file {} of a token cannot be read: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is there is none.
    #[error("{place} holds no token: it must be one line as `cleanplate token new` prints it")]
    Form {
        /// Where it was looked for.
        place: String,
    },
}

impl SecretText {
    /// Takes a secret; `place` is where it was found.
    ///
    /// # Errors
    /// [`SecretError::Form`], which does not show it.
    pub fn of(text: &str, place: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        let is_one = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_one {
            Ok(Self(text.to_owned()))
        } else {
            Err(SecretError::Form { place: place.to_owned() })
        }
    }

    /// Reads a secret from its file.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        use std::io::Read as _;
        let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut text = String::new();
        file.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        Self::of(&text, &path.display().to_string())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(***)")
    }
}

/// Where a worker finds its join token: a file is read again for each joining, so that it may be rotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinToken {
    /// In this file.
    File(PathBuf),
    /// Here.
    Told(SecretText),
}

impl JoinToken {
    /// As it is at the moment.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn now(&self) -> Result<SecretText, SecretError> {
        match self {
            Self::File(path) => SecretText::read(path),
            Self::Told(secret) => Ok(secret.clone()),
        }
    }
}

/// See the top of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dialer {
    /// The authority of the coordinator's certificate; the system's roots where there is none.
    pub ca: Option<PathBuf>,
    /// This machine's own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether secrets may be sent without TLS beyond this machine.
    pub insecure: bool,
}

/// Why an address cannot be reached so.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It is none.
    #[error(
        "`{address}` is no address of a coordinator: {why}; write https://HOST:PORT or http://HOST:PORT"
    )]
    Address {
        /// The address.
        address: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A file of certificates cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The key of the setting that names it.
        setting: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// TLS cannot be had with these files.
    #[error("TLS cannot be had ({0}); see `tls.ca`, `tls.cert` and `tls.key`")]
    Tls(String),
    /// The secret would be read by everybody on the way.
    #[error(
        "a token is not sent to {address} in the clear; use https://, or say `client.insecure = true` \
         (CLEANPLATE_CLIENT_INSECURE=true) where the network is to be trusted"
    )]
    Clear {
        /// Where to.
        address: String,
    },
}

/// What may be wrong where somebody answers and is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Its certificate is of nobody who is trusted here, or of another name.
    Untrusted,
    /// It is spoken to in TLS, and speaks none.
    Clear,
    /// It speaks TLS, and is spoken to in the clear.
    Tls,
}

impl Hint {
    /// What it may be at `address`, which was spoken to in vain for the reason `why`; `None` where that says nothing.
    #[must_use]
    pub fn of(address: &str, why: &str) -> Option<Self> {
        let (why, is_tls) = (why.to_lowercase(), address.starts_with("https://"));
        let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
        if is_tls && says(&["peer certificate"]) {
            return Some(Self::Untrusted);
        }
        if is_tls && says(&["corrupt message"]) {
            return Some(Self::Clear);
        }
        let foreign = ["h2 protocol error", "invalid size", "operation was canceled"];
        (!is_tls && says(&foreign)).then_some(Self::Tls)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Untrusted => {
                "its certificate is not one that this machine trusts: name its authority by `tls.ca` \
                 (CLEANPLATE_TLS_CA), and use a name that the certificate holds"
            }
            Self::Clear => "it may speak no TLS: try http:// on this machine",
            Self::Tls => "it may speak TLS: try https://",
        })
    }
}

impl Dialer {
    /// An address as an endpoint.
    ///
    /// # Errors
    /// [`DialError`].
    pub fn endpoint(&self, address: &str) -> Result<Endpoint, DialError> {
        let bad = |why| DialError::Address { address: address.to_owned(), why };
        let is_tls = address.starts_with("https://");
        if !is_tls && !address.starts_with("http://") {
            return Err(bad("it begins with neither https:// nor http://"));
        }
        let url = url::Url::parse(address).map_err(|_bad| bad("it is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            // It would be shown in messages.
            return Err(DialError::Address {
                address: "(not shown)".to_owned(),
                why: "it has a user or a password in it",
            });
        }
        let endpoint =
            Endpoint::from_shared(address.to_owned()).map_err(|_bad| bad("it is no URL"))?;
        if !is_tls {
            return Ok(endpoint);
        }
        let config = match &self.ca {
            Some(path) => {
                let ca = Certificate::from_pem(read(path, "tls.ca")?);
                ClientTlsConfig::new().ca_certificate(ca)
            }
            None => ClientTlsConfig::new().with_native_roots(),
        };
        let config = match &self.identity {
            Some((cert, key)) => {
                let (cert, key) = (read(cert, "tls.cert")?, read(key, "tls.key")?);
                config.identity(Identity::from_pem(cert, key))
            }
            None => config,
        };
        endpoint.tls_config(config).map_err(|error| DialError::Tls(chain(&error)))
    }

    /// What sends `secret` with each call to `address`.
    ///
    /// # Errors
    /// [`DialError::Clear`] where others could read it.
    pub fn bearer(&self, address: &str, secret: &SecretText) -> Result<Bearer, DialError> {
        if !self.insecure && !is_private_way(address) {
            return Err(DialError::Clear { address: address.to_owned() });
        }
        let value = MetadataValue::try_from(format!("Bearer {}", secret.0));
        let mut value = value.map_err(|_bad| DialError::Tls("the token is no text".to_owned()))?;
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }
}

/// Whether nobody but the two ends reads what is sent to `address`.
fn is_private_way(address: &str) -> bool {
    let Ok(url) = url::Url::parse(address) else { return false };
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(url::Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    };
    url.scheme() == "https" || is_loopback
}

/// Sends a token with each call, or nothing.
#[derive(Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Bearer(***)" } else { "Bearer(none)" })
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A file of certificates, which `setting` names.
fn read(path: &Path, setting: &'static str) -> Result<Vec<u8>, DialError> {
    let read = std::fs::read(path);
    read.map_err(|source| DialError::Unreadable { path: path.to_owned(), setting, source })
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_this_machine_or_through_tls_and_nowhere_else() {
        let dialer = Dialer::default();
        let secret = SecretText::of("cpt_a_hush\n", "a test").unwrap();
        for address in
            ["https://head:7700", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"]
        {
            let bearer = dialer.bearer(address, &secret).unwrap();
            assert!(!format!("{bearer:?}").contains("hush"));
        }
        for address in [
            "http://head:7700",
            "http://10.0.0.1:1",
            "http://127.0.0.1.evil.test:1",
            "http://localhost.evil.test:1",
            "head:7700",
        ] {
            let error = dialer.bearer(address, &secret).unwrap_err();
            assert!(matches!(error, DialError::Clear { .. }), "{address}");
        }
        let insecure = Dialer { insecure: true, ..Dialer::default() };
        assert!(insecure.bearer("http://head:7700", &secret).is_ok());
    }

    #[test]
    fn an_address_is_http_or_https_and_holds_no_password() {
        let dialer = Dialer::default();
        assert!(dialer.endpoint("http://127.0.0.1:7700").is_ok());
        for address in ["", "head:7700", "ftp://head", "http//x", "http://"] {
            assert!(dialer.endpoint(address).is_err(), "{address}");
        }
        let said = dialer.endpoint("http://u:hush@head:1").unwrap_err().to_string();
        assert!(!said.contains("hush"), "{said}");
        let missing = Dialer { ca: Some("/no/such/file".into()), ..Dialer::default() };
        let error = missing.endpoint("https://head:7700").unwrap_err();
        assert!(matches!(error, DialError::Unreadable { setting: "tls.ca", .. }), "{error}");
    }

    #[test]
    fn an_address_that_is_answered_in_another_way_is_told_as_that() {
        let hint =
            |address, why| Hint::of(address, why).map_or_else(String::new, |hint| hint.to_string());
        assert!(hint("https://a", "invalid peer certificate: UnknownIssuer").contains("tls.ca"));
        assert!(hint("https://a", "received corrupt message of type X").contains("http://"));
        for why in
            ["operation was canceled", "h2 protocol error: http2 error", "frame with invalid size"]
        {
            assert!(hint("http://a", why).contains("https://"), "{why}");
            assert_eq!(hint("https://a", why), "");
        }
        assert_eq!(hint("http://a", "connection refused"), "");
    }

    #[test]
    fn a_secret_is_one_line_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "cpt_a_hush\n").unwrap();
        let secret = SecretText::read(&path).unwrap();
        assert_eq!(format!("{secret:?}"), "SecretText(***)");
        for text in ["", "\n", "hush hush", "hush\nhush"] {
            let said = SecretText::of(text, "CLEANPLATE_TOKEN").unwrap_err().to_string();
            assert!(said.contains("CLEANPLATE_TOKEN") && !said.contains("hush"), "{said}");
        }
    }
}
