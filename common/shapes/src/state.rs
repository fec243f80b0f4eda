//! A job as the coordinator tells it: parsed from the wire, and its JSON.

use cleanplate_proto::{WireError, look_from, v1 as pb};
use cleanplate_types::failure::Failure;
use cleanplate_types::overlay::Look;
use cleanplate_types::part::Restored;
use serde::Serialize;

use crate::overlay::{self, ShownOverlay};

/// Where a job stands. The names of its fields are those of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobState {
    /// Its id.
    pub job: String,
    /// URL of the source.
    pub input: String,
    /// URL of the output.
    pub output: String,
    /// Whom it belongs to; empty where nobody was named.
    pub owner: String,
    /// Higher goes first.
    pub priority: i32,
    /// What it is doing.
    pub phase: String,
    /// Displayed frames; 0 until they are counted.
    pub frames_total: u64,
    /// Frames that are clean and encoded.
    pub frames_done: u64,
    /// Cells; 0 until they are cut.
    pub cells_total: u32,
    /// Cells whose part is accepted.
    pub cells_done: u32,
    /// Measured speed in thousandths of a frame a second; 0 until it is known.
    pub fps_milli: u32,
    /// Milliseconds until the end, where that is known.
    pub eta_ms: Option<u64>,
    /// The same at the fastest of the last while.
    pub eta_soonest_ms: Option<u64>,
    /// And at the slowest.
    pub eta_latest_ms: Option<u64>,
    /// Why nothing happens; empty while something does.
    pub waits_for: String,
    /// Fallbacks, losses, decisions, for people.
    pub notes: Vec<String>,
    /// The encoder, once it is fixed.
    pub encoder: String,
    /// Leases that run.
    pub leases: u32,
    /// When it was submitted, in milliseconds since the Unix epoch.
    pub submitted_ms: u64,
    /// The look at the frames that is under way.
    #[serde(serialize_with = "look_as_json")]
    pub look: Option<Look>,
    /// Windows of that look; 0 between looks.
    pub windows_total: u32,
    /// Windows of it that are done.
    pub windows_done: u32,
    /// What is removed, once that is settled.
    pub overlays: Vec<ShownOverlay>,
    /// Overlays beyond those.
    pub overlays_more: u32,
    /// What came in its place, in the parts that are accepted.
    #[serde(flatten, serialize_with = "overlay::shares")]
    pub restored: Restored,
    /// Whether there is a preview to fetch.
    pub has_preview: bool,
    /// Whether there is a plan to fetch.
    pub has_plan: bool,
    /// How it ended; absent while it runs.
    pub outcome: Option<Outcome>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Which end.
    pub kind: End,
    /// In words.
    pub message: String,
    /// Size of the output in bytes; 0 where there is none.
    pub output_bytes: u64,
    /// What went wrong, where something did.
    #[serde(serialize_with = "failure_as_json")]
    pub failure: Option<Failure>,
}

/// The ends of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The movie is there.
    Done,
    /// There was nothing to remove: the output is a stream copy.
    Unchanged,
    /// The preview that was asked for is there; nothing was encoded.
    Previewed,
    /// The detector found no evidence either way; nothing was written.
    Abstained,
    /// It failed.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl TryFrom<pb::JobState> for JobState {
    type Error = WireError;

    fn try_from(state: pb::JobState) -> Result<Self, WireError> {
        let pb::JobState {
            job,
            input,
            output,
            phase,
            frames_total,
            frames_done,
            cells_total,
            cells_done,
            fps_milli,
            eta_ms,
            waits_for,
            outcome,
            notes,
            encoder,
            leases,
            submitted_ms,
            look,
            windows_total,
            windows_done,
            overlays,
            restored,
            has_preview,
            has_plan,
            overlays_more,
            eta_soonest_ms,
            eta_latest_ms,
            owner,
            priority,
        } = state;
        let look = Some(look).filter(|look| !look.is_empty());
        Ok(Self {
            job,
            input,
            output,
            owner,
            priority,
            phase,
            frames_total,
            frames_done,
            cells_total,
            cells_done,
            fps_milli,
            eta_ms,
            eta_soonest_ms,
            eta_latest_ms,
            waits_for,
            notes,
            encoder,
            leases,
            submitted_ms,
            look: look.as_deref().map(look_from).transpose()?,
            windows_total,
            windows_done,
            overlays: overlays.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            overlays_more,
            restored: restored.map(Into::into).unwrap_or_default(),
            has_preview,
            has_plan,
            outcome: outcome.map(TryInto::try_into).transpose()?,
        })
    }
}

impl TryFrom<pb::Outcome> for Outcome {
    type Error = WireError;

    fn try_from(outcome: pb::Outcome) -> Result<Self, WireError> {
        let pb::Outcome { kind, message, failure, output_bytes } = outcome;
        let kind = match kind.as_str() {
            "done" => End::Done,
            "unchanged" => End::Unchanged,
            "previewed" => End::Previewed,
            "abstained" => End::Abstained,
            "failed" => End::Failed,
            "cancelled" => End::Cancelled,
            _ => return Err(WireError::Unknown { field: "outcome.kind", value: kind }),
        };
        let failure = failure.map(TryInto::try_into).transpose()?;
        Ok(Self { kind, message, output_bytes, failure })
    }
}

/// A failure with the names of the documentation (`bad_input`, `decode`).
#[derive(Debug, Serialize)]
pub struct FailureJson<'a> {
    /// What kind of failure.
    pub kind: &'static str,
    /// In which stage.
    pub stage: &'static str,
    /// In words.
    pub message: &'a str,
    /// The frames that it concerns, end not included.
    pub frames: Option<(u64, u64)>,
    /// On which worker.
    pub worker: Option<&'a str>,
    /// Under which lease.
    pub lease: Option<u64>,
    /// Which attempt.
    pub attempt: u32,
}

impl<'a> From<&'a Failure> for FailureJson<'a> {
    fn from(failure: &'a Failure) -> Self {
        let Failure { kind, stage, message, frames, worker, lease, attempt } = failure;
        Self {
            kind: kind.as_str(),
            stage: stage.as_str(),
            message,
            frames: frames.map(|range| (range.start, range.end)),
            worker: worker.as_ref().map(|worker| worker.as_str()),
            lease: lease.map(|lease| lease.0),
            attempt: *attempt,
        }
    }
}

#[expect(clippy::ref_option, reason = "serde asks for it so")]
fn look_as_json<S: serde::Serializer>(
    look: &Option<Look>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    look.map(Look::as_str).serialize(serializer)
}

pub(crate) fn failure_as_json<S: serde::Serializer>(
    failure: &Option<Failure>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    failure.as_ref().map(FailureJson::from).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::failure::{FailureKind, Stage};

    use super::*;

    fn ended(kind: &str, failure: Option<Failure>) -> pb::JobState {
        let outcome = pb::Outcome {
            kind: kind.to_owned(),
            message: "words".to_owned(),
            failure: failure.map(Into::into),
            output_bytes: 0,
        };
        pb::JobState { job: "j".to_owned(), outcome: Some(outcome), ..pb::JobState::default() }
    }

    #[test]
    fn json_tells_what_was_removed_and_what_came_in_its_place() {
        let overlay = overlay::overlay_for_tests("static", 240);
        let restored = pb::Restored { frames: 240, inverted: 3, fetched: 1, ..Default::default() };
        let state = pb::JobState {
            look: "learn".to_owned(),
            overlays: vec![overlay],
            restored: Some(restored),
            ..ended("done", None)
        };
        let json = serde_json::to_value(JobState::try_from(state).unwrap()).unwrap();
        assert_eq!(json["overlays"][0]["origin"], "static");
        assert_eq!(json["overlays"][0]["x"], 10);
        assert_eq!((&json["inverted"], &json["fetched"]), (&0.75.into(), &0.25.into()));
        assert_eq!((&json["synthesised"], &json["pixelated"]), (&0.0.into(), &0.0.into()));
        assert_eq!((&json["frames_with_overlay"], &json["look"]), (&240.into(), &"learn".into()));
        let unknown = pb::JobState { look: "gaze".to_owned(), ..pb::JobState::default() };
        assert!(JobState::try_from(unknown).is_err());
    }

    #[test]
    fn json_uses_the_names_of_the_documentation() {
        let failure = Failure::new(FailureKind::BadInput, Stage::Intake, "no video");
        let state = JobState::try_from(ended("failed", Some(failure))).unwrap();
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(json["outcome"]["kind"], "failed");
        assert_eq!(json["outcome"]["failure"]["kind"], "bad_input");
        assert_eq!(json["outcome"]["failure"]["stage"], "intake");
    }
}
