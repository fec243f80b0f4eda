//! RunPod's HTTP interface for workers, as its own SDK uses it: a job is taken, signs of life are sent, an output is
//! posted, and it is asked which jobs are to be stopped.
//!
//! Owns one client with its bounds. Refuses redirects and proxies, so that the key goes nowhere else, answers without
//! an end, and to try anything twice: that is for whoever asks.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::Deserialize;
use serde_json::Value;

use super::environment::Environment;

/// How long the platform may hold a request until there is something to tell.
pub(super) const HELD: Duration = Duration::from_secs(90);

/// How long it may take an output.
const POST: Duration = Duration::from_secs(30);

/// How long it may take the word that a worker is unfit: the container is to end.
const UNFIT: Duration = Duration::from_secs(2);

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Bytes of an answer, at most: RunPod's jobs have 10 MB, ours some bytes.
const ANSWER_MAX: usize = 1 << 20;

/// Characters of the reason that is told of an unfit worker.
const REASON_MAX: usize = 256;

/// This program, in the place of the SDK's version.
const VERSION: &str = concat!("cleanplate-", env!("CARGO_PKG_VERSION"));

/// Why the platform did not do what it was asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PlatformError {
    /// Nobody is there.
    #[error("the platform cannot be reached: {0}")]
    Silent(String),
    /// It takes too long.
    #[error("the platform does not answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// It wants to be asked less often.
    #[error("the platform wants to be asked less often (429)")]
    TooOften,
    /// It knows this worker or its key not.
    #[error("the platform refuses this worker ({0}); is RUNPOD_AI_API_KEY still right?")]
    Denied(u16),
    /// It refuses, redirects or fails.
    #[error("the platform answers with the status {0}")]
    Status(u16),
    /// Its answer is none.
    #[error("the platform's answer makes no sense: {0}")]
    Senseless(&'static str),
}

impl PlatformError {
    /// Whether the same may go well later.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Late(_) | Self::TooOften | Self::Senseless(_) => true,
            Self::Denied(_) => false,
            Self::Status(status) => *status >= 500 || *status == 408,
        }
    }
}

/// A job of the endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Job {
    /// Its id.
    pub(super) id: String,
    /// What whoever posted it wants.
    pub(super) input: Value,
}

/// See the top of the file.
#[derive(Debug, Clone)]
pub(super) struct Platform {
    client: Client,
    environment: Environment,
    held: Duration,
}

impl Platform {
    /// One that holds requests for at most `held`.
    ///
    /// # Errors
    /// [`PlatformError::Silent`] where there is no client here.
    pub(super) fn new(environment: Environment, held: Duration) -> Result<Self, PlatformError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &environment.key {
            let no_header =
                |_odd| PlatformError::Silent("RUNPOD_AI_API_KEY is no header".to_owned());
            let mut value = HeaderValue::from_str(key).map_err(no_header)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = Client::builder()
            .user_agent(VERSION)
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .build();
        let client = client.map_err(|error| silent(&error))?;
        Ok(Self { client, environment, held })
    }

    /// What the platform told of itself.
    pub(super) const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Waits for a job; nothing where there is none for now.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub(super) async fn take(&self) -> Result<Option<Job>, PlatformError> {
        let request = self.client.get(self.environment.take_url());
        let (status, body) = answer(request, self.held).await?;
        match status {
            // 400 while a container is being woken.
            StatusCode::NO_CONTENT | StatusCode::BAD_REQUEST => return Ok(None),
            status => good(status)?,
        }
        if body.is_empty() {
            return Ok(None);
        }
        let no_job = |_odd| PlatformError::Senseless("a job without `id` and `input`");
        let job: Job = serde_json::from_slice(&body).map_err(no_job)?;
        // What became of it is told by a header.
        let id = HeaderValue::from_str(&job.id);
        id.map_err(|_odd| PlatformError::Senseless("the job's id is no header"))?;
        Ok(Some(job))
    }

    /// Waits for jobs that are to be stopped; none where that takes too long.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub(super) async fn stops(&self, url: &str) -> Result<Vec<String>, PlatformError> {
        let (status, body) = match answer(self.client.get(url), self.held).await {
            Err(PlatformError::Late(_)) => return Ok(Vec::new()),
            answered => answered?,
        };
        good(status)?;
        if body.is_empty() {
            return Ok(Vec::new());
        }
        let none = |_odd| PlatformError::Senseless("no list of jobs to stop");
        let stops: Stops = serde_json::from_slice(&body).map_err(none)?;
        Ok(stops.jobs)
    }

    /// Posts what became of a job.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub(super) async fn post(&self, job: &str, result: &Value) -> Result<(), PlatformError> {
        let id = HeaderValue::from_str(job);
        let id = id.map_err(|_odd| PlatformError::Senseless("the job's id is no header"))?;
        let request = self
            .client
            .post(self.environment.post_url(job))
            .header("X-Request-ID", id)
            .header("charset", "utf-8")
            // What RunPod's own workers say of the JSON that they post.
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(result.to_string());
        good(answer(request, POST).await?.0)
    }

    /// Sends a sign of life at work on `job`, or at none; nothing where the platform wants none.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub(super) async fn ping(&self, job: Option<&str>) -> Result<(), PlatformError> {
        let patience = self.environment.ping_every.saturating_mul(2);
        let parameters: Vec<_> = job.map(|job| ("job_id", job)).into_iter().collect();
        self.tell(&parameters, patience).await
    }

    /// Says that this worker is unfit.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub(super) async fn unfit(&self, check: &str, reason: &str) -> Result<(), PlatformError> {
        let reason: String = reason.chars().take(REASON_MAX).collect();
        let told = [("status", "unhealthy"), ("check", check), ("reason", reason.as_str())];
        self.tell(&told, UNFIT).await
    }

    async fn tell(
        &self,
        parameters: &[(&str, &str)],
        patience: Duration,
    ) -> Result<(), PlatformError> {
        let Some(url) = self.environment.ping.as_deref().filter(|_| self.may_tell()) else {
            return Ok(());
        };
        let no_url = |_odd| PlatformError::Senseless("RUNPOD_WEBHOOK_PING is no URL");
        let mut url = Url::parse(url).map_err(no_url)?;
        url.query_pairs_mut().extend_pairs(parameters).append_pair("runpod_version", VERSION);
        good(answer(self.client.get(url), patience).await?.0)
    }

    /// Without a key nobody is told anything, as the SDK has it.
    const fn may_tell(&self) -> bool {
        self.environment.key.is_some()
    }
}

#[derive(Deserialize)]
struct Stops {
    #[serde(rename = "jobsToStop", default)]
    jobs: Vec<String>,
}

async fn answer(
    request: RequestBuilder,
    patience: Duration,
) -> Result<(StatusCode, Vec<u8>), PlatformError> {
    let answered = async {
        let mut response = request.send().await.map_err(|error| silent(&error))?;
        let body = body(&mut response).await?;
        Ok((response.status(), body))
    };
    let late = |_late| PlatformError::Late(patience);
    tokio::time::timeout(patience, answered).await.map_err(late)?
}

async fn body(response: &mut Response) -> Result<Vec<u8>, PlatformError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| silent(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX {
            return Err(PlatformError::Senseless("it is longer than 1 MiB"));
        }
    }
    Ok(body)
}

fn good(status: StatusCode) -> Result<(), PlatformError> {
    match status.as_u16() {
        200..=299 => Ok(()),
        429 => Err(PlatformError::TooOften),
        denied @ (401 | 403) => Err(PlatformError::Denied(denied)),
        status => Err(PlatformError::Status(status)),
    }
}

/// An error with its causes, without the address, which may hold what is nobody's business.
fn silent(error: &reqwest::Error) -> PlatformError {
    let mut said =
        if error.is_connect() { "no connection" } else { "the request broke" }.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    PlatformError::Silent(said)
}
