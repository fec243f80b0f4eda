//! What clients see: the scheduler's views as messages.

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_core::outcome::{CopyReason, JobOutcome, Published};
use cleanplate_core::view::{JobPhase, JobView, SetAsideFor, WorkerView};
use cleanplate_proto::{card_to_wire, load_to_wire, v1 as pb};
use cleanplate_store::shown_place;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::WorkerId;
use cleanplate_types::overlay::{Look, Overlay, OverlayPlan, Track};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::JobRequest;
use cleanplate_types::tier::CardLoad;

use crate::attempts::Attempt;
use crate::book::Book;
use crate::granted;
use crate::journal::TrailLine;

/// What is said where there is nothing to remove, and what may be done about it.
const NOTHING_FOUND: &str = "nothing that was looked for was found";
const NAME_IT: &str = "where there is something, name it by --region, --mask, --overlay or --plan";

/// Ranges of frames of an overlay that are shown; the first of those there are.
const RANGES_SHOWN: usize = 8;
/// Overlays of a job that are told, at most: a film has thousands of captions.
const OVERLAYS_SHOWN: usize = 64;

/// A job's state for the wire.
pub(crate) fn job_state(view: &JobView<'_>, book: &mut Book) -> pb::JobState {
    let done = match view.outcome {
        Some(JobOutcome::Done(_) | JobOutcome::Copied { .. }) => view.frames_total,
        Some(JobOutcome::Abstained { .. } | JobOutcome::Failed(_) | JobOutcome::Cancelled) => {
            view.frames_committed
        }
        Some(JobOutcome::Previewed(_)) => 0,
        None => view.frames_best.min(view.frames_total),
    };
    let mut notes = view.notes.to_vec();
    notes.extend(view.made_again.as_ref().map(ToString::to_string));
    notes.extend(book.fallbacks_of(view.job));
    if let Some(JobOutcome::Done(published) | JobOutcome::Copied { published, .. }) = view.outcome {
        notes.extend(published.notes.iter().cloned());
    }
    // Intake foretells what the stitch leaves out, and streams may be left out alike.
    let mut told = BTreeSet::new();
    notes.retain(|note| told.insert(note.clone()));
    pb::JobState {
        job: view.job.as_str().to_owned(),
        input: shown_place(&view.request.input),
        output: view.request.output.clone(),
        phase: phase(view).to_owned(),
        frames_total: view.frames_total,
        frames_done: done,
        cells_total: view.cells_total,
        cells_done: view.cells_committed,
        fps_milli: clipped(view.fps_milli.unwrap_or(0)),
        eta_ms: view.eta_ms,
        eta_soonest_ms: view.eta_range_ms.map(|(soonest, _)| soonest),
        eta_latest_ms: view.eta_range_ms.map(|(_, latest)| latest),
        waits_for: view.waiting.as_ref().map(ToString::to_string).unwrap_or_default(),
        outcome: view.outcome.map(outcome),
        notes,
        encoder: view.spec.map(|spec| spec.encoder.name.as_str().to_owned()).unwrap_or_default(),
        leases: u32::try_from(view.leases.len()).unwrap_or(u32::MAX),
        submitted_ms: view.submitted.0,
        look: view
            .look
            .filter(|_| view.outcome.is_none())
            .map(|look| look.as_str().to_owned())
            .unwrap_or_default(),
        windows_total: view.windows_total,
        windows_done: view.windows_done,
        overlays: view.plan.map_or_else(Vec::new, overlays),
        overlays_more: view.plan.map_or(0, |plan| clipped(beyond(plan))),
        restored: Some(view.restored.into()),
        has_preview: view.preview.is_some() && !is_swept(view),
        has_plan: has_plan(view),
        owner: view.request.owner.clone(),
        priority: view.request.priority,
    }
}

/// What was asked for, without what may be a signature in a place.
pub(crate) fn shown_request(mut request: JobRequest) -> JobRequest {
    request.input = shown_place(&request.input);
    let models = request.detectors.iter_mut().map(|detector| &mut detector.model);
    for model in models.chain(&mut request.painter) {
        model.url = shown_place(&model.url);
    }
    request
}

/// Whether what the job made is gone from the store, as where it ended well.
const fn is_swept(view: &JobView<'_>) -> bool {
    !matches!(view.outcome, None | Some(JobOutcome::Previewed(_) | JobOutcome::Failed(_)))
}

/// Whether there is a plan to fetch: of what was learned a part lies in the store.
fn has_plan(view: &JobView<'_>) -> bool {
    let is_settled = !matches!(view.look, Some(Look::Find | Look::Learn));
    let is_published =
        matches!(view.outcome, Some(JobOutcome::Done(_) | JobOutcome::Copied { .. }));
    let is_kept = !is_swept(view) || (is_published && view.request.keep_plan);
    is_settled && view.plan.is_some_and(|plan| is_kept || plan.mattes.is_none())
}

/// The overlays and tracks that are listed, in the order of their numbers.
fn overlays(plan: &OverlayPlan) -> Vec<pb::OverlayState> {
    let still = plan.overlays.iter().map(overlay);
    still.chain(plan.tracks.iter().map(track)).take(OVERLAYS_SHOWN).collect()
}

/// Number of those that are not.
fn beyond(plan: &OverlayPlan) -> u64 {
    (plan.overlays.len() + plan.tracks.len()).saturating_sub(OVERLAYS_SHOWN) as u64
}

/// A track for people: what holds it in all of its frames.
fn track(track: &Track) -> pb::OverlayState {
    let hull = track.steps.iter().map(|step| step.bounds).reduce(Rect::hull);
    let bounds = hull.map(|Rect { x, y, width, height }| pb::Rect { x, y, width, height });
    let largest =
        track.steps.iter().map(|step| u64::from(step.bounds.width) * u64::from(step.bounds.height));
    pb::OverlayState {
        bounds: bounds.or_else(|| Some(pb::Rect::default())),
        origin: track.origin.as_str().to_owned(),
        fill: track.fill.as_str().to_owned(),
        frames: track.steps.iter().map(|step| step.frames.count()).sum(),
        samples: largest.max().unwrap_or(0),
        when: ranges(track.steps.iter().map(|step| step.frames)),
    }
}

/// An overlay for people: where it is, and when, as far as they will read.
fn overlay(overlay: &Overlay) -> pb::OverlayState {
    let Rect { x, y, width, height } = overlay.mask.bounds;
    pb::OverlayState {
        bounds: Some(pb::Rect { x, y, width, height }),
        origin: overlay.origin.as_str().to_owned(),
        fill: overlay.fill.as_str().to_owned(),
        frames: overlay.when.iter().map(|range| range.count()).sum(),
        samples: overlay.mask.count(),
        when: ranges(overlay.when.iter().copied()),
    }
}

/// The first ranges of frames, those that follow one another as one.
fn ranges(frames: impl Iterator<Item = FrameRange>) -> Vec<pb::FrameRange> {
    let mut ranges: Vec<pb::FrameRange> = Vec::new();
    for FrameRange { start, end } in frames {
        if let Some(last) = ranges.last_mut().filter(|last| last.end == start) {
            last.end = end;
        } else if ranges.len() < RANGES_SHOWN {
            ranges.push(pb::FrameRange { start, end });
        } else {
            break;
        }
    }
    ranges
}

/// What a job is at, by its name on the wire.
pub(crate) fn phase(view: &JobView<'_>) -> &'static str {
    match (view.phase, view.outcome) {
        (_, Some(outcome)) => match outcome {
            JobOutcome::Done(_) | JobOutcome::Copied { .. } => "done",
            JobOutcome::Previewed(_) => "previewed",
            JobOutcome::Abstained { .. } => "abstained",
            JobOutcome::Failed(_) => "failed",
            JobOutcome::Cancelled => "cancelled",
        },
        // With a table it has begun.
        (JobPhase::Intake, None) if view.leases.is_empty() && view.frames_total == 0 => "queued",
        (
            phase @ (JobPhase::Intake
            | JobPhase::Analyse
            | JobPhase::Review
            | JobPhase::Plan
            | JobPhase::Encode
            | JobPhase::Stitch
            | JobPhase::Copy
            | JobPhase::Ended),
            None,
        ) => phase.as_str(),
    }
}

fn outcome(outcome: &JobOutcome) -> pb::Outcome {
    let ended = |kind: &str, message: String| pb::Outcome {
        kind: kind.to_owned(),
        message,
        failure: None,
        output_bytes: 0,
    };
    match outcome {
        JobOutcome::Done(Published { bytes, .. }) => {
            pb::Outcome { output_bytes: *bytes, ..ended("done", String::new()) }
        }
        JobOutcome::Copied { why, published } => {
            let why = match why {
                CopyReason::NothingFound => {
                    format!("{NOTHING_FOUND}; the output is a stream copy ({NAME_IT})")
                }
                CopyReason::Abstained { why } => {
                    format!("the detector abstained: {why}; the output is a stream copy")
                }
            };
            pb::Outcome { output_bytes: published.bytes, ..ended("unchanged", why) }
        }
        JobOutcome::Previewed(Some(_)) => ended("previewed", "nothing was encoded".to_owned()),
        JobOutcome::Previewed(None) => ended("previewed", NOTHING_FOUND.to_owned()),
        JobOutcome::Abstained { why } => ended("abstained", why.clone()),
        JobOutcome::Failed(failure) => pb::Outcome {
            failure: Some(failure.as_ref().clone().into()),
            ..ended("failed", failure.to_string())
        },
        JobOutcome::Cancelled => ended("cancelled", "cancelled".to_owned()),
    }
}

/// How a worker stands, by its name on the wire.
pub(crate) const fn worker_stands(view: &WorkerView<'_>) -> &'static str {
    match (view.session, view.draining, view.set_aside_for) {
        (None, _, _) => "away",
        (Some(_), _, _) if view.silent => "silent",
        (Some(_), true, _) if view.leaves_by.is_some() => "leaving",
        (Some(_), true, _) => "draining",
        (Some(_), false, Some(SetAsideFor::CrashLoop { .. })) => "crash_loop",
        (Some(_), false, Some(_)) => "set_aside",
        (Some(_), false, None) => "attached",
    }
}

/// A worker's state for the wire; `version` is that of its product, where it is attached.
pub(crate) fn worker_state(
    view: &WorkerView<'_>,
    book: &Book,
    (version, load): (Option<String>, Option<CardLoad>),
) -> pb::WorkerState {
    let state = worker_stands(view);
    let aside = view.set_aside_for.map(|why| format!("set aside: {why}"));
    let held = view.not_letting_go.iter().map(|lease| format!("not letting go of lease {lease}"));
    let note = aside.into_iter().chain(held).collect::<Vec<_>>().join("; ");
    pb::WorkerState {
        worker: view.worker.as_str().to_owned(),
        state: state.to_owned(),
        card: card_to_wire(view.card.clone()),
        tier: view.card.tier().name.to_owned(),
        slots: view.slots,
        busy: u32::try_from(view.leases.len()).unwrap_or(u32::MAX),
        fps_milli: clipped(view.fps_milli.unwrap_or(0)),
        encoders: view.encoders.iter().cloned().map(Into::into).collect(),
        frames_done: book.frames_of(view.worker),
        note,
        version: version.unwrap_or_default(),
        runtime: view.models.runtime.clone().unwrap_or_default(),
        models: view.models.installed.iter().map(|sha| sha.0.to_vec()).collect(),
        load: load.map(load_to_wire),
    }
}

/// The attempts of a job for the wire, each with its trail.
/// `tiers` are the rows of the workers that are known.
pub(crate) fn attempts_shown(
    attempts: Vec<Attempt>,
    trails: &[TrailLine],
    tiers: &BTreeMap<String, String>,
) -> Vec<pb::Attempt> {
    let shown = |attempt: Attempt| {
        let lines: Vec<_> = trails.iter().filter(|line| line.lease == attempt.lease).collect();
        let (row, lines) = granted::split(&lines);
        let held_ms = attempt.held_ms();
        let worker = attempt.worker.as_ref().map(WorkerId::to_string).unwrap_or_default();
        pb::Attempt {
            // What was granted by an earlier version has no row of its own.
            tier: row.or_else(|| tiers.get(&worker).map(String::as_str)).unwrap_or("").to_owned(),
            held_ms,
            lease: attempt.lease.0,
            work: attempt.work.to_owned(),
            worker,
            frames: attempt.frames.map(|FrameRange { start, end }| pb::FrameRange { start, end }),
            attempt: attempt.attempt,
            outcome: attempt.fate.as_str().to_owned(),
            failure: attempt.fate.failure().cloned().map(Into::into),
            trail: lines.into_iter().map(|line| line.entry.clone().into()).collect(),
        }
    };
    attempts.into_iter().map(shown).collect()
}

fn clipped(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
