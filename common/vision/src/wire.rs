//! Edits of an ONNX file on the level of its wire format, so that nothing that is not understood is lost.
//!
//! Owns one edit: opening the dimensions that a file declares for inputs and outputs. Refuses to decode
//! models; ONNX Runtime does that.

use prost::bytes::Buf as _;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

/// `ModelProto.graph`.
const GRAPH: u32 = 7;
/// `GraphProto.input` and `GraphProto.output`.
const PORTS: [u32; 2] = [11, 12];
/// `ValueInfoProto.name` and `.type`.
const PORT_NAME: u32 = 1;
const PORT_TYPE: u32 = 2;
/// `TypeProto.tensor_type`.
const TENSOR: u32 = 1;
/// `TypeProto.Tensor.shape`.
const SHAPE: u32 = 2;
/// `TensorShapeProto.dim`.
const DIMENSION: u32 = 1;
/// `TensorShapeProto.Dimension.dim_param`.
const SYMBOL: u32 = 2;

/// The file in `model` with open dimensions at inputs and outputs called `names`, but for the second of an
/// input, the channels. `None` where the file is not what a protobuf looks like.
pub(crate) fn open_dimensions(model: &[u8], names: &[&str]) -> Option<Vec<u8>> {
    rewrite(model, &mut |field, graph| {
        if field != GRAPH {
            return Edit::Keep;
        }
        Edit::of(rewrite(graph, &mut |field, port| {
            let is_named = || name_of(port).is_some_and(|name| names.contains(&name));
            if PORTS.contains(&field) && is_named() {
                Edit::of(open_port(port))
            } else {
                Edit::Keep
            }
        }))
    })
}

/// Whether a model file reads as a protobuf as far as this crate looks into it itself.
#[must_use]
pub fn is_readable(model: &[u8]) -> bool {
    open_dimensions(model, &["input", "images", "x"]).is_some()
}

/// The port with open dimensions: a path of single fields down to the shape.
fn open_port(port: &[u8]) -> Option<Vec<u8>> {
    descend(port, &[PORT_TYPE, TENSOR, SHAPE], &mut |shape| {
        let mut index = 0_u32;
        rewrite(shape, &mut |field, _dimension| {
            if field != DIMENSION {
                return Edit::Keep;
            }
            index += 1;
            if index == 2 {
                return Edit::Keep;
            }
            let symbol = format!("open_{index}");
            let mut dimension = Vec::new();
            put(SYMBOL, symbol.as_bytes(), &mut dimension);
            Edit::Replace(dimension)
        })
    })
}

fn descend(
    message: &[u8],
    path: &[u32],
    at_end: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let Some((first, rest)) = path.split_first() else { return at_end(message) };
    rewrite(message, &mut |field, inner| {
        if field == *first { Edit::of(descend(inner, rest, at_end)) } else { Edit::Keep }
    })
}

fn name_of(port: &[u8]) -> Option<&str> {
    let mut rest = port;
    while rest.has_remaining() {
        let (field, wire) = decode_key(&mut rest).ok()?;
        let value = take(&mut rest, wire)?;
        if field == PORT_NAME && wire == WireType::LengthDelimited {
            return std::str::from_utf8(value).ok();
        }
    }
    None
}

/// What becomes of a field.
enum Edit {
    Keep,
    Replace(Vec<u8>),
    Damaged,
}

impl Edit {
    fn of(replaced: Option<Vec<u8>>) -> Self {
        replaced.map_or(Self::Damaged, Self::Replace)
    }
}

/// `message` with each length-delimited field as `edit` wants it; every other byte as it was.
fn rewrite(message: &[u8], edit: &mut dyn FnMut(u32, &[u8]) -> Edit) -> Option<Vec<u8>> {
    let mut written = Vec::with_capacity(message.len());
    let mut rest = message;
    while rest.has_remaining() {
        let before = rest;
        let (field, wire) = decode_key(&mut rest).ok()?;
        let value = take(&mut rest, wire)?;
        let as_it_was = before.get(..before.len() - rest.len())?;
        if wire != WireType::LengthDelimited {
            written.extend_from_slice(as_it_was);
            continue;
        }
        match edit(field, value) {
            Edit::Keep => written.extend_from_slice(as_it_was),
            Edit::Replace(value) => put(field, &value, &mut written),
            Edit::Damaged => return None,
        }
    }
    Some(written)
}

fn put(field: u32, value: &[u8], written: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, written);
    encode_varint(u64::try_from(value.len()).unwrap_or(u64::MAX), written);
    written.extend_from_slice(value);
}

/// The value of a field behind its key.
fn take<'a>(rest: &mut &'a [u8], wire: WireType) -> Option<&'a [u8]> {
    let length = match wire {
        WireType::Varint => {
            let before = *rest;
            decode_varint(rest).ok()?;
            return before.get(..before.len() - rest.len());
        }
        WireType::SixtyFourBit => 8,
        WireType::ThirtyTwoBit => 4,
        WireType::LengthDelimited => usize::try_from(decode_varint(rest).ok()?).ok()?,
        // Groups are older than ONNX.
        WireType::StartGroup | WireType::EndGroup => return None,
    };
    let (value, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of one length-delimited field.
    fn message(field: u32, value: &[u8]) -> Vec<u8> {
        let mut written = Vec::new();
        put(field, value, &mut written);
        written
    }

    fn port(name: &str, dims: &[u8]) -> Vec<u8> {
        // `dim_value` is field 1, a varint.
        let shape: Vec<u8> = dims.iter().flat_map(|dim| message(DIMENSION, &[8, *dim])).collect();
        let kind = message(PORT_TYPE, &message(TENSOR, &message(SHAPE, &shape)));
        [message(PORT_NAME, name.as_bytes()), kind].concat()
    }

    #[test]
    fn dimensions_of_named_ports_open_and_all_else_stays() {
        let other = message(99, b"kept as it is");
        let graph = [message(11, &port("x", &[10, 3, 32, 32])), message(12, &port("y", &[1, 2]))];
        let model = [vec![8, 7], message(GRAPH, &graph.concat()), other.clone()].concat();
        let opened = open_dimensions(&model, &["x"]).unwrap();
        assert!(opened.starts_with(&[8, 7]) && opened.ends_with(&other));
        let symbols = ["open_1", "open_3", "open_4"];
        let shape: Vec<u8> = [
            message(DIMENSION, &message(SYMBOL, symbols[0].as_bytes())),
            message(DIMENSION, &[8, 3]),
            message(DIMENSION, &message(SYMBOL, symbols[1].as_bytes())),
            message(DIMENSION, &message(SYMBOL, symbols[2].as_bytes())),
        ]
        .concat();
        let has = |part: &[u8]| opened.windows(part.len()).any(|window| window == part);
        assert!(has(&message(SHAPE, &shape)), "the input is open but for its channels");
        assert!(has(&port("y", &[1, 2])), "the other is as it was");
        assert_eq!(open_dimensions(&model, &[]).unwrap(), model);
    }

    #[test]
    fn what_is_cut_off_is_no_file() {
        let model = message(GRAPH, &message(11, &port("x", &[10, 3])));
        for length in 1..model.len() {
            assert_eq!(open_dimensions(&model[..length], &["x"]), None, "{length} bytes");
        }
    }
}
