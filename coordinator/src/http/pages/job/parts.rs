//! The parts of a job's page: each says one thing, and nothing where there is nothing to say.

use cleanplate_proto::v1 as pb;
use cleanplate_shapes::report::{numbered, percentages};
use cleanplate_shapes::words::{ending as in_words, thousandths};
use cleanplate_shapes::{Asked, Attempt, JobState, TrailLine};
use maud::{Markup, html};

use crate::http::pages::stills::{ANIMATION, Stills};
use crate::http::pages::timeline::{kind, whose};
use crate::http::pages::words::{moment, remedy};

/// What was asked for, and what is known of it.
pub(super) fn facts(state: &JobState, request: &pb::JobRequest) -> Markup {
    let asked = Asked::from(request);
    let models = asked.detectors.into_iter().flatten();
    let sought: Vec<String> = asked.detect.into_iter().chain(models).collect();
    let speed = (state.fps_milli > 0).then(|| format!("{} fps", thousandths(state.fps_milli)));
    let told = [
        ("Input", state.input.clone()),
        ("Output", state.output.clone()),
        ("Owner", state.owner.clone()),
        ("Submitted", format!("{} UTC", moment(state.submitted_ms))),
        ("Regions", asked.region.join("; ")),
        ("Looked for", sought.join("; ")),
        ("Fill", asked.painter.unwrap_or(asked.fill)),
        ("Encoder", if state.encoder.is_empty() { asked.encoder } else { state.encoder.clone() }),
        ("Speed", speed.unwrap_or_default()),
        ("Leases", if state.outcome.is_none() { state.leases.to_string() } else { String::new() }),
        ("Priority", state.priority.to_string()),
    ];
    html! {
        dl.facts {
            @for (name, value) in told.iter().filter(|(_, value)| !value.is_empty()) {
                dt { (name) } dd { (value) }
            }
        }
    }
}

/// How it ended, and what may be done about it.
pub(super) fn ending(state: &JobState) -> Markup {
    html! {
        @if let Some(outcome) = &state.outcome {
            h2 { "How it ended" }
            @match &outcome.failure {
                Some(failure) => {
                    p.detail { (in_words(outcome)) }
                    p { (remedy(failure.kind)) }
                }
                None => p { (in_words(outcome)) }
            }
        }
    }
}

/// Fallbacks, losses, decisions.
pub(super) fn notes(state: &JobState) -> Markup {
    html! {
        @if !state.notes.is_empty() {
            h2 { "Notes" }
            ul { @for note in &state.notes { li { (note) } } }
        }
    }
}

/// What is removed; in review, which of it.
pub(super) fn overlays(state: &JobState, may_decide: bool) -> Markup {
    let is_asked = state.phase == "review" && may_decide;
    let lines = numbered(&state.overlays, state.overlays_more);
    html! {
        @if is_asked {
            h2 { "What is to be removed?" }
            form method="post" action={ "/ui/jobs/" (state.job) "/approve" } {
                ul.overlays {
                    @for (at, line) in lines.iter().take(state.overlays.len()).enumerate() {
                        li {
                            input type="hidden" name="overlay" value=(at);
                            input type="checkbox" name="remove" value=(at) id={ "overlay-" (at) } checked;
                            " " label for={ "overlay-" (at) } { (line) }
                        }
                    }
                    @for line in lines.iter().skip(state.overlays.len()) { li { (line) } }
                }
                div.bar { button.primary type="submit" { "Approve" } }
            }
            form method="post" action={ "/ui/jobs/" (state.job) "/reject" } {
                button.danger type="submit" { "Reject: remove nothing, end the job" }
            }
        } @else if !lines.is_empty() {
            h2 { "What is removed" }
            ul.overlays { @for line in &lines { li { (line) } } }
            @if state.has_plan {
                p { a href={ "/api/v1/jobs/" (state.job) "/plan" } download={ (state.job) "-plan.json" } { "Download the plan" } }
            }
        }
    }
}

/// Where the clean samples came from.
pub(super) fn made_of(state: &JobState) -> Markup {
    let restored = &state.restored;
    let ways = [
        ("inverted", restored.inverted),
        ("fetched", restored.fetched),
        ("synthesised", restored.synthesised),
        ("pixelated", restored.pixelated),
    ];
    let samples = restored.samples().max(1);
    let mut from = 0;
    let bars = ways.map(|(way, part)| {
        let (start, width) =
            (from, u64::try_from(u128::from(part) * 1000 / u128::from(samples)).unwrap_or(0));
        from += width;
        (way, start, width)
    });
    html! {
        @if let Some(words) = percentages(restored) {
            h2 { "What came in its place" }
            svg.shares viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=(words) {
                @for (way, start, width) in bars { rect.(way) x=(start) y="0" width=(width) height="10" {} }
            }
            (key())
            p { (words) ", in " (restored.frames) " frames." }
        }
    }
}

/// What the colours mean, here and in the map of a preview.
fn key() -> Markup {
    html! {
        ul.key {
            @for (way, words) in [
                ("inverted", "inverted: computed back from beneath"),
                ("fetched", "fetched from other frames"),
                ("synthesised", "synthesised"),
                ("pixelated", "pixelated"),
            ] {
                li { svg viewBox="0 0 10 10" aria-hidden="true" { rect.(way) width="10" height="10" {} } (words) }
            }
        }
    }
}

/// Before and after, the mask, and where each sample comes from.
pub(super) fn preview(job: &str, shown: &Result<Stills, String>) -> Markup {
    let stills = match shown {
        Ok(stills) => stills,
        Err(why) => return html! { h2 { "Preview" } p.quiet { (why) } },
    };
    let version = &stills.version;
    let address = |name: &str| format!("/ui/jobs/{job}/stills/{name}?v={version}");
    let picture = |frame: &str, what: &str, alt: &str, (width, height): (u32, u32)| {
        let source = address(&format!("{frame}-{what}.png"));
        html! { img src=(source) alt=(alt) width=(width) height=(height) loading="lazy"; }
    };
    html! {
        @if !stills.stills.is_empty() || stills.animation.is_some() { h2 { "Preview" } }
        @for still in &stills.stills {
            @let (frame, size) = (still.frame.as_str(), still.size);
            @let number = Some(frame.trim_start_matches('0')).filter(|it| !it.is_empty()).unwrap_or("0");
            figure.shot {
                figcaption { "Frame " (number) ": before on the left of the line, after on the right" }
                div.compare {
                    (picture(frame, "after", "after", size))
                    img data-upper src=(address(&format!("{frame}-before.png"))) alt="before" width=(size.0)
                        height=(size.1) loading="lazy";
                    i.edge hidden {}
                    input type="range" min="0" max="100" value="50" hidden
                        aria-label={ "How much of frame " (number) " is shown as before, in percent" };
                }
                div.side {
                    figure.scroll { (picture(frame, "mask", "mask of what is removed", size)) figcaption { "Mask" } }
                    figure.scroll {
                        (picture(frame, "origin", "where each sample comes from", size))
                        figcaption { "Where each sample comes from" }
                    }
                }
            }
        }
        @if !stills.stills.is_empty() { (key()) }
        @if let Some((width, height)) = stills.animation {
            figure.shot {
                img src=(address(ANIMATION)) alt="before and after in motion" width=(width) height=(height) loading="lazy";
                figcaption { "Before and after, in motion" }
            }
        }
    }
}

/// Each lease, how it went, its trail.
pub(super) fn attempts(attempts: &[Attempt]) -> Markup {
    html! {
        @for attempt in attempts.iter().rev() {
            details data-key=(attempt.lease) {
                summary {
                    span.chip.(kind(attempt)) { (attempt.outcome) }
                    " " (attempt.work)
                    @if let Some((start, end)) = attempt.frames { ", frames " (start) ".." (end) }
                    ", " (whose(attempt)) ", lease " (attempt.lease) ", attempt " (attempt.attempt)
                }
                @if let Some(failure) = &attempt.failure { p.detail { (failure.to_string()) } }
                (trail(&attempt.trail))
            }
        }
    }
}

fn trail(lines: &[TrailLine]) -> Markup {
    html! {
        @if lines.is_empty() { p.quiet { "Nothing was told yet." } } @else {
            div.scroll { table.trail {
                thead { tr { th scope="col" { "ms" } th scope="col" { "Stage" } th scope="col" { "Event" } th scope="col" { "Count" } th scope="col" { "Detail" } } }
                tbody {
                    @for TrailLine { at_ms, stage, event, detail, count } in lines {
                        tr {
                            td { (at_ms) } td { (stage) } td { (event) }
                            td { @if let Some(count) = count { (count) } }
                            td { (detail) }
                        }
                    }
                }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::jobs::shape;
    use crate::http::pages::stills::Still;

    const HOSTILE: &str = r#""><script>alert(1)</script>"#;

    fn state(phase: &str) -> JobState {
        let overlay = pb::OverlayState {
            bounds: Some(pb::Rect { x: 1, y: 2, width: 3, height: 4 }),
            origin: HOSTILE.to_owned(),
            fill: HOSTILE.to_owned(),
            frames: 9,
            ..pb::OverlayState::default()
        };
        let failure = pb::Failure {
            kind: "worker_lacks".to_owned(),
            stage: "decode".to_owned(),
            message: HOSTILE.to_owned(),
            attempt: 1,
            ..pb::Failure::default()
        };
        let outcome = pb::Outcome {
            kind: "failed".to_owned(),
            message: HOSTILE.to_owned(),
            failure: Some(failure),
            output_bytes: 0,
        };
        let state = pb::JobState {
            job: "job-1".to_owned(),
            input: HOSTILE.to_owned(),
            owner: HOSTILE.to_owned(),
            phase: phase.to_owned(),
            notes: vec![HOSTILE.to_owned()],
            overlays: vec![overlay.clone(), overlay],
            restored: Some(pb::Restored {
                frames: 9,
                inverted: 3,
                fetched: 1,
                ..Default::default()
            }),
            outcome: (phase == "failed").then_some(outcome),
            ..pb::JobState::default()
        };
        shape(state).unwrap()
    }

    #[test]
    fn what_somebody_gave_is_shown_and_never_run() {
        let state = state("failed");
        let request = pb::JobRequest { fill: HOSTILE.to_owned(), ..pb::JobRequest::default() };
        let line = TrailLine {
            at_ms: 1,
            stage: HOSTILE.to_owned(),
            event: HOSTILE.to_owned(),
            detail: HOSTILE.to_owned(),
            count: Some(1),
        };
        let attempt = Attempt {
            held_ms: None,
            tier: String::new(),
            lease: 1,
            work: "segment".to_owned(),
            worker: HOSTILE.to_owned(),
            frames: None,
            attempt: 1,
            outcome: HOSTILE.to_owned(),
            failure: state.outcome.as_ref().unwrap().failure.clone(),
            trail: vec![line],
        };
        let told = html! {
            (facts(&state, &request)) (ending(&state)) (notes(&state)) (overlays(&state, true)) (made_of(&state))
            (attempts(&[attempt])) (preview("job-1", &Err(HOSTILE.to_owned())))
        };
        let told = told.into_string();
        assert!(!told.contains("<script"), "{told}");
        assert!(told.contains("Give a worker what the message names"), "with the remedy: {told}");
        assert!(told.contains(r#"class="inverted" x="0" y="0" width="750""#), "{told}");
    }

    #[test]
    fn in_review_each_overlay_can_be_left_in_by_whom_that_is_up_to() {
        let asked = overlays(&state("review"), true).into_string();
        assert_eq!(asked.matches(r#"type="checkbox" name="remove""#).count(), 2, "{asked}");
        let shown = overlays(&state("review"), false).into_string();
        assert!(!shown.contains("<form"), "{shown}");
        assert!(!overlays(&state("encode"), true).into_string().contains("<form"));
    }

    #[test]
    fn a_preview_is_shown_by_its_pictures_with_places_kept_for_them() {
        let still = Still { frame: "000120".to_owned(), size: (320, 180) };
        let stills = Stills { stills: vec![still], animation: None, version: "ab".to_owned() };
        let told = preview("job-1", &Ok(stills)).into_string();
        assert!(told.contains("Frame 120"), "{told}");
        for what in ["before", "after", "mask", "origin"] {
            assert!(
                told.contains(&format!("/ui/jobs/job-1/stills/000120-{what}.png?v=ab")),
                "{told}"
            );
        }
        assert_eq!(told.matches(r#"width="320" height="180""#).count(), 4, "{told}");
    }
}
