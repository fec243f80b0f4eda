//! What must hold of `settle`.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Fill, Overlay, OverlayOrigin, Shape, Step};
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
    settle(given, finding, Fill::Membrane).unwrap()
}

fn abstained() -> Finding {
    Finding::Abstained { why: "the camera never moved".to_owned() }
}

#[test]
fn what_is_found_comes_after_what_is_given() {
    let all = plan(vec![given().overlays[0].clone(), found().overlays[0].clone()]);
    let expected = Settled::Plan(SettledPlan { plan: all, notes: Vec::new() });
    assert_eq!(settled(given(), Finding::found(found())), expected);
}

#[test]
fn nothing_given_and_nothing_found_is_nothing() {
    assert_eq!(settled(plan(Vec::new()), Finding::Nothing), Settled::Nothing);
    assert_eq!(settled(plan(Vec::new()), Finding::found(plan(Vec::new()))), Settled::Nothing);
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
    let settled = settle(plan(Vec::new()), Finding::found(found()), fill).unwrap();
    let Settled::Plan(SettledPlan { plan, .. }) = settled else { panic!("something is found") };
    assert_eq!(plan.overlays[0].fill, Fill::Pixelate);
}

#[test]
fn a_finding_that_does_not_fit_the_source_is_refused() {
    let refusal = |finding| settle(given(), Finding::found(finding), Fill::Auto);
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

#[test]
fn what_is_found_comes_before_what_another_video_taught() {
    let told = plan(vec![overlay(OverlayOrigin::Region, 0), overlay(OverlayOrigin::Plan, 50)]);
    let Settled::Plan(SettledPlan { plan, .. }) = settled(told, Finding::found(found())) else {
        panic!("something is removed");
    };
    let origins: Vec<_> = plan.overlays.iter().map(|overlay| overlay.origin).collect();
    assert_eq!(origins, [OverlayOrigin::Region, OverlayOrigin::Static, OverlayOrigin::Plan]);
}

fn learning(change: impl Fn(&mut Overlay)) -> Finding {
    let mut plan = given();
    plan.overlays.iter_mut().for_each(change);
    Finding::Learned { plan, notes: vec!["the logo was looked for".to_owned()] }
}

#[test]
fn what_was_learned_changes_where_and_when_but_not_how() {
    let finding = learning(|overlay| {
        overlay.hides = false;
        overlay.when = vec![FrameRange::new(3, 4)];
        overlay.fill = Fill::Pixelate;
        overlay.origin = OverlayOrigin::Mask;
    });
    let mattes = Some(crate::samples::object("mattes"));
    let Settled::Plan(settled) = learned(given(), finding, mattes.clone()).unwrap() else {
        panic!("something is removed");
    };
    let overlay = &settled.plan.overlays[0];
    assert_eq!((overlay.hides, overlay.when[0].start), (false, 3));
    assert_eq!((overlay.fill, overlay.origin), (Fill::Membrane, OverlayOrigin::Region));
    assert_eq!(settled.plan.mattes, mattes);
}

#[test]
fn a_plan_whose_overlays_no_frame_shows_is_an_abstention_that_says_so() {
    let settled = learned(given(), learning(|overlay| overlay.when.clear()), None).unwrap();
    let Settled::Abstained { why } = settled else { panic!("nothing is shown") };
    assert!(why.contains("looked for"), "{why}");
}

#[test]
fn faces_are_hidden_though_no_frame_shows_what_else_was_looked_for() {
    let steps = vec![Step {
        frames: FrameRange::new(0, 9),
        bounds: Rect { x: 4, y: 4, width: 8, height: 8 },
    }];
    let track =
        Track { origin: OverlayOrigin::Face, fill: Fill::Pixelate, shape: Shape::Rectangle, steps };
    let with_a_face = OverlayPlan { tracks: vec![track], ..given() };
    let settled = learned(with_a_face.clone(), learning(|overlay| overlay.when.clear()), None);
    let Settled::Plan(settled) = settled.unwrap() else { panic!("a face is shown") };
    assert_eq!(settled.plan.tracks, with_a_face.tracks);
}

#[test]
fn a_finding_of_another_look_or_of_other_overlays_is_refused() {
    let other = Finding::Learned { plan: plan(Vec::new()), notes: Vec::new() };
    let refusal = learned(given(), other, None);
    assert_eq!(refusal, Err(SettleError::Count { planned: 1, found: 0 }));
    assert_eq!(learned(given(), Finding::Nothing, None), Err(SettleError::OtherLook));
    let finding = learning(|_same| {});
    assert_eq!(settle(given(), finding, Fill::Auto), Err(SettleError::OtherLook));
}
