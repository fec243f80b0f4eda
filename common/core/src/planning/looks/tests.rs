//! Which look comes next, and what it looks at.

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::Rect;
use cleanplate_types::request::{Detect, UserLogo};

use super::*;
use crate::planning::survey::survey;
use crate::samples::{description, object, request, table};

fn overlay(origin: OverlayOrigin, fill: Fill) -> Overlay {
    let mask = Mask::full(Rect { x: 8, y: 8, width: 8, height: 8 });
    Overlay { origin, mask, when: vec![FrameRange::new(700, 800)], fill, hides: true }
}

fn plan(overlays: Vec<Overlay>) -> OverlayPlan {
    OverlayPlan::new(320, 180, overlays)
}

fn surveyed(frames: u64) -> Survey {
    let mut request = request();
    request.detect.push(Detect::Static);
    survey(&request, description(), &table(frames, 50)).unwrap()
}

fn logo(at: Option<(i32, i32)>) -> UserLogo {
    UserLogo { width: 1, height: 1, rgba: vec![255; 4], at }
}

#[test]
fn a_plan_is_learned_then_fetched_then_shown() {
    let mut request = request();
    request.review = Review::Wait;
    let mut plan = plan(vec![overlay(OverlayOrigin::Static, Fill::Auto)]);
    assert_eq!(next_look(&request, &plan, Some(Look::Find)), Some(Look::Learn));
    plan.mattes = Some(object("mattes"));
    assert_eq!(next_look(&request, &plan, Some(Look::Learn)), Some(Look::Fetch));
    assert_eq!(next_look(&request, &plan, Some(Look::Fetch)), Some(Look::Preview));
    assert_eq!(next_look(&request, &plan, Some(Look::Preview)), None);
}

#[test]
fn what_hides_nothing_is_not_fetched() {
    let mut plan = plan(vec![overlay(OverlayOrigin::Static, Fill::Auto)]);
    plan.overlays[0].hides = false;
    assert_eq!(next_look(&request(), &plan, Some(Look::Learn)), None);
}

#[test]
fn a_forced_fill_asks_only_for_the_looks_that_it_needs() {
    let looks = |origin, fill| next_look(&request(), &plan(vec![overlay(origin, fill)]), None);
    assert_eq!(looks(OverlayOrigin::Region, Fill::Membrane), None);
    assert_eq!(looks(OverlayOrigin::Region, Fill::Pixelate), None);
    assert_eq!(looks(OverlayOrigin::Region, Fill::Fetch), Some(Look::Fetch));
    assert_eq!(looks(OverlayOrigin::Region, Fill::Invert), Some(Look::Learn));
    assert_eq!(looks(OverlayOrigin::Static, Fill::Pixelate), None);
    assert_eq!(looks(OverlayOrigin::Static, Fill::Membrane), Some(Look::Learn), "for its presence");
    assert_eq!(looks(OverlayOrigin::Logo, Fill::Pixelate), Some(Look::Learn), "for its place");
}

#[test]
fn a_logo_whose_place_is_told_needs_no_frames_to_be_learned() {
    let survey = surveyed(1300);
    let mut request = request();
    let plan = plan(vec![overlay(OverlayOrigin::Logo, Fill::Auto)]);
    request.logos = vec![logo(Some((3, 4)))];
    assert_eq!(windows_of(Look::Learn, &request, &survey, &plan), []);
    request.logos = vec![logo(None)];
    assert_eq!(windows_of(Look::Learn, &request, &survey, &plan), survey.windows);
}

#[test]
fn only_windows_that_show_something_hidden_are_fetched_from_and_none_is_long() {
    let survey = surveyed(1300);
    let plan = plan(vec![overlay(OverlayOrigin::Static, Fill::Auto)]);
    let windows = windows_of(Look::Fetch, &request(), &survey, &plan);
    assert_eq!(windows, [FrameRange::new(650, 975)]);
    let mut long = plan;
    long.overlays[0].when = vec![FrameRange::new(0, 1_000_000)];
    let all = windows_of(Look::Fetch, &request(), &surveyed(1_000_000), &long);
    assert!(all.iter().all(|window| window.count() <= FETCH_FRAMES_MAX));
    assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start));
    assert_eq!((all[0].start, all[all.len() - 1].end), (0, 1_000_000));
}
