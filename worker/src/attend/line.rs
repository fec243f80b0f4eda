//! Opening the stream: which address, how often, and which refusals are final. A coordinator that stands by names the
//! one that leads, which is tried at once; where nobody is there, the list goes on. A join token is exchanged for a
//! credential before, and again when two thirds of its life are over.

use std::error::Error;
use std::time::{Duration, Instant};

use cleanplate_access::{Bearer, DialError, Hint, SecretText};
use cleanplate_proto::v1::fleet_client::FleetClient;
use cleanplate_proto::{MESSAGE_BYTES_MAX, PROTOCOL_VERSION, StandsBy, v1 as pb};
use cleanplate_types::ids::WorkerId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

use crate::options::{Addresses, Coordinators, WorkerError};

/// Messages that may wait in the stream itself; the outbox before it is where they gather.
const STREAM_MAX: usize = 16;

/// How long an attempt to reach a coordinator may take, the handshake included.
const OPEN_WAIT: Duration = Duration::from_secs(20);

/// A connection on which nothing comes back for this long is asked whether it lives; it is given as long
/// again to answer. Together below the silence for which the next coordinator keeps the leases of this worker.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// The first pause between two attempts; each doubles it, up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// The longest pause between two attempts: a coordinator that restarts is missed for no longer.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The longest pause after a coordinator said that it stands by: the next one leads within seconds.
const PAUSE_STANDBY: Duration = Duration::from_secs(1);

/// The way to the coordinator.
#[derive(Debug)]
pub(super) struct Line {
    addresses: Addresses,
    ways: Vec<Way>,
    /// The place of the one that is tried next: after a stream that broke the one behind it, since who was paused
    /// still takes connections.
    next: usize,
    /// The one that is said to lead, until it was tried.
    told: Option<Way>,
    /// What a join token was exchanged for.
    credential: Option<Held>,
    worker: WorkerId,
    attempts: u32,
    /// Why the last of them failed.
    missed: Option<String>,
    longest: Duration,
}

#[derive(Debug, Clone)]
enum Way {
    Address(String),
    InProcess(Channel),
}

/// A credential, and when another one is to be had.
#[derive(Debug, Clone)]
struct Held {
    secret: SecretText,
    renew: Instant,
}

/// A coordinator, asked as this worker.
pub(super) type Fleet = FleetClient<InterceptedService<Channel, Bearer>>;

/// An open stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) welcome: pb::Welcome,
    /// Who welcomes.
    pub(super) fleet: Fleet,
    pub(super) outgoing: mpsc::Sender<pb::FromWorker>,
    pub(super) incoming: Streaming<pb::ToWorker>,
    /// When it is to be opened again, with another credential.
    pub(super) renew: Option<Instant>,
}

/// Why there is no stream, or no more.
#[derive(Debug)]
pub(super) struct Lost {
    why: String,
    stands_by: Option<StandsBy>,
}

impl From<String> for Lost {
    fn from(why: String) -> Self {
        Self { why, stands_by: None }
    }
}

/// Why an attempt failed.
enum Missed {
    /// Nobody was there, or not now.
    Now(Lost),
    /// It is of no use to try again.
    Ever(WorkerError),
}

impl Line {
    pub(super) fn new(coordinators: Coordinators, worker: WorkerId) -> Result<Self, WorkerError> {
        let (addresses, ways): (_, Vec<Way>) = match coordinators {
            Coordinators::Addresses(addresses) => {
                let ways = addresses.urls.iter().cloned().map(Way::Address).collect();
                (addresses, ways)
            }
            Coordinators::InProcess(channel) => {
                (Addresses::default(), vec![Way::InProcess(channel)])
            }
        };
        if ways.is_empty() {
            return Err(WorkerError::NoCoordinator);
        }
        // What is wrong with an address or a file is wrong for ever.
        for url in &addresses.urls {
            addresses.dialer.endpoint(url).map_err(|error| WorkerError::Dial(error.to_string()))?;
        }
        Ok(Self {
            addresses,
            ways,
            next: 0,
            told: None,
            credential: None,
            worker,
            attempts: 0,
            missed: None,
            longest: PAUSE_MAX,
        })
    }

    /// Why the last attempt to open a stream failed, where one did.
    pub(super) fn why_missed(&self) -> Option<&str> {
        self.missed.as_deref()
    }

    /// Opens a stream: tries the addresses in turn until one answers.
    ///
    /// # Errors
    /// A refusal that is final.
    pub(super) async fn open(&mut self, hello: &pb::Hello) -> Result<Stream, WorkerError> {
        loop {
            let told = self.told.take();
            let was_told = told.is_some();
            let way = told.unwrap_or_else(|| self.in_turn());
            let attempt = tokio::time::timeout(OPEN_WAIT, self.attach(&way, hello)).await;
            let late = || format!("no answer within {} s", OPEN_WAIT.as_secs());
            match attempt.unwrap_or_else(|_late| Err(Missed::Now(late().into()))) {
                Ok(stream) => {
                    tracing::info!(worker = %self.worker, coordinator = %way, "attached");
                    (self.attempts, self.longest) = (0, PAUSE_MAX);
                    return Ok(stream);
                }
                Err(Missed::Ever(error)) => return Err(error),
                Err(Missed::Now(lost)) => {
                    if lost.stands_by.is_some() {
                        self.attempts = self.attempts.saturating_add(1);
                        if self.attempts.is_power_of_two() {
                            tracing::info!(coordinator = %way, why = lost.why, "stands by");
                        }
                    } else {
                        self.missed(&way, &lost.why);
                    }
                    self.follow(lost.stands_by);
                }
            }
            // From one that was told of to the next that it tells of nobody runs: they may mean each other.
            if was_told || self.told.is_none() {
                tokio::time::sleep(pause(&self.worker, self.attempts).min(self.longest)).await;
            }
        }
    }

    fn in_turn(&mut self) -> Way {
        let place = self.next % self.ways.len();
        self.next = place + 1;
        self.ways[place].clone()
    }

    /// Notes that an open stream broke.
    pub(super) fn lost(&mut self, lost: Lost) {
        let Lost { why, stands_by } = lost;
        tracing::warn!(worker = %self.worker, why, "lost the coordinator, attaching again");
        self.follow(stands_by);
    }

    /// Takes note of who leads.
    fn follow(&mut self, stands_by: Option<StandsBy>) {
        let Some(StandsBy { leader }) = stands_by else { return };
        self.longest = PAUSE_STANDBY;
        // Who was told to use TLS is led nowhere without it.
        let clear = self.addresses.urls.iter().any(|url| url.starts_with("http://"));
        let leader = leader.filter(|url| clear || url.starts_with("https://"));
        let usable = leader.filter(|url| self.addresses.dialer.endpoint(url).is_ok());
        self.told = usable.map(Way::Address);
    }

    /// A client of the coordinator that way, with a credential where there is a join token.
    async fn reach(&mut self, way: &Way, hello: &pb::Hello) -> Result<Fleet, Missed> {
        let url = match way {
            Way::InProcess(channel) => return Ok(fleet(channel.clone(), Bearer::default())),
            Way::Address(url) => url,
        };
        let endpoint = self.addresses.dialer.endpoint(url).map_err(|error| dial(&error))?;
        let channel = lively(endpoint).connect().await;
        let channel = channel.map_err(|error| Missed::Now(chain(&error).into()))?;
        let Some(join) = &self.addresses.join else { return Ok(fleet(channel, Bearer::default())) };
        let held = self.credential.as_ref().filter(|held| held.renew > Instant::now());
        if let Some(held) = held {
            let bearer = self.addresses.dialer.bearer(url, &held.secret);
            return Ok(fleet(channel, bearer.map_err(|error| dial(&error))?));
        }
        let secret = join.now();
        let secret = secret.map_err(|error| Missed::Ever(WorkerError::Dial(error.to_string())))?;
        let bearer = self.addresses.dialer.bearer(url, &secret).map_err(|error| dial(&error))?;
        let request = pb::JoinRequest { worker: hello.worker.clone(), instance: hello.instance };
        let asked = Instant::now();
        let joined = fleet(channel.clone(), bearer).join(request).await;
        let pb::JoinResponse { credential, ends_in_ms } = match joined {
            Ok(joined) => joined.into_inner(),
            // An older coordinator, which asks nobody who they are.
            Err(status) if status.code() == Code::Unimplemented => pb::JoinResponse::default(),
            Err(status) => return Err(missed(&status)),
        };
        if credential.is_empty() {
            self.credential = None;
            return Ok(fleet(channel, Bearer::default()));
        }
        let secret = SecretText::of(&credential, "the coordinator's answer");
        let secret = secret.map_err(|error| Missed::Now(error.to_string().into()))?;
        let bearer = self.addresses.dialer.bearer(url, &secret).map_err(|error| dial(&error))?;
        let renew = asked + Duration::from_millis(ends_in_ms.min(CREDENTIAL_MS_MAX)) * 2 / 3;
        self.credential = Some(Held { secret, renew });
        Ok(fleet(channel, bearer))
    }

    async fn attach(&mut self, way: &Way, hello: &pb::Hello) -> Result<Stream, Missed> {
        let held = self.credential.is_some();
        let mut client = self.reach(way, hello).await?;
        let (outgoing, messages) = mpsc::channel(STREAM_MAX);
        let first =
            pb::FromWorker { message: Some(pb::from_worker::Message::Hello(hello.clone())) };
        // The channel is new and has room; its other end is held right here.
        outgoing.try_send(first).ok();
        let answer = client.attend(ReceiverStream::new(messages)).await.map_err(|status| {
            if held && status.code() == Code::Unauthenticated {
                // Its join token was changed: there may be another one.
                self.credential = None;
                let why = "the credential does not hold any more, joining again".to_owned();
                return Missed::Now(why.into());
            }
            missed(&status)
        })?;
        let mut incoming = answer.into_inner();
        let first = incoming.message().await.map_err(|status| missed(&status))?;
        match first.and_then(|message| message.message) {
            Some(pb::to_worker::Message::Welcome(welcome)) => {
                same_protocol(&welcome)?;
                let renew = self.credential.as_ref().map(|held| held.renew);
                Ok(Stream { welcome, fleet: client, outgoing, incoming, renew })
            }
            Some(_) => {
                Err(Missed::Ever(WorkerError::Refused("it answered without a welcome".to_owned())))
            }
            None => Err(Missed::Now("it closed the stream without a welcome".to_owned().into())),
        }
    }

    fn missed(&mut self, way: &Way, why: &str) {
        self.attempts = self.attempts.saturating_add(1);
        let hint = match way {
            Way::Address(url) => Hint::of(url, why),
            Way::InProcess(_) => None,
        };
        let why = hint.map_or_else(|| why.to_owned(), |hint| format!("{why}; {hint}"));
        // Once for each power of two: a night without a coordinator must not fill the disk.
        if self.attempts.is_power_of_two() {
            let attempts = self.attempts;
            tracing::warn!(
                attempts,
                "the coordinator at {way} cannot be reached, trying again: {why}"
            );
        } else {
            tracing::debug!("the coordinator at {way} cannot be reached: {why}");
        }
        self.missed = Some(why);
    }
}

/// The longest life of a credential that is believed: a day.
const CREDENTIAL_MS_MAX: u64 = 24 * 3_600_000;

fn fleet(channel: Channel, bearer: Bearer) -> Fleet {
    FleetClient::with_interceptor(channel, bearer)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// A file of certificates may be on its way to be changed; all else stays wrong.
fn dial(error: &DialError) -> Missed {
    match error {
        DialError::Unreadable { .. } | DialError::Tls(_) => Missed::Now(error.to_string().into()),
        DialError::Address { .. } | DialError::Clear { .. } => {
            Missed::Ever(WorkerError::Dial(error.to_string()))
        }
    }
}

fn lively(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(OPEN_WAIT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
}

impl std::fmt::Display for Way {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(url) => formatter.write_str(url),
            Self::InProcess(_) => formatter.write_str("this process"),
        }
    }
}

fn same_protocol(welcome: &pb::Welcome) -> Result<(), Missed> {
    let pb::Welcome { protocol, version, .. } = welcome;
    if *protocol == PROTOCOL_VERSION {
        return Ok(());
    }
    let ours = env!("CARGO_PKG_VERSION");
    Err(Missed::Ever(WorkerError::Refused(format!(
        "it is cleanplate {version} with protocol {protocol}, this is cleanplate {ours} with \
         protocol {PROTOCOL_VERSION}; run the same version of cleanplate on both"
    ))))
}

fn missed(status: &Status) -> Missed {
    check(status).map_or_else(Missed::Ever, Missed::Now)
}

/// Tells a refusal that is final from a stream that may be opened again; returns why it is lost.
///
/// # Errors
/// [`WorkerError::Refused`] where it is final.
#[expect(clippy::wildcard_enum_match_arm, reason = "gRPC's codes are not ours; the rest passes")]
pub(super) fn check(status: &Status) -> Result<Lost, WorkerError> {
    let words = match status.source() {
        Some(source) => format!("{}: {}", status.message(), chain(source)),
        None => status.message().to_owned(),
    };
    match status.code() {
        Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented
        // Another worker has this one's name, or took it: two would push each other out for ever.
        | Code::AlreadyExists
        | Code::Aborted => Err(WorkerError::Refused(words)),
        _ => Ok(Lost { why: words, stands_by: StandsBy::of(status) }),
    }
}

/// An error's words with those of its causes: tonic's own say `transport error` and no more.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

/// The pause before the attempt after `attempts` failed ones; workers of different names come at
/// different moments to a coordinator that restarts.
fn pause(worker: &WorkerId, attempts: u32) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << attempts.saturating_sub(1).min(10));
    let longest = doubled.min(PAUSE_MAX);
    let salt = worker
        .as_str()
        .bytes()
        .fold(attempts, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    // Between three quarters and all of it.
    longest.mul_f64(0.75 + f64::from(salt % 64) / 256.0)
}

#[cfg(test)]
mod tests {
    use cleanplate_proto::stands_by;

    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_differ_between_workers() {
        let one = WorkerId::parse("one").unwrap();
        let other = WorkerId::parse("other").unwrap();
        assert!(pause(&one, 1) <= PAUSE_MIN);
        assert!(pause(&one, 1) < pause(&one, 4));
        for attempts in [6, 20, u32::MAX] {
            assert!(pause(&one, attempts) <= PAUSE_MAX);
            assert!(pause(&one, attempts) >= PAUSE_MAX / 2);
        }
        assert_ne!(pause(&one, 9), pause(&other, 9));
    }

    #[test]
    fn a_refusal_is_final_and_an_outage_is_not() {
        let refused = check(&Status::failed_precondition("run the same version")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the coordinator refuses this worker: run the same version"
        );
        assert!(check(&Status::aborted("another stream was opened")).is_err());
        assert!(check(&Status::already_exists("another worker of this name")).is_err());
        let lost = check(&Status::unavailable("gone for a moment")).unwrap();
        assert_eq!((lost.why.as_str(), lost.stands_by), ("gone for a moment", None));
    }

    /// A line to addresses at which nobody listens.
    fn line(addresses: &[&str]) -> Line {
        let urls = addresses.iter().map(|it| (*it).to_owned()).collect();
        let worker = WorkerId::parse("w").unwrap();
        let addresses = Addresses { urls, ..Addresses::default() };
        Line::new(Coordinators::Addresses(addresses), worker).unwrap()
    }

    #[test]
    fn the_one_that_leads_is_tried_next_and_no_address_of_another_kind() {
        let mut line = line(&["http://127.0.0.1:1"]);
        line.lost(check(&stands_by(Some("http://other:7700"))).unwrap());
        assert_eq!(line.told.as_ref().unwrap().to_string(), "http://other:7700");
        assert_eq!(line.longest, PAUSE_STANDBY, "nobody waits for long while the lead changes");
        line.lost(check(&stands_by(Some("ftp://other:7700"))).unwrap());
        assert!(line.told.is_none());
    }

    #[test]
    fn who_speaks_tls_is_led_to_nobody_who_does_not() {
        let mut line = line(&["https://127.0.0.1:1"]);
        line.lost(check(&stands_by(Some("http://other:7700"))).unwrap());
        assert!(line.told.is_none());
        line.lost(check(&stands_by(Some("https://other:7700"))).unwrap());
        assert_eq!(line.told.as_ref().unwrap().to_string(), "https://other:7700");
    }

    #[test]
    fn who_is_answered_in_tls_and_did_not_ask_for_it_is_told_to_try_it() {
        let mut line = line(&["http://127.0.0.1:1"]);
        let way = Way::Address("http://127.0.0.1:1".to_owned());
        line.missed(&way, "transport error: connection refused");
        assert_eq!(line.why_missed(), Some("transport error: connection refused"));
        line.missed(&way, "h2 protocol error: frame with invalid size");
        let why = line.why_missed().unwrap();
        assert!(why.ends_with("invalid size; it may speak TLS: try https://"), "{why}");
    }

    #[tokio::test]
    async fn a_leader_that_is_not_there_is_dropped_and_the_list_goes_on() {
        let mut line = line(&["http://127.0.0.1:1"]);
        line.lost(check(&stands_by(Some("http://127.0.0.1:2"))).unwrap());
        let hello = pb::Hello::default();
        let opened = tokio::time::timeout(Duration::from_secs(2), line.open(&hello)).await;
        assert!(opened.is_err(), "nobody is there");
        assert!(line.told.is_none() && line.attempts > 1, "{line:?}");
    }
}
