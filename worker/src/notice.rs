//! Notices that this machine is taken away: where they appear, how often they are looked for, and whom they
//! are told.
//!
//! Owns the places (`worker.notice`) and the watch over them, which tells all seats of the process by the
//! channel that signals use too. A notice is never taken back, and of two the earlier one counts. Refuses to
//! guess: an answer that makes no sense is no notice, and is told.

mod ask;
mod cloud;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use futures::future::join_all;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use url::Url;

use crate::notice::ask::Asker;
pub use crate::notice::cloud::Cloud;
use crate::options::Stop;

/// Bytes that are read of an answer or a file, at most: many times what any cloud says.
const BODY_MAX: usize = 64 << 10;

/// The longest span that a plain number may mean. More is a slip, or a moment instead of a span.
const LEFT_MAX: Duration = Duration::from_secs(24 * 3600);

/// Two notices that are closer than this are the same: clouds tell a moment, or count down in whole seconds.
const SAME: Duration = Duration::from_secs(1);

/// Where a notice may appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeSource {
    /// It is there when this file is. A whole number in it is the seconds that are left.
    File(PathBuf),
    /// It is there when this address answers 200 with a body that is neither empty nor `FALSE` nor `NONE`. A
    /// whole number in the body is the seconds that are left; 204 and 404 mean that there is none.
    Address(Url),
    /// As this cloud tells it.
    Cloud {
        /// Which.
        cloud: Cloud,
        /// Where its metadata service is.
        at: Url,
    },
}

impl NoticeSource {
    /// Reads `aws`, `gcp`, `azure`, each with `=http://HOST:PORT` where it is elsewhere, `file:///PATH` or
    /// `http://HOST/PATH`. `None` where it is none of these, or would show a password in logs.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (word, at) = text.split_once('=').map_or((text, None), |(word, at)| (word, Some(at)));
        if let Some(cloud) = Cloud::ALL.into_iter().find(|cloud| cloud.as_str() == word) {
            let at = parse_http(at.unwrap_or_else(|| cloud.usual_address()))?;
            return Some(Self::Cloud { cloud, at });
        }
        if text.starts_with("file:///") {
            return Url::parse(text).ok()?.to_file_path().ok().map(Self::File);
        }
        parse_http(text).map(Self::Address)
    }
}

/// Only `http`: the addresses are of this machine's own network, and no cloud's is encrypted.
fn parse_http(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (url.scheme() == "http" && url.has_host() && plain).then_some(url)
}

/// As it is written in the settings, but without the query of an address, which may hold a secret.
impl fmt::Display for NoticeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::Address(url) => f.write_str(url.as_str().split('?').next().unwrap_or_default()),
            Self::Cloud { cloud, at } if parse_http(cloud.usual_address()).as_ref() == Some(at) => {
                f.write_str(cloud.as_str())
            }
            Self::Cloud { cloud, at } => write!(f, "{}={at}", cloud.as_str()),
        }
    }
}

/// What a notice leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// So long from now.
    Within(Duration),
    /// It does not say.
    Unsaid,
}

/// Why it is not known whether there is a notice.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// Nobody answers there.
    #[error("it does not answer: {0}")]
    Silent(String),
    /// It takes too long.
    #[error("it does not answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// Its answer does not end.
    #[error("its answer is longer than {BODY_MAX} bytes")]
    Endless,
    /// It refuses, redirects or fails.
    #[error("it answers with the status {0}")]
    Status(u16),
    /// It says something else.
    #[error("its answer makes no sense: {0}")]
    Senseless(String),
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
}

/// How often is looked.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// From one look to the next.
    every: Duration,
    /// The same, of an address that does not answer.
    slow: Duration,
    /// Looks in a row without an answer before that is told, and the address looked at more slowly.
    silences: u32,
    /// How long an answer may take.
    patience: Duration,
}

impl Pace {
    /// Every 2 s. AWS advises 5 s, of its 120: of the 30 s of Google and Azure, and of the 5 s with which others
    /// end a container, that would leave too little to end a cell. A look costs one answer on a link-local
    /// address, so that 2 s are cheap. An address that is not there is looked at every 10 s, since it may yet
    /// come up and 30 s are enough then too; a single lost answer changes nothing.
    const USUAL: Self = Self {
        every: Duration::from_secs(2),
        slow: Duration::from_secs(10),
        silences: 3,
        patience: Duration::from_secs(1),
    };
}

/// Watches all `sources` and tells `stop` of each notice, for as long as somebody hears it. A notice that does not
/// say how long it leaves, leaves `grace`.
pub async fn watch_notices(sources: Vec<NoticeSource>, grace: Duration, stop: watch::Sender<Stop>) {
    watch_at(Pace::USUAL, sources, grace, &stop).await;
}

async fn watch_at(
    pace: Pace,
    sources: Vec<NoticeSource>,
    grace: Duration,
    stop: &watch::Sender<Stop>,
) {
    let watches = sources.into_iter().map(|source| Watch::new(source, pace).keep(grace, stop));
    let all = join_all(watches);
    tokio::select! {
        _ended = all => {}
        () = stop.closed() => {}
    }
}

/// Looks once at `source`: `None` where there is no notice.
///
/// # Errors
/// [`NoticeError`] says why it is not known.
pub async fn look_for_notice(source: &NoticeSource) -> Result<Option<Left>, NoticeError> {
    Watch::new(source.clone(), Pace::USUAL).look().await
}

/// The watch over one place.
#[derive(Debug)]
struct Watch {
    source: NoticeSource,
    pace: Pace,
    asker: Asker,
    /// Looks in a row without an answer.
    silent: u32,
}

impl Watch {
    fn new(source: NoticeSource, pace: Pace) -> Self {
        Self { source, pace, asker: Asker::new(pace.patience), silent: 0 }
    }

    async fn keep(mut self, grace: Duration, stop: &watch::Sender<Stop>) {
        loop {
            let began = Instant::now();
            match self.look().await {
                Ok(found) => {
                    self.answers();
                    if let Some(left) = found {
                        tell(&self.source, left, grace, stop);
                    }
                }
                Err(error) => self.is_silent(&error),
            }
            let lost = self.silent >= self.pace.silences;
            let pause = if lost { self.pace.slow } else { self.pace.every };
            tokio::time::sleep(pause.saturating_sub(began.elapsed())).await;
        }
    }

    async fn look(&mut self) -> Result<Option<Left>, NoticeError> {
        let Self { source, pace, asker, .. } = self;
        let looked = async {
            match source {
                NoticeSource::File(path) => look_at_file(path, pace.every).await,
                NoticeSource::Address(url) => look_at_address(asker, url).await,
                NoticeSource::Cloud { cloud, at } => cloud.look(asker, at).await,
            }
        };
        let late = |_late| NoticeError::Late(pace.patience);
        tokio::time::timeout(pace.patience, looked).await.map_err(late)?
    }

    fn answers(&mut self) {
        if self.silent >= self.pace.silences {
            tracing::info!(source = %self.source, "the place of notices answers again");
        }
        self.silent = 0;
    }

    fn is_silent(&mut self, error: &NoticeError) {
        self.silent = self.silent.saturating_add(1);
        if self.silent == self.pace.silences {
            let (source, every_ms) = (&self.source, self.pace.slow.as_millis());
            tracing::warn!(%source, %error, %every_ms, "a notice would not be seen here; looked at more slowly");
        }
    }
}

/// Tells of a notice, unless an earlier one is known, or the end.
fn tell(source: &NoticeSource, left: Left, grace: Duration, stop: &watch::Sender<Stop>) {
    let left = match left {
        Left::Within(left) => left,
        Left::Unsaid => grace,
    };
    let Some(moment) = Instant::now().checked_add(left) else { return };
    let told = stop.send_if_modified(|now| {
        let news = match *now {
            Stop::By(Reverse(known)) => known.saturating_duration_since(moment) >= SAME,
            Stop::Run | Stop::Drain => true,
            Stop::Now => false,
        };
        if news {
            *now = Stop::By(Reverse(moment));
        }
        news
    });
    if told {
        let left_ms = left.as_millis();
        tracing::warn!(%source, %left_ms, "notice: this machine is taken away");
    }
}

/// The seconds count from when the file was written, which is at most one look ago.
async fn look_at_file(path: &Path, every: Duration) -> Result<Option<Left>, NoticeError> {
    let found = match tokio::fs::metadata(path).await {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(NoticeError::Unreadable(error)),
    };
    // What is there but is no file has nothing to read, and a pipe would not end.
    if !found.is_file() {
        return Ok(Some(Left::Unsaid));
    }
    let mut text = Vec::new();
    let file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        // It was there; a notice is not taken back.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Some(Left::Unsaid));
        }
        Err(error) => return Err(NoticeError::Unreadable(error)),
    };
    let bound = u64::try_from(BODY_MAX).unwrap_or(u64::MAX);
    let read = file.take(bound).read_to_end(&mut text).await;
    read.map_err(NoticeError::Unreadable)?;
    let written = found.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    let age = written.unwrap_or_default().min(every);
    Ok(Some(match seconds(&String::from_utf8_lossy(&text)) {
        Left::Within(left) => Left::Within(left.saturating_sub(age)),
        Left::Unsaid => Left::Unsaid,
    }))
}

async fn look_at_address(asker: &Asker, url: &Url) -> Result<Option<Left>, NoticeError> {
    let answer = asker.get(url, None).await?;
    let body = match answer.status {
        200 => answer.body.trim(),
        204 | 404 => return Ok(None),
        status => return Err(NoticeError::Status(status)),
    };
    if body.is_empty() || body.eq_ignore_ascii_case("false") || body.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    // A page for people, of a portal or a proxy.
    if body.starts_with('<') {
        return Err(senseless(body));
    }
    Ok(Some(seconds(body)))
}

/// A whole number of seconds; anything else does not say how long.
fn seconds(text: &str) -> Left {
    let seconds = text.trim().parse().map(Duration::from_secs);
    seconds.ok().filter(|left| *left <= LEFT_MAX).map_or(Left::Unsaid, Left::Within)
}

/// Says the beginning of an answer that makes no sense.
fn senseless(body: &str) -> NoticeError {
    NoticeError::Senseless(body.chars().take(60).collect::<String>().escape_debug().to_string())
}
