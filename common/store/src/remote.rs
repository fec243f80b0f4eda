//! Buckets: how they are reached, and how long we try.
//!
//! Settings are the ecosystem's own (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, ...), read from the
//! environment by `object_store`, so that what works for other tools works here.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};

use crate::error::StoreError;

/// What a bucket can do: objects, and multipart uploads whose parts come in any order.
pub(crate) trait Bucket: ObjectStore + MultipartStore {}

impl Bucket for AmazonS3 {}
impl Bucket for InMemory {}

/// How long a request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// For work: a server that restarts is waited for.
    Work,
    /// For a person who waits for a diagnosis.
    Check,
}

/// A request of work is tried again until this long after it began; then the piece of work fails
/// and the scheduler decides. Below it a throttled or restarting server is nobody's failure.
const RETRY_DEADLINE: Duration = Duration::from_secs(60);

/// The same for a diagnosis.
const CHECK_DEADLINE: Duration = Duration::from_secs(5);

/// One attempt of one request, its body included: 64 MiB (the largest part) at 5 Mbit/s.
const REQUEST_DEADLINE: Duration = Duration::from_secs(110);

/// Opens `bucket` by the environment's settings. Talks to nobody yet.
pub(crate) fn open_bucket(bucket: &str, patience: Patience) -> Result<Arc<AmazonS3>, StoreError> {
    let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
        .iter()
        .find_map(|key| builder.get_config_value(key));
    // A server that is named is one on the owner's own network as often as not, and then by http.
    let builder = match endpoint {
        Some(endpoint) if endpoint.to_ascii_lowercase().starts_with("http://") => {
            builder.with_allow_http(true)
        }
        Some(_) | None => builder,
    };
    let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
    let builder = match builder.get_config_value(&timeout) {
        Some(_) => builder,
        None => builder.with_config(timeout, format!("{} seconds", REQUEST_DEADLINE.as_secs())),
    };
    builder.with_retry(retry(patience)).build().map(Arc::new).map_err(|error| {
        StoreError::BadSettings { what: format!("s3://{bucket}"), detail: error.to_string() }
    })
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

fn retry(patience: Patience) -> RetryConfig {
    let (max_retries, retry_timeout) = match patience {
        Patience::Work => (20, RETRY_DEADLINE),
        Patience::Check => (2, CHECK_DEADLINE),
    };
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(10),
        base: 2.,
    };
    RetryConfig { backoff, max_retries, retry_timeout }
}
