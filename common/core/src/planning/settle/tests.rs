use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Fill, Overlay, OverlayOrigin};
use cleanplate_types::picture::Rect;

use super::*;

fn overlay(origin: OverlayOrigin, x: u32) -> Overlay {
    let bounds = Rect { x, y: 0, width: 8, height: 8 };
    let when = vec![FrameRange::new(0, 10), FrameRange::new(10, 20)];
    Overlay { origin, mask: Mask::full(bounds), when, fill: Fill::Membrane, hides: true }
}

fn plan(overlays: Vec<Overlay>) -> OverlayPlan {
    OverlayPlan::new(320, 180, overlays)
}

fn given() -> OverlayPlan {
    plan(vec![overlay(OverlayOrigin::Region, 0)])
}

fn found() -> OverlayPlan {
    plan(vec![overlay(OverlayOrigin::Static, 100)])
}

fn settled(given: OverlayPlan, finding: Finding) -> Settled {
    settle(given, finding, Fill::Auto).unwrap()
}

fn abstained() -> Finding {
    Finding::Abstained { why: "the camera never moved".to_owned() }
}

#[test]
fn what_is_found_comes_after_what_is_given() {
    let all = plan(vec![given().overlays[0].clone(), found().overlays[0].clone()]);
    let expected = Settled::Plan(SettledPlan { plan: all, notes: Vec::new() });
    assert_eq!(settled(given(), Finding::Overlays(found())), expected);
}

#[test]
fn nothing_given_and_nothing_found_is_nothing() {
    assert_eq!(settled(plan(Vec::new()), Finding::Nothing), Settled::Nothing);
    assert_eq!(settled(plan(Vec::new()), Finding::Overlays(plan(Vec::new()))), Settled::Nothing);
}

#[test]
fn an_empty_search_does_not_undo_what_is_given() {
    let expected = Settled::Plan(SettledPlan { plan: given(), notes: Vec::new() });
    assert_eq!(settled(given(), Finding::Nothing), expected);
}

#[test]
fn an_abstention_is_kept_as_the_end_or_as_a_note() {
    let why = "the camera never moved".to_owned();
    assert_eq!(settled(plan(Vec::new()), abstained()), Settled::Abstained { why });
    let Settled::Plan(SettledPlan { plan, notes }) = settled(given(), abstained()) else {
        panic!("what is given is removed, with a note");
    };
    assert_eq!(plan, given());
    assert!(notes.concat().contains("the camera never moved"), "{notes:?}");
}

#[test]
fn a_forced_fill_holds_for_what_is_found() {
    let fill = Fill::Pixelate;
    let settled = settle(plan(Vec::new()), Finding::Overlays(found()), fill).unwrap();
    let Settled::Plan(SettledPlan { plan, .. }) = settled else { panic!("something is found") };
    assert_eq!(plan.overlays[0].fill, Fill::Pixelate);
}

#[test]
fn a_finding_that_does_not_fit_the_source_is_refused() {
    let refusal = |finding| settle(given(), Finding::Overlays(finding), Fill::Auto);
    let other = OverlayPlan { width: 640, ..found() };
    assert!(matches!(refusal(other), Err(SettleError::Size { found_width: 640, .. })));
    let beyond = plan(vec![overlay(OverlayOrigin::Static, 313)]);
    assert_eq!(refusal(beyond), Err(SettleError::Mask { overlay: 0 }));
    let mut unordered = found();
    unordered.overlays[0].when.reverse();
    assert_eq!(refusal(unordered), Err(SettleError::Frames { overlay: 0 }));
    let mut never = found();
    never.overlays[0].when.clear();
    assert_eq!(refusal(never), Err(SettleError::Frames { overlay: 0 }));
}
