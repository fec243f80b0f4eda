//! What must hold of `given`.

use cleanplate_types::request::TimeSpan;
use proptest::prelude::*;

use super::*;
use crate::samples::{description, request, table};

const SECOND: u64 = 1_000_000_000;

fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
    Rect { x, y, width, height }
}

fn region(rect: Rect, when: Option<(u64, u64)>) -> JobRequest {
    let when = when.map(|(from_nanos, to_nanos)| TimeSpan { from_nanos, to_nanos });
    JobRequest { regions: vec![Region { rect, when }], ..request() }
}

fn masked(width: u32, height: u32, mask: Mask) -> JobRequest {
    JobRequest { masks: vec![UserMask { width, height, mask }], ..request() }
}

fn plan(request: &JobRequest) -> Result<OverlayPlan, GivenError> {
    given_plan(request, &description().video, &table(250, 250))
}

fn refusal(request: &JobRequest) -> String {
    plan(request).unwrap_err().to_string()
}

#[test]
fn a_request_without_regions_and_masks_removes_nothing() {
    let plan = plan(&request()).unwrap();
    assert_eq!((plan.width, plan.height), (320, 180));
    assert!(plan.overlays.is_empty());
}

#[test]
fn a_region_without_times_holds_for_every_frame() {
    let plan = plan(&region(rect(300, 160, 20, 20), None)).unwrap();
    assert_eq!(plan.overlays[0].when, [FrameRange::new(0, 250)]);
    assert_eq!(plan.overlays[0].mask.count(), 400);
    assert_eq!(plan.overlays[0].fill, Fill::Auto);
}

#[test]
fn a_region_with_times_holds_for_the_frames_that_start_in_it() {
    let held = |from, to| {
        plan(&region(rect(0, 0, 8, 8), Some((from, to)))).unwrap().overlays[0].when.clone()
    };
    // The first frame is at tick 100; times count from there. 25 frames a second.
    assert_eq!(held(0, SECOND), [FrameRange::new(0, 25)]);
    assert_eq!(held(SECOND, 2 * SECOND), [FrameRange::new(25, 50)]);
    assert_eq!(held(SECOND + 1, 2 * SECOND + 1), [FrameRange::new(26, 51)]);
    assert_eq!(held(9 * SECOND, 900 * SECOND), [FrameRange::new(225, 250)]);
}

#[test]
fn a_region_beyond_the_picture_is_refused_with_the_pictures_size() {
    for beyond in [rect(301, 0, 20, 20), rect(0, 161, 20, 20), rect(u32::MAX, 0, 2, 2)] {
        let text = refusal(&region(beyond, None));
        assert!(text.contains("320x180"), "{text}");
    }
    assert!(refusal(&region(rect(4, 4, 0, 9), None)).contains("is empty"));
}

#[test]
fn a_region_after_the_end_is_refused_with_the_videos_length() {
    let text = refusal(&region(rect(0, 0, 8, 8), Some((10 * SECOND, 11 * SECOND))));
    assert!(
        text.contains("from 10000 to 11000 ms") && text.contains("it lasts 10000 ms"),
        "{text}"
    );
}

#[test]
fn a_mask_must_be_drawn_at_the_pictures_size_and_mark_something() {
    let marked = Mask::full(rect(10, 10, 9, 9));
    assert_eq!(plan(&masked(320, 180, marked.clone())).unwrap().overlays[0].mask, marked);
    let text = refusal(&masked(640, 360, marked));
    assert!(text.contains("640x360") && text.contains("320x180"), "{text}");
    assert!(refusal(&masked(320, 180, Mask::empty(rect(0, 0, 9, 9)))).contains("black"));
    let broken = Mask { bounds: rect(0, 0, 9, 9), bits: vec![255] };
    assert!(refusal(&masked(320, 180, broken)).contains("damaged"));
    assert!(refusal(&masked(320, 180, Mask::full(rect(316, 0, 9, 9)))).contains("damaged"));
}

#[test]
fn a_forced_fill_holds_for_what_is_given() {
    let forced = Fill::Pixelate;
    let request = JobRequest { fill: forced, ..region(rect(0, 0, 8, 8), None) };
    assert_eq!(plan(&request).unwrap().overlays[0].fill, Fill::Pixelate);
}

proptest! {
    #[test]
    fn spans_that_meet_share_no_frame_and_leave_none_out(cut in 1_u64..10 * SECOND) {
        let source = table(250, 250);
        let frames = |from_nanos, to_nanos| frames_in(TimeSpan { from_nanos, to_nanos }, &source);
        let (before, after) = (frames(0, cut), frames(cut, u64::MAX));
        prop_assert_eq!(before.start, 0);
        prop_assert_eq!(before.end, after.start);
        prop_assert_eq!(after.end, 250);
    }
}
