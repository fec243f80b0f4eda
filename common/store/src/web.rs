//! A file on a web server, read by ranges and held to one version.
//!
//! Owns the whole way there: which servers may be asked, redirects one by one, what must be in an answer, and what is
//! tried again. Closed by default: `https://` only, public addresses only (looked at after the name was resolved, at
//! every hop), no passwords in URLs, no proxies, which would resolve names in our place. Refuses servers that do not
//! send ranges, and answers that are not the bytes that were asked for.

mod address;
mod answer;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{
    ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_MATCH, IF_UNMODIFIED_SINCE, LOCATION, RANGE,
};
use reqwest::{Client, Response, StatusCode, redirect};
use tokio::time::Instant;
use url::Url;

use crate::address::HTTPS_PORT;
use crate::backoff::Backoff;
use crate::error::{Side, StoreError};
use crate::pace::{Pace, pace_of};
use crate::reading::SourceMeta;
use crate::settings::{StorageSettings, current};
use crate::transport::{is_throttled, retry_after};
pub(crate) use crate::web::address::is_private_by_name;
use crate::web::address::{Guarded, refusal_in};
use crate::web::answer::{Answer, condition_of};

pub use address::public_address;

/// How long a server may take to take the connection.
const CONNECT: Duration = Duration::from_secs(10);

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct WebFile {
    client: Client,
    settings: StorageSettings,
    pace: Pace,
    url: Url,
    what: String,
    /// Where redirects led to, for as long as it answers there.
    landed: Mutex<Option<Url>>,
}

/// Why a try came to nothing.
enum Trouble {
    /// Another try would end in the same way.
    Final(StoreError),
    /// It may go better.
    Again(String),
    /// The server is asked too much.
    Throttled(Option<Duration>, StatusCode),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

impl WebFile {
    /// The file at `url`, by the settings of the process. Talks to nobody yet.
    pub(crate) fn new(url: Url, what: String) -> Result<Self, StoreError> {
        static CLIENT: OnceLock<Client> = OnceLock::new();
        let settings = current();
        let client = match CLIENT.get() {
            Some(client) => client.clone(),
            None => {
                let built = client_of(settings, &what)?;
                CLIENT.get_or_init(|| built).clone()
            }
        };
        Ok(Self::with(client, settings.clone(), url, what))
    }

    fn with(client: Client, settings: StorageSettings, url: Url, what: String) -> Self {
        let whose = url.origin().ascii_serialization();
        let pace = pace_of(&whose, settings.requests_max);
        Self { client, settings, pace, url, what, landed: Mutex::default() }
    }

    /// Size and version, by asking for the first byte: a `HEAD` is not what signed URLs allow.
    pub(crate) async fn head(&self) -> Result<SourceMeta, StoreError> {
        let answer = self.ask(0..1, None).await?;
        Ok(answer.meta)
    }

    /// The bytes of `range`, which lies in the file, of the version `pinned`.
    pub(crate) async fn get(
        &self,
        range: Range<u64>,
        pinned: &SourceMeta,
    ) -> Result<Bytes, StoreError> {
        let answer = self.ask(range, Some(pinned)).await?;
        if answer.meta == *pinned {
            return Ok(answer.bytes);
        }
        let found = answer.meta.shown();
        Err(self.changed(pinned, found))
    }

    async fn ask(
        &self,
        range: Range<u64>,
        pinned: Option<&SourceMeta>,
    ) -> Result<Answer, StoreError> {
        let mut backoff = Backoff::until(self.settings.deadline);
        let throttled_until = Instant::now() + self.settings.throttled;
        loop {
            let turn = self.pace.turn().await;
            let tried = self.once(&range, pinned).await;
            drop(turn);
            match tried {
                Ok(answer) => {
                    self.pace.went_well();
                    return Ok(answer);
                }
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Again(detail)) => {
                    tracing::debug!(what = self.what, detail, "a read is tried again");
                    if !backoff.pause().await {
                        return Err(self.unavailable(detail));
                    }
                }
                Err(Trouble::Throttled(asked, status)) => {
                    let pause = self.pace.throttled(asked);
                    if Instant::now() + pause > throttled_until {
                        return Err(self.unavailable(format!("the server answers {status}")));
                    }
                }
            }
        }
    }

    async fn once(
        &self,
        range: &Range<u64>,
        pinned: Option<&SourceMeta>,
    ) -> Result<Answer, Trouble> {
        let kept = self.landed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let was_sent_on = kept.is_some();
        let (response, url) =
            self.follow(kept.unwrap_or_else(|| self.url.clone()), range, pinned).await?;
        let status = response.status();
        let refused = matches!(status.as_u16(), 401 | 403 | 404 | 410);
        if refused && was_sent_on {
            // Where we were sent may have been signed for a while only.
            *self.landed.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return Err(Trouble::Again(format!("{status} where we were sent to")));
        }
        if status != StatusCode::PARTIAL_CONTENT {
            return self.without_bytes(&response, range, pinned);
        }
        let meta = answer::part_of(response.headers(), range)
            .map_err(|detail| StoreError::NoRanges { what: self.what.clone(), detail })?;
        // Another version's bytes are not waited for.
        if let Some(pinned) = pinned.filter(|pinned| **pinned != meta) {
            return Err(self.changed(pinned, meta.shown()).into());
        }
        *self.landed.lock().unwrap_or_else(PoisonError::into_inner) =
            (url != self.url).then_some(url);
        let bytes = self.body(response, range.end - range.start).await?;
        Ok(Answer { meta, bytes })
    }

    /// What an answer means that has none of the bytes.
    fn without_bytes(
        &self,
        response: &Response,
        range: &Range<u64>,
        pinned: Option<&SourceMeta>,
    ) -> Result<Answer, Trouble> {
        let (status, headers) = (response.status(), response.headers());
        if is_throttled(status) {
            return Err(Trouble::Throttled(retry_after(headers), status));
        }
        let (side, what) = (Side::Source, self.what.clone());
        let error = match (status.as_u16(), pinned) {
            (416, None) if answer::is_empty(headers) => {
                return Ok(Answer { meta: answer::meta_of(headers, 0), bytes: Bytes::new() });
            }
            (200 | 416, Some(pinned)) => {
                // Bytes that were there are not any more.
                let found = format!("without the bytes {}..{}", range.start, range.end);
                self.changed(pinned, found)
            }
            (412, Some(pinned)) => {
                self.changed(pinned, "another version, by the server's word".to_owned())
            }
            (200, None) => {
                let detail = "it answered 200 to a request for one byte".to_owned();
                StoreError::NoRanges { what, detail }
            }
            (401 | 403, _) => StoreError::Denied { side, what, detail: status.to_string() },
            (404 | 410, _) => StoreError::NotFound { side, what },
            (408 | 425 | 500..=599, _) => {
                return Err(Trouble::Again(format!("the server answers {status}")));
            }
            _ => self.unavailable(format!("the server answers {status}")),
        };
        Err(error.into())
    }

    /// Asks at `url`, and where that sends us on to, as often as the settings allow.
    async fn follow(
        &self,
        mut url: Url,
        range: &Range<u64>,
        pinned: Option<&SourceMeta>,
    ) -> Result<(Response, Url), Trouble> {
        let redirected =
            |reason: String| StoreError::Redirected { what: self.what.clone(), reason };
        let headers = headers_of(range, pinned);
        let mut from: Option<Url> = None;
        for _hop in 0..=self.settings.web.redirects_max {
            self.admit(&url, from.as_ref())?;
            let asked = self.client.get(url.clone()).headers(headers.clone()).send();
            let response = match tokio::time::timeout(self.settings.silent, asked).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return Err(self.unsent(&error)),
                Err(_late) => {
                    let seconds = self.settings.silent.as_secs();
                    return Err(Trouble::Again(format!("no answer came for {seconds} s")));
                }
            };
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, url));
            }
            let next = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
            let next = next.and_then(|place| url.join(place).ok());
            let next = next.ok_or_else(|| redirected("it redirects to nowhere".to_owned()))?;
            from = Some(std::mem::replace(&mut url, next));
        }
        let most = self.settings.web.redirects_max;
        Err(redirected(format!("it redirects more than {most} times")).into())
    }

    /// Refuses URLs that may not be asked, at whichever hop; `from` sent us there, where somebody did. Names are looked
    /// at when they are resolved.
    fn admit(&self, url: &Url, from: Option<&Url>) -> Result<(), StoreError> {
        let web = &self.settings.web;
        let redirected = |reason: &str| StoreError::Redirected {
            what: self.what.clone(),
            reason: reason.to_owned(),
        };
        match url.scheme() {
            "https" => {}
            "http" if web.plain_http => {}
            _ => return Err(redirected("it redirects to what is not https://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(redirected("it redirects to a URL with a password"));
        }
        let is_private = |url: &Url| is_private_by_name(web, url.host_str().unwrap_or_default());
        if let Some(from) = from {
            // What only the operator may allow, no stranger's server leads to.
            if is_private(url) && !is_private(from) {
                return Err(redirected("it redirects to a server of storage.private_hosts"));
            }
            let port = url.port_or_known_default();
            if url.scheme() == "https" && port != Some(HTTPS_PORT) && !is_private(url) {
                return Err(redirected("it redirects to another port than 443"));
            }
        }
        let ip = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.into(),
            Some(url::Host::Ipv6(ip)) => ip.into(),
            Some(url::Host::Domain(_)) => return Ok(()),
            None => return Err(redirected("it redirects to no server")),
        };
        if is_private(url) {
            return Ok(());
        }
        let what = self.what.clone();
        (web.check)(ip).map_err(|reason| StoreError::Forbidden { what, reason })
    }

    /// A request that got no answer.
    fn unsent(&self, error: &reqwest::Error) -> Trouble {
        if let Some(reason) = refusal_in(error) {
            return StoreError::Forbidden { what: self.what.clone(), reason }.into();
        }
        let mut deepest: &dyn std::error::Error = error;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        // The library's own words begin with the URL, whose query may be a key.
        Trouble::Again(deepest.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The body, which must be as long as was asked.
    async fn body(&self, mut response: Response, wanted: u64) -> Result<Bytes, Trouble> {
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let mut gathered = BytesMut::new();
        loop {
            let piece = tokio::time::timeout(self.settings.silent, response.chunk()).await;
            match piece {
                Ok(Ok(Some(piece))) => gathered.extend_from_slice(&piece),
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(self.unsent(&error)),
                Err(_late) => {
                    return Err(Trouble::Again("the answer stopped in its middle".to_owned()));
                }
            }
            if gathered.len() > wanted {
                break;
            }
        }
        if gathered.len() == wanted {
            return Ok(gathered.freeze());
        }
        Err(Trouble::Again(format!("{} bytes came of {wanted}", gathered.len())))
    }

    fn changed(&self, pinned: &SourceMeta, found: String) -> StoreError {
        StoreError::Changed { what: self.what.clone(), pinned: pinned.shown(), found }
    }

    fn unavailable(&self, detail: String) -> StoreError {
        StoreError::Unavailable { side: Side::Source, what: self.what.clone(), detail }
    }
}

fn headers_of(range: &Range<u64>, pinned: Option<&SourceMeta>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
    if let Ok(bytes) = HeaderValue::try_from(bytes) {
        headers.insert(RANGE, bytes);
    }
    // Packed bytes have other places.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    match pinned.and_then(condition_of) {
        Some(answer::Condition::Tag(tag)) => drop(headers.insert(IF_MATCH, tag)),
        Some(answer::Condition::Time(time)) => drop(headers.insert(IF_UNMODIFIED_SINCE, time)),
        None => {}
    }
    headers
}

/// A client that goes nowhere by itself: no redirects, no proxies, no address that was not looked at.
fn client_of(settings: &StorageSettings, what: &str) -> Result<Client, StoreError> {
    let built = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .https_only(!settings.web.plain_http)
        .connect_timeout(CONNECT)
        .dns_resolver(Arc::new(Guarded::new(settings.web.clone())))
        .build();
    built.map_err(|error| StoreError::Unavailable {
        side: Side::Source,
        what: what.to_owned(),
        detail: error.to_string(),
    })
}
