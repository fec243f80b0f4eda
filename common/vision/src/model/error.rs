//! Why a model is not taken: one line each, with what would be accepted.
//!
//! Owns the words. Refuses to be wide: whoever opens a model shows the line to the operator as it is.

use crate::inpaint::Foreign;
use crate::session::RunError;

/// Why a model is not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// ONNX Runtime does not open it.
    #[error("not a model that ONNX Runtime {version} opens: {why}")]
    Unreadable {
        /// Version of the runtime.
        version: String,
        /// Its words.
        why: String,
    },
    /// It says what its classes are called, in a notation that is not read: which of them are faces is not known.
    #[error(
        "its metadata `names` is {found}, which is no list of names; write it as {{0: 'face', 1: 'plate'}}"
    )]
    Names {
        /// The text, cut short.
        found: String,
    },
    /// It is not even tried: the device is not there, its provider does not load, or its memory is too small.
    #[error("the device cannot be used: {why}")]
    Device {
        /// The runtime's words.
        why: String,
    },
    /// It takes something else than a picture, or a picture and a mask.
    #[error(
        "its inputs are {found}; accepted: one picture [B, 3, H, W], a picture and a mask [B, 1, H, W], or both as [B, 4, H, W]"
    )]
    Inputs {
        /// What it takes.
        found: String,
    },
    /// It takes pictures with the channels last.
    #[error("its input {found} has the channels last; export it with channels first, [B, 3, H, W]")]
    ChannelsLast {
        /// The input.
        found: String,
    },
    /// It takes values of a type that is not fed.
    #[error("its input `{name}` takes {found} values; accepted: float32, float16, uint8")]
    Element {
        /// Name of the input.
        name: String,
        /// The type.
        found: String,
    },
    /// It wants original sizes beside the picture.
    #[error(
        "it is an RT-DETR with the input `{name}`; accepted: the export by Ultralytics, one input, output [B, N, 4+classes]"
    )]
    OriginalSizes {
        /// Name of the second input.
        name: String,
    },
    /// It is to fill holes, and takes or gives something that no filler does.
    #[error(
        "it takes {inputs} and gives {outputs}; a model that fills holes takes a picture [B, 3, H, W] and a mask [B, 1, H, W], or both as [B, 4, H, W], and gives a picture [B, 3, H, W]"
    )]
    NoFiller {
        /// What it takes.
        inputs: String,
        /// What it gives.
        outputs: String,
    },
    /// It gives something that no detector does.
    #[error(
        "its outputs are {found}; accepted of a model that takes a picture alone: YOLO boxes [B, M, N] (with masks [B, 32, h, w]), a text map [B, 1, H, W], or CenterFace's four maps"
    )]
    Outputs {
        /// What it gives, or what is wrong with it.
        found: String,
    },
    /// Its rows fit no YOLO.
    #[error(
        "its output [B, {first}, {second}] is no YOLO layout for this input; expected: {expected}"
    )]
    Rows {
        /// Second dimension.
        first: usize,
        /// Third dimension.
        second: usize,
        /// Layouts that would fit.
        expected: String,
    },
    /// Its rows fit two layouts.
    #[error(
        "its output [B, {first}, {second}] may be {one} or {other}; export it with names and end2end metadata, or another size"
    )]
    Ambiguous {
        /// Second dimension.
        first: usize,
        /// Third dimension.
        second: usize,
        /// A layout.
        one: String,
        /// Another.
        other: String,
    },
    /// It was made for something else.
    #[error("it was made for the task `{task}`; accepted: detect, segment")]
    Purpose {
        /// The task that its metadata names.
        task: String,
    },
    /// It fails on a known picture, or gives no numbers.
    #[error("on a known picture: {0}")]
    Run(#[from] RunError),
    /// Its text map is no probability.
    #[error(
        "its map has values from {least} to {most}; accepted: probabilities from 0 to 1 (add the sigmoid to the export)"
    )]
    NotProbabilities {
        /// The least value.
        least: f32,
        /// The greatest value.
        most: f32,
    },
    /// What would be its scores are none.
    #[error(
        "where scores of classes should be it has values from {least} to {most}; accepted: detectors of boxes or masks with scores from 0 to 1 (not key points or rotated boxes; the sigmoid in the export)"
    )]
    NotScores {
        /// The least value.
        least: f32,
        /// The greatest value.
        most: f32,
    },
    /// One of its scores is high where there is nothing to see.
    #[error(
        "on an even grey its class {class} scores {mean:.2} on the mean: that is no score of a class; accepted: detectors of boxes or masks (not rotated boxes: their angle would be read as a class)"
    )]
    ScoresGrey {
        /// The class, from 0.
        class: usize,
        /// Its mean score.
        mean: f32,
    },
    /// Its final boxes are not given by their corners.
    #[error(
        "of its {all} final boxes {turned} would have their right edge left of the left one, or the lower above the upper; accepted: corners (left, top, right, bottom), score, class"
    )]
    NotCorners {
        /// Boxes of which that is so.
        turned: usize,
        /// Boxes that are no padding.
        all: usize,
    },
    /// Its map does not mark writing, or marks what is none.
    #[error(
        "its map of 0 to 1 marks writing with {writing:.2} and a bright field without any with {field:.2}: it is made for something else; accepted: text detectors (DB), which mark writing alone"
    )]
    NotWriting {
        /// Mean of the map over writing.
        writing: f32,
        /// Mean of the map over what is none.
        field: f32,
    },
    /// It copies what the mask hides.
    #[error("its result ignores the mask: what is hidden comes out again")]
    IgnoresMask,
    /// It fills a part of a hole with what is nowhere around it.
    #[error("{0}")]
    Foreign(#[from] Foreign),
    /// Its result is black or constant.
    #[error(
        "it fills a hole in a grey of {surroundings} with {result} (of 0 to 1 or 0 to 255): an f16 export that overflows, or another range; take the f32 export"
    )]
    WrongFill {
        /// Level around the hole, of 1.
        surroundings: f32,
        /// Level in the hole.
        result: f32,
    },
}
