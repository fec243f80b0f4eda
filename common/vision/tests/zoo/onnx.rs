//! A writer of small ONNX files: the messages of its format that the fixtures need, and a graph that grows
//! node by node.
//!
//! Owns the notation. Refuses to check it: ONNX Runtime does.

use half::f16;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSet {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Initializer>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    ints: Vec<i64>,
    /// 2 a number, 7 numbers.
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Initializer {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<ShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<DimensionProto>,
}

/// One of the two is set; a dimension of 0 is none.
#[derive(Clone, PartialEq, Message)]
struct DimensionProto {
    #[prost(int64, tag = "1")]
    dim_value: i64,
    #[prost(string, tag = "2")]
    dim_param: String,
}

/// Type of values, by ONNX's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 32-bit float.
    F32 = 1,
    /// Byte.
    U8 = 2,
    /// 64-bit integer.
    I64 = 7,
    /// 16-bit float.
    F16 = 10,
    /// 64-bit float.
    F64 = 11,
}

/// A dimension that is open.
pub(crate) const OPEN: i64 = -1;

/// A graph under construction. What a method returns is the name of a value.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    proto: GraphProto,
    metadata: Vec<Entry>,
    names: usize,
}

impl Graph {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let proto = GraphProto { name: "fixture".to_owned(), ..GraphProto::default() };
        Self { proto, ..Self::default() }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    /// Declares an input.
    pub(crate) fn input(&mut self, name: &str, kind: Kind, dims: &[i64]) -> String {
        self.proto.input.push(value_info(name, kind, dims));
        name.to_owned()
    }

    /// Makes `value` an output of this name.
    pub(crate) fn output(&mut self, name: &str, value: &str, kind: Kind, dims: &[i64]) {
        self.push("Identity", &[value], name, &[]);
        self.proto.output.push(value_info(name, kind, dims));
    }

    /// A constant.
    pub(crate) fn constant(&mut self, kind: Kind, dims: &[i64], values: &[f32]) -> String {
        let raw_data = match kind {
            Kind::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Kind::F16 => {
                values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect()
            }
            Kind::F64 => values.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect(),
            Kind::U8 => values.iter().map(|value| *value as u8).collect(),
            Kind::I64 => values.iter().flat_map(|value| (*value as i64).to_le_bytes()).collect(),
        };
        let name = self.name();
        let data_type = kind as i32;
        let initializer =
            Initializer { dims: dims.to_vec(), data_type, name: name.clone(), raw_data };
        self.proto.initializer.push(initializer);
        name
    }

    /// A constant of one value.
    pub(crate) fn scalar(&mut self, kind: Kind, value: f32) -> String {
        self.constant(kind, &[], &[value])
    }

    /// A node without attributes.
    pub(crate) fn node(&mut self, op: &str, inputs: &[&str]) -> String {
        self.node_with(op, inputs, &[])
    }

    /// A node with attributes of whole numbers; one number alone is written as a number.
    pub(crate) fn node_with(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, &[i64])],
    ) -> String {
        let name = self.name();
        self.push(op, inputs, &name, attributes);
        name
    }

    fn push(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, &[i64])]) {
        // Attributes that are lists even where they hold one number.
        let is_list = |name: &str| matches!(name, "axes" | "kernel_shape" | "strides");
        let attribute = attributes.iter().map(|(name, values)| match values {
            [one] if !is_list(name) => {
                Attribute { name: (*name).to_owned(), i: *one, ints: Vec::new(), kind: 2 }
            }
            many => Attribute { name: (*name).to_owned(), i: 0, ints: many.to_vec(), kind: 7 },
        });
        self.proto.node.push(Node {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.to_owned()],
            op_type: op.to_owned(),
            attribute: attribute.collect(),
        });
    }

    /// Adds an entry of metadata.
    pub(crate) fn meta(&mut self, key: &str, value: &str) {
        self.metadata.push(Entry { key: key.to_owned(), value: value.to_owned() });
    }

    /// The file.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let operators = OperatorSet { domain: String::new(), version: 11 };
        let model = ModelProto {
            ir_version: 6,
            graph: Some(self.proto),
            opset_import: vec![operators],
            metadata_props: self.metadata,
        };
        model.encode_to_vec()
    }
}

fn value_info(name: &str, kind: Kind, dims: &[i64]) -> ValueInfo {
    let dim = dims.iter().enumerate().map(|(index, size)| match *size {
        OPEN => DimensionProto { dim_value: 0, dim_param: format!("{name}_{index}") },
        size => DimensionProto { dim_value: size, dim_param: String::new() },
    });
    let shape = Some(ShapeProto { dim: dim.collect() });
    let tensor_type = Some(TensorType { elem_type: kind as i32, shape });
    ValueInfo { name: name.to_owned(), kind: Some(TypeProto { tensor_type }) }
}
