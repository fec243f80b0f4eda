//! The attempts of a job as a picture: a line for each worker, a bar for each lease, over time.

use std::collections::BTreeMap;

use cleanplate_shapes::Attempt;
use cleanplate_shapes::words::clock;
use maud::{Markup, html};

use crate::attempts::Span;
use crate::http::pages::words::mark;

/// Bars at most: beyond that the latest are shown.
const BARS_MAX: usize = 600;

const WIDTH: u64 = 960;
const NAMES: u64 = 170;
const LINE: u64 = 22;
const BAR: u64 = 15;
const FOOT: u64 = 22;
const MARKS: u64 = 4;

/// One bar.
struct Bar<'a> {
    attempt: &'a Attempt,
    began_ms: u64,
    ended_ms: u64,
}

/// Draws the attempts; nothing where there are none.
pub(super) fn picture<'a>(attempts: &'a [Attempt], spans: &[Span], now_ms: u64) -> Markup {
    let times: BTreeMap<u64, &Span> = spans.iter().map(|span| (span.lease.0, span)).collect();
    let bar = |attempt: &'a Attempt| {
        let span = times.get(&attempt.lease)?;
        let ended_ms = span.ended.map_or(now_ms, |at| at.0).max(span.began.0);
        Some(Bar { attempt, began_ms: span.began.0, ended_ms })
    };
    let bars: Vec<Bar<'_>> = attempts.iter().rev().take(BARS_MAX).filter_map(bar).collect();
    let Some(first) = bars.iter().map(|bar| bar.began_ms).min() else { return html! {} };
    let last = bars.iter().map(|bar| bar.ended_ms).max().unwrap_or(first);
    let length = (last - first).max(1);
    let names: Vec<&str> = {
        let mut names: Vec<&str> = bars.iter().map(|bar| whose(bar.attempt)).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let x_of = |ms: u64| NAMES + (ms - first) * (WIDTH - NAMES - 2) / length;
    let lines = names.len() as u64;
    let height = lines * LINE + FOOT;
    let left_out = attempts.len().saturating_sub(bars.len());
    html! {
        figure.scroll {
            svg.timeline viewBox={ "0 0 " (WIDTH) " " (height) } width=(WIDTH) height=(height) role="img"
                aria-label={ "Attempts by worker over " (clock(length)) "; the table below tells each" } {
                @for mark in 0..=MARKS {
                    @let x = NAMES + mark * (WIDTH - NAMES - 2) / MARKS;
                    line.grid x1=(x) y1="0" x2=(x) y2=(lines * LINE) {}
                    text x=(x) y=(height - 6) text-anchor=(anchor(mark)) { (clock(length * mark / MARKS)) }
                }
                @for (at, name) in (0_u64..).zip(&names) {
                    text x="0" y=(at * LINE + 15) { (fitting(name)) title { (name) } }
                    @for bar in bars.iter().filter(|bar| whose(bar.attempt) == *name) {
                        @let x = x_of(bar.began_ms);
                        rect.(kind(bar.attempt)) x=(x) y=(at * LINE + 3) height=(BAR) rx="2"
                            width=((x_of(bar.ended_ms) - x).max(3)) {
                            title { (told(bar)) }
                        }
                    }
                }
            }
            @if left_out > 0 { figcaption { "The latest; " (left_out) " earlier attempts are in the table." } }
        }
    }
}

/// The stitch is the coordinator's own.
pub(super) fn whose(attempt: &Attempt) -> &str {
    if attempt.worker.is_empty() { "coordinator" } else { &attempt.worker }
}

/// The kind of how an attempt went.
pub(super) fn kind(attempt: &Attempt) -> &'static str {
    mark(&attempt.outcome)
}

fn told(bar: &Bar<'_>) -> String {
    let Attempt { work, lease, attempt, outcome, frames, .. } = bar.attempt;
    let frames = frames.map_or_else(String::new, |(start, end)| format!(", frames {start}..{end}"));
    let took = clock(bar.ended_ms - bar.began_ms);
    format!("{work}, lease {lease}, attempt {attempt}{frames}: {outcome} ({took})")
}

fn fitting(name: &str) -> String {
    const LETTERS: usize = 24;
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    let begin: String = name.chars().take(LETTERS - 1).collect();
    format!("{begin}…")
}

const fn anchor(mark: u64) -> &'static str {
    match mark {
        0 => "start",
        MARKS => "end",
        _ => "middle",
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_core::record::{Event, Piece, Record};
    use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
    use cleanplate_types::time::Tick;

    use super::*;
    use crate::attempts::spans;

    fn attempt(lease: u64, worker: &str, outcome: &str) -> Attempt {
        Attempt {
            held_ms: None,
            tier: String::new(),
            lease,
            work: "segment".to_owned(),
            worker: worker.to_owned(),
            frames: Some((0, 240)),
            attempt: 1,
            outcome: outcome.to_owned(),
            failure: None,
            trail: Vec::new(),
        }
    }

    #[test]
    fn each_lease_is_a_bar_in_its_workers_line_from_its_begin_to_its_end() {
        let leased = |lease| Event::Leased {
            lease: LeaseId(lease),
            worker: WorkerId::parse("w").unwrap(),
            piece: Piece::Intake,
            attempt: 1,
        };
        let job = JobId::parse("j").unwrap();
        let record = |at, event| Record { at: Tick(at), job: job.clone(), event };
        let records = [record(1_000, leased(1)), record(3_000, leased(2))];
        let attempts = [attempt(1, "w<b>", "running"), attempt(2, "", "failed")];
        let told = picture(&attempts, &spans(&records), 5_000).into_string();
        assert_eq!(told.matches("<rect").count(), 2, "{told}");
        assert!(told.contains(r#"class="runs" x="170""#), "from the begin: {told}");
        assert!(told.contains(r#"class="bad" x="564""#), "from the middle: {told}");
        assert!(told.contains("w&lt;b&gt;") && told.contains("coordinator"), "{told}");
        assert!(picture(&[], &[], 0).into_string().is_empty());
    }
}
