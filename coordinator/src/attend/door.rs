//! What workers say, parsed by destructuring so that a new field cannot be forgotten. An object that a worker names is
//! one that was written under the lease that it reports: it cannot hand in another's.

use cleanplate_core::input::{Input, IntakeResult, Report};
use cleanplate_proto::{WireError, card_from_wire, v1 as pb};
use cleanplate_store::{Unsigned, keys};
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::EncoderProof;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::{LeaseId, WorkerId};
use cleanplate_types::model::{ModelClass, WorkerModels};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::part::PartSummary;
use cleanplate_types::tier::Card;

use crate::dispatch::Order;

/// The most leases that a worker may offer to hold at a time.
pub(super) const SLOTS_MAX: u32 = 1024;

/// A worker's handshake, checked.
#[derive(Debug)]
pub(super) struct Hello {
    pub(super) worker: WorkerId,
    pub(super) instance: u64,
    pub(super) card: Card,
    pub(super) slots: u32,
    pub(super) encoders: Vec<EncoderProof>,
    pub(super) models: WorkerModels,
    pub(super) holding: Vec<LeaseId>,
    pub(super) acknowledges: bool,
}

/// Takes a request that is to be signed, of which worker and process.
pub(super) fn to_sign(request: pb::SignRequest) -> Result<(WorkerId, u64, Unsigned), WireError> {
    let pb::SignRequest { worker, instance, bucket, path, method, query, headers } = request;
    let worker = WorkerId::parse(&worker)
        .map_err(|bad| WireError::Unknown { field: "worker", value: bad.to_string() })?;
    let (query, headers) = (pairs(query), pairs(headers));
    Ok((worker, instance, Unsigned { bucket, path, method, query, headers }))
}

fn pairs(named: Vec<pb::NameValue>) -> Vec<(String, String)> {
    named.into_iter().map(|pb::NameValue { name, value }| (name, value)).collect()
}

/// Takes a handshake whose protocol version is ours.
pub(super) fn hello(hello: pb::Hello) -> Result<Hello, WireError> {
    let pb::Hello {
        protocol: _,
        version: _,
        worker,
        card,
        slots,
        encoders,
        holding,
        instance,
        runtime,
        models,
        acknowledges,
        objects: _,
        model_classes,
    } = hello;
    if slots == 0 || slots > SLOTS_MAX {
        return Err(WireError::OutOfRange("slots"));
    }
    Ok(Hello {
        worker: WorkerId::parse(&worker)
            .map_err(|bad| WireError::Unknown { field: "worker", value: bad.to_string() })?,
        instance,
        card: card_from_wire(card),
        slots,
        encoders: encoders.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        models: WorkerModels {
            runtime: Some(runtime).filter(|version| !version.is_empty()),
            installed: models.iter().map(|sha| model(sha)).collect::<Result<_, _>>()?,
            classes: model_classes.into_iter().map(ModelClass).collect(),
        },
        holding: holding.into_iter().map(LeaseId).collect(),
        acknowledges,
    })
}

fn model(sha: &[u8]) -> Result<Sha, WireError> {
    Sha::from_slice(sha).ok_or(WireError::OutOfRange("models"))
}

/// Takes any later message of `worker`.
pub(super) fn message(
    worker: &WorkerId,
    session: u64,
    message: pb::FromWorker,
) -> Result<Order, WireError> {
    use pb::from_worker::Message;
    let worker = worker.clone();
    let report = |worker, lease, report| {
        let input = Input::Report { worker, lease: LeaseId(lease), report };
        Ok(Order::Tell { input, reply: None })
    };
    match message.message.ok_or(WireError::Missing("message"))? {
        Message::Hello(_) => {
            Err(WireError::Unknown { field: "message", value: "a second hello".to_owned() })
        }
        // What its card is doing was told to its session.
        Message::Heartbeat(pb::Heartbeat { load: _ }) => {
            Ok(Order::Tell { input: Input::Heartbeat { worker, session }, reply: None })
        }
        Message::Progress(pb::Progress { lease, frames }) => {
            report(worker, lease, Report::Progress { frames })
        }
        Message::IntakeDone(done) => {
            let (lease, result) = intake(done)?;
            report(worker, lease, Report::IntakeDone(Box::new(result)))
        }
        Message::AnalyseDone(pb::AnalyseDone { lease, evidence }) => {
            let evidence = object(lease, evidence, "evidence")?;
            report(worker, lease, Report::WindowDone { evidence })
        }
        Message::ReduceDone(pb::ReduceDone { lease, finding, mattes }) => {
            let finding = object(lease, finding, "finding")?;
            let mattes = mattes.map(|it| object(lease, Some(it), "mattes")).transpose()?;
            report(worker, lease, Report::ReduceDone { finding, mattes })
        }
        Message::CellDone(pb::CellDone { lease, part }) => {
            let summary: PartSummary = part.ok_or(WireError::Missing("part"))?.try_into()?;
            // Under a lease that is over it counts for nothing anyway; under one that is current its work is tried again.
            match written_under(lease, &summary.manifest.key, "manifest") {
                Ok(()) => report(worker, lease, Report::CellDone { summary: Box::new(summary) }),
                Err(error) => {
                    let (kind, stage) = (FailureKind::PartRefused, Stage::Commit);
                    let failure = Box::new(Failure::new(kind, stage, error.to_string()));
                    report(worker, lease, Report::Failed { failure })
                }
            }
        }
        Message::LeaseDone(pb::LeaseDone { lease }) => report(worker, lease, Report::SegmentDone),
        Message::AuditDone(pb::AuditDone { lease, frames }) => {
            report(worker, lease, Report::AuditDone { frames })
        }
        Message::LeaseFailed(pb::LeaseFailed { lease, failure }) => {
            let failure: Failure = failure.ok_or(WireError::Missing("failure"))?.try_into()?;
            report(worker, lease, Report::Failed { failure: Box::new(failure) })
        }
        Message::Trail(pb::Trail { lease, entries }) => Ok(Order::Trail {
            worker: Some(worker),
            lease: LeaseId(lease),
            entries: entries.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        }),
        Message::Notice(pb::Notice { remaining_ms }) => {
            let input = Input::Notice { worker, session, remaining_ms };
            Ok(Order::Tell { input, reply: None })
        }
        Message::GaveBack(pb::GaveBack { lease }) => report(worker, lease, Report::GaveBack),
        Message::Released(pb::Released { lease }) => report(worker, lease, Report::Released),
        Message::Leaving(pb::Leaving { when_done: true }) => {
            Ok(Order::Tell { input: Input::Drain { worker, within_ms: None }, reply: None })
        }
        Message::Leaving(pb::Leaving { when_done: false }) => Ok(Order::Leave { worker, session }),
    }
}

fn intake(done: pb::IntakeDone) -> Result<(u64, IntakeResult), WireError> {
    let pb::IntakeDone { lease, source, description, table, frames, rest, notes } = done;
    let result = IntakeResult {
        source: source.ok_or(WireError::Missing("source"))?.try_into()?,
        description: object(lease, description, "description")?,
        table: object(lease, table, "table")?,
        rest: rest.map(|it| object(lease, Some(it), "rest")).transpose()?,
        frames,
        notes,
    };
    Ok((lease, result))
}

fn object(
    lease: u64,
    object: Option<pb::ObjectRef>,
    field: &'static str,
) -> Result<ObjectRef, WireError> {
    let object: ObjectRef = object.ok_or(WireError::Missing(field))?.try_into()?;
    written_under(lease, &object.key, field)?;
    Ok(object)
}

/// Refuses a key that nobody writes under this lease.
fn written_under(lease: u64, key: &str, field: &'static str) -> Result<(), WireError> {
    let is_plain = !key.split('/').any(|part| matches!(part, "" | "." | ".."));
    let is_its = keys::lease_of(key) == Some(LeaseId(lease));
    if key.starts_with(keys::JOBS) && is_plain && is_its {
        return Ok(());
    }
    Err(WireError::Unknown { field, value: format!("{key}, under lease {lease}") })
}
