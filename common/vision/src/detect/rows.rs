//! Rows of boxes, as the YOLO families and RT-DETR give them, with masks where they have some.
//!
//! Owns what the values of a row mean. Refuses an output whose shape is another than when the model was opened.

use cleanplate_types::detection::DetectionKind;

use super::View;
use super::boxes::{Candidate, Field, Shape, suppress};
use crate::model::Contract;

/// What the rows are read for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    /// Columns and rows of the tensor.
    pub(super) tensor: (usize, usize),
    pub(super) threshold: f32,
    pub(super) kinds: &'a [Option<DetectionKind>],
    pub(super) overlap_max: f32,
}

/// The values of an output, row by row, whichever dimension they lie in.
#[derive(Debug, Clone, Copy)]
struct Rows<'a> {
    values: &'a [f32],
    count: usize,
    width: usize,
    rows_first: bool,
}

impl Rows<'_> {
    fn value(&self, row: usize, index: usize) -> f32 {
        let at = if self.rows_first { row * self.width + index } else { index * self.count + row };
        self.values.get(at).copied().unwrap_or(0.0)
    }

    /// The class with the highest of the scores from `first` on, with its score.
    fn best(&self, row: usize, first: usize, classes: usize) -> (usize, f32) {
        let scores = (0..classes).map(|class| (class, self.value(row, first + class)));
        scores.fold((0, f32::NEG_INFINITY), |best, one| if one.1 > best.1 { one } else { best })
    }
}

/// The proposals in `rows`, places in samples of the tensor; `None` where the shape is another.
pub(super) fn read(
    contract: &Contract,
    rows: &View<'_>,
    masks: Option<&View<'_>>,
    sight: &Sight<'_>,
) -> Option<Vec<Candidate>> {
    let form = Form::of(contract)?;
    let [first, second] = *rows.dims else { return None };
    let (count, width) = if form.rows_first { (first, second) } else { (second, first) };
    if width != form.width() || masks.is_some() != (form.coefficients > 0) {
        return None;
    }
    let rows = Rows { values: rows.values, count, width, rows_first: form.rows_first };
    let found = (0..count).filter_map(|row| form.candidate(&rows, row, sight)).collect();
    let Some(masks) = masks else { return Some(found) };
    let [coefficients, height, columns] = *masks.dims else { return None };
    if coefficients != form.coefficients || height == 0 || columns == 0 {
        return None;
    }
    // A mask costs more than a comparison: only for those that stay.
    let kept = suppress(found, sight.kinds, sight.overlap_max);
    let with_masks = kept.into_iter().map(|one| {
        let first = width - coefficients;
        let factors: Vec<f32> =
            (0..coefficients).map(|index| rows.value(one.source, first + index)).collect();
        let field = field(&one, &factors, masks, sight.tensor);
        Candidate { shape: Some(Shape::Field(field)), ..one }
    });
    Some(with_masks.collect())
}

/// What the places of a row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Places {
    /// Centre and size in samples.
    Centre,
    /// Centre and size as parts of the tensor.
    Normalised,
    /// Left, top, right, bottom in samples.
    Corners,
}

/// What the values of a row are.
#[derive(Debug, Clone, Copy)]
struct Form {
    places: Places,
    rows_first: bool,
    has_objectness: bool,
    /// Scores, one for each class; none where score and class are two values.
    classes: Option<usize>,
    coefficients: usize,
}

impl Form {
    fn of(contract: &Contract) -> Option<Self> {
        let centre = Self {
            places: Places::Centre,
            rows_first: true,
            has_objectness: false,
            classes: None,
            coefficients: 0,
        };
        match *contract {
            Contract::Yolo5 { classes, coefficients } => {
                Some(Self { has_objectness: true, classes: Some(classes), coefficients, ..centre })
            }
            Contract::Yolo8 { classes, coefficients, rows_first } => {
                Some(Self { rows_first, classes: Some(classes), coefficients, ..centre })
            }
            Contract::EndToEnd { coefficients } => {
                Some(Self { places: Places::Corners, coefficients, ..centre })
            }
            Contract::RtDetr { classes } => {
                Some(Self { places: Places::Normalised, classes: Some(classes), ..centre })
            }
            Contract::TextMap | Contract::CenterFace | Contract::Lama(_) | Contract::MiGan(_) => {
                None
            }
        }
    }

    const fn width(&self) -> usize {
        let scores = match self.classes {
            Some(classes) => classes,
            None => 2,
        };
        let objectness = if self.has_objectness { 1 } else { 0 };
        4 + objectness + scores + self.coefficients
    }

    fn candidate(&self, rows: &Rows<'_>, row: usize, sight: &Sight<'_>) -> Option<Candidate> {
        let (class, score) = match self.classes {
            None => (class_of(rows.value(row, 5), sight.kinds.len())?, rows.value(row, 4)),
            Some(classes) if self.has_objectness => {
                let (class, score) = rows.best(row, 5, classes);
                (class, score * rows.value(row, 4))
            }
            Some(classes) => rows.best(row, 4, classes),
        };
        // Rows that only fill up the output score 0.
        if score < sight.threshold || score <= 0.0 {
            return None;
        }
        let [a, b, c, d] = [0, 1, 2, 3].map(|index| rows.value(row, index));
        let corners = match self.places {
            Places::Corners => [a, b, c, d],
            Places::Centre => around(a, b, c, d),
            Places::Normalised => {
                let (width, height) = as_floats(sight.tensor);
                around(a * width, b * height, c * width, d * height)
            }
        };
        Some(Candidate { corners, score, class, shape: None, source: row })
    }
}

const fn around(x: f32, y: f32, width: f32, height: f32) -> [f32; 4] {
    [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0]
}

/// The class that a float names. Where there is but one, it is that one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
fn class_of(value: f32, classes: usize) -> Option<usize> {
    if classes == 1 {
        return Some(0);
    }
    let rounded = value.round();
    (0.0..65536.0).contains(&rounded).then_some(rounded as usize)
}

#[expect(clippy::cast_precision_loss, reason = "sides are below 2^15")]
const fn as_floats((width, height): (usize, usize)) -> (f32, f32) {
    (width as f32, height as f32)
}

/// The mask of a proposal: coefficients times prototypes, positive where it covers, cut out around it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to the grid, whose sides are below 2^15"
)]
fn field(one: &Candidate, factors: &[f32], masks: &View<'_>, tensor: (usize, usize)) -> Field {
    let [_, rows, columns] = *masks.dims else {
        return Field { origin: (0.0, 0.0), step: (1.0, 1.0), columns: 1, values: vec![1.0] };
    };
    let (width, height) = as_floats(tensor);
    let step = (width / columns as f32, height / rows as f32);
    let cut = |low: f32, high: f32, step: f32, count: usize| {
        let last = (count - 1) as f32;
        let first = (low / step - 0.5).floor().clamp(0.0, last) as usize;
        let end = (high / step - 0.5).ceil().clamp(0.0, last) as usize;
        (first, end + 1)
    };
    let [left, top, right, bottom] = one.corners;
    let (first, end) = cut(left, right, step.0, columns);
    let (upper, lower) = cut(top, bottom, step.1, rows);
    let mut values = Vec::with_capacity((end - first) * (lower - upper));
    for y in upper..lower {
        for x in first..end {
            let products = factors.iter().enumerate().map(|(index, factor)| {
                let at = (index * rows + y) * columns + x;
                factor * masks.values.get(at).copied().unwrap_or(0.0)
            });
            values.push(products.sum());
        }
    }
    let origin = ((first as f32 + 0.5) * step.0, (upper as f32 + 0.5) * step.1);
    Field { origin, step, columns: end - first, values }
}
