//! Identification of detectors: the declared outputs, the metadata, and runs on an even grey and on writing.
//!
//! Owns how a detector is told. Refuses one whose outputs are no numbers.

use super::layout::{Facts, decide};
use super::names::{parse_names, parse_numbers};
use super::ports::{PictureForm, SIDE_MAX, shown};
use super::{BatchForm, Contract, Found, ModelError, SizeForm};
use crate::session::{Element, Feed, Network, Output, RunError};
use crate::wire::open_dimensions;

mod written;

/// Side of a detector's input where neither the file nor its metadata tell one: that of every YOLO.
const SIDE: usize = 640;
/// The text detector is fed a longest side of 960, as its makers do for pictures of that size and more.
const TEXT_SIDE: usize = 960;
/// What `CenterFace` is fed: faces of a hundredth of the picture's width are still found.
const FACE_SIDE: usize = 960;
/// Side of the grey on which open maps are tried: small, since the contract does not depend on it.
const MAP_PROBE: usize = 64;
/// Largest stride that is believed: twice that of any YOLO.
const STRIDE_MAX: usize = 128;
/// Both networks of maps halve their input five times.
const MAP_MULTIPLE: usize = 32;

/// `CenterFace` declares a size that it does not need: the file with open dimensions, where `network` is that.
pub(super) fn opened(network: &Network, bytes: &[u8]) -> Option<Vec<u8>> {
    let [input] = network.inputs.as_slice() else { return None };
    let is_declared_small = input.dims.iter().skip(2).all(|dim| *dim == Some(MAP_MULTIPLE));
    let channels: Vec<Option<usize>> =
        network.outputs.iter().map(|port| port.dims.get(1).copied().flatten()).collect();
    let is_center_face = channels == CENTER_FACE.map(Some);
    if !is_declared_small || !is_center_face {
        return None;
    }
    let outputs = network.outputs.iter().map(|port| port.name.as_str());
    let names: Vec<&str> = outputs.chain([input.name.as_str()]).collect();
    open_dimensions(bytes, &names)
}

/// Channels of its outputs: heat, size, offset, landmarks.
const CENTER_FACE: [usize; 4] = [1, 2, 2, 10];

/// Tells which detector `network` is.
pub(super) fn identify(network: &mut Network, form: &PictureForm) -> Result<Found, ModelError> {
    let task = network.metadata.get("task").map(String::as_str);
    if let Some(task) = task.filter(|task| !matches!(*task, "detect" | "segment")) {
        return Err(ModelError::Purpose { task: task.to_owned() });
    }
    let declared = declared_family(network);
    let size = probe_size(network, form, declared);
    let outputs = run_on_grey(network, form, size)?;
    let refused = || ModelError::Outputs { found: shown(&network.outputs) };
    match (declared, outputs.as_slice()) {
        (Family::TextMap, [map]) => {
            check_probabilities(map)?;
            let is_whole = map.dims.get(2..) == Some(&[size.1, size.0]);
            if !is_whole {
                return Err(refused());
            }
            written::check(network, form)?;
            Ok(of_maps(Contract::TextMap, form, TEXT_SIDE))
        }
        (Family::CenterFace, [heat, others @ ..]) => {
            check_probabilities(heat)?;
            let quarter = [size.1 / 4, size.0 / 4];
            let fits = |map: &Output| map.dims.get(2..) == Some(quarter.as_slice());
            if !fits(heat) || !others.iter().all(fits) {
                return Err(refused());
            }
            Ok(of_maps(Contract::CenterFace, form, FACE_SIDE))
        }
        (Family::Rows, outputs) => of_rows(network, form, size, outputs),
        (Family::TextMap | Family::CenterFace, _) | (Family::Other, _) => Err(refused()),
    }
}

/// Which kind of outputs is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    TextMap,
    CenterFace,
    Rows,
    Other,
}

fn declared_family(network: &Network) -> Family {
    let ranks: Vec<usize> = network.outputs.iter().map(|port| port.dims.len()).collect();
    let channels: Vec<Option<usize>> =
        network.outputs.iter().map(|port| port.dims.get(1).copied().flatten()).collect();
    let three = ranks.iter().filter(|rank| **rank == 3).count();
    match (ranks.as_slice(), channels.as_slice()) {
        ([4], [Some(1)]) => Family::TextMap,
        ([4, 4, 4, 4], channels) if *channels == CENTER_FACE.map(Some) => Family::CenterFace,
        // Older exports of YOLOv5 add the three raw heads, of rank 5.
        _other if three == 1 && ranks.iter().all(|rank| matches!(rank, 3..=5)) => Family::Rows,
        _other => Family::Other,
    }
}

/// Size of the grey that it is run on: columns, rows.
fn probe_size(network: &Network, form: &PictureForm, family: Family) -> (usize, usize) {
    let told = network.metadata.get("imgsz").and_then(|text| parse_numbers(text));
    let told = match told.as_deref() {
        // Rows come first there.
        Some([height @ 1..=SIDE_MAX, width @ 1..=SIDE_MAX]) => Some((*width, *height)),
        Some(_) | None => None,
    };
    let usual = match family {
        Family::TextMap | Family::CenterFace => (MAP_PROBE, MAP_PROBE),
        Family::Rows | Family::Other => told.unwrap_or((SIDE, SIDE)),
    };
    form.size.unwrap_or(usual)
}

/// A picture of one grey level through the network; every output checked to be numbers.
fn run_on_grey(
    network: &mut Network,
    form: &PictureForm,
    size: (usize, usize),
) -> Result<Vec<Output>, ModelError> {
    let level = if form.element == Element::U8 { 128.0 } else { 0.5 };
    run_on(network, form, size, &vec![level; size.0 * size.1])
}

/// One picture, all of whose channels are `levels` (row by row), through the network; every output checked to be
/// numbers.
fn run_on(
    network: &mut Network,
    form: &PictureForm,
    (width, height): (usize, usize),
    levels: &[f32],
) -> Result<Vec<Output>, ModelError> {
    let frames = match form.batch {
        BatchForm::Fixed(frames) => frames,
        BatchForm::Open => 1,
    };
    let values = levels.repeat(frames * 3);
    let outputs = network.run(&[Feed { dims: [frames, 3, height, width], values: &values }])?;
    if outputs.iter().any(|output| !output.values.iter().all(|value| value.is_finite())) {
        return Err(RunError::NotFinite.into());
    }
    Ok(outputs)
}

fn check_probabilities(map: &Output) -> Result<(), ModelError> {
    let least = map.values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = map.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // A sigmoid in half precision may be a hair above 1.
    let is_probability = map.values.is_empty() || (least >= -0.001 && most <= 1.001);
    if is_probability { Ok(()) } else { Err(ModelError::NotProbabilities { least, most }) }
}

fn of_maps(contract: Contract, form: &PictureForm, side: usize) -> Found {
    let roles = match contract {
        Contract::CenterFace => vec![0, 1, 2],
        Contract::TextMap
        | Contract::Yolo5 { .. }
        | Contract::Yolo8 { .. }
        | Contract::EndToEnd { .. }
        | Contract::RtDetr { .. }
        | Contract::Lama(_)
        | Contract::MiGan(_) => vec![0],
    };
    let name = if contract == Contract::TextMap { "text" } else { "face" };
    let open = SizeForm::Open { width: side, height: side, multiple: MAP_MULTIPLE };
    let size = form.size.map_or(open, |(width, height)| SizeForm::Fixed { width, height });
    Found { contract, names: vec![name.to_owned()], size, roles }
}

fn of_rows(
    network: &Network,
    form: &PictureForm,
    size: (usize, usize),
    outputs: &[Output],
) -> Result<Found, ModelError> {
    let refused = || ModelError::Outputs { found: shown(&network.outputs) };
    let index_of = |rank: usize| outputs.iter().position(|output| output.dims.len() == rank);
    let rows = index_of(3).ok_or_else(refused)?;
    let masks = index_of(4);
    let at =
        |index: usize, dim: usize| outputs.get(index).and_then(|one| one.dims.get(dim)).copied();
    let (Some(first), Some(second)) = (at(rows, 1), at(rows, 2)) else { return Err(refused()) };
    let coefficients = masks.and_then(|index| at(index, 1)).unwrap_or(0);
    let text = |key: &str| network.metadata.get(key).map_or("", String::as_str);
    let stride =
        text("stride").trim().parse().ok().filter(|stride| (1..=STRIDE_MAX).contains(stride));
    let written = text("names").trim();
    let names = parse_names(written);
    if names.is_none() && !written.is_empty() {
        return Err(ModelError::Names { found: written.chars().take(40).collect() });
    }
    let facts = Facts {
        size,
        stride,
        classes: names.as_ref().map(Vec::len),
        is_final: is_final(text("end2end"), text("args")),
        is_rt_detr: text("description").to_lowercase().replace('-', "").contains("rtdetr"),
        coefficients,
        largest_place: outputs.get(rows).map_or(0.0, |output| largest_place(output, second)),
    };
    let contract = decide(first, second, &facts)?;
    if let Some(output) = outputs.get(rows) {
        check_scores(&contract, output, (first, second))?;
        check_places(&contract, output, second)?;
    }
    let classes = match &contract {
        Contract::Yolo5 { classes, .. }
        | Contract::Yolo8 { classes, .. }
        | Contract::RtDetr { classes } => *classes,
        // How many is not told; all count as one.
        Contract::EndToEnd { .. }
        | Contract::TextMap
        | Contract::CenterFace
        | Contract::Lama(_)
        | Contract::MiGan(_) => 1,
    };
    let names =
        names.unwrap_or_else(|| (0..classes).map(|class| format!("class {class}")).collect());
    let (width, height) = size;
    let size = match form.size {
        Some((width, height)) => SizeForm::Fixed { width, height },
        None => SizeForm::Open { width, height, multiple: stride.unwrap_or(MAP_MULTIPLE).max(1) },
    };
    Ok(Found { contract, names, size, roles: [Some(rows), masks].into_iter().flatten().collect() })
}

/// Mean score of a class over all cells of an even grey from which on it is no score: there is nothing to see. The
/// angle of a rotated box, a sigmoid less a quarter, times pi, is 0.8 where nothing turns it.
const GREY_SCORE_MAX: f32 = 0.6;

/// Checks that what would be read as scores are some: key points, angles and values without their sigmoid are not, and
/// would be read as classes.
fn check_scores(
    contract: &Contract,
    output: &Output,
    (first, second): (usize, usize),
) -> Result<(), ModelError> {
    let (scores, rows_first) = match contract {
        Contract::Yolo5 { classes, .. } => (4..5 + classes, true),
        Contract::Yolo8 { classes, rows_first, .. } => (4..4 + classes, *rows_first),
        Contract::RtDetr { classes } => (4..4 + classes, true),
        Contract::EndToEnd { .. } => (4..5, true),
        Contract::TextMap | Contract::CenterFace | Contract::Lama(_) | Contract::MiGan(_) => {
            return Ok(());
        }
    };
    let (rows, values) = if rows_first { (first, second) } else { (second, first) };
    let of_value = |value: usize| {
        let at = move |row| if rows_first { row * values + value } else { value * rows + row };
        (0..rows).filter_map(move |row| output.values.get(at(row)).copied())
    };
    let all = scores.clone().flat_map(of_value);
    let (least, most) = all.fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), score| {
        (least.min(score), most.max(score))
    });
    // A sigmoid in half precision may be a hair above 1.
    if rows > 0 && (least < -0.001 || most > 1.001) {
        return Err(ModelError::NotScores { least, most });
    }
    // Only there each value of a row is a score by itself.
    if let Contract::Yolo8 { .. } = contract {
        for (class, value) in scores.enumerate() {
            let mean = mean(of_value(value));
            if mean > GREY_SCORE_MAX {
                return Err(ModelError::ScoresGrey { class, mean });
            }
        }
    }
    Ok(())
}

/// Checks that what would be read as corners are some: of most rows that hold anything, left before right and upper
/// before lower.
fn check_places(contract: &Contract, output: &Output, values: usize) -> Result<(), ModelError> {
    let Contract::EndToEnd { .. } = contract else { return Ok(()) };
    let (mut turned, mut all) = (0_usize, 0_usize);
    for row in output.values.chunks_exact(values.max(1)) {
        let [left, top, right, bottom, ..] = *row else { continue };
        if [left, top, right, bottom].iter().any(|place| *place != 0.0) {
            all += 1;
            turned += usize::from(right < left || bottom < top);
        }
    }
    if turned * 2 > all { Err(ModelError::NotCorners { turned, all }) } else { Ok(()) }
}

#[expect(clippy::cast_precision_loss, reason = "a mean of some thousands of values")]
fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f32
}

/// Whether the exporter says that the boxes are final.
fn is_final(end_to_end: &str, arguments: &str) -> Option<bool> {
    if arguments.contains("'nms': True") {
        return Some(true);
    }
    match end_to_end {
        "True" | "true" => Some(true),
        "False" | "false" => Some(false),
        _untold => None,
    }
}

/// The largest of the first four values of each row.
fn largest_place(output: &Output, values: usize) -> f32 {
    let rows = output.values.chunks_exact(values.max(1));
    rows.flat_map(|row| row.iter().take(4)).copied().fold(0.0, f32::max)
}
