//! Requests to a bucket that somebody else signs, so that this process has no keys.
//!
//! Owns what is told of a request to have it signed, and how long a signed address for reading is used again. Refuses to
//! decide what may be signed: whoever has the keys does. Only S3 has what this needs: an address that is signed for one
//! request of any kind, the pieces of an upload included.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::transport::Paced;

/// Where requests would go that nobody signs: a name that resolves nowhere, and that errors show in the place of the
/// signed address, which is a secret while it holds.
pub(crate) const UNSIGNED_ENDPOINT: &str = "https://signed-by-the-coordinator.invalid";

/// Addresses that are kept to be used again.
const KEPT_MAX: usize = 1024;

/// By whose keys a process reads and writes buckets.
#[derive(Debug, Clone, Default)]
pub enum Keys {
    /// Those of its own environment.
    #[default]
    Own,
    /// Another's, who signs each request to S3; other services by its own.
    Signed(Arc<dyn Sign>),
}

/// One request to a bucket, as far as a signature covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, percent-encoded as in a URL, without a slash before it.
    pub path: String,
    /// `GET`, `HEAD`, `PUT`, `POST` or `DELETE`.
    pub method: String,
    /// What the URL asks for behind the key, decoded.
    pub query: Vec<(String, String)>,
    /// Headers that S3 wants to be signed where they are sent.
    pub headers: Vec<(String, String)>,
}

/// A signed request.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Where to send it.
    pub url: Url,
    /// How long that holds.
    pub lasts: Duration,
}

/// Why a request is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsignable {
    /// Whoever has the keys does not sign this one.
    #[error("{0}")]
    Refused(String),
    /// Whoever has the keys does not answer.
    #[error("{0}")]
    Unanswered(String),
}

/// Who has the keys, or knows who has.
#[async_trait]
pub trait Sign: fmt::Debug + Send + Sync {
    /// Signs one request.
    ///
    /// # Errors
    /// See [`Unsignable`].
    async fn sign(&self, request: &Unsigned) -> Result<Signed, Unsignable>;
}

/// Makes clients of one bucket whose requests are signed by another.
#[derive(Debug, Clone)]
pub(crate) struct Signing {
    pub(crate) sign: Arc<dyn Sign>,
    pub(crate) bucket: String,
    pub(crate) paced: Paced,
}

impl HttpConnector for Signing {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = self.paced.connect(options)?;
        let (sign, bucket) = (Arc::clone(&self.sign), self.bucket.clone());
        Ok(HttpClient::new(Service { client, sign, bucket, kept: Mutex::default() }))
    }
}

#[derive(Debug)]
struct Service {
    client: HttpClient,
    sign: Arc<dyn Sign>,
    bucket: String,
    /// Addresses to read from, each until half of its time is over: by method and path.
    kept: Mutex<BTreeMap<(String, String), (Url, Instant)>>,
}

impl Service {
    fn unsigned(&self, request: &HttpRequest) -> Result<Unsigned, HttpError> {
        let url = Url::parse(&request.uri().to_string()).map_err(malformed)?;
        let path = url.path().strip_prefix('/').and_then(|path| path.strip_prefix(&self.bucket));
        let path = path.and_then(|path| path.strip_prefix('/')).unwrap_or_default().to_owned();
        let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
        let headers = request.headers().iter();
        let headers = headers.filter(|(name, _)| name.as_str().starts_with("x-amz-"));
        let headers = headers.map(|(name, value)| {
            Ok((name.as_str().to_owned(), value.to_str().map_err(malformed)?.to_owned()))
        });
        Ok(Unsigned {
            bucket: self.bucket.clone(),
            path,
            method: request.method().as_str().to_owned(),
            query: query.collect(),
            headers: headers.collect::<Result<_, HttpError>>()?,
        })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), (Url, Instant)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, key: &(String, String)) -> Option<Url> {
        let now = Instant::now();
        self.kept().get(key).filter(|(_, until)| now < *until).map(|(url, _)| url.clone())
    }

    fn keep(&self, key: (String, String), signed: &Signed) {
        let now = Instant::now();
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, (_, until)| now < *until);
        }
        if kept.len() < KEPT_MAX {
            kept.insert(key, (signed.url.clone(), now + signed.lasts / 2));
        }
    }
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let unsigned = self.unsigned(&request)?;
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let key = (reads && unsigned.query.is_empty() && unsigned.headers.is_empty())
            .then(|| (unsigned.method.clone(), unsigned.path.clone()));
        if let Some((key, url)) = key.as_ref().and_then(|key| Some((key, self.known(key)?))) {
            let response = self.client.execute(sent_to(request.clone(), &url)?).await?;
            // Keys that were changed, and, with the other status, a session of a role that is over.
            let outdated = [StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST];
            if !outdated.contains(&response.status()) {
                return Ok(response);
            }
            self.kept().remove(key);
        }
        let signed = match self.sign.sign(&unsigned).await {
            Ok(signed) => signed,
            Err(Unsignable::Refused(why)) => return Ok(forbidden(&why)),
            Err(unanswered @ Unsignable::Unanswered(_)) => {
                return Err(HttpError::new(HttpErrorKind::Connect, unanswered));
            }
        };
        if let Some(key) = key {
            self.keep(key, &signed);
        }
        self.client.execute(sent_to(request, &signed.url)?).await
    }
}

fn sent_to(mut request: HttpRequest, url: &Url) -> Result<HttpRequest, HttpError> {
    *request.uri_mut() = url.as_str().parse().map_err(malformed)?;
    Ok(request)
}

/// The answer of S3 to whom it has no keys of.
fn forbidden(why: &str) -> HttpResponse {
    let mut response = HttpResponse::new(format!("the request is not signed: {why}").into());
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

fn malformed<E: std::error::Error + Send + Sync + 'static>(error: E) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error)
}
