//! One job: all that is known of it, and what may be done with it.

mod parts;

use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use cleanplate_access::{Caller, Role};
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_server::Jobs as _;
use cleanplate_shapes::{Attempt, JobState};
use maud::{Markup, html};

use crate::attempts::Span;
use crate::http::jobs::shape;
use crate::http::pages::act::Act;
use crate::http::pages::layout::{Head, Part, page};
use crate::http::pages::row::Row;
use crate::http::pages::stills::{Stills, stills};
use crate::http::pages::{Answer, Mishap, Viewer, timeline};
use crate::http::problem::{Kind, Problem};
use crate::http::{Api, call};

/// `GET /ui/jobs/{job}`.
pub(super) async fn show(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
) -> Answer {
    let viewer = Viewer::of(&caller);
    let request = call(caller.clone(), pb::ShowRequest { job });
    let pb::ShowResponse { state, request, attempts } = api.jobs.show(request).await?.into_inner();
    let state: JobState = shape(state.unwrap_or_default())?;
    let attempts: Vec<Attempt> = attempts.into_iter().map(shape).collect::<Result<_, _>>()?;
    let spans = api.jobs.spans(&state.job, &caller).await?;
    let shown = match state.has_preview {
        true => stills(&api, caller, state.job.clone())
            .await
            .map_err(|status| status.message().to_owned()),
        false => Ok(Stills::default()),
    };
    let body = html! {
        h1 { (state.job) }
        div data-events={ "/ui/events?jobs=" (state.job) } data-job=(state.job) {
            (standing(&state, &viewer))
        }
        div data-part="facts" { (parts::facts(&state, &request.unwrap_or_default())) }
        div data-part="end" { (parts::ending(&state)) (parts::notes(&state)) }
        div data-part="overlays" { (parts::overlays(&state, viewer.may(Role::Submit))) (parts::made_of(&state)) }
        div data-part="preview" { (parts::preview(&state.job, &shown)) }
        div data-part="attempts" { (tried(&attempts, &spans)) }
        (priority(&state, &viewer))
    };
    let head = Head { title: &state.job, part: Part::Jobs, viewer: Some(&viewer), script: None };
    Ok(page(StatusCode::OK, &head, &body))
}

/// Where it stands, and the buttons: what changes all the time, in places of fixed size.
fn standing(state: &JobState, viewer: &Viewer) -> Markup {
    let row = Row::of(state);
    let back = format!("/ui/jobs/{}", state.job);
    html! {
        div.stands {
            div { (row.chip()) span.line data-is="left" aria-label="Time left" { (row.left) } }
            div { (row.bar()) }
            div { span.lines data-is="why" title=(row.why) { (row.why) } }
        }
        @if viewer.may(Role::Submit) { div.bar { (row.button(&back)) } }
    }
}

fn tried(attempts: &[Attempt], spans: &[Span]) -> Markup {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    html! {
        @if !attempts.is_empty() {
            h2 { "Attempts" }
            (timeline::picture(attempts, spans, now_ms))
            (parts::attempts(attempts))
        }
    }
}

fn priority(state: &JobState, viewer: &Viewer) -> Markup {
    html! {
        @if viewer.may(Role::Submit) && state.outcome.is_none() {
            h2 { "Priority" }
            form.filter method="post" action={ "/ui/jobs/" (state.job) "/priority" } {
                label for="priority" { "Higher goes first" }
                input #priority type="number" name="priority" value=(state.priority) min="-1000" max="1000" required;
                button type="submit" { "Change" }
            }
        }
    }
}

/// To the page of its job, where the button stood on no other one.
fn back(act: &Act) -> Answer {
    Ok(act.back(&format!("/ui/jobs/{}", act.of)))
}

/// `POST /ui/jobs/{job}/cancel`.
pub(super) async fn cancel(State(api): State<Api>, act: Act) -> Answer {
    api.jobs.cancel(act.call(pb::CancelRequest { job: act.of.clone() })).await?;
    back(&act)
}

/// `POST /ui/jobs/{job}/retry`.
pub(super) async fn retry(State(api): State<Api>, act: Act) -> Answer {
    api.jobs.retry(act.call(pb::RetryRequest { job: act.of.clone() })).await?;
    back(&act)
}

/// `POST /ui/jobs/{job}/approve`: `overlay` names each that the page showed, `remove` each that is to go.
pub(super) async fn approve(State(api): State<Api>, act: Act) -> Answer {
    let removed: Vec<&str> = act.fields.all("remove").collect();
    let stays = act.fields.all("overlay").filter(|at| !removed.contains(at));
    let drop: Vec<u32> =
        stays.map(|at| whole(at, "the number of an overlay")).collect::<Result<_, _>>()?;
    api.jobs.approve(act.call(pb::ApproveRequest { job: act.of.clone(), drop })).await?;
    back(&act)
}

/// `POST /ui/jobs/{job}/reject`.
pub(super) async fn reject(State(api): State<Api>, act: Act) -> Answer {
    api.jobs.reject(act.call(pb::RejectRequest { job: act.of.clone() })).await?;
    back(&act)
}

/// `POST /ui/jobs/{job}/priority`.
pub(super) async fn prioritise(State(api): State<Api>, act: Act) -> Answer {
    let priority = whole(act.fields.last("priority"), "a priority")?;
    api.jobs.prioritise(act.call(pb::PrioritiseRequest { job: act.of.clone(), priority })).await?;
    back(&act)
}

/// A field as a whole number.
///
/// # Errors
/// Says what it should have been.
pub(super) fn whole<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, Mishap> {
    let wrong = |_| Problem::new(Kind::InvalidRequest, format!("`{text}` is not {what}"));
    text.trim().parse().map_err(wrong).map_err(Mishap::from)
}
