//! The workers, grouped by state.

use axum::extract::{Extension, Query, State};
use axum::http::{StatusCode, Uri};
use cleanplate_access::Caller;
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_server::Jobs as _;
use cleanplate_shapes::Worker;
use cleanplate_shapes::words::thousandths;
use maud::{Markup, html};
use serde::Deserialize;

use crate::http::pages::act::Act;
use crate::http::pages::layout::{Head, Part, page};
use crate::http::pages::words::mark;
use crate::http::pages::{Answer, Viewer};
use crate::http::{Api, call};

/// Workers of a page.
const WORKERS_A_PAGE: usize = 100;

/// The states, in the order in which somebody looks after them.
const STATES: [&str; 7] =
    ["crash_loop", "set_aside", "silent", "leaving", "draining", "attached", "away"];

/// Which workers are shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    state: String,
    page: usize,
}

/// `GET /ui/fleet`.
pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<Wanted>,
    uri: Uri,
) -> Answer {
    let viewer = Viewer::of(&caller);
    let told = api.jobs.workers(call(caller, pb::WorkersRequest {})).await?.into_inner();
    let mut workers: Vec<Worker> = told.workers.into_iter().map(Worker::from).collect();
    let place = |worker: &Worker| STATES.iter().position(|state| *state == worker.state);
    workers.sort_by(|a, b| (place(a), &a.worker).cmp(&(place(b), &b.worker)));
    let back = uri.path_and_query().map_or("/ui/fleet", |it| it.as_str());
    let body = html! { h1 { "Fleet" } (fleet(&workers, &wanted, back)) };
    let head = Head { title: "Fleet", part: Part::Fleet, viewer: Some(&viewer), script: None };
    Ok(page(StatusCode::OK, &head, &body))
}

/// The page of these workers, counted from 0.
fn address(state: &str, page: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if !state.is_empty() {
        query.append_pair("state", state);
    }
    if page > 0 {
        query.append_pair("page", &page.to_string());
    }
    let query = query.finish();
    if query.is_empty() { "/ui/fleet".to_owned() } else { format!("/ui/fleet?{query}") }
}

fn fleet(workers: &[Worker], wanted: &Wanted, back: &str) -> Markup {
    let counts = STATES.map(|state| (state, workers.iter().filter(|it| it.state == state).count()));
    let chosen: Vec<&Worker> =
        workers.iter().filter(|it| wanted.state.is_empty() || it.state == wanted.state).collect();
    let slots: u64 = chosen.iter().map(|it| u64::from(it.slots)).sum();
    let busy: u64 = chosen.iter().map(|it| u64::from(it.busy)).sum();
    let from = wanted.page.saturating_mul(WORKERS_A_PAGE);
    let shown: Vec<&Worker> = chosen.iter().skip(from).take(WORKERS_A_PAGE).copied().collect();
    html! {
        nav.totals aria-label="Workers by state" {
            a href=(address("", 0)) aria-current=[wanted.state.is_empty().then_some("true")] { "all " b { (workers.len()) } }
            @for (state, count) in counts {
                a href=(address(state, 0)) aria-current=[(wanted.state == state).then_some("true")] {
                    (state.replace('_', " ")) " " b { (count) }
                }
            }
        }
        p { (busy) " of " (slots) " slots busy." }
        @if shown.is_empty() {
            p.quiet { "There are no such workers; one is started by " code { "cleanplate worker --coordinator URL" } "." }
        } @else {
            (table(&shown, back))
        }
        nav.further aria-label="Pages of the list" {
            @if wanted.page > 0 { a rel="prev" href=(address(&wanted.state, wanted.page - 1)) { "Previous" } }
            @if from.saturating_add(WORKERS_A_PAGE) < chosen.len() {
                a rel="next" href=(address(&wanted.state, wanted.page.saturating_add(1))) { "Next" }
            }
        }
    }
}

fn table(workers: &[&Worker], back: &str) -> Markup {
    html! {
        table.fleet {
            caption.away { "Workers, those that need somebody first" }
            thead {
                tr {
                    th.name scope="col" { "Worker" }
                    th.state scope="col" { "State" }
                    th.card scope="col" { "Card" }
                    th.num scope="col" { "Slots" }
                    th.num scope="col" { "FPS" }
                    th.encoders scope="col" { "Encoders" }
                    th.num scope="col" { "Models" }
                    th.note scope="col" { "Note" }
                    th.acts scope="col" { span.away { "Actions" } }
                }
            }
            tbody { @for worker in workers { (row(worker, back)) } }
        }
    }
}

fn row(worker: &Worker, back: &str) -> Markup {
    let encoders: Vec<String> = worker.encoders.iter().map(|it| encoder(&it.name)).collect();
    let encoders = encoders.join(", ");
    let speed = if worker.fps_milli > 0 { thousandths(worker.fps_milli) } else { "-".to_owned() };
    let models = match (&worker.runtime, worker.models.len()) {
        (None, _) => "no".to_owned(),
        (Some(_), count) => count.to_string(),
    };
    html! {
        tr data-worker=(worker.worker) {
            td { span.line title=(worker.worker) { (worker.worker) } span.line.quiet { (worker.version) } }
            td { span.chip.(mark(&worker.state)) { (worker.state.replace('_', " ")) } }
            td { span.line { (card(worker)) } span.line.quiet title=(doing(worker)) { "tier " (worker.tier) @if worker.load.is_some() { ", " (doing(worker)) } } }
            td data-label="slots" { (worker.busy) "/" (worker.slots) }
            td data-label="fps" { (speed) }
            td data-label="encoders" { span.lines title=(encoders) { (encoders) } }
            td data-label="models" { (models) }
            td.note { span.lines title=(worker.note) { (worker.note) } }
            td.acts {
                @if matches!(worker.state.as_str(), "attached" | "silent" | "set_aside" | "crash_loop") {
                    form method="post" action={ "/ui/workers/" (worker.worker) "/drain" } {
                        input type="hidden" name="back" value=(back);
                        button type="submit" aria-label={ "Drain " (worker.worker) } { "Drain" }
                    }
                }
            }
        }
    }
}

/// What its card is doing.
fn doing(worker: &Worker) -> String {
    worker.load.map(|load| load.words()).unwrap_or_default()
}

/// An encoder with what it is made by.
fn encoder(name: &str) -> String {
    let made = if name.ends_with("_nvenc") { "hardware" } else { "software" };
    format!("{name} ({made})")
}

fn card(worker: &Worker) -> String {
    match &worker.card {
        None => "no card".to_owned(),
        Some(card) => {
            let gib = (card.vram_mib + 512) / 1024;
            let mark = if card.pretended { " (pretended)" } else { "" };
            format!("{} {gib} GiB{mark}", card.name)
        }
    }
}

/// `POST /ui/workers/{worker}/drain`.
pub(super) async fn drain(State(api): State<Api>, act: Act) -> Answer {
    let drain = pb::DrainWorkerRequest { worker: act.of.clone(), within_ms: None };
    api.jobs.drain_worker(act.call(drain)).await?;
    Ok(act.back("/ui/fleet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_workers_come_in_pages_those_that_need_somebody_first() {
        let worker = |at: usize| {
            Worker::from(pb::WorkerState {
                worker: format!("w-{at:04}"),
                state: if at == 999 { "crash_loop" } else { "attached" }.to_owned(),
                note: "<script>alert(1)</script>".to_owned(),
                slots: 2,
                load: Some(pb::CardLoad {
                    busy_percent: Some(87),
                    celsius: Some(61),
                    used_mib: None,
                }),
                ..pb::WorkerState::default()
            })
        };
        let workers: Vec<Worker> = (0..1000).map(worker).collect();
        let page = |state: &str, page| {
            let wanted = Wanted { state: state.to_owned(), page };
            fleet(&workers, &wanted, "/ui/fleet").into_string()
        };
        let first = page("", 0);
        assert_eq!(first.matches("<tr data-worker").count(), WORKERS_A_PAGE);
        assert!(first.contains("0 of 2000 slots busy") && first.contains("page=1"), "{first}");
        assert!(!first.contains("<script"), "{first}");
        assert!(first.contains("87 % busy, 61 °C"), "{first}");
        let looping = page("crash_loop", 0);
        assert_eq!(looping.matches("<tr data-worker").count(), 1);
        assert!(!page("", 9).contains("rel=\"next\""));
        assert!(page("", usize::MAX).contains("no such workers"));
    }
}
