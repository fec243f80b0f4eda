//! How texts and times are shown on pages.

use std::time::{Duration, SystemTime};

use cleanplate_types::failure::FailureKind;

/// Letters of a place that is shown in a table.
const PLACE_LETTERS: usize = 46;

/// A text with its middle left out where it is longer than a table has room for: a path tells most at its ends.
pub(super) fn shortened(text: &str) -> String {
    let letters = text.chars().count();
    if letters <= PLACE_LETTERS {
        return text.to_owned();
    }
    let head = PLACE_LETTERS / 2 - 4;
    let tail = PLACE_LETTERS - head - 1;
    let begin: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(letters - tail).collect();
    format!("{begin}…{end}")
}

/// A time as `2026-11-28 05:10:00`, of UTC.
pub(super) fn moment(ms: u64) -> String {
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms));
    let text = at.map(|at| humantime::format_rfc3339_seconds(at).to_string()).unwrap_or_default();
    text.trim_end_matches('Z').replace('T', " ")
}

/// A state's kind, by which pages mark it beside its word.
pub(super) fn mark(phase: &str) -> &'static str {
    match phase {
        "done" | "previewed" | "attached" => "good",
        "failed" | "abstained" | "crash_loop" | "set_aside" | "silent" | "lapsed" => "bad",
        "queued" | "cancelled" | "away" | "revoked" | "gave_back" => "still",
        "review" | "draining" | "leaving" => "asks",
        _ => "runs",
    }
}

/// What a person can do about a failure.
pub(super) const fn remedy(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::BadInput => {
            "Look at the source with `cleanplate probe`; a damaged one may pass with --on-damage conceal."
        }
        FailureKind::BadRequest => {
            "What was asked for does not fit this source; submit it anew with what the message names."
        }
        FailureKind::SourceUnavailable => "See that workers can read the source, then retry.",
        FailureKind::SourceChanged => {
            "The source was written to while the job ran; retry when it stays as it is."
        }
        FailureKind::TableMismatch
        | FailureKind::SeamMismatch
        | FailureKind::AuditMismatch
        | FailureKind::PartRefused => {
            "Workers did not agree on the pictures; retry, and look at the workers that the attempts below name."
        }
        FailureKind::StoreUnavailable | FailureKind::ObjectLost => {
            "See that the store can be reached and is whole, then retry."
        }
        FailureKind::WorkerLacks => {
            "Give a worker what the message names, then retry; `cleanplate doctor` there says what is missing."
        }
        FailureKind::EncoderFailed => "Retry, or submit it anew with another encoder.",
        FailureKind::EngineCrashed | FailureKind::EngineHung => {
            "Retry; where it ends so again, the source or the machine is to blame: the trail below tells how far it came."
        }
        FailureKind::LeaseLapsed => "A worker went silent; retry when the workers are back.",
        FailureKind::OutputUnwritable => "See that the output's place can be written, then retry.",
        FailureKind::Cancelled => "Retry, if it is wanted after all.",
        FailureKind::Internal => "This is a bug: retry, and report it with the coordinator's log.",
        FailureKind::OutputWrong => {
            "Retry; the movie did not read back as it was written and was not published."
        }
        FailureKind::OverLimit => {
            "Raise the limit that the message names, or give a smaller source."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_place_keeps_its_ends() {
        assert_eq!(shortened("file:///a.mp4"), "file:///a.mp4");
        let long = shortened(&format!("s3://footage/{}/ü-last.mp4", "x".repeat(90)));
        assert_eq!(long.chars().count(), PLACE_LETTERS);
        assert!(long.starts_with("s3://footage/") && long.ends_with("/ü-last.mp4"), "{long}");
    }

    #[test]
    fn times_are_those_of_utc() {
        assert_eq!(moment(1_795_842_600_999), "2026-11-28 05:10:00");
    }
}
