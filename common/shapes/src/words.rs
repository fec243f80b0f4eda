//! Jobs in words for people, defined once: the command line and the pages of the coordinator speak alike.
//!
//! Refuses layout: a line, a bar or a table is whoever shows it's own.

use std::fmt::Write as _;

use cleanplate_types::overlay::Look;

use crate::state::{End, JobState, Outcome};

/// The phase in which no frame is done, whatever is known of their number.
const INTAKE: &str = "intake";

/// What it is at, and how far: the windows of a look, else frames.
#[must_use]
pub fn doing(state: &JobState) -> String {
    if let Some(look) = state.look {
        let mut text = look_in_words(look).to_owned();
        if state.windows_total > 0 {
            write!(text, ", {}/{} windows", state.windows_done, state.windows_total).ok();
        }
        text
    } else if state.frames_total > 0 && state.phase != INTAKE {
        format!("{}/{} frames", state.frames_done, state.frames_total)
    } else {
        "looking at the source".to_owned()
    }
}

/// Frames, speed, time left, and why nothing happens: as much of it as is known.
#[must_use]
pub fn summary(state: &JobState) -> String {
    let mut text = doing(state);
    if state.fps_milli > 0 {
        write!(text, ", {} fps", thousandths(state.fps_milli)).ok();
    }
    if let Some(left) = left(state) {
        write!(text, ", {left} left").ok();
    }
    if !state.waits_for.is_empty() {
        write!(text, ", waiting: {}", state.waits_for).ok();
    }
    text
}

/// Time left, as a range where one is known.
#[must_use]
pub fn left(state: &JobState) -> Option<String> {
    match (state.eta_ms, state.eta_soonest_ms.zip(state.eta_latest_ms)) {
        (Some(_), Some((soonest, latest))) if clock(soonest) != clock(latest) => {
            Some(format!("{} to {}", clock(soonest), clock(latest)))
        }
        (Some(left), _) => Some(clock(left)),
        (None, _) => None,
    }
}

/// What a look at the frames is for.
const fn look_in_words(look: Look) -> &'static str {
    match look {
        Look::Find => "looking for overlays",
        Look::Learn => "learning what they are made of",
        Look::Fetch => "painting what lies behind",
        Look::Preview => "making the preview",
    }
}

/// Thousandths as a number with one decimal.
#[must_use]
pub fn thousandths(milli: u32) -> String {
    format!("{}.{}", milli / 1000, milli % 1000 / 100)
}

/// Milliseconds as `M:SS` or `H:MM:SS`, rounded up.
#[must_use]
pub fn clock(millis: u64) -> String {
    let seconds = millis.div_ceil(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// Why nothing happens, or why it ended without a movie of its own; empty where there is nothing to say.
#[must_use]
pub fn why(state: &JobState) -> &str {
    state.outcome.as_ref().map_or(&state.waits_for, why_ended)
}

/// An outcome in words, the whole of it on one line.
#[must_use]
pub fn ending(outcome: &Outcome) -> String {
    let kind = match outcome.kind {
        End::Done => "done",
        End::Unchanged => "unchanged",
        End::Previewed => "previewed",
        End::Abstained => "abstained",
        End::Failed => "failed",
        End::Cancelled => "cancelled",
    };
    let mut words = vec![kind.to_owned()];
    words.extend((outcome.output_bytes > 0).then(|| size(outcome.output_bytes)));
    // The message of a failure is the failure in words.
    words.push(match &outcome.failure {
        Some(failure) => failure.to_string(),
        None => outcome.message.clone(),
    });
    words.retain(|words| !words.is_empty());
    words.join(", ")
}

/// Why there is no movie, or no new one; empty where there is nothing to say.
#[must_use]
pub fn why_ended(outcome: &Outcome) -> &str {
    match (&outcome.failure, outcome.kind) {
        (Some(failure), _) => &failure.message,
        (None, End::Done | End::Previewed | End::Cancelled) => "",
        (None, End::Unchanged | End::Abstained | End::Failed) => &outcome.message,
    }
}

/// Bytes as people read them: three digits are enough.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    units.into_iter().find(|(unit, _)| bytes >= *unit).map_or_else(
        || format!("{bytes} bytes"),
        |(unit, name)| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_speeds_read_as_people_write_them() {
        assert_eq!(clock(0), "0:00");
        assert_eq!(clock(61_001), "1:02");
        assert_eq!(clock(3_661_000), "1:01:01");
        assert_eq!(thousandths(35_250), "35.2");
    }

    #[test]
    fn a_summary_says_what_is_known_and_no_more() {
        let mut state = JobState::try_from(cleanplate_proto::v1::JobState::default()).unwrap();
        assert_eq!(summary(&state), "looking at the source");
        state.frames_total = 250;
        state.phase = "intake".to_owned();
        assert_eq!(summary(&state), "looking at the source");
        state.phase = "encode".to_owned();
        state.frames_done = 120;
        state.fps_milli = 30_000;
        state.eta_ms = Some(4_334);
        assert_eq!(summary(&state), "120/250 frames, 30.0 fps, 0:05 left");
        (state.eta_soonest_ms, state.eta_latest_ms) = (Some(4_000), Some(9_500));
        assert_eq!(summary(&state), "120/250 frames, 30.0 fps, 0:04 to 0:10 left");
        state.waits_for = "no worker is attached".to_owned();
        assert!(summary(&state).ends_with("waiting: no worker is attached"));
    }

    #[test]
    fn a_summary_names_the_look_that_is_under_way_with_its_windows() {
        let mut state = JobState::try_from(cleanplate_proto::v1::JobState::default()).unwrap();
        state.frames_total = 250;
        state.look = Some(Look::Fetch);
        assert_eq!(summary(&state), "painting what lies behind");
        state.windows_total = 12;
        state.windows_done = 3;
        assert_eq!(summary(&state), "painting what lies behind, 3/12 windows");
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(3 << 20), "3.0 MiB");
        assert_eq!(size(5 << 30), "5.0 GiB");
    }
}
