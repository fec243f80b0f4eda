//! The table of the jobs.

use axum::extract::{Extension, Query, State};
use axum::http::{StatusCode, Uri};
use cleanplate_access::Caller;
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_server::Jobs as _;
use cleanplate_shapes::JobState;
use maud::{Markup, html};
use serde::Deserialize;

use crate::dispatch::Totals;
use crate::http::jobs::shape;
use crate::http::pages::layout::{Head, Part, page};
use crate::http::pages::row::Row;
use crate::http::pages::words::{moment, shortened};
use crate::http::pages::{Answer, Viewer, throughput};
use crate::http::{Api, call};

/// Jobs of a page.
const JOBS_A_PAGE: u32 = 50;

/// Letters at a place's end that are shown at any width of a window: all that [`shortened`] leaves there, and its sign.
const TAIL_LETTERS: usize = 27;

/// What stands for letters that are left out.
const LEFT_OUT: char = '…';

/// Which jobs are shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    owner: String,
    state: String,
    cursor: String,
}

/// `GET /ui/jobs`.
pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<Wanted>,
    uri: Uri,
) -> Answer {
    let viewer = Viewer::of(&caller);
    let list = pb::ListRequest {
        limit: JOBS_A_PAGE,
        owner: wanted.owner.clone(),
        state: wanted.state.clone(),
        after: wanted.cursor.clone(),
    };
    let listed = api.jobs.list(call(caller.clone(), list)).await?.into_inner();
    let jobs: Vec<JobState> = listed.jobs.into_iter().map(shape).collect::<Result<_, _>>()?;
    let glance = api.jobs.glance(Vec::new(), &caller).await?;
    let back = uri.path_and_query().map_or("/ui/jobs", |it| it.as_str());
    let ids: Vec<&str> = jobs.iter().map(|state| state.job.as_str()).collect();
    let events = format!("/ui/events?jobs={}", ids.join(","));
    let body = html! {
        h1 { "Jobs" }
        div data-events=(events) {
            (totals(&glance.totals, &wanted))
            @if viewer.sees_all() { (throughput::picture(&glance.minutes)) }
            (filter(&wanted, &viewer))
            @if jobs.is_empty() {
                p.quiet { "There are no such jobs. " a href="/ui/submit" { "Submit one" } "." }
            } @else {
                (table(&jobs, back))
            }
            (further(&wanted, &listed.next))
        }
    };
    let head = Head { title: "Jobs", part: Part::Jobs, viewer: Some(&viewer), script: None };
    Ok(page(StatusCode::OK, &head, &body))
}

/// The page of these jobs.
fn address(owner: &str, state: &str, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("state", state), ("owner", owner), ("cursor", cursor)] {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { "/ui/jobs".to_owned() } else { format!("/ui/jobs?{query}") }
}

pub(super) const fn counts(totals: &Totals) -> [(&'static str, u64); 8] {
    [
        ("queued", totals.queued),
        ("running", totals.running),
        ("review", totals.review),
        ("done", totals.done),
        ("previewed", totals.previewed),
        ("abstained", totals.abstained),
        ("failed", totals.failed),
        ("cancelled", totals.cancelled),
    ]
}

fn totals(totals: &Totals, wanted: &Wanted) -> Markup {
    html! {
        nav.totals aria-label="Jobs by state" {
            a href=(address(&wanted.owner, "", "")) aria-current=[wanted.state.is_empty().then_some("true")] {
                "all"
            }
            @for (state, count) in counts(totals) {
                a href=(address(&wanted.owner, state, ""))
                    aria-current=[(wanted.state == state).then_some("true")] {
                    (state) " " b data-total=(state) { (count) }
                }
            }
        }
    }
}

fn filter(wanted: &Wanted, viewer: &Viewer) -> Markup {
    html! {
        @if viewer.sees_all() {
            form.filter method="get" action="/ui/jobs" {
                @if !wanted.state.is_empty() { input type="hidden" name="state" value=(wanted.state); }
                label for="owner" { "Owner" }
                input #owner name="owner" value=(wanted.owner) maxlength="200";
                button type="submit" { "Show" }
            }
        }
    }
}

fn table(jobs: &[JobState], back: &str) -> Markup {
    html! {
        table.jobs {
            caption.away { "Jobs, newest first" }
            thead {
                tr {
                    th.id scope="col" { "Job" }
                    th.places scope="col" { "Input and output" }
                    th.owner scope="col" { "Owner" }
                    th.state scope="col" { "State" }
                    th.progress scope="col" { "Progress" }
                    th.left scope="col" { "Left" }
                    th.why scope="col" { "Why" }
                    th.acts scope="col" { span.away { "Actions" } }
                }
            }
            tbody { @for state in jobs { (row(state, back)) } }
        }
    }
}

fn row(state: &JobState, back: &str) -> Markup {
    let row = Row::of(state);
    html! {
        tr data-job=(state.job) {
            td.id {
                a.line href={ "/ui/jobs/" (state.job) } { (state.job) }
                span.line.quiet { (moment(state.submitted_ms)) }
            }
            td.places {
                (place("", &state.input))
                (place("→ ", &state.output))
            }
            td.owner { span.line title=(state.owner) { (state.owner) } }
            td.state { (row.chip()) }
            td.progress { (row.bar()) }
            td.left { span.line data-is="left" { (row.left) } }
            td.why { span.lines data-is="why" title=(row.why) { (row.why) } }
            td.acts { (row.button(back)) }
        }
    }
}

/// A place on one line, whose beginning gives way where the line is too short for it.
fn place(mark: &str, whole: &str) -> Markup {
    let text = shortened(whole);
    let (head, tail) = ends(&text);
    html! {
        span.line.place title=(whole) {
            @if !mark.is_empty() { span.quiet { (mark) } }
            span.head.cut[tail.starts_with(LEFT_OUT)] { (head) }
            span.tail { (tail) }
        }
    }
}

/// A place in two, the second of which tells files apart: it begins where letters were left out, or else with a folder
/// where one begins early in it.
fn ends(text: &str) -> (&str, &str) {
    let cut = text.char_indices().rev().nth(TAIL_LETTERS - 1).map_or(0, |(at, _)| at);
    let (_, tail) = text.split_at(cut);
    let folder = tail.find('/').filter(|at| *at < TAIL_LETTERS / 2 && !tail.starts_with(LEFT_OUT));
    text.split_at(cut + folder.unwrap_or(0))
}

fn further(wanted: &Wanted, next: &str) -> Markup {
    html! {
        nav.further aria-label="Pages of the list" {
            @if !wanted.cursor.is_empty() {
                a href=(address(&wanted.owner, &wanted.state, "")) { "Newest" }
            }
            @if !next.is_empty() {
                a rel="next" href=(address(&wanted.owner, &wanted.state, next)) { "Older" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_place_stays_whole() {
        assert_eq!(ends("a.mp4"), ("", "a.mp4"));
        assert_eq!(ends(""), ("", ""));
        let text = "file:///data/footage/season-01/reel-b/320x180.mp4";
        assert_eq!(ends(text), ("file:///data/footage/season-01", "/reel-b/320x180.mp4"));
        let text = "s3://footage/üüü-than-there-is-room-for.mp4";
        assert_eq!(ends(text), ("s3://footage/üüü", "-than-there-is-room-for.mp4"));
        let text = shortened("s3://footage/of-more-letters/than-there/is-room-for/here.mp4");
        let (head, tail) = ends(&text);
        assert_eq!((head, tail), ("s3://footage/of-mor", "…there/is-room-for/here.mp4"));
    }

    #[test]
    fn what_somebody_gave_is_shown_and_never_run() {
        let hostile = r#""><script>alert(1)</script><img src=x onerror=alert(2)>'"#;
        let state = pb::JobState {
            job: "job-1".to_owned(),
            input: format!("file:///{hostile}"),
            output: hostile.to_owned(),
            owner: hostile.to_owned(),
            phase: "queued".to_owned(),
            waits_for: hostile.to_owned(),
            ..pb::JobState::default()
        };
        let state: JobState = shape(state).unwrap();
        let wanted = Wanted {
            owner: hostile.to_owned(),
            state: hostile.to_owned(),
            cursor: hostile.to_owned(),
        };
        let viewer = Viewer::of(&Caller::Anyone);
        let told = html! {
            (table(&[state], hostile)) (filter(&wanted, &viewer)) (further(&wanted, hostile))
            (totals(&Totals::default(), &wanted))
        };
        let told = told.into_string();
        assert!(!told.contains("<script") && !told.contains("<img"), "{told}");
        assert!(told.contains("&lt;script&gt;"), "it is shown: {told}");
        // No attribute is left by a quote.
        assert!(!told.contains(r#"=""></"#) && !told.contains("onerror=alert(2)>"), "{told}");
    }
}
