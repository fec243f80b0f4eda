//! Progress for people and programs: a bar on a terminal, a line every few seconds elsewhere, and
//! with `--json` every state as one object a line on standard output.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use cleanplate_shapes::report::numbered;
pub(crate) use cleanplate_shapes::words::{clock, summary, thousandths};
use cleanplate_types::overlay::Look;
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::Refusal;
use crate::job_state::{JobState, JobWords as _};
use crate::say;

/// How often a line is written where no bar can be shown.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How often that is where nothing changes meanwhile: a log in which nothing moves looks as one that hangs.
pub(crate) const REMIND_EVERY: Duration = Duration::from_secs(30);

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
