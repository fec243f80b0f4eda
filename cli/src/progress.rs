//! Progress for people and programs: a bar on a terminal, a line every few seconds elsewhere, and
//! with `--json` every state as one object a line on standard output.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use cleanplate_types::overlay::Look;
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::Refusal;
use crate::job_state::{JobState, JobWords as _};
use crate::report::numbered;
use crate::say;

/// How often a line is written where no bar can be shown.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How often that is where nothing changes meanwhile: a log in which nothing moves looks as one that hangs.
pub(crate) const REMIND_EVERY: Duration = Duration::from_secs(30);

/// The phase in which no frame is done, whatever is known of their number.
const INTAKE: &str = "intake";

/// What a job is doing, as far as a line of its own is worth it.
type Stage = (String, Option<Look>);

/// Tells the states of one job as they come.
#[derive(Debug)]
pub(crate) struct Progress {
    json: bool,
    bar: Option<ProgressBar>,
    told: Option<(Instant, Stage)>,
    /// The last state, in words, and since when it is so.
    last: Option<(Instant, String)>,
    review_told: bool,
    notes_told: BTreeSet<String>,
}

impl Progress {
    /// Tells by JSON lines, or by what standard error can show.
    pub(crate) fn new(json: bool) -> Self {
        let bar = (!json && std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{prefix:>8} [{bar:30}] {wide_msg}");
            ProgressBar::new(0)
                .with_style(style.unwrap_or_else(|_never| ProgressStyle::default_bar()))
        });
        Self { json, bar, told: None, last: None, review_told: false, notes_told: BTreeSet::new() }
    }

    /// Tells `state`.
    ///
    /// # Errors
    /// Where standard output cannot be written.
    pub(crate) fn tell(&mut self, state: &JobState) -> Result<(), Refusal> {
        if self.json {
            say::json(state)?;
        }
        for note in &state.notes {
            if self.notes_told.insert(without_times(note).to_owned()) {
                self.note(&format!("note: {note}"));
            }
        }
        self.tell_review(state);
        if let Some(bar) = &self.bar {
            let (done, total) = match state.look {
                Some(_) => (state.windows_done.into(), state.windows_total.into()),
                None => (state.frames_done, state.frames_total),
            };
            bar.set_length(total.max(1));
            bar.set_position(done);
            bar.set_prefix(state.phase.clone());
            bar.set_message(summary(state));
            return Ok(());
        }
        if !self.json {
            let words = format!("{}: {}", state.phase, summary(state));
            if self.last.as_ref().is_none_or(|(_, last)| *last != words) {
                self.last = Some((Instant::now(), words));
            }
            self.tell_line(state);
        }
        Ok(())
    }

    /// Tells where nothing has been told for long that it is still so.
    pub(crate) fn remind(&mut self) {
        if let Some(line) = self.reminder() {
            say::note(&line);
        }
    }

    fn reminder(&mut self) -> Option<String> {
        let (since, words) = self.last.as_ref()?;
        let (at, _) = self.told.as_mut().filter(|(at, _)| at.elapsed() >= REMIND_EVERY)?;
        *at = Instant::now();
        let still_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(format!("{words} (so for {})", clock(still_ms)))
    }

    /// Tells once for each review how to go on.
    fn tell_review(&mut self, state: &JobState) {
        let waits = state.is_in_review();
        if waits && !self.review_told {
            for line in numbered(&state.overlays, state.overlays_more) {
                self.note(&line);
            }
            self.note(&format!("note: the job waits for a review: {}", state.review_in_words()));
        }
        self.review_told = waits;
    }

    fn tell_line(&mut self, state: &JobState) {
        if state.outcome.is_some() {
            // How it ended is the last sentence's to say.
            return;
        }
        let stage = (state.phase.clone(), state.look);
        let due = match &self.told {
            // How to go on with it was told, and nothing changes until somebody does.
            Some((_, told)) if state.is_in_review() => *told != stage,
            Some((at, told)) => at.elapsed() >= LINE_EVERY || *told != stage,
            // What a job waits for when it is first seen is mostly there a moment later.
            None if state.phase == "queued" || !state.waits_for.is_empty() => {
                self.told = Some((Instant::now(), stage.clone()));
                false
            }
            None => true,
        };
        if due {
            say::note(&format!("{}: {}", state.phase, summary(state)));
            self.told = Some((Instant::now(), stage));
        }
    }

    /// Tells people something beside the progress.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say::note(text)),
            None => say::note(text),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A note without how often it came, and without how much of it is left: that is no news.
fn without_times(note: &str) -> &str {
    let of_frames = note.trim_start_matches(|it: char| it.is_ascii_digit());
    if of_frames.starts_with(" frames are made again") {
        return of_frames;
    }
    let counted = note.strip_suffix(" times)").and_then(|rest| rest.rsplit_once(" ("));
    match counted {
        Some((text, count)) if count.bytes().all(|byte| byte.is_ascii_digit()) => text,
        Some(_) | None => note,
    }
}

/// Frames, speed, time left, and why nothing happens: as much of it as is known.
pub(crate) fn summary(state: &JobState) -> String {
    let mut text = String::new();
    if let Some(look) = state.look {
        text.push_str(look_in_words(look));
        if state.windows_total > 0 {
            write!(text, ", {}/{} windows", state.windows_done, state.windows_total).ok();
        }
    } else if state.frames_total > 0 && state.phase != INTAKE {
        write!(text, "{}/{} frames", state.frames_done, state.frames_total).ok();
    } else {
        text.push_str("looking at the source");
    }
    if state.fps_milli > 0 {
        write!(text, ", {} fps", thousandths(state.fps_milli)).ok();
    }
    match (state.eta_ms, state.eta_soonest_ms.zip(state.eta_latest_ms)) {
        (Some(_), Some((soonest, latest))) if clock(soonest) != clock(latest) => {
            write!(text, ", {} to {} left", clock(soonest), clock(latest)).ok();
        }
        (Some(left), _) => {
            write!(text, ", {} left", clock(left)).ok();
        }
        (None, _) => {}
    }
    if !state.waits_for.is_empty() {
        write!(text, ", waiting: {}", state.waits_for).ok();
    }
    text
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
pub(crate) fn thousandths(milli: u32) -> String {
    format!("{}.{}", milli / 1000, milli % 1000 / 100)
}

/// Milliseconds as `M:SS` or `H:MM:SS`, rounded up.
pub(crate) fn clock(millis: u64) -> String {
    let seconds = millis.div_ceil(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
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
    fn where_nothing_changes_that_is_told_now_and_then_and_not_more_often() {
        let long_ago = Instant::now().checked_sub(2 * REMIND_EVERY).unwrap();
        let mut progress = Progress { bar: None, ..Progress::new(false) };
        assert_eq!(progress.reminder(), None, "nothing is known yet");
        progress.last = Some((long_ago, "queued: no worker is attached".to_owned()));
        progress.told = Some((long_ago, ("queued".to_owned(), None)));
        let told = progress.reminder().unwrap();
        assert!(told.starts_with("queued: no worker is attached (so for 1:0"), "{told}");
        assert_eq!(progress.reminder(), None, "it was told just now");
    }

    #[test]
    fn a_note_that_comes_again_is_the_same_note() {
        assert_eq!(
            without_times("nvdec -> software: no card (12 times)"),
            without_times("nvdec -> software: no card")
        );
        assert_eq!(without_times("a (b) c"), "a (b) c");
        assert_eq!(without_times("x (many times)"), "x (many times)");
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
}
