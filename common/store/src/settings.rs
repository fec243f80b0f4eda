//! How patiently storage is asked, how much of a source is kept, and which web servers may be read from.
//!
//! Owns the one place where a process says so, once, when it starts. Refuses to read the environment: keys and
//! endpoints are the ecosystem's own variables, everything here is the product's.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::web::public_address;

/// Whether an address may be connected to; the reason where it may not.
pub type AddressCheck = Arc<dyn Fn(IpAddr) -> Result<(), String> + Send + Sync>;

/// See the top of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageSettings {
    /// A request that fails is tried again, with pauses that grow, until so long after it began.
    pub deadline: Duration,
    /// A server that says that it is asked too much is waited for so long. Less than a lease may be without
    /// progress, or the work is given to another worker that waits as well.
    pub throttled: Duration,
    /// A connection that gives or takes nothing for so long is given up, and the request tried again.
    pub silent: Duration,
    /// Requests under way at once to one bucket or web server; fewer while it throttles.
    pub requests_max: usize,
    /// Bytes of sources that a process keeps in memory.
    pub cache_bytes: u64,
    /// Bytes of sources that a worker keeps on its scratch disk, where it has one.
    pub disk_cache_bytes: u64,
    /// Bytes that are asked for at once while a source is read from front to back.
    pub read_ahead_bytes: u64,
    /// What web servers may be.
    pub web: WebSettings,
}

/// Which web servers may be read from.
#[derive(Clone)]
pub struct WebSettings {
    /// Servers by name, or by address, whose addresses may be private ones.
    pub private_hosts: Vec<String>,
    /// Sources by `http://` are read too.
    pub plain_http: bool,
    /// Redirects that are followed for one source.
    pub redirects_max: u32,
    /// What every address of every other server must pass, after its name was resolved and at every redirect.
    pub check: AddressCheck,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(60),
            throttled: Duration::from_secs(90),
            silent: Duration::from_secs(20),
            requests_max: 32,
            cache_bytes: 64 << 20,
            disk_cache_bytes: 2 << 30,
            read_ahead_bytes: 8 << 20,
            web: WebSettings::default(),
        }
    }
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            private_hosts: Vec::new(),
            plain_http: false,
            redirects_max: 5,
            check: Arc::new(public_address),
        }
    }
}

impl PartialEq for WebSettings {
    /// The check is code, and not compared.
    fn eq(&self, other: &Self) -> bool {
        let Self { private_hosts, plain_http, redirects_max, check: _ } = self;
        *private_hosts == other.private_hosts
            && *plain_http == other.plain_http
            && *redirects_max == other.redirects_max
    }
}

impl Eq for WebSettings {}

impl fmt::Debug for WebSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WebSettings")
            .field("private_hosts", &self.private_hosts)
            .field("plain_http", &self.plain_http)
            .field("redirects_max", &self.redirects_max)
            .finish_non_exhaustive()
    }
}

static INSTALLED: OnceLock<StorageSettings> = OnceLock::new();

/// Makes these the settings of the process; the first time counts.
pub fn install(settings: StorageSettings) {
    if INSTALLED.set(settings).is_err() {
        tracing::error!(
            "a bug: the settings of storage were asked for before they were read, and are the defaults"
        );
    }
}

/// The settings of the process: those that were installed, else the defaults.
pub(crate) fn current() -> &'static StorageSettings {
    INSTALLED.get_or_init(StorageSettings::default)
}
