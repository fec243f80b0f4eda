//! Which layout the rows of a YOLO output have: told from their shape, the strides and what the exporter wrote.
//!
//! Owns the decision. Refuses to guess: two layouts that both fit are told apart by metadata or refused.

use super::{Contract, ModelError};

/// What is known of a model when its output is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// Width and height of the input that gave the output.
    pub(super) size: (usize, usize),
    /// The largest stride, where the exporter wrote it.
    pub(super) stride: Option<usize>,
    /// Number of class names, where there are any.
    pub(super) classes: Option<usize>,
    /// Whether the exporter says that boxes come out final.
    pub(super) is_final: Option<bool>,
    /// Whether the exporter names the RT-DETR family.
    pub(super) is_rt_detr: bool,
    /// Mask coefficients to a row: channels of the second output, 0 where there is none.
    pub(super) coefficients: usize,
    /// The largest of the first four values of any row of a transposed or final layout.
    pub(super) largest_place: f32,
}

/// Most rows of an output whose boxes are final: what exporters give (300), with room.
const FINAL_ROWS_MAX: usize = 1000;

/// The layout of an output of `[B, first, second]`.
pub(super) fn decide(first: usize, second: usize, facts: &Facts) -> Result<Contract, ModelError> {
    let fitting = fitting(first, second, facts);
    match fitting.as_slice() {
        [] => Err(ModelError::Rows { first, second, expected: expected(facts) }),
        [only] => Ok(only.clone()),
        [one, other, ..] => Err(ModelError::Ambiguous {
            first,
            second,
            one: one.to_string(),
            other: other.to_string(),
        }),
    }
}

fn fitting(first: usize, second: usize, facts: &Facts) -> Vec<Contract> {
    let Facts { coefficients, .. } = *facts;
    let anchors = anchor_counts(facts);
    let is_grid = |rows: usize| anchors.contains(&rows);
    let is_triple_grid = |rows: usize| anchors.iter().any(|count| count * 3 == rows);
    let is_named = |classes: &usize| facts.classes.is_none_or(|named| named == *classes);
    let classes_in = |values: usize, others: usize| {
        values.checked_sub(others + coefficients).filter(|classes| *classes > 0)
    };
    let mut found = Vec::new();
    if facts.is_final != Some(true) {
        if let Some(classes) = classes_in(first, 4).filter(is_named).filter(|_| is_grid(second)) {
            found.push(Contract::Yolo8 { classes, coefficients, rows_first: false });
        }
        // With rows first, one value more than the classes need could be the objectness of another family:
        // only names, or a single class, rule that out.
        let sure = |classes: &usize| facts.classes.is_some() || *classes == 1;
        let turned = classes_in(second, 4).filter(is_named).filter(sure);
        if let Some(classes) = turned.filter(|_| is_grid(first)) {
            found.push(Contract::Yolo8 { classes, coefficients, rows_first: true });
        }
        if let Some(classes) =
            classes_in(second, 5).filter(is_named).filter(|_| is_triple_grid(first))
        {
            found.push(Contract::Yolo5 { classes, coefficients });
        }
    }
    if first <= FINAL_ROWS_MAX {
        found.extend(of_final_rows(second, facts));
    }
    found
}

/// Layouts whose rows are the boxes themselves.
fn of_final_rows(second: usize, facts: &Facts) -> Option<Contract> {
    let Facts { coefficients, .. } = *facts;
    let end_to_end = || Contract::EndToEnd { coefficients };
    let is_six = second == 6 + coefficients;
    let classes = facts.classes.filter(|classes| coefficients == 0 && second == classes + 4);
    if let Some(classes) = classes {
        // Normalised places, or the exporter's word.
        let is_normalised = facts.largest_place <= 1.5 && !is_six;
        if facts.is_final != Some(true) && (facts.is_rt_detr || is_normalised) {
            return Some(Contract::RtDetr { classes });
        }
    }
    if !is_six {
        return None;
    }
    // Six values are corners, score and class, or a box and two classes. What the exporter says settles it,
    // then the number of names, then places that can only be samples.
    let is_said = facts.is_final == Some(true);
    let is_counted = facts.classes.is_some_and(|classes| classes != 2);
    (is_said || is_counted || facts.largest_place > 2.0).then(end_to_end)
}

/// Numbers of grid cells that a model of this input size has: with the strides 8, 16, 32 of most, and with
/// those of models that have a finer or a coarser level.
fn anchor_counts(facts: &Facts) -> Vec<usize> {
    let (width, height) = facts.size;
    let levels: &[&[usize]] = match facts.stride {
        Some(64) => &[&[8, 16, 32, 64], &[4, 8, 16, 32, 64]],
        Some(16) => &[&[8, 16], &[4, 8, 16]],
        Some(8) => &[&[8], &[4, 8]],
        Some(_) | None => &[&[8, 16, 32], &[4, 8, 16, 32], &[16, 32]],
    };
    let cells = |strides: &&[usize]| strides.iter().map(|s| (width / s) * (height / s)).sum();
    levels.iter().map(cells).collect()
}

fn expected(facts: &Facts) -> String {
    let values = |others: usize| {
        let extra = others + facts.coefficients;
        facts
            .classes
            .map_or_else(|| format!("{extra}+classes"), |classes| (extra + classes).to_string())
    };
    let cells = anchor_counts(facts).first().copied().unwrap_or_default();
    format!(
        "[B, {}, {cells}] (YOLOv8, 11), [B, {}, {}] (YOLOv5), [B, N, {}] (final boxes)",
        values(4),
        cells * 3,
        values(5),
        6 + facts.coefficients
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        size: (640, 640),
        stride: Some(32),
        classes: Some(2),
        is_final: None,
        is_rt_detr: false,
        coefficients: 0,
        largest_place: 0.0,
    };

    #[test]
    fn the_grid_tells_rows_from_values() {
        let upright = Contract::Yolo8 { classes: 2, coefficients: 0, rows_first: false };
        assert_eq!(decide(6, 8400, &FACTS).unwrap(), upright);
        let turned = Contract::Yolo8 { classes: 2, coefficients: 0, rows_first: true };
        assert_eq!(decide(8400, 6, &FACTS).unwrap(), turned);
        let five = Contract::Yolo5 { classes: 2, coefficients: 0 };
        assert_eq!(decide(25200, 7, &FACTS).unwrap(), five);
    }

    #[test]
    fn one_class_is_told_in_either_direction() {
        let facts = Facts { classes: Some(1), ..FACTS };
        let upright = Contract::Yolo8 { classes: 1, coefficients: 0, rows_first: false };
        assert_eq!(decide(5, 8400, &facts).unwrap(), upright);
        let turned = Contract::Yolo8 { classes: 1, coefficients: 0, rows_first: true };
        assert_eq!(decide(8400, 5, &facts).unwrap(), turned);
    }

    #[test]
    fn objectness_without_names_is_not_guessed() {
        let facts = Facts { classes: None, ..FACTS };
        assert!(matches!(decide(8400, 7, &facts), Err(ModelError::Rows { .. })));
    }

    #[test]
    fn six_values_are_final_boxes_where_that_is_said_or_seen() {
        let end = Contract::EndToEnd { coefficients: 0 };
        let said = Facts { is_final: Some(true), ..FACTS };
        assert_eq!(decide(300, 6, &said).unwrap(), end);
        let seen = Facts { largest_place: 320.0, ..FACTS };
        assert_eq!(decide(300, 6, &seen).unwrap(), end);
        let other = Facts { classes: Some(80), ..FACTS };
        assert_eq!(decide(300, 6, &other).unwrap(), end);
        assert!(matches!(decide(300, 6, &FACTS), Err(ModelError::Rows { .. })), "neither");
    }

    #[test]
    fn normalised_rows_of_boxes_and_classes_are_rt_detr() {
        let facts = Facts { classes: Some(80), largest_place: 0.9, ..FACTS };
        assert_eq!(decide(300, 84, &facts).unwrap(), Contract::RtDetr { classes: 80 });
        let named = Facts { is_rt_detr: true, ..FACTS };
        assert_eq!(decide(300, 6, &named).unwrap(), Contract::RtDetr { classes: 2 });
    }

    #[test]
    fn mask_coefficients_count_as_values() {
        let facts = Facts { coefficients: 32, ..FACTS };
        let upright = Contract::Yolo8 { classes: 2, coefficients: 32, rows_first: false };
        assert_eq!(decide(38, 8400, &facts).unwrap(), upright);
        let said = Facts { is_final: Some(true), ..facts };
        assert_eq!(decide(300, 38, &said).unwrap(), Contract::EndToEnd { coefficients: 32 });
    }

    #[test]
    fn two_layouts_that_fit_are_refused_and_named() {
        // A grid of 21 cells and 17 classes: as wide as it is high.
        let facts = Facts { size: (32, 32), classes: Some(17), ..FACTS };
        let told = decide(21, 21, &facts).unwrap_err().to_string();
        assert!(told.contains("rows first"), "{told}");
    }

    #[test]
    fn a_count_of_classes_that_the_names_do_not_have_is_refused() {
        assert!(matches!(decide(84, 8400, &FACTS), Err(ModelError::Rows { .. })));
    }
}
