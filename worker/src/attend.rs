//! The worker's end of its stream to the coordinator.
//!
//! Owns the leases of one seat through all its streams: a lost stream is opened again, and what is
//! held is named in the handshake. Messages that may not have arrived are told again; the
//! coordinator takes each once. Refuses to go on where the coordinator will not have this worker.

mod leases;
mod line;
mod session;
mod signing;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleanplate_proto::v1 as pb;
use cleanplate_store::OBJECT_FORMAT;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::ids::LeaseId;
use pb::from_worker::Message;
use pb::to_worker::Message as Heard;
use tokio::sync::watch;

use crate::attend::leases::Leases;
use crate::attend::line::{Fleet, Line};
use crate::attend::session::Over;
use crate::farm_store::FarmStore;
use crate::grant::Grant;
use crate::idle::Idleness;
use crate::lease::{LeaseReport, Room};
use crate::load::Load;
use crate::machine::ProvedRuntime;
use crate::options::{Coordinators, Ended, Stop, WorkerError};
use crate::tally::SeatTally;

/// Messages that may wait for the stream. Each is below a KiB but for trails; when so many wait, no
/// report is taken from the leases, and they wait in turn.
const OUTBOX_MAX: usize = 256;

/// How often progress and trails are passed on.
const TICK: Duration = Duration::from_millis(500);

/// One seat's attendance.
#[derive(Debug)]
pub(crate) struct Attendant {
    slots: u32,
    /// What tells this process from another that has its name.
    instance: u64,
    room: Arc<Room>,
    leases: Leases,
    store: Option<FarmStore>,
    /// The coordinator, while a stream is open.
    fleet: watch::Sender<Option<Fleet>>,
    outbox: VecDeque<pb::FromWorker>,
    /// It takes nothing new, for this reason; the first counts.
    going: Option<Ended>,
    idleness: Arc<Idleness>,
    load: Load,
    counts: SeatTally,
}

impl Attendant {
    pub(crate) fn new(
        room: Arc<Room>,
        slots: u32,
        idleness: Arc<Idleness>,
        counts: SeatTally,
    ) -> Self {
        let load = Load::of(room.seat.uuid.as_deref());
        let busy = (Arc::clone(&idleness), counts.clone());
        let leases = Leases::new(Arc::clone(&room), slots, busy);
        Self {
            slots,
            // Each `RandomState` is seeded anew.
            instance: RandomState::new().build_hasher().finish(),
            room,
            leases,
            store: None,
            fleet: watch::Sender::new(None),
            outbox: VecDeque::new(),
            going: None,
            idleness,
            load,
            counts,
        }
    }

    /// Attends until it is asked to stop, drained or idle.
    ///
    /// # Errors
    /// Where the coordinator will not have this worker, or its store cannot be used from here.
    pub(crate) async fn attend(
        mut self,
        coordinators: Coordinators,
        mut stop: watch::Receiver<Stop>,
    ) -> Result<Ended, WorkerError> {
        let mut line = Line::new(coordinators, self.room.worker.clone())?;
        loop {
            let hello = self.hello();
            let stream = tokio::select! {
                stream = line.open(&hello) => stream?,
                ended = self.apart(&mut stop) => {
                    self.counts.missed(line.why_missed());
                    self.leases.drop_all().await;
                    return Ok(ended);
                }
            };
            self.counts.attached();
            self.fleet.send_replace(Some(stream.fleet.clone()));
            let over = self.session(stream, &mut stop).await?;
            self.fleet.send_replace(None);
            match over {
                Over::Lost(lost) => line.lost(lost),
                Over::Changed => tracing::info!("attaching again without what was lost"),
                Over::Renewed => tracing::debug!("attaching again with another credential"),
                Over::Left(ended) => return Ok(ended),
            }
        }
    }

    /// Resolves when there is a reason to go although there is no stream.
    async fn apart(&mut self, stop: &mut watch::Receiver<Stop>) -> Ended {
        loop {
            match *stop.borrow_and_update() {
                Stop::Now => return Ended::Stopped,
                Stop::Drain => self.go(Ended::Asked),
                Stop::By(Reverse(moment)) => {
                    self.go(Ended::Taken);
                    // Nobody hears of what is done then.
                    if moment <= Instant::now() {
                        return Ended::Stopped;
                    }
                }
                Stop::Run => {}
            }
            if let Some(ended) = self.going.filter(|_| self.leases.is_empty()) {
                return ended;
            }
            tokio::select! {
                asked = stop.changed() => if asked.is_err() {
                    return Ended::Stopped;
                },
                () = tokio::time::sleep(TICK) => if self.idleness.is_over() {
                    return Ended::Idle;
                },
            }
        }
    }

    fn hello(&self) -> pb::Hello {
        let runtime = self.room.runtime.as_ref();
        pb::Hello {
            protocol: cleanplate_proto::PROTOCOL_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            worker: self.room.worker.as_str().to_owned(),
            card: cleanplate_proto::card_to_wire(self.room.seat.card.clone()),
            slots: self.slots,
            encoders: self.room.seat.encoders.iter().cloned().map(Into::into).collect(),
            holding: self.leases.holding().map(|lease| lease.0).collect(),
            instance: self.instance,
            runtime: runtime.map(|it| it.version.clone()).unwrap_or_default(),
            models: runtime.map(ProvedRuntime::hashes).unwrap_or_default(),
            acknowledges: true,
            objects: OBJECT_FORMAT.into(),
            model_classes: runtime.map(ProvedRuntime::class_words).unwrap_or_default(),
        }
    }

    /// Does what the coordinator says.
    fn obey(&mut self, message: pb::ToWorker) {
        match message.message {
            Some(Heard::Grant(grant)) => self.take_grant(grant),
            Some(Heard::Revoke(pb::Revoke { lease, why })) => self.revoke(lease, &why),
            Some(Heard::Drain(pb::Drain {})) => self.drain(),
            Some(Heard::HandIn(pb::HandIn { lease, remaining_ms })) => {
                let by = Instant::now() + Duration::from_millis(remaining_ms);
                self.leases.hand_in(LeaseId(lease), by);
                tracing::info!(lease, remaining_ms, "hands in what is done");
            }
            Some(Heard::Welcome(_)) | None => {
                tracing::warn!("the coordinator said what means nothing here");
            }
        }
    }

    fn revoke(&mut self, lease: u64, why: &str) {
        if self.leases.revoke(LeaseId(lease)) {
            tracing::info!(lease, why, "lease revoked, its engine process is killed");
        }
        self.say(Message::Released(pb::Released { lease }));
    }

    fn drain(&mut self) {
        if self.going.is_none() {
            tracing::info!(held = self.leases.count(), "draining");
        }
        self.go(Ended::Drained);
    }

    /// Takes nothing new from now on.
    fn go(&mut self, why: Ended) {
        self.going.get_or_insert(why);
    }

    fn take_grant(&mut self, grant: pb::Grant) {
        let (lease, attempt) = (grant.lease, grant.attempt);
        let taken = match (Grant::try_from(grant), &self.store) {
            (Ok(grant), Some(store)) => self.leases.start(grant, store.clone()),
            (Ok(_), None) => Err("the store is not open".to_owned()),
            (Err(error), _) => Err(format!("the grant makes no sense: {error}")),
        };
        if let Err(why) = taken {
            tracing::warn!(lease, why, "grant refused");
            let message = self.leases.refusal((LeaseId(lease), attempt), why);
            self.say(message);
        }
    }

    /// Passes on what a lease reports; says whether this worker lost an encoder with it.
    fn take(&mut self, report: LeaseReport) -> bool {
        let (messages, lost) = self.leases.take(report);
        self.outbox.extend(messages);
        lost.is_some_and(|encoder| self.forget(encoder))
    }

    fn forget(&mut self, encoder: EncoderName) -> bool {
        let mut room = Room::clone(&self.room);
        let before = room.seat.encoders.len();
        room.seat.encoders.retain(|proof| proof.name != encoder);
        if room.seat.encoders.len() == before {
            return false;
        }
        self.room = Arc::new(room);
        self.leases.move_to(Arc::clone(&self.room));
        true
    }

    fn pass_on(&mut self) {
        self.leases.reap();
        if self.outbox.len() < OUTBOX_MAX {
            let messages = self.leases.news();
            self.outbox.extend(messages);
        }
    }

    fn say(&mut self, message: Message) {
        self.outbox.push_back(pb::FromWorker { message: Some(message) });
    }
}

/// What is said of a machine that is taken away at `moment`.
fn notice(moment: Instant) -> Message {
    let remaining = moment.saturating_duration_since(Instant::now()).as_millis();
    let remaining_ms = u64::try_from(remaining).unwrap_or(u64::MAX);
    Message::Notice(pb::Notice { remaining_ms })
}

const fn leaving(when_done: bool) -> Message {
    Message::Leaving(pb::Leaving { when_done })
}
