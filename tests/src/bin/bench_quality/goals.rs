//! What the figures come to beside the goals: for the tuned set and for the one that tuning never sees.

use std::fmt::Write as _;

use cleanplate_tests::quality::overlays::Kind;

use crate::case::{Case, Who};
use crate::material::{Class, Set};

/// dB that an inversion by the clip alone may lose against one by the true alpha.
const BLIND_LOSS_DB: f64 = 1.5;
/// dB over Telea where something shines through.
const SEMI_GAIN_DB: f64 = 4.0;
/// dB over Telea where nothing does.
const OPAQUE_GAIN_DB: f64 = 5.0;
/// Mean distance of learned and true alpha.
const ALPHA_ERROR: f64 = 0.05;
/// IoU of what is found, opaque and semi-transparent.
const IOU: (f64, f64) = (0.9, 0.7);

/// One goal: a value for each case that it speaks of.
struct Goal {
    name: &'static str,
    /// The value of a case, if the goal speaks of it.
    value: fn(&Case) -> Option<f64>,
    /// Whether the value is good enough.
    met: fn(f64) -> bool,
    /// Whether more is better.
    more: bool,
}

const GOALS: [Goal; 12] = [
    Goal {
        name: "shines through, background moves: dB below the true inversion (at most 1.5), product",
        value: |case| blind_loss(case, Who::Product),
        met: |value| value <= BLIND_LOSS_DB,
        more: false,
    },
    Goal {
        name: "the same, --mask",
        value: |case| blind_loss(case, Who::Told),
        met: |value| value <= BLIND_LOSS_DB,
        more: false,
    },
    Goal {
        name: "shines through, background moves: dB over Telea (at least 4), product",
        value: |case| gain(case, Who::Product).filter(|_| is_semi(case) && case.background.moves()),
        met: |value| value >= SEMI_GAIN_DB,
        more: true,
    },
    Goal {
        name: "the same, --mask",
        value: |case| gain(case, Who::Told).filter(|_| is_semi(case) && case.background.moves()),
        met: |value| value >= SEMI_GAIN_DB,
        more: true,
    },
    Goal {
        name: "opaque, no pans, background moves: dB over Telea (at least 5), product",
        value: |case| gain(case, Who::Product).filter(|_| is_opaque_footage(case)),
        met: |value| value >= OPAQUE_GAIN_DB,
        more: true,
    },
    Goal {
        name: "the same, --mask",
        value: |case| gain(case, Who::Told).filter(|_| is_opaque_footage(case)),
        met: |value| value >= OPAQUE_GAIN_DB,
        more: true,
    },
    Goal {
        name: "flicker over Telea's (at most 1), product",
        value: |case| flicker(case, Who::Product).filter(|_| case.found.is_some()),
        met: |value| value <= 1.0,
        more: false,
    },
    Goal {
        name: "flicker over Telea's (at most 1), --mask",
        value: |case| flicker(case, Who::Told),
        met: |value| value <= 1.0,
        more: false,
    },
    Goal {
        name: "found, opaque, background moves: IoU (at least 0.9)",
        value: |case| found(case).filter(|_| !is_semi(case) && case.background.moves()),
        met: |value| value >= IOU.0,
        more: true,
    },
    Goal {
        name: "found, shines through, background moves: IoU (at least 0.7)",
        value: |case| found(case).filter(|_| is_semi(case) && case.background.moves()),
        met: |value| value >= IOU.1,
        more: true,
    },
    Goal {
        name: "shines through, background moves: mean error of alpha (at most 0.05), product",
        value: |case| alpha_error(case, Who::Product),
        met: |value| value <= ALPHA_ERROR,
        more: false,
    },
    Goal {
        name: "the same, --mask",
        value: |case| alpha_error(case, Who::Told),
        met: |value| value <= ALPHA_ERROR,
        more: false,
    },
];

/// Where nothing was learned all of the alpha is missing.
fn alpha_error(case: &Case, who: Who) -> Option<f64> {
    let percent = case.kind.alpha_percent().filter(|_| is_semi(case) && case.background.moves())?;
    let row = case.rows.iter().find(|row| row.who == who)?;
    Some(row.alpha.unwrap_or(f64::from(percent) / 100.0))
}

fn is_semi(case: &Case) -> bool {
    matches!(case.kind, Kind::Mark(_))
}

/// Opaque, on footage (no pan over a still), where there is another picture to see behind it.
fn is_opaque_footage(case: &Case) -> bool {
    let opaque = case.kind.alpha_percent().is_none();
    opaque && case.recipe.class != Class::Pan && case.background.moves()
}

/// PSNR of luma; where the product failed it is infinitely bad, not left out.
fn psnr(case: &Case, who: Who) -> Option<f64> {
    let row = case.rows.iter().find(|row| row.who == who)?;
    let failed = row.note.starts_with("failed").then_some(f64::NEG_INFINITY);
    row.measures.map(|measures| measures.psnr_luma).or(failed)
}

fn gain(case: &Case, who: Who) -> Option<f64> {
    Some(psnr(case, who)? - case.of(Who::Telea)?.psnr_luma)
}

fn blind_loss(case: &Case, who: Who) -> Option<f64> {
    if !is_semi(case) || !case.background.moves() {
        return None;
    }
    let known = case.of(Who::Known).or_else(|| case.of(Who::Inversion))?;
    Some(known.psnr_luma - psnr(case, who)?)
}

/// Flicker over Telea's.
fn flicker(case: &Case, who: Who) -> Option<f64> {
    let telea = case.of(Who::Telea)?.flicker;
    let own = case.of(who).map_or(f64::INFINITY, |measures| measures.flicker);
    psnr(case, who).map(|_| own / telea.max(0.01))
}

/// A product that found nothing has an IoU of 0. What moves is told, not found.
fn found(case: &Case) -> Option<f64> {
    let is_sought = case.kind != Kind::Drift && psnr(case, Who::Product).is_some();
    is_sought.then(|| case.found.map_or(0.0, |found| found.iou()))
}

/// One row a goal and set, as Markdown.
pub(crate) fn table(cases: &[Case]) -> String {
    let mut text =
        String::from("| goal | set | cases | met | worst | median |\n|---|---|---|---|---|---|\n");
    for goal in &GOALS {
        for set in [Set::Tuned, Set::HeldOut] {
            let of_set = cases.iter().filter(|case| case.recipe.set == set);
            let values: Vec<f64> = of_set.filter_map(goal.value).collect();
            writeln!(text, "| {} | {} | {} |", goal.name, set.name(), summary(goal, values)).ok();
        }
    }
    text
}

fn summary(goal: &Goal, mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    if goal.more {
        values.reverse();
    }
    let met = values.iter().filter(|value| (goal.met)(**value)).count();
    let number = |value: Option<&f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    let (worst, median) = (values.last(), values.get(values.len() / 2));
    format!("{} | {met} | {} | {}", values.len(), number(worst), number(median))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_the_least_where_more_is_better_and_the_most_where_less_is() {
        assert_eq!(summary(&GOALS[0], vec![0.5, 2.0, 1.0]), "3 | 2 | 2.00 | 1.00");
        assert_eq!(summary(&GOALS[4], vec![6.0, 2.0, 7.0]), "3 | 2 | 2.00 | 6.00");
        assert_eq!(summary(&GOALS[4], vec![]), "0 | 0 | - | -");
    }
}
