//! One job in a table: what of it changes, said once for the page and for the stream that keeps the page live.

use cleanplate_shapes::JobState;
use cleanplate_shapes::words;
use maud::{Markup, html};
use serde::Serialize;

use crate::http::pages::words::mark;

/// What changes of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) job: String,
    pub(super) phase: String,
    /// The kind of its phase.
    pub(super) mark: &'static str,
    pub(super) done: u64,
    pub(super) total: u64,
    /// How far it is, in words.
    pub(super) doing: String,
    /// Time left; empty where that is not known.
    pub(super) left: String,
    /// Why it waits, or ended so.
    pub(super) why: String,
    /// What may be done with it: `cancel`, `retry`.
    pub(super) verb: &'static str,
}

impl Row {
    pub(super) fn of(state: &JobState) -> Self {
        let (done, total) = match state.look {
            Some(_) => (state.windows_done.into(), state.windows_total.into()),
            None => (state.frames_done, state.frames_total),
        };
        let is_over = state.outcome.is_some();
        let is_nothing = (is_over && state.frames_total == 0) || state.phase == "queued";
        let doing = if is_nothing { String::new() } else { words::doing(state) };
        Self {
            job: state.job.clone(),
            phase: state.phase.clone(),
            mark: mark(&state.phase),
            done,
            total: total.max(1),
            doing,
            left: words::left(state).filter(|_| !is_over).unwrap_or_default(),
            why: words::why(state).to_owned(),
            verb: match state.phase.as_str() {
                "failed" | "cancelled" | "abstained" => "retry",
                _ if is_over => "",
                _ => "cancel",
            },
        }
    }

    /// Its state, as a word with a mark.
    pub(super) fn chip(&self) -> Markup {
        html! { span.chip.(self.mark) data-is="phase" { (self.phase) } }
    }

    /// How far it is, as a bar with words below.
    pub(super) fn bar(&self) -> Markup {
        html! {
            progress data-is="bar" value=(self.done) max=(self.total) aria-label="Progress" { (self.doing) }
            span.line data-is="doing" { (self.doing) }
        }
    }

    /// The one thing that may be done with it; `back` is where to go on then.
    pub(super) fn button(&self, back: &str) -> Markup {
        let action = |verb: &str| format!("/ui/jobs/{}/{verb}", self.job);
        let one = |verb: &'static str, word: &str| {
            html! {
                form method="post" action=(action(verb)) data-verb=(verb) hidden[self.verb != verb] {
                    input type="hidden" name="back" value=(back);
                    button type="submit" aria-label={ (word) " " (self.job) } { (word) }
                }
            }
        };
        html! { (one("cancel", "Cancel")) (one("retry", "Retry")) }
    }
}
