//! How a record becomes bytes: postcard, under a number that is raised when the layout changes.
//!
//! Postcard is not self-describing: variants of the records' enums may only be added at the end. A
//! test holds the bytes of the first format; where it fails, raise the number and keep reading the old.

use cleanplate_core::record::{Event, Record};

/// The format in which records are written.
pub const RECORD_FORMAT: i64 = 1;

/// The bytes of a record.
pub(super) fn to_bytes(record: &Record) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(record)
}

/// A record from its bytes.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Record, postcard::Error> {
    postcard::from_bytes(bytes)
}

/// The name of what happened, for people who look into the database.
pub(super) const fn kind(event: &Event) -> &'static str {
    match event {
        Event::Submitted { .. } => "submitted",
        Event::Leased { .. } => "leased",
        Event::LeaseEnded { .. } => "lease_ended",
        Event::IntakeDone { .. } => "intake_done",
        Event::Surveyed(_) => "surveyed",
        Event::WindowDone { .. } => "window_done",
        Event::Reduced { .. } => "reduced",
        Event::PlanSettled(_) => "plan_settled",
        Event::CopySettled(_) => "copy_settled",
        Event::EncoderChosen(_) => "encoder_chosen",
        Event::Briefed { .. } => "briefed",
        Event::CellCommitted { .. } => "cell_committed",
        Event::PartDiscarded { .. } => "part_discarded",
        Event::Retabled { .. } => "retabled",
        Event::EncoderLost { .. } => "encoder_lost",
        Event::StitchStarted { .. } => "stitch_started",
        Event::StitchFailed { .. } => "stitch_failed",
        Event::Ended(_) => "ended",
        Event::Retried => "retried",
        Event::Forgotten => "forgotten",
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_core::outcome::JobOutcome;
    use cleanplate_types::failure::{Failure, FailureKind, Stage};
    use cleanplate_types::ids::{JobId, LeaseId};
    use cleanplate_types::time::Tick;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_bytes_of_the_first_format_stay() {
        let record = |event| Record { at: Tick(1000), job: JobId::parse("j1").unwrap(), event };
        let failure = Failure::new(FailureKind::PartRefused, Stage::Commit, "no");
        let cases = [
            (Event::StitchStarted { lease: LeaseId(7) }, "e807026a310f07"),
            (Event::Ended(JobOutcome::Cancelled), "e807026a311104"),
            (Event::Forgotten, "e807026a3113"),
            (Event::StitchFailed { failure: Box::new(failure) }, "e807026a31100a09026e6f00000000"),
        ];
        for (event, expected) in cases {
            let bytes = to_bytes(&record(event.clone())).unwrap();
            assert_eq!(hex(&bytes), expected, "the bytes of {}", kind(&event));
            assert_eq!(from_bytes(&bytes).unwrap(), record(event));
        }
    }
}
