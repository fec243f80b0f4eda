//! The leases that one seat holds: started, watched, revoked, and what was told of each.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleanplate_media::fault::{PartFaultKind, faults};
use cleanplate_proto::v1 as pb;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::LeaseId;
use futures::FutureExt as _;
use pb::from_worker::Message;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tracing::Instrument as _;

use crate::farm_store::FarmStore;
use crate::grant::Grant;
use crate::idle::Idleness;
use crate::lease::{self, LeaseReport, Room, Watch};
use crate::tally::{LeaseFate, SeatTally};

/// Reports that may wait to be passed on: each below a KiB. Leases wait when there are more.
const REPORTS_MAX: usize = 64;

/// Ended leases of which the messages are kept: a stream that broke may have lost them. Each has a
/// message for each cell of a segment, some dozens below a KiB.
const PAST_MAX: usize = 32;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Leases {
    room: Arc<Room>,
    slots: u32,
    held: BTreeMap<LeaseId, Held>,
    past: VecDeque<(LeaseId, Vec<Message>)>,
    running: JoinSet<()>,
    reports: mpsc::Receiver<LeaseReport>,
    reporting: mpsc::Sender<LeaseReport>,
    idleness: Arc<Idleness>,
    counts: SeatTally,
}

#[derive(Debug)]
struct Held {
    watch: Arc<Watch>,
    abort: AbortHandle,
    frames_told: u64,
    /// The results that were told so far.
    told: Vec<Message>,
    /// Until when what is done is to be handed in.
    hand_in: Option<Instant>,
}

/// Before the moment at which the machine is taken away, a lease is given back so early that this is heard.
const HAND_IN_MARGIN: Duration = Duration::from_millis(1500);

impl Leases {
    pub(super) fn new(
        room: Arc<Room>,
        slots: u32,
        (idleness, counts): (Arc<Idleness>, SeatTally),
    ) -> Self {
        let (reporting, reports) = mpsc::channel(REPORTS_MAX);
        let (held, past) = (BTreeMap::new(), VecDeque::new());
        let running = JoinSet::new();
        Self { room, slots, held, past, running, reports, reporting, idleness, counts }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.held.len()
    }

    /// Leases started from now on are of this room.
    pub(super) fn move_to(&mut self, room: Arc<Room>) {
        self.room = room;
    }

    /// The leases to name in a handshake: those that are held, and those whose last message may
    /// have been lost. The coordinator revokes what it knows better.
    pub(super) fn holding(&self) -> impl Iterator<Item = LeaseId> {
        self.past.iter().map(|(lease, _)| *lease).chain(self.held.keys().copied())
    }

    /// The results that an earlier stream may have lost.
    pub(super) fn told_before(&self) -> impl Iterator<Item = pb::FromWorker> {
        let past = self.past.iter().flat_map(|(_, told)| told);
        let held = self.held.values().flat_map(|held| &held.told);
        past.chain(held).cloned().map(from_worker)
    }

    /// Starts to work on `grant`.
    ///
    /// # Errors
    /// Where there is no slot for it.
    pub(super) fn start(&mut self, grant: Grant, store: FarmStore) -> Result<(), String> {
        let lease = grant.lease;
        if self.held.contains_key(&lease) {
            // Told twice is as good as once.
            return Ok(());
        }
        if self.held.len() >= self.slots as usize {
            return Err(format!("all {} slots are taken", self.slots));
        }
        let watch = Arc::new(Watch::new(lease));
        let span = tracing::info_span!("lease", %lease, job = %grant.job, attempt = grant.attempt);
        self.counts.begin(lease, &grant.job);
        let reporting = self.reporting.clone();
        let work = lease::run(
            Arc::clone(&self.room),
            store,
            grant,
            Arc::clone(&watch),
            self.reporting.clone(),
        );
        let whole = async move {
            let report = AssertUnwindSafe(work).catch_unwind().await;
            let report = report.unwrap_or_else(|_panic| LeaseReport::Ended {
                lease,
                message: Box::new(failed(lease, FailureKind::Internal, "the worker panicked")),
                lost: None,
            });
            // Nobody hears it only where the worker is ending.
            reporting.send(report).await.ok();
        };
        let abort = self.running.spawn(whole.instrument(span));
        self.held
            .insert(lease, Held { watch, abort, frames_told: 0, told: Vec::new(), hand_in: None });
        self.idleness.begin();
        Ok(())
    }

    /// Stops work on `lease`; says whether it was held.
    pub(super) fn revoke(&mut self, lease: LeaseId) -> bool {
        self.past.retain(|(past, _)| *past != lease);
        let Some(held) = self.held.remove(&lease) else { return false };
        // Its future owns the child, which dies with it.
        held.abort.abort();
        self.over(lease, LeaseFate::GivenBack);
        true
    }

    /// What is done under `lease` is to be handed in by then: the cell in hand is ended where that fits, all else
    /// given back.
    pub(super) fn hand_in(&mut self, lease: LeaseId, by: Instant) {
        if let Some(held) = self.held.get_mut(&lease) {
            held.hand_in = Some(held.hand_in.map_or(by, |before| before.min(by)));
        }
    }

    /// Gives back what will not be done in time.
    fn give_back_due(&mut self) -> Vec<pb::FromWorker> {
        let due = Instant::now() + HAND_IN_MARGIN;
        let is_due = |held: &Held| held.hand_in.is_some_and(|by| by <= due);
        let leases: Vec<LeaseId> =
            self.held.iter().filter(|(_, held)| is_due(held)).map(|(lease, _)| *lease).collect();
        leases.into_iter().flat_map(|lease| self.give_back(lease)).collect()
    }

    /// Stops work on `lease` and says so; what was told of it before stays.
    fn give_back(&mut self, lease: LeaseId) -> Vec<pb::FromWorker> {
        let Some(mut held) = self.held.remove(&lease) else { return Vec::new() };
        held.abort.abort();
        self.over(lease, LeaseFate::GivenBack);
        let mut messages: Vec<_> = news(lease, &mut held).collect();
        let message = Message::GaveBack(pb::GaveBack { lease: lease.0 });
        messages.push(from_worker(message.clone()));
        held.told.push(message);
        self.remember(lease, held.told);
        tracing::info!(%lease, "given back: it cannot be finished in time");
        messages
    }

    /// Counts a lease that is over.
    fn over(&self, lease: LeaseId, fate: LeaseFate) {
        self.idleness.end();
        self.counts.end(lease, fate);
    }

    /// Keeps what was told of a lease that is over.
    fn remember(&mut self, lease: LeaseId, told: Vec<Message>) {
        if self.past.len() == PAST_MAX {
            self.past.pop_front();
        }
        self.past.push_back((lease, told));
    }

    /// What the coordinator is told of a grant that cannot be taken.
    pub(super) fn refusal(&self, (lease, attempt): (LeaseId, u32), why: String) -> Message {
        let mut failure = Failure::new(FailureKind::WorkerLacks, Stage::Fetch, why);
        failure.worker = Some(self.room.worker.clone());
        failure.lease = Some(lease);
        failure.attempt = attempt;
        Message::LeaseFailed(pb::LeaseFailed { lease: lease.0, failure: Some(failure.into()) })
    }

    /// Waits for the next report.
    pub(super) async fn next_report(&mut self) -> LeaseReport {
        match self.reports.recv().await {
            Some(report) => report,
            // A sender is kept here, so that the channel never closes.
            None => std::future::pending().await,
        }
    }

    /// Takes a report; returns what is to be told, and an encoder that was lost. A report under a
    /// lease that is not held any more is void.
    pub(super) fn take(
        &mut self,
        report: LeaseReport,
    ) -> (Vec<pb::FromWorker>, Option<EncoderName>) {
        match report {
            LeaseReport::Cell { lease, part } => {
                let Some(held) = self.held.get_mut(&lease) else { return (Vec::new(), None) };
                let older = faults().part_strikes(PartFaultKind::Lease, part.cell.0);
                let under = if older { lease.0.saturating_sub(1).max(1) } else { lease.0 };
                let frames = part.frames;
                let part = Some((*part).into());
                let message = Message::CellDone(pb::CellDone { lease: under, part });
                held.told.push(message.clone());
                self.counts.cell(frames);
                let is_last = held.hand_in.is_some();
                let mut messages = vec![from_worker(message)];
                if is_last {
                    messages.extend(self.give_back(lease));
                }
                (messages, None)
            }
            LeaseReport::Ended { lease, message, lost } => {
                let Some(mut held) = self.held.remove(&lease) else { return (Vec::new(), None) };
                self.over(lease, fate(&message));
                let mut messages: Vec<_> = news(lease, &mut held).collect();
                messages.push(from_worker((*message).clone()));
                held.told.push(*message);
                self.remember(lease, held.told);
                (messages, lost)
            }
        }
    }

    /// Progress and trails that were not told yet.
    pub(super) fn news(&mut self) -> Vec<pb::FromWorker> {
        let mut messages = self.give_back_due();
        messages.extend(self.held.iter_mut().flat_map(|(lease, held)| news(*lease, held)));
        messages
    }

    /// Forgets what has ended.
    pub(super) fn reap(&mut self) {
        while self.running.try_join_next().is_some() {}
    }

    /// Stops all work, and waits until it is.
    pub(super) async fn drop_all(&mut self) {
        for lease in std::mem::take(&mut self.held).into_keys() {
            self.over(lease, LeaseFate::GivenBack);
        }
        self.running.shutdown().await;
    }
}

fn news(lease: LeaseId, held: &mut Held) -> impl Iterator<Item = pb::FromWorker> + use<> {
    let frames = held.watch.frames();
    let risen = frames > held.frames_told;
    held.frames_told = frames;
    let progress = risen.then_some(Message::Progress(pb::Progress { lease: lease.0, frames }));
    let entries: Vec<_> = held.watch.take_trail().into_iter().map(Into::into).collect();
    let trail =
        (!entries.is_empty()).then_some(Message::Trail(pb::Trail { lease: lease.0, entries }));
    progress.into_iter().chain(trail).map(from_worker)
}

/// How a lease ended, by the last message of it.
const fn fate(message: &Message) -> LeaseFate {
    if matches!(message, Message::LeaseFailed(_)) { LeaseFate::Failed } else { LeaseFate::Done }
}

fn failed(lease: LeaseId, kind: FailureKind, text: &str) -> Message {
    let failure = Failure::new(kind, Stage::Fetch, text);
    Message::LeaseFailed(pb::LeaseFailed { lease: lease.0, failure: Some(failure.into()) })
}

const fn from_worker(message: Message) -> pb::FromWorker {
    pb::FromWorker { message: Some(message) }
}
