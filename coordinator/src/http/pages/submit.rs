//! A new job by a form: what to clean, what to remove, how.
//!
//! The regions are lines of text, as on the command line, which a script draws and a person without scripts types.

mod regions;

use std::ops::RangeInclusive;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use cleanplate_access::{Caller, Role};
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_server::Jobs as _;
use cleanplate_shapes::{Detector, Hex, JobRequest, Model};
use cleanplate_types::encode::EncoderName;
use cleanplate_types::known_models::{KnownModel, known_model};
use cleanplate_types::model::ModelRef;
use cleanplate_types::overlay::Fill;
use maud::{Markup, html};
use tonic::Status;

use crate::http::body::{Fields, form};
use crate::http::pages::assets::DRAW;
use crate::http::pages::layout::{Head, Part, page};
use crate::http::pages::{Answer, Viewer, on_to};
use crate::http::problem::Problem;
use crate::http::{Api, call};

/// What stays in place.
const STATIC: &str = "static";

/// Bytes of the form at most: thousands of regions.
const FORM_BYTES_MAX: usize = 256 << 10;

/// Samples of a side to draw on.
const SIDES: RangeInclusive<u32> = 16..=16_384;

/// `GET /ui/submit`.
pub(super) async fn show(Extension(caller): Extension<Caller>) -> Response {
    shown(StatusCode::OK, &Viewer::of(&caller), &Fields::default(), None)
}

/// `POST /ui/submit`.
pub(super) async fn submit(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let fields = form(&headers, body, FORM_BYTES_MAX).await?;
    let viewer = Viewer::of(&caller);
    match queued(&api, caller, &fields).await {
        Ok(job) => Ok(on_to(&format!("/ui/jobs/{job}"))),
        Err(status) => {
            let problem = Problem::of(&status);
            let (code, _, detail) = problem.told();
            Ok(shown(code, &viewer, &fields, Some(detail)))
        }
    }
}

async fn queued(api: &Api, caller: Caller, fields: &Fields) -> Result<String, Status> {
    let request: pb::JobRequest = request(fields).map_err(Status::invalid_argument)?.into();
    let submit = pb::SubmitRequest { request: Some(request), job: None };
    Ok(api.jobs.submit(call(caller, submit)).await?.into_inner().job)
}

/// What the fields ask for.
fn request(fields: &Fields) -> Result<JobRequest, String> {
    let text = |name: &str| fields.last(name).trim().to_owned();
    let optional = |name: &str| Some(text(name)).filter(|it| !it.is_empty());
    let number = |name: &str, what: &str| {
        let number = optional(name)
            .map(|text| text.parse::<u32>().map_err(|_none| format!("`{text}` is no {what}")));
        number.transpose()
    };
    // A box that is not ticked is not sent: nothing is looked for then.
    let (detect, models): (Vec<&str>, Vec<&str>) =
        fields.all("detect").partition(|what| *what == STATIC);
    let priority = optional("priority").unwrap_or_else(|| "0".to_owned());
    Ok(JobRequest {
        input: text("input"),
        output: text("output"),
        owner: text("owner"),
        regions: regions::parse(fields.last("regions"))?,
        detect: Some(detect.into_iter().map(str::to_owned).collect()),
        detectors: models.into_iter().map(detector).collect::<Result<_, _>>()?,
        fill: text("fill"),
        encoder: text("encoder"),
        quality: number("quality", "quality")?,
        priority: priority.parse().map_err(|_none| format!("`{priority}` is no priority"))?,
        review: text("review"),
        ..JobRequest::default()
    })
}

/// The detector of that name which workers have installed.
fn detector(name: &str) -> Result<Detector, String> {
    let known = known_model(name);
    let KnownModel { sha, bytes, .. } =
        known.ok_or_else(|| format!("`{name}` is nothing that is looked for"))?;
    let ModelRef { url, .. } = ModelRef::installed(name, *sha, *bytes);
    let model = Model { url, sha256: Hex(sha.0.to_vec()), bytes: *bytes };
    Ok(Detector { what: name.to_owned(), model, classes: Vec::new(), score_min: None })
}

fn shown(status: StatusCode, viewer: &Viewer, given: &Fields, refused: Option<&str>) -> Response {
    let body = html! {
        h1 { "Submit" }
        form method="post" action="/ui/submit" {
            @if let Some(why) = refused { p.detail role="alert" { (why) } }
            (places(viewer, given))
            div.draw {
                div { (drawing(given)) }
                div { (ways(given, refused.is_some())) button.primary type="submit" { "Submit" } }
            }
        }
    };
    let script = DRAW.path();
    let head =
        Head { title: "Submit", part: Part::Submit, viewer: Some(viewer), script: Some(&script) };
    page(status, &head, &body)
}

fn drawing(given: &Fields) -> Markup {
    let [wide, high] = size(given);
    html! {
        fieldset {
            legend { "Regions to remove" }
            div data-draw hidden {
                p {
                    button #glimpse type="button" { "Show a frame of the input" }
                    // The input whose frame is shown: a form that comes back shows it again.
                    input #seen type="hidden" name="seen" value=(given.last("seen"));
                }
                div.fields {
                    div { label for="still" { "Or a still of your own" } input #still type="file" accept="image/*" aria-describedby="still-note"; }
                    div { label for="wide" { "Width" } input #wide type="number" name="wide" min=(SIDES.start()) max=(SIDES.end()) value=(wide); }
                    div { label for="high" { "Height" } input #high type="number" name="high" min=(SIDES.start()) max=(SIDES.end()) value=(high); }
                }
                p.quiet #still-note { "The coordinator shows a frame from the middle. A still of your own stays in this browser. Without either, give the size of the video." }
                div.canvas {
                    canvas aria-hidden="true" {}
                    svg #stage tabindex="0" role="application" aria-label="Regions" aria-describedby="keys" {}
                }
                p.quiet #keys {
                    "Draw with mouse or finger. By keyboard: Enter adds a region, arrows move it, Shift and arrows size it, "
                    "Alt makes steps of ten, N goes to the next one, Delete takes it away."
                }
                p #told role="status" aria-live="polite" {}
            }
            div.wide {
                label for="regions" { "One region a line: X,Y,W,H or X,Y,W,H@FROM-TO" }
                textarea #regions name="regions" rows="4" cols="40" spellcheck="false" { (given.last("regions")) }
            }
        }
    }
}

/// Width and height to draw on: those that were given, or else what is usual.
fn size(given: &Fields) -> [u32; 2] {
    [("wide", 1920), ("high", 1080)].map(|(name, usual)| {
        let side = given.last(name).trim().parse::<u32>().ok();
        side.filter(|side| SIDES.contains(side)).unwrap_or(usual)
    })
}

fn places(viewer: &Viewer, given: &Fields) -> Markup {
    html! {
        fieldset {
            legend { "Video" }
            div.fields.long {
                div { label for="input" { "Input (path or URL)" } input #input name="input" required value=(given.last("input")) spellcheck="false"; }
                div { label for="output" { "Output (path or URL)" } input #output name="output" required value=(given.last("output")) spellcheck="false"; }
                @if viewer.may(Role::Admin) {
                    div { label for="owner" { "Owner" } input #owner name="owner" value=(given.last("owner")) maxlength="200"; }
                }
            }
        }
    }
}

fn ways(given: &Fields, is_again: bool) -> Markup {
    let is_looked_for = |what: &str| given.all("detect").any(|it| it == what);
    let wanted = [
        (STATIC, "what stays in place", !is_again || is_looked_for(STATIC)),
        ("text", "text (workers need the model)", is_looked_for("text")),
        (
            "faces",
            "faces, to be made unrecognisable (workers need the model)",
            is_looked_for("faces"),
        ),
    ];
    let encoders = std::iter::once("auto").chain(EncoderName::ALL.map(EncoderName::as_str));
    let reviews = [
        ("go", "no, go on"),
        ("wait", "yes, wait for me"),
        ("preview", "make the preview and no more"),
    ];
    html! {
        fieldset {
            legend { "How" }
            p { "Look for" }
            @for (what, words, is_ticked) in wanted {
                p {
                    input id={ "detect-" (what) } type="checkbox" name="detect" value=(what) checked[is_ticked];
                    " " label for={ "detect-" (what) } { (words) }
                }
            }
            div.fields {
                div { label for="fill" { "Fill" } select #fill name="fill" {
                    @for fill in Fill::ALL.map(Fill::as_str) { (choice(given, "fill", fill, fill)) }
                } }
                div { label for="encoder" { "Encoder" } select #encoder name="encoder" {
                    @for encoder in encoders { (choice(given, "encoder", encoder, encoder)) }
                } }
                div { label for="quality" { "Quality" } input #quality type="number" name="quality" min="0" max="63" value=(given.last("quality")) placeholder="usual"; }
                div { label for="priority" { "Priority" } input #priority type="number" name="priority" value=(given.last("priority")) placeholder="0"; }
                div { label for="review" { "Review the plan first" } select #review name="review" {
                    @for (review, words) in reviews { (choice(given, "review", review, words)) }
                } }
            }
            p.quiet { "Masks, logos and own models: " code { "cleanplate submit" } " on the command line." }
        }
    }
}

fn choice(given: &Fields, name: &str, value: &str, words: &str) -> Markup {
    html! { option value=(value) selected[given.last(name) == value] { (words) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_fields_are_a_request() {
        let fields = given(&[
            ("input", " /in.mp4 "),
            ("output", "/out.mp4"),
            ("regions", "1,2,30,40\r\n\r\n5,6,7,8@1-2.5\r\n"),
            ("fill", "membrane"),
            ("encoder", "libx264"),
            ("quality", "21"),
            ("priority", "-3"),
            ("review", "wait"),
        ]);
        let asked = request(&fields).unwrap();
        assert_eq!(
            (asked.input.as_str(), asked.quality, asked.priority),
            ("/in.mp4", Some(21), -3)
        );
        assert_eq!((asked.regions.len(), asked.detect), (2, Some(Vec::new())));
        let both = given(&[("detect", "text"), ("detect", "static")]);
        let asked = request(&both).unwrap();
        assert_eq!(asked.detect, Some(vec!["static".to_owned()]));
        let model = &asked.detectors[0].model;
        assert_eq!((asked.detectors.len(), model.url.as_str()), (1, "installed:text"));
        assert!(request(&given(&[("detect", "marks")])).unwrap_err().contains("`marks`"));
        assert!(request(&given(&[("quality", "much")])).unwrap_err().contains("`much`"));
        assert!(request(&given(&[("regions", "1,2,3")])).unwrap_err().contains("1,2,3"));
    }

    #[test]
    fn what_was_refused_stands_in_the_form_again_and_is_never_run() {
        let hostile = r#""><script>alert(1)</script>"#;
        let fields = given(&[
            ("input", hostile),
            ("regions", "</textarea><script>"),
            ("fill", "fetch"),
            ("seen", hostile),
            ("wide", "640"),
            ("high", "<script>"),
        ]);
        let told = html! { (drawing(&fields)) (places(&Viewer::of(&Caller::Anyone), &fields)) (ways(&fields, true)) };
        let told = told.into_string();
        assert!(!told.contains("<script") && told.contains("&lt;script&gt;alert(1)"), "{told}");
        assert!(told.contains(r#"value="fetch" selected"#), "{told}");
        assert!(told.contains(r#"value="640""#) && told.contains(r#"value="1080""#), "{told}");
        assert!(!told.contains("checked"), "a box that was cleared stays so");
    }
}
