//! The way of a bucket's requests: at the server's pace, each with an end.
//!
//! Owns what a throttled answer means (the request waits and is sent again), what it means that other bytes arrived
//! than were sent (they are sent again), and how long a connection may be silent. Refuses to try anything else again: that is `object_store`'s, which knows what may be repeated.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService, ReqwestConnector,
};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use tokio::time::{Instant, Sleep};

use crate::arrived::md5_of;
use crate::pace::{Pace, Turn};
use crate::settings::StorageSettings;

/// The slowest upload that is waited for, in bytes a second: four megabits.
const UPLOAD_RATE_MIN: u64 = 512 << 10;

/// Times that the same bytes are sent that do not arrive as they are.
const FALSIFIED_MAX: u32 = 4;

/// Makes clients whose requests go at the pace of one bucket.
#[derive(Debug, Clone)]
pub(crate) struct Paced {
    pub(crate) pace: Pace,
    pub(crate) silent: Duration,
    pub(crate) throttled: Duration,
}

impl Paced {
    pub(crate) fn new(pace: Pace, settings: &StorageSettings) -> Self {
        let StorageSettings { silent, throttled, .. } = settings;
        Self { pace, silent: *silent, throttled: *throttled }
    }
}

impl HttpConnector for Paced {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Service { client, paced: self.clone() }))
    }
}

#[derive(Debug)]
struct Service {
    client: HttpClient,
    paced: Paced,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let Paced { pace, silent, throttled } = &self.paced;
        let until = Instant::now() + *throttled;
        let upload = request.body().content_length() as u64 / UPLOAD_RATE_MIN;
        let patience = *silent + Duration::from_secs(upload);
        let is_upload = request.method() == Method::PUT && request.body().content_length() > 0;
        let sent = if is_upload { Some(md5_of(request.body()).await) } else { None };
        let mut falsified = 0;
        loop {
            let turn = pace.turn().await;
            let asked = self.client.execute(request.clone());
            let response = match tokio::time::timeout(patience, asked).await {
                Ok(response) => response?,
                Err(_late) => return Err(is_silent(patience)),
            };
            if is_throttled(response.status()) {
                let pause = pace.throttled(retry_after(response.headers()));
                tracing::debug!(status = %response.status(), ?pause, "the store is asked too much");
                if Instant::now() + pause < until {
                    continue;
                }
                return Ok(response);
            }
            pace.went_well();
            if let Some(sent) = sent.as_ref().filter(|_| response.status().is_success())
                && pace.arrivals().are_others(sent, response.headers())
            {
                falsified += 1;
                tracing::warn!(falsified, "other bytes arrived in the bucket than were sent");
                if falsified < FALSIFIED_MAX {
                    continue;
                }
                let words = "other bytes arrived in the bucket than were sent, several times";
                return Err(HttpError::new(HttpErrorKind::Unknown, std::io::Error::other(words)));
            }
            let (head, body) = response.into_parts();
            let body = Watched::new(body, turn, *silent);
            return Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)));
        }
    }
}

/// Whether the answer says that the server is asked too much now.
pub(crate) fn is_throttled(status: StatusCode) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS
}

/// How long the server wants to be left alone, where it says so in seconds.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn is_silent(patience: Duration) -> HttpError {
    let words = format!("no answer came for {} s", patience.as_secs());
    HttpError::new(HttpErrorKind::Timeout, std::io::Error::new(std::io::ErrorKind::TimedOut, words))
}

/// A body that fails where no bytes come for too long; it holds its turn until its end.
struct Watched {
    body: HttpResponseBody,
    turn: Option<Turn>,
    silent: Duration,
    late: Pin<Box<Sleep>>,
}

impl Watched {
    fn new(body: HttpResponseBody, turn: Turn, silent: Duration) -> Self {
        let turn = (!body.is_end_stream()).then_some(turn);
        Self { body, turn, silent, late: Box::pin(tokio::time::sleep(silent)) }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            let after = Instant::now() + this.silent;
            this.late.as_mut().reset(after);
            if !matches!(frame, Some(Ok(_))) {
                this.turn = None;
            }
            return Poll::Ready(frame);
        }
        ready!(this.late.as_mut().poll(context));
        this.turn = None;
        Poll::Ready(Some(Err(is_silent(this.silent))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
