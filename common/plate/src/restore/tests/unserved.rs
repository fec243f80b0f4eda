//! What a model may paint: what nothing else serves, and not what is thin.

use super::*;

/// Whether a luma sample may be painted.
fn is_left(restorer: &Restorer, x: u32, y: u32) -> bool {
    restorer.unserved().is_some_and(|unserved| {
        let mask = &unserved.luma;
        let place = x.checked_sub(mask.bounds.x).zip(y.checked_sub(mask.bounds.y));
        place.is_some_and(|(x, y)| mask.covers(x, y))
    })
}

#[test]
fn what_hides_for_good_is_left_to_be_painted_and_what_shines_through_is_not() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let matte = scene.matte(AT);
    let made = || Made::Fixed(Box::new(matte.clone()));
    let logo = |fill| overlay(OverlayOrigin::Logo, around(AT), fill);
    let mut restorer = scene.restorer(logo(Fill::Auto), made()).painting();
    let mut frame = scene.painted(&scene.clean(3), &matte);
    scene.restore(&mut restorer, 3, &mut frame.clone());
    assert!(is_left(&restorer, 71, 42), "the disc");
    assert!(!is_left(&restorer, 90, 36), "a bar");
    let unserved = restorer.unserved().unwrap();
    for (number, piece) in unserved.planes.iter().enumerate().skip(1) {
        assert!(piece.has(35, 21) && !piece.has(45, 18), "chroma of plane {number}");
    }
    scene.restore(&mut restorer, 100, &mut frame.clone());
    assert_eq!(restorer.unserved(), None, "the frame does not show it");
    let mut other = scene.restorer(logo(Fill::Membrane), made()).painting();
    scene.restore(&mut other, 3, &mut frame.clone());
    assert_eq!(other.unserved(), None, "the membrane was asked for");
    let mut unasked = scene.restorer(logo(Fill::Auto), made());
    scene.restore(&mut unasked, 3, &mut frame);
    assert_eq!(unasked.unserved(), None, "nobody asked");
}

#[test]
fn what_a_background_serves_is_not_painted_and_where_none_is_laid_all_is() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let frames: Vec<Frame> =
        (0..FRAMES).map(|index| scene.painted(&scene.clean(index), &scene.matte(AT))).collect();
    let (plan, mattes, backgrounds) = everything(&scene, &frames);
    let restorer = Restorer::new(&scene.layout, &plan, mattes, &scene.coding()).unwrap().painting();
    let mut restorer = restorer;
    restorer.lay_under(FrameRange::new(0, 12), backgrounds).unwrap();
    let region = Rect { x: 110, y: 60, width: 30, height: 18 };
    let left =
        |restorer: &Restorer| places(region).filter(|(x, y)| is_left(restorer, *x, *y)).count();
    let served = scene.restore(&mut restorer, 11, &mut frames[11].clone());
    assert!(served.fetched > 0);
    let with = left(&restorer);
    scene.restore(&mut restorer, 12, &mut frames[12].clone());
    let without = left(&restorer);
    assert_eq!(without, 30 * 18, "no background is laid under this frame");
    assert!(with < without / 2, "{with} of {without} with a background: {served:?}");
    // What is pixelated never is.
    assert!(!is_left(&restorer, 147, 15));
}
