//! A job as the coordinator tells it, in words for people. Its JSON is that of `cleanplate-shapes`.

pub(crate) use cleanplate_shapes::{End, JobState, Outcome};

use cleanplate_shapes::words;

use crate::exit::Status;

/// An outcome in words, and the exit status that it comes to.
pub(crate) trait OutcomeWords {
    /// The exit status of a command that waited for the job.
    fn status(&self) -> Status;
    /// The whole of it on one line.
    fn in_words(&self) -> String;
}

/// A job's state in words.
pub(crate) trait JobWords {
    /// Whether it waits for a person.
    fn is_in_review(&self) -> bool;
    /// Why nothing happens, or why it ended without a movie of its own; empty where there is nothing to say.
    fn why(&self) -> &str;
    /// How to go on with a job that waits for a person.
    fn review_in_words(&self) -> String;
}

impl OutcomeWords for Outcome {
    fn status(&self) -> Status {
        match self.kind {
            End::Done | End::Unchanged | End::Previewed => Status::Done,
            End::Abstained => Status::Abstained,
            End::Cancelled => Status::Cancelled,
            End::Failed => {
                self.failure.as_ref().map_or(Status::Failed, |failure| Status::of(failure.kind))
            }
        }
    }

    fn in_words(&self) -> String {
        words::ending(self)
    }
}

impl JobWords for JobState {
    fn is_in_review(&self) -> bool {
        self.phase == "review" && self.outcome.is_none()
    }

    fn why(&self) -> &str {
        words::why(self)
    }

    fn review_in_words(&self) -> String {
        let job = &self.job;
        format!(
            "`cleanplate preview --job {job} -o DIR` shows what would come out; `cleanplate approve {job}` \
             (with --drop N for each overlay that stays) or `cleanplate reject {job}` decides"
        )
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_proto::v1 as pb;
    use cleanplate_types::failure::{Failure, FailureKind, Stage};

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
}
