//! Marks of few colours, and of one that runs, on pictures whose truth is known.

use super::*;

/// A disc on a bar, each of its own colour; `colour` gives that of a sample by whether it is the disc's.
fn mark(alpha: f64, colour: impl Fn(bool, i32) -> [u8; 3]) -> Matte {
    let mut bytes = Vec::new();
    for y in 0..32_i32 {
        for x in 0..56_i32 {
            let is_disc = (x - 16).pow(2) + (y - 16).pow(2) < 121;
            bytes.extend(colour(is_disc, x));
            let is_bar = (4..28).contains(&y);
            bytes.push(if is_disc || is_bar { (255.0 * alpha).round() as u8 } else { 0 });
        }
    }
    known(&logo(&bytes), (60, 30), &coding(8, (1, 1))).unwrap()
}

/// What was learned of the truth's samples that lie among their like: truth and found, alpha and paint.
fn core(truth: &Matte, learned: &Matte) -> Vec<([f64; 2], [f64; 2])> {
    let part = |plane: &MattePlane, at: usize| {
        let alpha = f64::from(plane.alpha[at]) / f64::from(ALPHA_ONE);
        [alpha, f64::from(plane.paint[at]) / f64::from(PAINT_ONE)]
    };
    let plane = &truth.planes[0];
    let width = plane.width as usize;
    let is_core = |at: usize| {
        let around = [at - 1, at + 1, at - width, at + width];
        let same = |other: usize| plane.paint[other].abs_diff(plane.paint[at]) < 3 * PAINT_ONE;
        plane.alpha[at] > 100 && around.iter().all(|it| same(*it))
    };
    let inner = (width + 1..plane.alpha.len() - width - 1).filter(|at| is_core(*at));
    inner
        .map(|at| {
            let x = (at % width) as u32 + truth.bounds.x - learned.bounds.x;
            let y = (at / width) as u32 + truth.bounds.y - learned.bounds.y;
            let there = (y * learned.bounds.width + x) as usize;
            (part(plane, at), part(&learned.planes[0], there))
        })
        .collect()
}

#[test]
fn all_samples_of_a_colour_are_told_to_be_of_one() {
    for alpha in [0.25, 0.45, 0.65] {
        let colour = |is_disc: bool, _: i32| if is_disc { [240, 240, 240] } else { [30, 60, 120] };
        let truth = mark(alpha, colour);
        let learned = learn(&[scenes(&truth, 0..40)]).unwrap();
        let core = core(&truth, &learned);
        assert!(core.len() > 600, "{}", core.len());
        let found = |of: [f64; 2]| {
            let alike = core.iter().filter(|(true_, _)| (true_[1] - of[1]).abs() < 2.0);
            alike.map(|(_, found)| *found).collect::<Vec<_>>()
        };
        for (of, _) in [core[0], core[core.len() / 2]] {
            let found = found(of);
            let same = |it: &&[f64; 2]| {
                (it[0] - found[0][0]).abs() < 1e-3 && (it[1] - found[0][1]).abs() < 0.1
            };
            let count = found.iter().filter(same).count();
            assert!(100 * count > 95 * found.len(), "{count} of {} are one ink", found.len());
            // What an alpha that is off adds is made up for by the colour at the picture's own grey.
            let off = found[0][1] - of[1] - (found[0][0] - of[0]) * 110.0;
            assert!((found[0][0] - of[0]).abs() < 0.04 && off.abs() < 3.0, "{of:?} {:?}", found[0]);
        }
    }
}

#[test]
fn a_colour_that_runs_is_not_cut_into_bands() {
    let truth = mark(0.45, |_, x| [60 + 3 * x as u8, 60 + 3 * x as u8, 60 + 3 * x as u8]);
    let learned = learn(&[scenes(&truth, 0..40)]).unwrap();
    let core = core(&truth, &learned);
    let off = |(truth, found): &([f64; 2], [f64; 2])| {
        (found[1] - truth[1] - (found[0] - truth[0]) * 110.0).abs()
    };
    let mean = core.iter().map(off).sum::<f64>() / core.len() as f64;
    assert!(mean < 3.0, "{mean:.2} codes");
}

#[test]
fn who_watches_is_told_often_and_changes_nothing() {
    let truth = told(&coding(8, (1, 1)), 0.5, [255, 255, 255]);
    let crops = [scenes(&truth, 0..24)];
    let mut ticks = 0;
    let watched = learn_watched(&crops, &mut || ticks += 1).unwrap();
    assert_eq!(watched, learn(&crops).unwrap());
    assert!(ticks > 20, "{ticks}");
}
