//! Buckets: how they are reached, and how long we try.
//!
//! Settings are the ecosystem's own (`AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`,
//! `AZURE_STORAGE_ACCOUNT_NAME`, ...), read from the environment by `object_store`, so that what works for other
//! tools works here. Refuses plain `http://` but for an endpoint that the environment names.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore};

use crate::backoff::retry_until;
use crate::error::StoreError;
use crate::location::{BucketOf, Service};
use crate::pace::pace_of;
use crate::settings::current;
use crate::signing::{Keys, Sign, Signing, UNSIGNED_ENDPOINT};
use crate::transport::Paced;

/// What a bucket can do: objects, and multipart uploads whose parts come in any order.
pub(crate) trait Bucket: ObjectStore + MultipartStore {}

impl Bucket for AmazonS3 {}
impl Bucket for GoogleCloudStorage {}
impl Bucket for MicrosoftAzure {}
impl Bucket for InMemory {}

/// How long a request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// For work: a server that restarts is waited for. Then the piece of work fails and the scheduler decides.
    Work,
    /// For a person who waits for a diagnosis.
    Check,
}

/// How long a request of a diagnosis is tried.
const CHECK_DEADLINE: Duration = Duration::from_secs(5);

/// One attempt of one request, its body included, where the environment sets no other end: what is silent is given
/// up much sooner, and this bounds what trickles.
const REQUEST_DEADLINE: &str = "1800 seconds";

/// Opens a bucket by the environment's settings, and by `keys`. Talks to nobody yet.
pub(crate) fn open_bucket(
    bucket: BucketOf<'_>,
    patience: Patience,
    keys: &Keys,
) -> Result<Arc<dyn Bucket>, StoreError> {
    let (name, (paced, deadline)) = (bucket.name, paced(&bucket.url(), patience));
    let built: object_store::Result<Arc<dyn Bucket>> = match bucket.service {
        Service::S3 => {
            let opened = match keys {
                Keys::Own => amazon(name, paced, deadline),
                Keys::Signed(sign) => signed(name, (paced, sign), deadline),
            };
            opened.map(|it| Arc::new(it) as Arc<dyn Bucket>)
        }
        Service::Gcs => google(name, paced, deadline).map(|it| Arc::new(it) as Arc<dyn Bucket>),
        Service::Azure => azure(name, paced, deadline).map(|it| Arc::new(it) as Arc<dyn Bucket>),
    };
    built.map_err(|error| StoreError::BadSettings { what: bucket.url(), detail: error.to_string() })
}

/// How a bucket's requests go, and how long each is tried.
fn paced(url: &str, patience: Patience) -> (Paced, Duration) {
    let settings = current();
    let deadline = match patience {
        Patience::Work => settings.deadline,
        Patience::Check => CHECK_DEADLINE.min(settings.deadline),
    };
    let mut paced = Paced::new(pace_of(url, settings.requests_max), settings);
    if patience == Patience::Check {
        paced.throttled = paced.throttled.min(deadline);
        paced.silent = paced.silent.min(deadline);
    }
    (paced, deadline)
}

/// A bucket of S3 by this process's keys.
///
/// # Errors
/// [`StoreError::BadSettings`].
pub(crate) fn open_amazon(name: &str) -> Result<AmazonS3, StoreError> {
    let url = format!("s3://{name}");
    let (paced, deadline) = paced(&url, Patience::Work);
    amazon(name, paced, deadline)
        .map_err(|error| StoreError::BadSettings { what: url, detail: error.to_string() })
}

/// The same bucket for one that has no keys. The environment is not asked: where requests go, too, is what the signer
/// says.
fn signed(
    name: &str,
    (paced, sign): (Paced, &Arc<dyn Sign>),
    deadline: Duration,
) -> object_store::Result<AmazonS3> {
    let signing = Signing { sign: Arc::clone(sign), bucket: name.to_owned(), paced };
    let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
    AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_endpoint(UNSIGNED_ENDPOINT)
        .with_region("signed")
        .with_virtual_hosted_style_request(false)
        .with_skip_signature(true)
        .with_allow_http(true)
        .with_config(timeout, REQUEST_DEADLINE)
        .with_http_connector(signing)
        .with_retry(retry_until(deadline))
        .build()
}

fn amazon(name: &str, paced: Paced, deadline: Duration) -> object_store::Result<AmazonS3> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(name);
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
        .iter()
        .find_map(|key| builder.get_config_value(key));
    // A server that is named is one on the owner's own network as often as not, and then by http.
    if is_plain(endpoint) {
        builder = builder.with_allow_http(true);
    }
    if std::env::var_os("AWS_TIMEOUT").is_none() {
        let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
        builder = builder.with_config(timeout, REQUEST_DEADLINE);
    }
    builder.with_http_connector(paced).with_retry(retry_until(deadline)).build()
}

fn google(
    name: &str,
    paced: Paced,
    deadline: Duration,
) -> object_store::Result<GoogleCloudStorage> {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(name);
    if is_plain(builder.get_config_value(&GoogleConfigKey::BaseUrl)) {
        let plain = GoogleConfigKey::Client(ClientConfigKey::AllowHttp);
        builder = builder.with_config(plain, "true");
    }
    if std::env::var_os("GOOGLE_TIMEOUT").is_none() {
        let timeout = GoogleConfigKey::Client(ClientConfigKey::Timeout);
        builder = builder.with_config(timeout, REQUEST_DEADLINE);
    }
    builder.with_http_connector(paced).with_retry(retry_until(deadline)).build()
}

fn azure(name: &str, paced: Paced, deadline: Duration) -> object_store::Result<MicrosoftAzure> {
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(name);
    if is_plain(builder.get_config_value(&AzureConfigKey::Endpoint)) {
        builder = builder.with_allow_http(true);
    }
    if std::env::var_os("AZURE_TIMEOUT").is_none() {
        let timeout = AzureConfigKey::Client(ClientConfigKey::Timeout);
        builder = builder.with_config(timeout, REQUEST_DEADLINE);
    }
    builder.with_http_connector(paced).with_retry(retry_until(deadline)).build()
}

fn is_plain(endpoint: Option<String>) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.to_ascii_lowercase().starts_with("http://"))
}

/// A key as `object_store` takes it: literally, or not at all.
///
/// # Errors
/// [`StoreError::BadKey`] for empty keys, empty parts, `.` and `..`.
pub(crate) fn checked_path(key: &str) -> Result<Path, StoreError> {
    let bad = |reason: String| StoreError::BadKey { key: key.to_owned(), reason };
    if key.is_empty() {
        return Err(bad("it is empty".to_owned()));
    }
    let path = Path::parse(key).map_err(|error| bad(error.to_string()))?;
    if path.as_ref() == key {
        Ok(path)
    } else {
        Err(bad("it begins or ends with a slash".to_owned()))
    }
}
