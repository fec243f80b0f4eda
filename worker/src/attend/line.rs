//! Opening the stream: which address, how often, and which refusals are final.

use std::error::Error;
use std::time::Duration;

use cleanplate_proto::v1::fleet_client::FleetClient;
use cleanplate_proto::{MESSAGE_BYTES_MAX, PROTOCOL_VERSION, v1 as pb};
use cleanplate_types::ids::WorkerId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

use crate::options::{Coordinators, WorkerError};

/// Messages that may wait in the stream itself; the outbox before it is where they gather.
const STREAM_MAX: usize = 16;

/// How long an attempt to reach a coordinator may take, the handshake included.
const OPEN_WAIT: Duration = Duration::from_secs(20);

/// A connection on which nothing comes back for this long is asked whether it lives; it is given as long
/// again to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The first pause between two attempts; each doubles it, up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// The longest pause between two attempts: a coordinator that restarts is missed for no longer.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The way to the coordinator.
#[derive(Debug)]
pub(super) struct Line {
    ways: Vec<Way>,
    worker: WorkerId,
    attempts: u32,
}

#[derive(Debug, Clone)]
enum Way {
    Address(Box<Endpoint>),
    InProcess(Channel),
}

/// An open stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) welcome: pb::Welcome,
    pub(super) outgoing: mpsc::Sender<pb::FromWorker>,
    pub(super) incoming: Streaming<pb::ToWorker>,
}

/// Why an attempt failed.
enum Missed {
    /// Nobody was there, or not now.
    Now(String),
    /// It is of no use to try again.
    Ever(WorkerError),
}

impl Line {
    pub(super) fn new(coordinators: Coordinators, worker: WorkerId) -> Result<Self, WorkerError> {
        let ways: Vec<Way> = match coordinators {
            Coordinators::Addresses(addresses) => {
                let lively = |endpoint: Endpoint| {
                    endpoint
                        .connect_timeout(OPEN_WAIT)
                        .http2_keep_alive_interval(KEEP_ALIVE)
                        .keep_alive_timeout(KEEP_ALIVE)
                        .keep_alive_while_idle(true)
                };
                addresses.into_iter().map(|it| Way::Address(Box::new(lively(it)))).collect()
            }
            Coordinators::InProcess(channel) => vec![Way::InProcess(channel)],
        };
        if ways.is_empty() {
            return Err(WorkerError::NoCoordinator);
        }
        Ok(Self { ways, worker, attempts: 0 })
    }

    /// Opens a stream: tries the addresses in turn until one answers.
    ///
    /// # Errors
    /// A refusal that is final.
    pub(super) async fn open(&mut self, hello: &pb::Hello) -> Result<Stream, WorkerError> {
        loop {
            let turn = self.attempts as usize % self.ways.len();
            let way = self.ways[turn].clone();
            let attempt = tokio::time::timeout(OPEN_WAIT, attach(&way, hello)).await;
            let late = || Err(Missed::Now(format!("no answer within {} s", OPEN_WAIT.as_secs())));
            match attempt.unwrap_or_else(|_late| late()) {
                Ok(stream) => {
                    tracing::info!(worker = %self.worker, coordinator = %way, "attached");
                    self.attempts = 0;
                    return Ok(stream);
                }
                Err(Missed::Ever(error)) => return Err(error),
                Err(Missed::Now(why)) => self.missed(&way, &why),
            }
            tokio::time::sleep(pause(&self.worker, self.attempts)).await;
        }
    }

    /// Notes that an open stream broke.
    pub(super) fn lost(&mut self, why: &str) {
        tracing::warn!(worker = %self.worker, why, "lost the coordinator, attaching again");
    }

    fn missed(&mut self, way: &Way, why: &str) {
        self.attempts = self.attempts.saturating_add(1);
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
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(endpoint) => write!(formatter, "{}", endpoint.uri()),
            Self::InProcess(_) => formatter.write_str("this process"),
        }
    }
}

async fn attach(way: &Way, hello: &pb::Hello) -> Result<Stream, Missed> {
    let channel = match way {
        Way::InProcess(channel) => channel.clone(),
        Way::Address(endpoint) => {
            endpoint.connect().await.map_err(|error| Missed::Now(chain(&error)))?
        }
    };
    let (outgoing, messages) = mpsc::channel(STREAM_MAX);
    let first = pb::FromWorker { message: Some(pb::from_worker::Message::Hello(hello.clone())) };
    // The channel is new and has room; its other end is held right here.
    outgoing.try_send(first).ok();
    let mut client = FleetClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let answer =
        client.attend(ReceiverStream::new(messages)).await.map_err(|status| missed(&status))?;
    let mut incoming = answer.into_inner();
    let first = incoming.message().await.map_err(|status| missed(&status))?;
    match first.and_then(|message| message.message) {
        Some(pb::to_worker::Message::Welcome(welcome)) => {
            same_protocol(&welcome)?;
            Ok(Stream { welcome, outgoing, incoming })
        }
        Some(_) => {
            Err(Missed::Ever(WorkerError::Refused("it answered without a welcome".to_owned())))
        }
        None => Err(Missed::Now("it closed the stream without a welcome".to_owned())),
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

/// Tells a refusal that is final from a stream that may be opened again; returns its words.
///
/// # Errors
/// [`WorkerError::Refused`] where it is final.
#[expect(clippy::wildcard_enum_match_arm, reason = "gRPC's codes are not ours; the rest passes")]
pub(super) fn check(status: &Status) -> Result<String, WorkerError> {
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
        _ => Ok(words),
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
        assert_eq!(check(&Status::unavailable("gone for a moment")).unwrap(), "gone for a moment");
    }
}
