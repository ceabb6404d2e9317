//! A plan as a graph of ONNX, in f32, f16 or int8.

use half::f16;

use super::{Layer, Op, OverflowsHalf, Plan, Weighted};
use crate::onnx::{Attribute, Graph, Kind};
use crate::quantization::{Affine, Integers, Quantized, Scheme};

/// What numbers are in the file.
enum Numbers<'a> {
    F32,
    F16,
    Int8(&'a Quantized),
}

impl Plan {
    /// The model as a file of ONNX, with `metadata` by its keys: from `input`, a batch of float32 samples as the model sees them
    /// (images channel by channel, `[batch, channels, rows, columns]`), to `logits`, `[batch, classes]`.
    pub fn to_onnx(&self, metadata: &[(&str, String)]) -> Vec<u8> {
        self.file(metadata, &Numbers::F32)
    }

    /// The same with weights of f16, which it computes with, too; what goes in and comes out is float32 still.
    ///
    /// # Errors
    /// If a weight is too large for it; what layers make of samples [`HalfRange`](super::HalfRange) looks at.
    pub fn to_onnx_f16(&self, metadata: &[(&str, String)]) -> Result<Vec<u8>, OverflowsHalf> {
        self.check_half()?;
        Ok(self.file(metadata, &Numbers::F16))
    }

    fn file(&self, metadata: &[(&str, String)], numbers: &Numbers<'_>) -> Vec<u8> {
        let mut writer = Writer { plan: self, numbers, graph: Graph::new(metadata) };
        writer.write();
        writer.graph.into_bytes()
    }
}

impl Quantized {
    /// The model as a file of ONNX, as [`Plan::to_onnx`]: activations become integers by `QuantizeLinear` and `DequantizeLinear`,
    /// weights are int8 that `DequantizeLinear` is told a scale an output of. Runtimes fuse these pairs with the layers between
    /// them, which then compute with integers.
    pub fn to_onnx(&self, metadata: &[(&str, String)]) -> Vec<u8> {
        self.plan().file(metadata, &Numbers::Int8(self))
    }
}

struct Writer<'a> {
    plan: &'a Plan,
    numbers: &'a Numbers<'a>,
    graph: Graph,
}

impl Writer<'_> {
    fn write(&mut self) {
        let shape = match *self.plan.input.as_slice() {
            [rows, columns, channels] => vec![channels, rows, columns],
            ref inputs => inputs.to_vec(),
        };
        let mut x = self.graph.input("input", Kind::F32, &shape);
        if let Numbers::F16 = self.numbers {
            x = self.graph.cast(&x, Kind::F16);
        }
        let mut values = vec![self.rounded(0, x)];
        for (at, layer) in self.plan.layers.iter().enumerate() {
            let inputs: Vec<&str> = layer.inputs.iter().map(|input| values[*input].as_str()).collect();
            let mut y = self.layer(layer, at, &inputs);
            if layer.rectifies {
                y = self.graph.op("Relu", &[&y], &[]);
            }
            values.push(self.rounded(at + 1, y));
        }
        let mut logits = values.pop().unwrap_or_default();
        if let Numbers::F16 = self.numbers {
            logits = self.graph.cast(&logits, Kind::F32);
        }
        let last = self.plan.layers.last().and_then(|layer| layer.op.weighted());
        self.graph.output("logits", &logits, Kind::F32, &[last.map_or(0, |of| of.bias.len())]);
    }

    fn layer(&mut self, layer: &Layer, at: usize, inputs: &[&str]) -> String {
        match &layer.op {
            Op::Conv(of, window) => {
                let [weight, bias] = self.weighted(layer, at, of);
                let (strides, pads) = ([window.stride; 2], [window.padding; 4]);
                let attributes = [Attribute::Ints("strides", &strides), Attribute::Ints("pads", &pads)];
                self.graph.op("Conv", &[inputs[0], &weight, &bias], &attributes)
            }
            Op::Linear(of) => {
                let [weight, bias] = self.weighted(layer, at, of);
                self.graph.linear(inputs[0], &weight, &bias)
            }
            Op::MaxPool => {
                let [kernel, strides] = [("kernel_shape", [3; 2]), ("strides", [2; 2])];
                let [kernel, strides] = [&kernel, &strides].map(|(name, sides)| Attribute::Ints(name, sides));
                self.graph.op("MaxPool", inputs, &[kernel, strides, Attribute::Ints("pads", &[1; 4])])
            }
            Op::AveragePool => self.graph.op("GlobalAveragePool", inputs, &[]),
            Op::Add => self.graph.op("Add", inputs, &[]),
        }
    }

    /// What is read in the place of the value `y` of the number `value`: the same as an integer and back, if it is rounded; as rows
    /// where pixels are averaged.
    fn rounded(&mut self, value: usize, y: String) -> String {
        let are_rows = matches!(self.plan.maker(value), Some(Layer { op: Op::AveragePool, .. }));
        let scale = match self.numbers {
            Numbers::Int8(quantized) => quantized.activation(self.plan.scaled_as(value)),
            _ => None,
        };
        let Some(scale) = scale else {
            return if are_rows { self.graph.flatten(&y) } else { y };
        };
        let names = self.scale_and_zero_point(value, scale);
        let mut y = self.graph.op("QuantizeLinear", &[&y, &names[0], &names[1]], &[]);
        if are_rows {
            // As integers, so that nothing stands between them and the layer that reads them.
            y = self.graph.flatten(&y);
        }
        self.graph.op("DequantizeLinear", &[&y, &names[0], &names[1]], &[])
    }

    fn scale_and_zero_point(&mut self, value: usize, scale: &Affine) -> [String; 2] {
        let name = self.plan.name(value);
        let kind = if scale.bounds[0] < 0 { Kind::I8 } else { Kind::U8 };
        let zero_point = vec![scale.zero_point.to_le_bytes()[0]];
        [
            self.graph.weights(&format!("{name}.scale"), &[], &[scale.scale]),
            self.graph.numbers(&format!("{name}.zero_point"), kind, &[], zero_point),
        ]
    }

    /// Weights and bias of the layer at `at`.
    fn weighted(&mut self, layer: &Layer, at: usize, of: &Weighted) -> [String; 2] {
        let names = ["weight", "bias"].map(|what| format!("{}.{what}", layer.name));
        let shapes = [of.shape.as_slice(), &[of.bias.len()]];
        let tensors = [(&names[0], shapes[0], &of.weights), (&names[1], shapes[1], &of.bias)];
        if let Numbers::Int8(quantized) = self.numbers
            && let Some(integers) = quantized.integers(at)
        {
            let Integers { weights, of_input } = integers;
            let bytes = weights.values.iter().map(|value| value.to_le_bytes()[0]).collect();
            let weight = self.dequantized(&names[0], Kind::I8, &of.shape, bytes, &weights.scales);
            if quantized.scheme() == Scheme::Symmetric {
                // TensorRT takes no int32.
                return [weight, self.graph.weights(&names[1], shapes[1], &of.bias)];
            }
            // In steps of the products that it is added to. ONNX Runtime 1.32 would make that of a float itself; 1.17 computes a
            // convolution in floats that has one.
            let scales: Vec<f32> = weights.scales.iter().map(|scale| scale * of_input.scale).collect();
            let whole = of.bias.iter().zip(&scales).map(|(bias, scale)| f64::from(*bias) / f64::from(*scale));
            let bytes = whole.flat_map(|whole| (whole.round_ties_even() as i32).to_le_bytes()).collect();
            return [weight, self.dequantized(&names[1], Kind::I32, shapes[1], bytes, &scales)];
        }
        match self.numbers {
            Numbers::F16 => tensors.map(|(name, shape, numbers)| {
                let bytes = numbers.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
                self.graph.numbers(name, Kind::F16, shape, bytes)
            }),
            _ => tensors.map(|(name, shape, numbers)| self.graph.weights(name, shape, numbers)),
        }
    }

    /// Integers as the numbers that they stand for, output by output.
    fn dequantized(&mut self, name: &str, kind: Kind, shape: &[usize], bytes: Vec<u8>, scales: &[f32]) -> String {
        let outputs = &shape[..1];
        let mut inputs = vec![self.graph.numbers(name, kind, shape, bytes)];
        inputs.push(self.graph.weights(&format!("{name}.scale"), outputs, scales));
        if let Kind::I8 = kind {
            // 0, which it would be without, but ONNX Runtime 1.32 has products of integers only where it is said. int32 has none.
            inputs.push(self.graph.numbers(&format!("{name}.zero_point"), kind, outputs, vec![0; outputs[0]]));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.graph.op("DequantizeLinear", &inputs, &[Attribute::Int("axis", 0)])
    }
}
