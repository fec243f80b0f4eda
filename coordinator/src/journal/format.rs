//! How a record becomes bytes: postcard, under a number that is raised when the layout changes.
//!
//! Postcard is not self-describing: variants of the records' enums may only be added at the end. A
//! test holds the bytes of the first format; where it fails, raise the number and keep reading the old.

use cleanplate_core::record::{Event, Record};

/// The format in which records are written.
pub const RECORD_FORMAT: i64 = 2;

/// The bytes of a record.
pub(super) fn to_bytes(record: &Record) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(record)
}

/// A record from its bytes in `format`.
pub(super) fn from_bytes(format: i64, bytes: &[u8]) -> Result<Record, postcard::Error> {
    if format > 1 {
        return postcard::from_bytes(bytes);
    }
    // What the first format lacks is two fields at the very end, which may be nothing: zeros.
    postcard::from_bytes(&[bytes, &[0, 0]].concat())
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
        Event::SeamBroken { .. } => "seam_broken",
        Event::AuditsDrawn { .. } => "audits_drawn",
        Event::AuditDone { .. } => "audit_done",
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_core::input::IntakeResult;
    use cleanplate_core::outcome::JobOutcome;
    use cleanplate_types::digest::Sha;
    use cleanplate_types::failure::{Failure, FailureKind, Stage};
    use cleanplate_types::ids::{JobId, LeaseId};
    use cleanplate_types::object::ObjectRef;
    use cleanplate_types::source::SourceRef;
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
            assert_eq!(from_bytes(RECORD_FORMAT, &bytes).unwrap(), record(event));
        }
    }

    #[test]
    fn an_intake_of_the_first_format_is_read_as_one_that_kept_no_packets() {
        let object = |key: &str| ObjectRef { key: key.to_owned(), bytes: 1, sha: Sha::of(b"x") };
        let source = SourceRef { url: "file:///in.mkv".to_owned(), bytes: 1, version: None };
        let (description, table) = (object("description"), object("table"));
        let intake =
            IntakeResult { source, description, table, frames: 300, rest: None, notes: vec![] };
        let event = Event::IntakeDone { lease: LeaseId(7), intake: Box::new(intake) };
        let record = Record { at: Tick(1000), job: JobId::parse("j1").unwrap(), event };
        let mut bytes = to_bytes(&record).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the fields that the first format lacks are the last");
        assert_eq!(bytes.pop(), Some(0), "there are two of them");
        assert_eq!(from_bytes(1, &bytes).unwrap(), record);
        assert!(from_bytes(2, &bytes).is_err(), "the second format has it");
    }
}
