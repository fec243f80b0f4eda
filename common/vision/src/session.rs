//! A model that is loaded to be run: its ports, its metadata, tensors in, tensors out.
//!
//! Owns every call into ONNX Runtime but loading it. Refuses to know what a model means. Where CUDA is asked
//! for and cannot be had, opening fails with the reason: the runtime would fall back to the CPU silently.

mod ffi;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use half::f16;
use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{ArenaExtendStrategy, CUDA};
use ort::logging::LogLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Outlet, Tensor, TensorElementType, TensorRef, ValueType};

use crate::cuda::{self, DeviceTensor};
use crate::runtime::Runtime;

/// What a model is run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// The CPU.
    Cpu {
        /// Threads within one call; 0 counts as 1.
        threads: usize,
    },
    /// An NVIDIA card.
    Cuda {
        /// Its index among those that CUDA shows to this process.
        index: u32,
    },
}

/// Why running a model failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The memory of the device is too small for the batch; the session has to be opened anew, since the
    /// runtime's arena keeps what it took.
    #[error("the device has too little memory for this batch: {why}")]
    OutOfMemory {
        /// The runtime's words, on one line.
        why: String,
    },
    /// Anything else.
    #[error("the model cannot be run: {why}")]
    Failed {
        /// The runtime's words, on one line.
        why: String,
    },
    /// It gave something else than when it was opened.
    #[error(
        "the model's output {output} has the shape {dims:?} now: it did not when it was opened"
    )]
    Shape {
        /// Index of the output.
        output: usize,
        /// Its dimensions.
        dims: Vec<usize>,
    },
    /// It gave a box whose right edge lies left of the left one, or the lower above the upper.
    #[error(
        "the model gives a box whose right or lower edge comes before the left or upper one: its boxes are not corners (left, top, right, bottom), as six values to a row are read; export it with corners, or without the final suppression"
    )]
    NotCorners,
    /// It gave values that are no numbers.
    #[error("the model gives NaN or infinite values: take an export in f32 instead of f16")]
    NotFinite,
}

/// The type of a port's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    F16,
    U8,
    /// One that is not fed: its name.
    Other(String),
}

/// An input or output as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) element: Element,
    /// Dimensions; `None` where one is open.
    pub(crate) dims: Vec<Option<usize>>,
}

/// Values for one input: 32-bit floats whatever the port takes. A port of bytes gets them rounded and
/// clamped to 0 to 255.
#[derive(Debug)]
pub(crate) struct Feed<'a> {
    pub(crate) dims: [usize; 4],
    pub(crate) values: &'a [f32],
}

/// Values of one output, as 32-bit floats whatever the port gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    pub(crate) dims: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// Why a model is not loaded, in the runtime's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// The device is not there or has too little memory.
    Device(String),
    /// The file is not what the runtime takes.
    File(String),
}

impl OpenError {
    fn of(error: &ort::Error) -> Self {
        let why = one_line(error.message());
        if is_out_of_memory(&why) { Self::Device(why) } else { Self::File(why) }
    }
}

/// A model, loaded.
pub(crate) struct Network {
    session: Session,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    /// What the exporter wrote beside the graph, by key.
    pub(crate) metadata: BTreeMap<String, String>,
    device: Device,
    /// The card on whose stream it runs, where it was given one. After the session, which uses the stream until it
    /// is dropped.
    card: Option<Arc<cuda::Device>>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Network");
        shown.field("inputs", &self.inputs).field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

impl Network {
    /// Loads the model in `bytes` for `device`; on the stream of `card`, which is that device, where it is given.
    pub(crate) fn open(
        runtime: &Runtime,
        bytes: &[u8],
        (device, card): (Device, Option<&Arc<cuda::Device>>),
    ) -> Result<Self, OpenError> {
        let mut builder = builder(runtime, device, card)
            .map_err(|error| OpenError::Device(one_line(error.message())))?;
        let session = builder.commit_from_memory(bytes).map_err(|error| OpenError::of(&error))?;
        let metadata = metadata(&session).map_err(|error| OpenError::of(&error))?;
        let inputs = session.inputs().iter().map(port).collect();
        let outputs = session.outputs().iter().map(port).collect();
        let card = card.map(Arc::clone);
        Ok(Self { session, inputs, outputs, metadata, device, card })
    }

    /// Runs the model on one feed for each input, in their order.
    pub(crate) fn run(&mut self, feeds: &[Feed<'_>]) -> Result<Vec<Output>, RunError> {
        let values = self.inputs.iter().zip(feeds).map(|(port, feed)| {
            value(&port.element, feed).map(|value| (Cow::from(port.name.as_str()), value))
        });
        let values: Vec<_> = values.collect::<Result<_, _>>().map_err(|error| failed(&error))?;
        run(&mut self.session, &self.outputs, values)
    }

    /// Runs a model of one input on a tensor in the memory of the card that it runs on. What was launched to make
    /// it need not be done, where that was on the stream which the model runs on too.
    pub(crate) fn run_on_card(
        &mut self,
        tensor: &mut DeviceTensor,
    ) -> Result<Vec<Output>, RunError> {
        let [port] = self.inputs.as_slice() else {
            let why = format!("it has {} inputs, and one tensor is there", self.inputs.len());
            return Err(RunError::Failed { why });
        };
        let name = Cow::from(port.name.as_str());
        let index = match self.device {
            Device::Cpu { .. } => None,
            Device::Cuda { index } => Some(index),
        };
        let value = ffi::input(tensor, index).map_err(|error| failed(&error))?;
        run(&mut self.session, &self.outputs, vec![(name, value)])
    }

    /// Whether it runs on the stream of `card`.
    pub(crate) fn is_on_stream_of(&self, card: &Arc<cuda::Device>) -> bool {
        self.card.as_ref().is_some_and(|own| Arc::ptr_eq(own, card))
    }
}

/// Runs a session on values by name; what comes out at `ports`.
fn run<'v>(
    session: &mut Session,
    ports: &[Port],
    values: Vec<(Cow<'v, str>, SessionInputValue<'v>)>,
) -> Result<Vec<Output>, RunError> {
    let outputs = session.run(values).map_err(|error| failed(&error))?;
    let taken = ports.iter().map(|port| {
        let value = outputs.get(&port.name);
        value.map_or_else(
            || Err(RunError::Failed { why: format!("it has no output `{}`", port.name) }),
            |value| output(value).map_err(|error| failed(&error)),
        )
    });
    taken.collect()
}

fn builder(
    runtime: &Runtime,
    device: Device,
    card: Option<&Arc<cuda::Device>>,
) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(runtime.environment())?
        .with_log_level(LogLevel::Fatal)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_deterministic_compute(true)?
        .with_inter_threads(1)?;
    match device {
        // Threads that spin take the cores from the decoder and the encoder.
        Device::Cpu { threads } => {
            Ok(builder.with_intra_threads(threads.max(1))?.with_intra_op_spinning(false)?)
        }
        Device::Cuda { index } => {
            let index = i32::try_from(index).unwrap_or(i32::MAX);
            // What is not taken is left to the decoder, the encoder and other sessions: no doubling of the arena, no
            // search that needs the largest workspace.
            let provider = CUDA::default()
                .with_device_id(index)
                .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
                .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
                .with_conv_max_workspace(false);
            let provider = match card {
                Some(card) => ffi::on_stream(provider, card),
                None => provider,
            };
            let provider = provider.build().error_on_failure();
            Ok(builder.with_intra_threads(1)?.with_execution_providers([provider])?)
        }
    }
}

fn metadata(session: &Session) -> ort::Result<BTreeMap<String, String>> {
    let all = session.metadata()?;
    let told = all.custom_keys()?.into_iter().filter_map(|key| {
        let value = all.custom(&key)?;
        Some((key, value))
    });
    Ok(told.collect())
}

fn port(outlet: &Outlet) -> Port {
    let name = outlet.name().to_owned();
    let (element, dims) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let fed = [
                (TensorElementType::Float32, Element::F32),
                (TensorElementType::Float16, Element::F16),
                (TensorElementType::Uint8, Element::U8),
            ];
            let element = fed.into_iter().find(|(one, _)| one == ty).map(|(_, element)| element);
            let element =
                element.unwrap_or_else(|| Element::Other(format!("{ty:?}").to_lowercase()));
            // An open dimension is -1.
            (element, shape.iter().map(|size| usize::try_from(*size).ok()).collect())
        }
        ValueType::Sequence(_) => (Element::Other("sequence".to_owned()), Vec::new()),
        ValueType::Map { .. } => (Element::Other("map".to_owned()), Vec::new()),
        ValueType::Optional(_) => (Element::Other("optional".to_owned()), Vec::new()),
    };
    Port { name, element, dims }
}

fn value<'a>(element: &Element, feed: &Feed<'a>) -> ort::Result<SessionInputValue<'a>> {
    match element {
        Element::F32 => Ok(TensorRef::from_array_view((feed.dims, feed.values))?.into()),
        Element::F16 => {
            let values: Vec<f16> = feed.values.iter().copied().map(f16::from_f32).collect();
            Ok(Tensor::from_array((feed.dims, values))?.into())
        }
        Element::U8 => {
            let values: Vec<u8> = feed.values.iter().copied().map(byte).collect();
            Ok(Tensor::from_array((feed.dims, values))?.into())
        }
        Element::Other(name) => Err(ort::Error::new(format!("{name} values are not fed"))),
    }
}

fn output(value: &DynValue) -> ort::Result<Output> {
    let element = value.dtype().tensor_type();
    let (shape, values) = match element {
        Some(TensorElementType::Float32) => {
            let (shape, values) = value.try_extract_tensor::<f32>()?;
            (shape, values.to_vec())
        }
        Some(TensorElementType::Float16) => {
            let (shape, values) = value.try_extract_tensor::<f16>()?;
            (shape, values.iter().map(|one| one.to_f32()).collect())
        }
        Some(TensorElementType::Uint8) => {
            let (shape, values) = value.try_extract_tensor::<u8>()?;
            (shape, values.iter().map(|one| f32::from(*one)).collect())
        }
        other => return Err(ort::Error::new(format!("{other:?} values are not read"))),
    };
    let dims = shape.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
    Ok(Output { dims, values })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded and clamped to 0 to 255; what is no number becomes 0"
)]
fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

fn failed(error: &ort::Error) -> RunError {
    let why = one_line(error.message());
    if is_out_of_memory(&why) { RunError::OutOfMemory { why } } else { RunError::Failed { why } }
}

/// The runtime has no code for it: these are the words of its arena, of CUDA, cuBLAS and cuDNN.
fn is_out_of_memory(why: &str) -> bool {
    let words = ["allocate memory", "out of memory", "ALLOC_FAILED", "bad_alloc"];
    words.iter().any(|word| why.contains(word))
}

/// The text without line breaks and runs of spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_memory_is_told_from_everything_else() {
        for words in [
            "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 9",
            "CUDNN failure 2: CUDNN_STATUS_ALLOC_FAILED ; GPU=0",
            "CUDA failure 2: out of memory ; GPU=0",
        ] {
            assert!(is_out_of_memory(words), "{words}");
        }
        assert!(!is_out_of_memory("Got invalid dimensions for input: images"));
    }

    #[test]
    fn bytes_are_rounded_and_clamped() {
        let taken = [-3.0, 0.49, 0.5, 254.6, 300.0, f32::NAN].map(byte);
        assert_eq!(taken, [0, 0, 1, 255, 255, 0]);
    }

    #[test]
    fn what_the_runtime_says_on_many_lines_is_said_on_one() {
        assert_eq!(one_line("a\n  b\t c"), "a b c");
    }
}
