//! How a record becomes bytes: postcard, under a number that is raised when the layout changes.
//!
//! Postcard is not self-describing: variants of the records' enums may only be added at the end, and a field
//! that a type in a record gains makes other bytes of it. Tests hold the bytes; where one fails, raise the number,
//! and say in [`since`] from which on the event is read, unless the old bytes can still be read.

use cleanplate_core::record::{Event, Record};

/// The format in which records are written.
pub const RECORD_FORMAT: i64 = 7;

/// The bytes of a record.
pub(super) fn to_bytes(record: &Record) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(record)
}

/// A record from its bytes in `format`; refuses an event whose layout was another then.
pub(super) fn from_bytes(format: i64, bytes: &[u8]) -> Result<Record, postcard::Error> {
    let record: Record = if format > 1 {
        postcard::from_bytes(bytes)?
    } else {
        // What an intake of the first format lacks is two fields at the very end, which may be nothing: zeros.
        postcard::from_bytes(&[bytes, &[0, 0]].concat())?
    };
    // Which event it is comes before all that it holds, and is right even where the rest is not.
    if format < since(&record.event) { Err(postcard::Error::SerdeDeCustom) } else { Ok(record) }
}

/// The format from which on an event is laid out as it is read here.
const fn since(event: &Event) -> i64 {
    match event {
        // The seventh knows priorities that change, leases that are given back or outrun, who paints frames, and how
        // many were painted.
        Event::Prioritised { .. } | Event::EncoderChosen(_) | Event::CellCommitted { .. } => 7,
        // The sixth knows what detectors followed, and the models that were asked for.
        Event::Submitted { .. } | Event::Surveyed(_) | Event::PlanSettled(_) => 6,
        // The fourth has looks at the frames, and knows how each sample came back.
        Event::Leased { .. }
        | Event::Reduced { .. }
        | Event::Drafted { .. }
        | Event::Approved { .. } => 4,
        Event::LeaseEnded { .. }
        | Event::IntakeDone { .. }
        | Event::WindowDone { .. }
        | Event::CopySettled(_)
        | Event::Briefed { .. }
        | Event::PartDiscarded { .. }
        | Event::Retabled { .. }
        | Event::EncoderLost { .. }
        | Event::StitchStarted { .. }
        | Event::StitchFailed { .. }
        | Event::Ended(_)
        | Event::Retried
        | Event::Forgotten
        | Event::SeamBroken { .. }
        | Event::AuditsDrawn { .. }
        | Event::AuditDone { .. } => 1,
    }
}

/// Whether an event gives a lease its number: of a forgotten job the last of these stays, since no number may
/// be given twice.
pub(super) fn numbers_a_lease(event: &Event) -> bool {
    NUMBERS_A_LEASE.contains(&kind(event))
}

/// The [`kind`]s of such events, as statements of the databases name them.
const NUMBERS_A_LEASE: [&str; 2] = ["leased", "stitch_started"];

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
        Event::Drafted { .. } => "drafted",
        Event::Approved { .. } => "approved",
        Event::Prioritised { .. } => "prioritised",
    }
}

#[cfg(test)]
mod tests;
