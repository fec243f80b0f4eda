//! One lease: prepares what its child may touch, runs the child, and says how it ended.
//!
//! Owns the translation between grants, names and keys, and between the ways in which a child ends and
//! the kinds of failure. Refuses to read media: that is the child's.

mod host;
mod prepare;
mod watch;
mod written;

use std::sync::Arc;

use cleanplate_child::{ChildEnd, run_child};
use cleanplate_proto::v1 as pb;
use cleanplate_store::{Location, Store};
use cleanplate_types::encode::EncoderName;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::{LeaseId, WorkerId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::part::PartSummary;
use cleanplate_types::source::SourceRef;
use cleanplate_types::trail::{TrailEntry, TrailEvent};
use pb::from_worker::Message;
use tokio::sync::mpsc;

use crate::disk::{Disk, Reserved};
use crate::farm_store::FarmStore;
use crate::grant::{Grant, Granted, IntakeGrant};
use crate::lease::host::{Kept, LeaseHost};
use crate::lease::prepare::Prepared;
use crate::lease::written::Written;
use crate::machine::{ProvedRuntime, Seat, prove};
use crate::models::Models;
use crate::options::WorkerLimits;
use crate::order::{DESCRIPTION, EVIDENCE, FINDING, MATTES, Outcome, REST, TABLE};
use crate::program::Engine;
use crate::sessions::{SESSION_WAIT, Session, Sessions};

pub(crate) use host::NoHost;
pub(crate) use watch::Watch;

/// What all leases of one seat have in common.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// Whose leases they are.
    pub(crate) worker: WorkerId,
    /// How children are started.
    pub(crate) engine: Engine,
    /// What they compute on.
    pub(crate) seat: Seat,
    /// Threads of each child's decoder.
    pub(crate) threads: u32,
    /// Model files of this machine.
    pub(crate) models: Arc<Models>,
    /// What runs models, where that came through its proof.
    pub(crate) runtime: Option<ProvedRuntime>,
    /// The sessions of cards' encoders, which all seats of this machine share.
    pub(crate) sessions: Sessions,
    /// How much is accepted.
    pub(crate) limits: WorkerLimits,
    /// What is set aside of the disks, for all seats of this machine.
    pub(crate) disk: Arc<Disk>,
}

/// What a lease tells the attendant.
#[derive(Debug)]
pub(crate) enum LeaseReport {
    /// A cell is stored.
    Cell {
        /// By whom.
        lease: LeaseId,
        /// What was stored.
        part: Box<PartSummary>,
    },
    /// The lease is over.
    Ended {
        /// Which.
        lease: LeaseId,
        /// What the coordinator is told.
        message: Box<Message>,
        /// An encoder that was proved at the start and does not come through its proof any more.
        lost: Option<EncoderName>,
    },
}

/// Works on `grant` and returns the report of its end.
pub(crate) async fn run(
    room: Arc<Room>,
    store: FarmStore,
    grant: Grant,
    watch: Arc<Watch>,
    reports: mpsc::Sender<LeaseReport>,
) -> LeaseReport {
    let (lease, attempt) = (grant.lease, grant.attempt);
    let mut lost = None;
    let worked = work(&room, store.store().clone(), grant, &watch, reports).await;
    // What seems to be lost, or done, may be so in a folder that is not the farm's any more.
    let believed = match &worked {
        Ok(_done) => false,
        Err(ending) => ending.failure.kind != FailureKind::ObjectLost,
    };
    let worked = if !believed && store.is_another().await {
        let text = format!("the store {} is not the farm's here any more", store.url());
        Err(Failure::new(FailureKind::WorkerLacks, Stage::Fetch, text).into())
    } else {
        worked
    };
    let message = match worked {
        Ok(message) => message,
        Err(Ending { mut failure, encoder }) => {
            failure.worker = Some(room.worker.clone());
            failure.lease = Some(lease);
            failure.attempt = attempt;
            watch.failed(&failure);
            tracing::warn!(kind = failure.kind.as_str(), "lease failed: {failure}");
            let hardware = encoder.filter(|encoder| encoder.is_hardware());
            if let (FailureKind::EncoderFailed, Some(encoder)) = (failure.kind, hardware) {
                lost = lost_encoder(&room, encoder).await;
            }
            let failure = Some((*failure).into());
            Message::LeaseFailed(pb::LeaseFailed { lease: lease.0, failure })
        }
    };
    LeaseReport::Ended { lease, message: Box::new(message), lost }
}

/// A lease that failed.
struct Ending {
    failure: Box<Failure>,
    /// The encoder that it was to use.
    encoder: Option<EncoderName>,
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        Self { failure: Box::new(failure), encoder: None }
    }
}

async fn work(
    room: &Room,
    store: Store,
    grant: Grant,
    watch: &Arc<Watch>,
    reports: mpsc::Sender<LeaseReport>,
) -> Result<Message, Ending> {
    let Prepared { order, reads, writes, span } =
        prepare::prepare(room, &store, &grant, watch).await?;
    let _reserved = reserve(room, &store)?;
    let request = postcard::to_stdvec(&order).map_err(|error| internal(error.to_string()))?;
    let kept = Arc::new(Kept::default());
    let host = LeaseHost {
        store,
        watch: Arc::clone(watch),
        reports,
        reads,
        writes,
        kept: Arc::clone(&kept),
        written: Arc::new(Written::new(room.limits.output)),
    };
    let encoder = span.as_ref().map(|span| span.encoder);
    let _session = match encoder.filter(|encoder| encoder.is_hardware()) {
        Some(_) => Some(
            session(room, watch)
                .await
                .map_err(|failure| Ending { failure: Box::new(failure), encoder })?,
        ),
        None => None,
    };
    let program = room.engine.worker(room.seat.uuid.as_deref(), &order.means);
    let ended = run_child(&program, request, Arc::new(host), room.engine.limits()).await;
    match ended {
        Ok(result) => {
            let outcome = postcard::from_bytes(&result).map_err(|error| {
                internal(format!("the engine's result makes no sense: {error}"))
            })?;
            Ok(message(&grant, &outcome, &kept)?)
        }
        Err(end) => {
            let failure = Box::new(failure(end, &kept, watch));
            let failure = match span.as_ref().and_then(|span| span.left(watch)) {
                Some(left) if failure.frames.is_none() => Box::new(failure.at(left)),
                Some(_) | None => failure,
            };
            Err(Ending { failure, encoder: span.map(|span| span.encoder) })
        }
    }
}

/// Room for what a lease writes, where the store is a folder of this machine.
fn reserve(room: &Room, store: &Store) -> Result<Option<Reserved>, Failure> {
    let lacks = |text| Failure::new(FailureKind::WorkerLacks, Stage::Upload, text);
    // A store in memory has no place.
    let Ok(location) = Location::parse(&store.url()) else { return Ok(None) };
    let Some(folder) = location.path() else { return Ok(None) };
    let reserved = room.disk.reserve(folder, room.limits.disk_bytes);
    reserved.map(Some).map_err(|full| lacks(full.to_string()))
}

/// A session of the cards' encoders, for a lease that opens one; the trail says where it waits.
async fn session(room: &Room, watch: &Watch) -> Result<Session, Failure> {
    if let Some(session) = room.sessions.take_now() {
        return Ok(session);
    }
    let (at_ms, stage, event) = (watch.elapsed_ms(), Stage::Encode, TrailEvent::Started);
    watch.trail(TrailEntry { at_ms, stage, event, detail: room.sessions.waiting(), count: None });
    let taken = room.sessions.take(SESSION_WAIT).await;
    taken.map_err(|none| Failure::new(FailureKind::WorkerLacks, Stage::Encode, none.to_string()))
}

/// The failure that a child's end is.
fn failure(end: ChildEnd, kept: &Kept, watch: &Watch) -> Failure {
    let text = end.to_string();
    match end {
        ChildEnd::NotStarted(_) => Failure::new(FailureKind::WorkerLacks, Stage::Fetch, text),
        ChildEnd::Crashed { .. } | ChildEnd::Overate { .. } => {
            Failure::new(FailureKind::EngineCrashed, watch.stage(), text)
        }
        ChildEnd::Hung { .. } | ChildEnd::Spun { .. } => {
            Failure::new(FailureKind::EngineHung, watch.stage(), text)
        }
        ChildEnd::Failed(failure) => match (failure.kind, kept.trouble()) {
            // The child heard words only; what store or source said is known here.
            (
                FailureKind::SourceUnavailable | FailureKind::StoreUnavailable,
                Some((kind, message)),
            ) => Failure { kind, message, ..failure },
            _ => failure,
        },
    }
}

/// What the coordinator is told of work that is done.
fn message(grant: &Grant, outcome: &Outcome, kept: &Kept) -> Result<Message, Failure> {
    let lease = grant.lease.0;
    let written = |name: &str| {
        let object: Option<ObjectRef> = kept.written(name);
        object.ok_or_else(|| internal(format!("the engine ended without writing `{name}`")))
    };
    match (outcome, &grant.work) {
        (Outcome::Intake { frames, has_rest, notes }, Granted::Intake(IntakeGrant { url, .. })) => {
            let head =
                kept.head().ok_or_else(|| internal("the source was not opened".to_owned()))?;
            let source = SourceRef { url: url.clone(), bytes: head.bytes, version: head.version };
            Ok(Message::IntakeDone(pb::IntakeDone {
                lease,
                source: Some(source.into()),
                description: Some(written(DESCRIPTION)?.into()),
                table: Some(written(TABLE)?.into()),
                rest: has_rest.then(|| written(REST)).transpose()?.map(Into::into),
                frames: *frames,
                notes: notes.clone(),
            }))
        }
        (Outcome::Analyse, Granted::Analyse(_)) => {
            let evidence = Some(written(EVIDENCE)?.into());
            Ok(Message::AnalyseDone(pb::AnalyseDone { lease, evidence }))
        }
        (Outcome::Reduce { has_mattes }, Granted::Reduce(_)) => {
            let finding = Some(written(FINDING)?.into());
            let mattes = has_mattes.then(|| written(MATTES)).transpose()?.map(Into::into);
            Ok(Message::ReduceDone(pb::ReduceDone { lease, finding, mattes }))
        }
        (Outcome::Segment, Granted::Segment(_)) => Ok(Message::LeaseDone(pb::LeaseDone { lease })),
        (Outcome::Audit { frames }, Granted::Audit(_)) => {
            Ok(Message::AuditDone(pb::AuditDone { lease, frames: *frames }))
        }
        (
            Outcome::Intake { .. }
            | Outcome::Analyse
            | Outcome::Reduce { .. }
            | Outcome::Segment
            | Outcome::Audit { .. },
            Granted::Intake(_)
            | Granted::Analyse(_)
            | Granted::Reduce(_)
            | Granted::Segment(_)
            | Granted::Audit(_),
        ) => Err(internal("the engine did another kind of work than it was given".to_owned())),
    }
}

/// `encoder`, where it does not come through its proof any more.
async fn lost_encoder(room: &Room, encoder: EncoderName) -> Option<EncoderName> {
    // A proof without a session would prove nothing; whoever encodes next finds out.
    let _session = room.sessions.take(SESSION_WAIT).await.ok()?;
    for (name, proof) in prove(&room.engine, &room.seat, &[encoder]).await {
        match proof {
            Ok(_) => tracing::info!("encoder proved again: {name}"),
            Err(why) => {
                tracing::warn!("fallback: {name} is lost: {why}");
                return Some(name);
            }
        }
    }
    None
}

fn internal(text: String) -> Failure {
    Failure::new(FailureKind::Internal, Stage::Fetch, text)
}
