//! Signs others' requests to S3 by this process's keys.
//!
//! Refuses nothing that S3 would not: what may be signed is the caller's to decide.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use crate::error::{Side, StoreError};
use crate::remote::open_amazon;
use crate::signing::Unsigned;

/// The one key that `path` encodes, and that is encoded in no other way.
fn at(path: &str) -> Result<Path, String> {
    let at = Path::from_url_path(path).map_err(|error| error.to_string())?;
    if at.as_ref().is_empty() || path.starts_with('/') || path.ends_with('/') || path.contains("//")
    {
        return Err("it is no key".to_owned());
    }
    Ok(at)
}

/// See the top of the file. A bucket's keys are looked for once, and renewed as its credentials say.
#[derive(Debug, Default)]
pub struct OwnKeys {
    buckets: Mutex<BTreeMap<String, AmazonS3>>,
}

impl OwnKeys {
    /// The address at which `request` is taken for so long.
    ///
    /// # Errors
    /// [`StoreError::BadSettings`] where the environment has no sense, [`StoreError::BadKey`] for a request that is
    /// none, and [`StoreError::Unavailable`] where there are no keys.
    pub async fn sign(&self, request: &Unsigned, lasts: Duration) -> Result<Url, StoreError> {
        let Unsigned { bucket, path, method, query, headers } = request;
        let key = || format!("s3://{bucket}/{path}");
        let bad = |reason: String| StoreError::BadKey { key: key(), reason };
        let at = at(path).map_err(bad)?;
        let method = Method::from_bytes(method.as_bytes());
        let method = method.map_err(|error| bad(error.to_string()))?;
        let mut options = SignedUrlOptions::default().with_query(query.iter().cloned());
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let name = name.map_err(|error| bad(error.to_string()))?;
            let value = HeaderValue::from_str(value).map_err(|error| bad(error.to_string()))?;
            options = options.with_signed_header(name, value);
        }
        let amazon = self.opened(bucket)?;
        let signed = amazon.signed_url_opts(method, &at, lasts, &options).await;
        signed.map_err(|error| StoreError::of_object(Side::Store, &key(), &error))
    }

    /// The key that the percent-encoded `path` means.
    ///
    /// # Errors
    /// Why it is none: empty parts, `.`, `..`, and encodings of what needs none.
    pub fn key(path: &str) -> Result<String, String> {
        at(path).map(String::from)
    }

    fn opened(&self, bucket: &str) -> Result<AmazonS3, StoreError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = buckets.get(bucket) {
            return Ok(known.clone());
        }
        let opened = open_amazon(bucket)?;
        buckets.insert(bucket.to_owned(), opened.clone());
        Ok(opened)
    }
}
