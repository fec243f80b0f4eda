//! Asks an address of this machine's own network, in plain HTTP.
//!
//! Owns bounds: an answer is short and quick, or none. Refuses proxies, redirects and encryption, so that nothing
//! from elsewhere can speak for the metadata service of this machine.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

use super::{BODY_MAX, NoticeError};

/// A header and its value.
pub(super) type Header<'a> = (&'static str, &'a str);

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The body, as text.
    pub(super) body: String,
}

/// One that asks.
#[derive(Debug)]
pub(super) struct Asker {
    client: Client<HttpConnector, Empty<Bytes>>,
    /// What the service wants to see with each question, where it gave something: AWS's token.
    pub(super) token: Option<String>,
    /// This machine's name, where it was asked for: Azure's events name machines.
    pub(super) machine: Option<String>,
}

impl Asker {
    /// Whoever asks bounds the whole question; `patience` is for the connection alone.
    pub(super) fn new(patience: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(patience));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, token: None, machine: None }
    }

    /// `GET`.
    ///
    /// # Errors
    /// Where nobody answers, or without an end.
    pub(super) async fn get(
        &self,
        url: &Url,
        header: Option<Header<'_>>,
    ) -> Result<Answer, NoticeError> {
        self.ask(Method::GET, url, header).await
    }

    /// `PUT`, without a body.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn put(&self, url: &Url, header: Header<'_>) -> Result<Answer, NoticeError> {
        self.ask(Method::PUT, url, Some(header)).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &Url,
        header: Option<Header<'_>>,
    ) -> Result<Answer, NoticeError> {
        let mut request = Request::builder().method(method).uri(url.as_str());
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let silent = |why: String| NoticeError::Silent(why);
        let request = request.body(Empty::new()).map_err(|error| silent(error.to_string()))?;
        let response =
            self.client.request(request).await.map_err(|error| silent(causes(&error)))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_MAX).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => NoticeError::Endless,
            None => silent(causes(error.as_ref())),
        })?;
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok(Answer { status, body })
    }
}

/// An error with what caused it: the client's own says no more than that it could not connect.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}
