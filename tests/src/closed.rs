//! A farm behind a closed door: certificates made for it, tokens of several people, lists of places.

use std::fs;
use std::path::{Path, PathBuf};

use cleanplate_access::{Bearer, Dialer, SecretText, Token};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tonic::transport::Channel;

use crate::cluster::Cluster;

/// An authority, and what it signs, as files.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    name: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority, whose certificate is `NAME.pem` in `folder`.
    #[must_use]
    pub fn new(folder: &Path, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names are fine");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("an authority signs itself");
        fs::write(folder.join(format!("{name}.pem")), certificate.pem())
            .expect("a file is written");
        let issuer = Issuer::new(params, key);
        Self { folder: folder.to_owned(), name: name.to_owned(), issuer }
    }

    /// The file of its certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// Signs a certificate for these names; returns its file and that of its key.
    #[must_use]
    pub fn sign(&self, file: &str, names: &[&str]) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key can be made");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("the names can stand in a certificate");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority signs");
        let path = |end: &str| self.folder.join(format!("{file}.{end}"));
        fs::write(path("pem"), certificate.pem()).expect("a file is written");
        fs::write(path("key"), key.serialize_pem()).expect("a file is written");
        (path("pem"), path("key"))
    }
}

/// The tokens of a farm, and their file.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    entries: Vec<(String, String)>,
}

impl Tokens {
    /// An empty file in `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let tokens = Self { path: folder.join("tokens.toml"), entries: Vec::new() };
        tokens.write();
        tokens
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new token of this id, with the lines `rest` in its entry.
    pub fn add(&mut self, id: &str, rest: &str) -> Token {
        let token = Token::fresh(id).expect("the id is one");
        let entry = format!("[[token]]\nid = \"{id}\"\nsha256 = \"{}\"\n{rest}\n", token.hash());
        self.entries.push((id.to_owned(), entry));
        self.write();
        token
    }

    /// Takes a token out of the file.
    pub fn remove(&mut self, id: &str) {
        self.entries.retain(|(known, _)| known != id);
        self.write();
    }

    /// Whole before and after, as `cleanplate token new --to` does it.
    fn write(&self) {
        let text: String = self.entries.iter().map(|(_, entry)| entry.as_str()).collect();
        let beside = self.path.with_extension("new");
        fs::write(&beside, text).expect("a file is written");
        fs::rename(&beside, &self.path).expect("a file is renamed");
    }
}

/// A coordinator with TLS and tokens.
#[derive(Debug)]
pub struct ClosedFarm {
    /// Its processes.
    pub cluster: Cluster,
    /// Who signs for it.
    pub authority: Authority,
    /// Who is known to it.
    pub tokens: Tokens,
    /// Where sources may be read from by everybody.
    pub sources: PathBuf,
    /// Where movies may be written by everybody.
    pub movies: PathBuf,
}

impl ClosedFarm {
    /// Starts it in `folder`; `more` variables go to all its processes.
    #[must_use]
    pub fn start(folder: &Path, more: &[(String, String)]) -> Self {
        let folder = &fs::canonicalize(folder).expect("the folder is there");
        let authority = Authority::new(folder, "authority");
        let (cert, key) = authority.sign("coordinator", &["localhost", "127.0.0.1"]);
        let tokens = Tokens::new(folder);
        let (sources, movies) = (folder.join("in"), folder.join("out"));
        fs::create_dir_all(&sources).expect("a folder is made");
        fs::create_dir_all(&movies).expect("a folder is made");
        let shown = |path: &Path| path.display().to_string();
        let mut environment = vec![
            ("CLEANPLATE_TLS_CERT".to_owned(), shown(&cert)),
            ("CLEANPLATE_TLS_KEY".to_owned(), shown(&key)),
            ("CLEANPLATE_TLS_CLIENT_CA".to_owned(), shown(&authority.certificate())),
            ("CLEANPLATE_TLS_CA".to_owned(), shown(&authority.certificate())),
            ("CLEANPLATE_ACCESS_TOKENS".to_owned(), shown(tokens.path())),
            (
                "CLEANPLATE_ACCESS_SOURCES".to_owned(),
                format!("{},s3://media/in,https://cdn.example.com/films/", shown(&sources)),
            ),
            (
                "CLEANPLATE_ACCESS_DESTINATIONS".to_owned(),
                format!("{},s3://media/out", shown(&movies)),
            ),
        ];
        environment.extend_from_slice(more);
        let store = format!("file://{}", folder.join("store").display());
        let mut cluster = Cluster::start_with(folder, &store, &environment);
        let url = format!("https://localhost:{}", cluster.port());
        cluster.tell_of(&url);
        Self { cluster, authority, tokens, sources, movies }
    }

    /// Where it is found.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.cluster.port())
    }

    /// Speaks to it as whoever has its authority's certificate, or a certificate and key of one's own too.
    ///
    /// # Errors
    /// What is wrong with the connection.
    pub async fn connect(
        &self,
        identity: Option<(PathBuf, PathBuf)>,
    ) -> Result<Channel, tonic::transport::Error> {
        let dialer = Dialer { ca: Some(self.authority.certificate()), identity, insecure: false };
        dialer.endpoint(&self.url()).expect("the address is one").connect().await
    }
}

/// Sends this secret with each call.
#[must_use]
pub fn bearer(secret: &str) -> Bearer {
    let secret = SecretText::of(secret, "a test").expect("it is one line");
    Dialer::default().bearer("https://localhost", &secret).expect("it is sent through TLS")
}
