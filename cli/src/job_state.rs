//! A job as the coordinator tells it: parsed at the door, printed for people and as JSON.

use cleanplate_proto::{WireError, look_from, v1 as pb};
use cleanplate_types::failure::Failure;
use cleanplate_types::overlay::Look;
use cleanplate_types::part::Restored;
use serde::Serialize;

use crate::exit::Status;
use crate::follow::size;
use crate::report::{self, ShownOverlay};

/// Where a job stands. The names of its fields are those of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobState {
    /// Its id.
    pub(crate) job: String,
    /// URL of the source.
    pub(crate) input: String,
    /// URL of the output.
    pub(crate) output: String,
    /// Whom it belongs to; empty where nobody was named.
    pub(crate) owner: String,
    /// Higher goes first.
    pub(crate) priority: i32,
    /// What it is doing.
    pub(crate) phase: String,
    /// Displayed frames; 0 until they are counted.
    pub(crate) frames_total: u64,
    /// Frames that are clean and encoded.
    pub(crate) frames_done: u64,
    /// Cells; 0 until they are cut.
    pub(crate) cells_total: u32,
    /// Cells whose part is accepted.
    pub(crate) cells_done: u32,
    /// Measured speed in thousandths of a frame a second; 0 until it is known.
    pub(crate) fps_milli: u32,
    /// Milliseconds until the end, where that is known.
    pub(crate) eta_ms: Option<u64>,
    /// The same at the fastest of the last while.
    pub(crate) eta_soonest_ms: Option<u64>,
    /// And at the slowest.
    pub(crate) eta_latest_ms: Option<u64>,
    /// Why nothing happens; empty while something does.
    pub(crate) waits_for: String,
    /// Fallbacks, losses, decisions, for people.
    pub(crate) notes: Vec<String>,
    /// The encoder, once it is fixed.
    pub(crate) encoder: String,
    /// Leases that run.
    pub(crate) leases: u32,
    /// When it was submitted, in milliseconds since the Unix epoch.
    pub(crate) submitted_ms: u64,
    /// The look at the frames that is under way.
    #[serde(serialize_with = "look_as_json")]
    pub(crate) look: Option<Look>,
    /// Windows of that look; 0 between looks.
    pub(crate) windows_total: u32,
    /// Windows of it that are done.
    pub(crate) windows_done: u32,
    /// What is removed, once that is settled.
    pub(crate) overlays: Vec<ShownOverlay>,
    /// Overlays beyond those.
    pub(crate) overlays_more: u32,
    /// What came in its place, in the parts that are accepted.
    #[serde(flatten, serialize_with = "report::shares")]
    pub(crate) restored: Restored,
    /// Whether there is a preview to fetch.
    pub(crate) has_preview: bool,
    /// How it ended; absent while it runs.
    pub(crate) outcome: Option<Outcome>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    /// Which end.
    pub(crate) kind: End,
    /// In words.
    pub(crate) message: String,
    /// Size of the output in bytes; 0 where there is none.
    pub(crate) output_bytes: u64,
    /// What went wrong, where something did.
    #[serde(serialize_with = "failure_as_json")]
    pub(crate) failure: Option<Failure>,
}

/// The ends of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
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

impl Outcome {
    /// The exit status of a command that waited for the job.
    pub(crate) fn status(&self) -> Status {
        match self.kind {
            End::Done | End::Unchanged | End::Previewed => Status::Done,
            End::Abstained => Status::Abstained,
            End::Cancelled => Status::Cancelled,
            End::Failed => {
                self.failure.as_ref().map_or(Status::Failed, |failure| Status::of(failure.kind))
            }
        }
    }

    /// The whole of it on one line.
    pub(crate) fn in_words(&self) -> String {
        let kind = match self.kind {
            End::Done => "done",
            End::Unchanged => "unchanged",
            End::Previewed => "previewed",
            End::Abstained => "abstained",
            End::Failed => "failed",
            End::Cancelled => "cancelled",
        };
        let mut words = vec![kind.to_owned()];
        words.extend((self.output_bytes > 0).then(|| size(self.output_bytes)));
        // The message of a failure is the failure in words.
        words.push(match &self.failure {
            Some(failure) => failure.to_string(),
            None => self.message.clone(),
        });
        words.retain(|words| !words.is_empty());
        words.join(", ")
    }

    /// Why there is no movie, or no new one, as short as a table wants it; empty where there is nothing to say.
    fn why(&self) -> &str {
        match (&self.failure, self.kind) {
            (Some(failure), _) => &failure.message,
            (None, End::Done | End::Previewed | End::Cancelled) => "",
            (None, End::Unchanged | End::Abstained | End::Failed) => &self.message,
        }
    }
}

impl JobState {
    /// Whether it waits for a person.
    pub(crate) fn is_in_review(&self) -> bool {
        self.phase == "review" && self.outcome.is_none()
    }

    /// Why nothing happens, or why it ended without a movie of its own; empty where there is nothing to say.
    pub(crate) fn why(&self) -> &str {
        self.outcome.as_ref().map_or(&self.waits_for, Outcome::why)
    }

    /// How to go on with a job that waits for a person.
    pub(crate) fn review_in_words(&self) -> String {
        let job = &self.job;
        format!(
            "`cleanplate preview --job {job} -o DIR` shows what would come out; `cleanplate approve {job}` \
             (with --drop N for each overlay that stays) or `cleanplate reject {job}` decides"
        )
    }
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
pub(crate) struct FailureJson<'a> {
    kind: &'static str,
    stage: &'static str,
    message: &'a str,
    frames: Option<(u64, u64)>,
    worker: Option<&'a str>,
    lease: Option<u64>,
    attempt: u32,
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

fn failure_as_json<S: serde::Serializer>(
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

    fn status(kind: &str, failure: Option<Failure>) -> u8 {
        let state = JobState::try_from(ended(kind, failure)).unwrap();
        state.outcome.unwrap().status().code()
    }

    #[test]
    fn every_end_has_the_exit_status_of_the_contract() {
        assert_eq!(status("done", None), 0);
        assert_eq!(status("unchanged", None), 0);
        assert_eq!(status("previewed", None), 0);
        assert_eq!(status("abstained", None), 5);
        assert_eq!(status("cancelled", None), 6);
        let failure = |kind| Some(Failure::new(kind, Stage::Decode, "words"));
        assert_eq!(status("failed", failure(FailureKind::BadInput)), 3);
        assert_eq!(status("failed", failure(FailureKind::EngineCrashed)), 1);
        assert!(JobState::try_from(ended("finished", None)).is_err());
    }

    #[test]
    fn json_tells_what_was_removed_and_what_came_in_its_place() {
        let overlay = report::overlay_for_tests("static", 240);
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
