//! What the log says of a job: milestones at INFO, what went wrong at WARN, with fields.
//!
//! Told from records after they are durable, so that the log never speaks of what did not happen.

use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::record::{Event, LeaseEnd, Piece, Record};
use cleanplate_store::shown_place;
use cleanplate_types::failure::Failure;
use cleanplate_types::ids::{JobId, LeaseId};
use tracing::{debug, info, warn};

/// Logs what `record` says, at its level.
#[expect(
    clippy::cognitive_complexity,
    reason = "one flat match with a log line an arm; the macros count as branches"
)]
pub(crate) fn tell(record: &Record) {
    let job = &record.job;
    match &record.event {
        Event::Submitted { request } => {
            info!(%job, input = shown_place(&request.input), output = request.output, "job accepted");
        }
        Event::Leased { lease, worker, piece, attempt } => match piece {
            Piece::Segment(segment) => {
                let frames = segment.frames;
                info!(%job, %lease, %worker, %frames, cells = segment.cells, attempt, "segment granted");
            }
            Piece::Intake => info!(%job, %lease, %worker, attempt, "intake granted"),
            Piece::Window(window) => {
                let (look, index, frames) = (window.look.as_str(), window.index, window.frames);
                info!(%job, %lease, %worker, look, window = index, %frames, attempt, "window granted");
            }
            Piece::Reduce => info!(%job, %lease, %worker, attempt, "reduce granted"),
            Piece::Audit(cell) => info!(%job, %lease, %worker, %cell, attempt, "audit granted"),
        },
        Event::LeaseEnded { lease, end } => lease_ended(job, *lease, end),
        Event::IntakeDone { lease, intake } => {
            info!(%job, %lease, frames = intake.frames, "intake done");
        }
        Event::Surveyed(survey) => {
            let (cells, windows) = (survey.cells.len(), survey.windows.len());
            info!(%job, cells, windows, "cells are cut");
        }
        Event::WindowDone { lease, index, .. } => {
            debug!(%job, %lease, window = index, "window looked at");
        }
        Event::Reduced { lease, .. } => debug!(%job, %lease, "evidence reduced"),
        Event::PlanSettled(settled) => {
            let overlays = settled.plan.overlays.len();
            let notes = settled.notes.join("; ");
            info!(%job, overlays, notes, "plan settled");
        }
        Event::CopySettled(why) => info!(%job, ?why, "nothing is removed: the source is copied"),
        Event::EncoderChosen(spec) => {
            info!(%job, encoder = %spec.encoder.name, build = spec.encoder.build, preset = spec.preset, quality = ?spec.quality, "encoder chosen");
        }
        Event::Briefed { brief } => debug!(%job, key = brief.key, "brief written"),
        Event::CellCommitted { lease, summary } => {
            info!(%job, %lease, cell = %summary.cell, frames = summary.frames, bytes = summary.part_bytes, "cell committed");
        }
        Event::StitchStarted { lease } => info!(%job, %lease, "stitch started"),
        Event::PartDiscarded { cell, failure } => {
            warn!(%job, %cell, kind = failure.kind.as_str(), %failure, "part discarded, its cell is made again");
        }
        Event::Retabled { failure } => {
            warn!(%job, %failure, "frame table was wrong, it is made again by decoding");
        }
        Event::EncoderLost { failure } => {
            warn!(%job, %failure, "encoder lost, the cells start anew in software");
        }
        Event::StitchFailed { failure } => {
            warn!(%job, kind = failure.kind.as_str(), %failure, "stitch failed and is tried again");
        }
        Event::Ended(outcome) => ended(job, outcome),
        Event::Drafted { draft } => debug!(%job, key = draft.key, "draft written"),
        Event::Approved { dropped } => info!(%job, dropped = dropped.len(), "plan approved"),
        Event::Prioritised { priority } => info!(%job, priority, "priority changed"),
        Event::Retried => info!(%job, "job is tried again"),
        Event::Forgotten => info!(%job, "job forgotten"),
        Event::SeamBroken { cell, failure } => {
            warn!(%job, %cell, %failure, "neighbours decoded one frame differently");
        }
        Event::AuditsDrawn { cells, .. } => info!(%job, cells = cells.len(), "audits drawn"),
        Event::AuditDone { lease, cell } => info!(%job, %lease, %cell, "part found right"),
    }
}

#[expect(
    clippy::cognitive_complexity,
    reason = "one flat match with a log line an arm; the macros count as branches"
)]
fn lease_ended(job: &JobId, lease: LeaseId, end: &LeaseEnd) {
    match end {
        LeaseEnd::Done => info!(%job, %lease, "segment done"),
        LeaseEnd::Outrun => {
            info!(%job, %lease, "lease outrun, another one handed in its last cells");
        }
        LeaseEnd::GaveBack => info!(%job, %lease, "lease given back, its worker goes"),
        LeaseEnd::Failed(failure) => {
            let Failure { kind, stage, message, worker, attempt, .. } = failure.as_ref();
            let worker = worker.as_ref().map(tracing::field::display);
            warn!(%job, %lease, worker, kind = kind.as_str(), %stage, attempt, message, "lease ended without its result");
        }
    }
}

#[expect(
    clippy::cognitive_complexity,
    reason = "one flat match with a log line an arm; the macros count as branches"
)]
fn ended(job: &JobId, outcome: &JobOutcome) {
    match outcome {
        JobOutcome::Done(published) => info!(%job, bytes = published.bytes, "published"),
        JobOutcome::Copied { published, .. } => {
            info!(%job, bytes = published.bytes, "published, a copy of the source");
        }
        JobOutcome::Previewed(_) => info!(%job, "preview made"),
        JobOutcome::Abstained { why } => info!(%job, why, "the detector abstained"),
        JobOutcome::Failed(failure) => {
            warn!(%job, kind = failure.kind.as_str(), %failure, "job failed");
        }
        JobOutcome::Cancelled => info!(%job, "job cancelled"),
    }
}
