//! Models as files of ONNX (<https://onnx.ai>), which ONNX Runtime, TensorRT, browsers and microcontrollers run without Cartwheel.
//!
//! What each kind of model becomes is written beside it, in its file `onnx.rs`: [`Policy::to_onnx`](crate::Policy::to_onnx),
//! [`Plan::to_onnx`](crate::models::Plan::to_onnx) of classifiers.

mod proto;

use prost::Message as _;

/// The operators' version, which ONNX Runtime knows since 1.12, of 2022.
const OPSET: i64 = 17;
/// The format's version that goes with it.
const IR_VERSION: i64 = 8;
/// What the first dimension of inputs and outputs is called.
const BATCH: &str = "batch";

/// What a tensor's numbers are: `TensorProto.DataType`.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    F32 = 1,
    U8 = 2,
    I8 = 3,
    I32 = 6,
    I64 = 7,
    Bool = 9,
    F16 = 10,
}

/// What an operator is told beside its inputs.
pub(crate) enum Attribute<'a> {
    Int(&'a str, i64),
    Ints(&'a str, &'a [usize]),
    Float(&'a str, f32),
}

/// A dimension of an input or an output.
#[derive(Clone, Copy)]
pub(crate) enum Dim {
    Batch,
    Of(usize),
}

/// A graph that grows node by node. A value is known by its name.
#[derive(Default)]
pub(crate) struct Graph {
    graph: proto::Graph,
    metadata: Vec<proto::Entry>,
    values: usize,
}

impl Graph {
    /// An empty one, of a file that says so much of itself beside its operators.
    pub(crate) fn new(metadata: &[(&str, String)]) -> Self {
        let entry = |(key, value): &(&str, String)| proto::Entry { key: (*key).into(), value: value.clone() };
        Self { metadata: metadata.iter().map(entry).collect(), ..Self::default() }
    }

    /// The file.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let model = proto::Model {
            ir_version: IR_VERSION,
            producer_name: "cartwheel".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(proto::Graph { name: "cartwheel".into(), ..self.graph }),
            opset_import: vec![proto::OperatorSet { version: OPSET }],
            metadata_props: self.metadata,
        };
        model.encode_to_vec()
    }

    /// Something that is given for each of a batch, with the batch before the dimensions `shape`.
    pub(crate) fn input(&mut self, name: &str, kind: Kind, shape: &[usize]) -> String {
        self.input_of(name, kind, &batch_of(shape))
    }

    /// Something that is given.
    pub(crate) fn input_of(&mut self, name: &str, kind: Kind, shape: &[Dim]) -> String {
        self.graph.input.push(value_info(name, kind, shape));
        name.into()
    }

    /// Something that is answered for each of a batch.
    pub(crate) fn output(&mut self, name: &str, value: &str, kind: Kind, shape: &[usize]) {
        self.output_of(name, value, kind, &batch_of(shape));
    }

    /// Something that is answered.
    pub(crate) fn output_of(&mut self, name: &str, value: &str, kind: Kind, shape: &[Dim]) {
        self.node("Identity", &[value], vec![name.into()], &[]);
        self.graph.output.push(value_info(name, kind, shape));
    }

    /// Numbers of the model, under the name that they have in its weights file.
    pub(crate) fn weights(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name.into(), Kind::F32, shape, raw_data)
    }

    /// Numbers of any kind by their bytes, little-endian.
    pub(crate) fn numbers(&mut self, name: &str, kind: Kind, shape: &[usize], bytes: Vec<u8>) -> String {
        self.initializer(name.into(), kind, shape, bytes)
    }

    /// Numbers that have no name.
    pub(crate) fn floats(&mut self, shape: &[usize], values: &[f32]) -> String {
        let name = self.fresh();
        self.weights(&name, shape, values)
    }

    /// Whole numbers: a vector.
    pub(crate) fn integers(&mut self, values: &[i64]) -> String {
        let (name, raw_data) = (self.fresh(), values.iter().flat_map(|value| value.to_le_bytes()).collect());
        self.initializer(name, Kind::I64, &[values.len()], raw_data)
    }

    /// What an operator makes of `inputs`.
    pub(crate) fn op(&mut self, op: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        let name = self.fresh();
        self.node(op, inputs, vec![name.clone()], attributes);
        name
    }

    /// Parts of so many along dimension `axis`.
    pub(crate) fn split(&mut self, value: &str, axis: usize, lens: &[usize]) -> Vec<String> {
        let names: Vec<_> = lens.iter().map(|_| self.fresh()).collect();
        let lens: Vec<_> = lens.iter().map(|len| *len as i64).collect();
        let lens = self.integers(&lens);
        self.node("Split", &[value, &lens], names.clone(), &[Attribute::Int("axis", axis as i64)]);
        names
    }

    /// Values side by side along dimension `axis`.
    pub(crate) fn concat(&mut self, values: &[String], axis: usize) -> String {
        if let [value] = values {
            return value.clone();
        }
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        self.op("Concat", &values, &[Attribute::Int("axis", axis as i64)])
    }

    /// The same numbers in another shape: -1 is as many as there are, 0 as many as before.
    pub(crate) fn reshape(&mut self, value: &str, shape: &[i64]) -> String {
        let shape = self.integers(shape);
        self.op("Reshape", &[value, &shape], &[])
    }

    /// All numbers of each of the batch in a row, `[batch, numbers]`.
    pub(crate) fn flatten(&mut self, value: &str) -> String {
        self.op("Flatten", &[value], &[Attribute::Int("axis", 1)])
    }

    /// The same numbers as another kind.
    pub(crate) fn cast(&mut self, value: &str, kind: Kind) -> String {
        self.op("Cast", &[value], &[Attribute::Int("to", kind as i64)])
    }

    /// x · Wᵀ + b of a linear layer, whose `weight` is `[outputs, inputs]`.
    pub(crate) fn linear(&mut self, x: &str, weight: &str, bias: &str) -> String {
        self.op("Gemm", &[x, weight, bias], &[Attribute::Int("transB", 1)])
    }

    fn fresh(&mut self) -> String {
        self.values += 1;
        format!("value_{}", self.values)
    }

    fn node(&mut self, op: &str, inputs: &[&str], output: Vec<String>, attributes: &[Attribute<'_>]) {
        let input = inputs.iter().map(|input| (*input).to_owned()).collect();
        let attribute = attributes.iter().map(attribute).collect();
        self.graph.node.push(proto::Node { input, output, op_type: op.into(), attribute });
    }

    fn initializer(&mut self, name: String, kind: Kind, shape: &[usize], raw_data: Vec<u8>) -> String {
        let dims = shape.iter().map(|len| *len as i64).collect();
        self.graph.initializer.push(proto::Tensor { dims, data_type: kind as i32, name: name.clone(), raw_data });
        name
    }
}

fn attribute(attribute: &Attribute<'_>) -> proto::Attribute {
    let named = |name: &str, kind| proto::Attribute { name: name.into(), kind, ..Default::default() };
    match *attribute {
        Attribute::Float(name, value) => proto::Attribute { f: Some(value), ..named(name, 1) },
        Attribute::Int(name, value) => proto::Attribute { i: Some(value), ..named(name, 2) },
        Attribute::Ints(name, values) => {
            proto::Attribute { ints: values.iter().map(|value| *value as i64).collect(), ..named(name, 7) }
        }
    }
}

fn batch_of(shape: &[usize]) -> Vec<Dim> {
    std::iter::once(Dim::Batch).chain(shape.iter().map(|len| Dim::Of(*len))).collect()
}

fn value_info(name: &str, kind: Kind, shape: &[Dim]) -> proto::ValueInfo {
    let dimension = |dim: &Dim| match *dim {
        Dim::Batch => proto::Dimension { dim_value: None, dim_param: Some(BATCH.into()) },
        Dim::Of(len) => proto::Dimension { dim_value: Some(len as i64), dim_param: None },
    };
    let shape = Some(proto::Shape { dim: shape.iter().map(dimension).collect() });
    let tensor_type = Some(proto::TensorType { elem_type: kind as i32, shape });
    proto::ValueInfo { name: name.into(), of: Some(proto::Type { tensor_type }) }
}
