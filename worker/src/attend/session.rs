//! One stream, from its welcome to its end.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_proto::{load_to_wire, v1 as pb};
use cleanplate_store::Keys;
use pb::from_worker::Message;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::attend::line::{self, Lost, Stream};
use crate::attend::signing::SignedByCoordinator;
use crate::attend::{Attendant, OUTBOX_MAX, TICK, leaving, notice};
use crate::farm_store::FarmStore;
use crate::lease::LeaseReport;
use crate::options::{Ended, Stop, WorkerError};

/// How long a worker that leaves waits for its last words to be heard.
const LEAVE_WAIT: Duration = Duration::from_secs(3);

/// Bounds for the coordinator's wish of how often it wants to hear us, in milliseconds.
const HEARTBEAT_MS: std::ops::RangeInclusive<u32> = 100..=60_000;

/// Why a stream is over.
pub(super) enum Over {
    /// It broke.
    Lost(Lost),
    /// This worker has less to offer than it said.
    Changed,
    /// What it was opened with ends soon.
    Renewed,
    /// This worker goes.
    Left(Ended),
}

/// What happened while the stream was open.
enum Happening {
    Heard(Box<Result<Option<pb::ToWorker>, tonic::Status>>),
    Report(LeaseReport),
    Sent,
    Closed,
    Tick,
    Asked(Stop),
}

impl Attendant {
    /// Attends by `stream` until it is over.
    ///
    /// # Errors
    /// Where the store cannot be used from here, or the coordinator ends the stream for good.
    pub(super) async fn session(
        &mut self,
        mut stream: Stream,
        stop: &mut watch::Receiver<Stop>,
    ) -> Result<Over, WorkerError> {
        self.open_store(&stream.welcome).await?;
        let heartbeat_ms =
            stream.welcome.heartbeat_ms.clamp(*HEARTBEAT_MS.start(), *HEARTBEAT_MS.end());
        let heartbeat = Duration::from_millis(heartbeat_ms.into());
        let mut ticks = tokio::time::interval(heartbeat.min(TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beat = Instant::now();
        self.tell_again();
        if let Stop::By(Reverse(moment)) = *stop.borrow() {
            self.say(notice(moment));
        } else if self.going.is_some() {
            self.say(leaving(true));
        }
        loop {
            match self.next(&mut stream, &mut ticks, stop).await {
                Happening::Heard(heard) => match *heard {
                    Ok(Some(message)) => self.obey(message),
                    Ok(None) => {
                        return Ok(Over::Lost(
                            "the coordinator closed the stream".to_owned().into(),
                        ));
                    }
                    Err(status) => return line::check(&status).map(Over::Lost),
                },
                Happening::Report(report) => {
                    if self.take(report) {
                        return Ok(Over::Changed);
                    }
                }
                Happening::Sent => {}
                Happening::Closed => {
                    return Ok(Over::Lost("the stream is closed".to_owned().into()));
                }
                Happening::Tick => {
                    if beat.elapsed() >= heartbeat {
                        beat = Instant::now();
                        let load = self.load.last().map(load_to_wire);
                        self.say(Message::Heartbeat(pb::Heartbeat { load }));
                    }
                    self.pass_on();
                    if stream.renew.is_some_and(|renew| renew <= std::time::Instant::now()) {
                        return Ok(Over::Renewed);
                    }
                }
                Happening::Asked(Stop::Run) => {}
                Happening::Asked(Stop::Drain) => {
                    self.go(Ended::Asked);
                    self.say(leaving(true));
                }
                Happening::Asked(Stop::By(Reverse(moment))) => {
                    self.go(Ended::Taken);
                    self.say(notice(moment));
                }
                Happening::Asked(Stop::Now) => {
                    self.leases.drop_all().await;
                    return Ok(self.leave(stream, Ended::Stopped).await);
                }
            }
            if let Some(ended) = self.is_through() {
                return Ok(self.leave(stream, ended).await);
            }
        }
    }

    /// Fills the outbox of a new stream: trails that the old one did not take, then the results that
    /// it may have lost.
    fn tell_again(&mut self) {
        self.outbox.retain(|waiting| matches!(waiting.message, Some(Message::Trail(_))));
        self.outbox.extend(self.leases.told_before());
    }

    /// Waits for the next thing that happens.
    async fn next(
        &mut self,
        stream: &mut Stream,
        ticks: &mut tokio::time::Interval,
        stop: &mut watch::Receiver<Stop>,
    ) -> Happening {
        tokio::select! {
            biased;
            asked = stop.changed() => match asked {
                Ok(()) => Happening::Asked(*stop.borrow_and_update()),
                // Whoever could ask has gone.
                Err(_) => Happening::Asked(Stop::Now),
            },
            heard = stream.incoming.message() => Happening::Heard(Box::new(heard)),
            room = stream.outgoing.reserve(), if !self.outbox.is_empty() => match room {
                Ok(room) => {
                    if let Some(message) = self.outbox.pop_front() {
                        room.send(message);
                    }
                    Happening::Sent
                }
                Err(_) => Happening::Closed,
            },
            report = self.leases.next_report(), if self.outbox.len() < OUTBOX_MAX => {
                Happening::Report(report)
            }
            _ = ticks.tick() => Happening::Tick,
        }
    }

    fn is_through(&self) -> Option<Ended> {
        if !self.outbox.is_empty() || !self.leases.is_empty() {
            return None;
        }
        self.going.or_else(|| self.idleness.is_over().then_some(Ended::Idle))
    }

    fn signer(&self) -> SignedByCoordinator {
        let (worker, instance) = (self.room.worker.clone(), self.instance);
        SignedByCoordinator { fleet: self.fleet.subscribe(), worker, instance }
    }

    /// Opens the store as the coordinator welcomes to it, and sees that it is the coordinator's.
    async fn open_store(&mut self, welcome: &pb::Welcome) -> Result<(), WorkerError> {
        let pb::Welcome { store: url, farm, signs, .. } = welcome;
        if self.store.as_ref().is_none_or(|known| !known.is(url, farm, *signs)) {
            let keys = if *signs { Keys::Signed(Arc::new(self.signer())) } else { Keys::Own };
            let store = FarmStore::open(url, farm, keys);
            let store = store.map_err(|error| WorkerError::Store(Box::new(error)))?;
            if store.is_another().await {
                return Err(WorkerError::OtherStore { store: url.clone() });
            }
            self.store = Some(store);
        }
        Ok(())
    }

    /// Says goodbye, and waits a moment for it to be heard.
    async fn leave(&mut self, stream: Stream, ended: Ended) -> Over {
        self.say(leaving(false));
        let Stream { outgoing, mut incoming, .. } = stream;
        let words = async {
            while let Some(message) = self.outbox.pop_front() {
                if outgoing.send(message).await.is_err() {
                    return;
                }
            }
            drop(outgoing);
            while let Ok(Some(_)) = incoming.message().await {}
        };
        if tokio::time::timeout(LEAVE_WAIT, words).await.is_err() {
            tracing::debug!("the coordinator did not close the stream");
        }
        Over::Left(ended)
    }
}
