//! The multilayer perceptron as a classifier of images: 784-512-256-10 unless told otherwise.
//!
//! | | |
//! |---|---|
//! | layers | Linear, ReLU, ..., Linear: logits, without a softmax of their own |
//! | names | `0.weight`, `0.bias`, `2.weight`, ...: `torch.nn.Sequential(Linear, ReLU, ...)` |
//! | input | the image's bytes divided by 255, row after row |

use std::borrow::Cow;
use std::sync::Arc;

use cartwheel_envs::Generator;
use dfdx::prelude::{AsArray as _, Cpu, NoneTape, PutTape as _, SplitTape as _, Tape};
use rand_distr::{Distribution as _, StandardNormal};

use super::classifier::{Classifier, Pass};
use super::summary::{Cost, LayerCost};
use crate::config_enum;
use crate::nn::ops::{self, Rows, Targets, Then};
use crate::nn::{DeviceError, Gradients, ParameterId, Parameters};

config_enum! {
    /// What weights begin as.
    pub enum Init {
        /// PyTorch's `Linear`: weights and biases uniform within 1 over the root of the number of inputs.
        Torch = "torch",
        /// Kaiming's (He et al. 2015): normal with a variance of 2 over the number of inputs; biases 0.
        Kaiming = "kaiming",
    }
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Mlp {
    parameters: Parameters,
    layers: Vec<Layer>,
    learns_in_half: bool,
}

#[derive(Clone, Debug)]
struct Layer {
    name: String,
    sizes: [usize; 2],
    weight: ParameterId,
    bias: ParameterId,
}

impl Mlp {
    /// A network from `inputs` numbers over the `hidden` layers to `classes` logits.
    pub fn new(inputs: usize, hidden: &[usize], classes: usize, init: Init, rng: &mut Generator) -> Self {
        let (mut parameters, mut layers, mut fan_in) = (Parameters::default(), Vec::new(), inputs);
        for (at, fan_out) in hidden.iter().copied().chain([classes]).enumerate() {
            let name = (2 * at).to_string();
            let bound = (fan_in.max(1) as f64).sqrt().recip();
            let mut draw = |count: usize, normal: bool| -> Vec<f32> {
                let draw = |_| match normal {
                    true => {
                        let x: f64 = StandardNormal.sample(rng);
                        (x * bound * std::f64::consts::SQRT_2) as f32
                    }
                    false => rng.uniform(-bound, bound) as f32,
                };
                (0..count).map(draw).collect()
            };
            let kaiming = init == Init::Kaiming;
            let weight = parameters.add(format!("{name}.weight"), &[fan_out, fan_in], draw(fan_out * fan_in, kaiming));
            let bias = if kaiming { vec![0.0; fan_out] } else { draw(fan_out, false) };
            let bias = parameters.add(format!("{name}.bias"), &[fan_out], bias);
            layers.push(Layer { name, sizes: [fan_in, fan_out], weight, bias });
            fan_in = fan_out;
        }
        Self { parameters, layers, learns_in_half: false }
    }

    /// The parameters that are learnt with.
    fn computed_with(&self) -> Cow<'_, Parameters> {
        if self.learns_in_half {
            Cow::Owned(self.parameters.to_half(|_| true))
        } else {
            Cow::Borrowed(&self.parameters)
        }
    }

    /// Runs the layers with `parameters` on `x`; `look` is shown the name and the output of each.
    fn forward<T: Tape<f32, Cpu>>(
        &self,
        parameters: &Parameters,
        x: Vec<f32>,
        tape: T,
        look: &mut dyn FnMut(&str, &Rows<f32, T>),
    ) -> Result<Rows<f32, T>, DeviceError> {
        let [first, rest @ ..] = self.layers.as_slice() else { unreachable!("there is an output layer") };
        let then = |layer: &Layer| {
            if layer.name == self.layers[self.layers.len() - 1].name { Then::Nothing } else { Then::Relu }
        };
        let of = |id| parameters.get(id);
        let mut y = ops::input_linear(Arc::new(x), tape, of(first.weight), Some(of(first.bias)), then(first))?;
        look(&first.name, &y);
        for layer in rest {
            y = ops::linear(y, of(layer.weight), Some(of(layer.bias)), then(layer))?;
            look(&layer.name, &y);
        }
        Ok(y)
    }
}

impl Classifier for Mlp {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn learn_in_half(&mut self) {
        self.learns_in_half = true;
    }

    fn inputs(&self) -> usize {
        self.layers[0].sizes[0]
    }

    fn classes(&self) -> usize {
        self.layers[self.layers.len() - 1].sizes[1]
    }

    fn logits(&self, x: Vec<f32>) -> Result<Vec<f32>, DeviceError> {
        Ok(ops::values(&self.forward(&self.parameters, x, NoneTape, &mut |_, _| {})?))
    }

    fn learn(
        &mut self,
        x: Vec<f32>,
        gradients: &mut Gradients,
        targets: Targets<'_>,
        label_smoothing: f64,
        divisor: f64,
    ) -> Result<Pass, DeviceError> {
        let (parameters, tape) = (self.computed_with(), gradients.tape(self.parameters.device()));
        let (logits, tape) = self.forward(&parameters, x, tape, &mut |_, _| {})?.split_tape();
        let values = ops::values(&logits);
        let loss = ops::softmax_cross_entropy(logits.put_tape(tape), targets, label_smoothing, divisor)?;
        let pass = Pass { loss: loss.array(), logits: values };
        gradients.backward(loss)?;
        gradients.round_to_half(&parameters)?;
        Ok(pass)
    }

    fn not_finite(&self, x: Vec<f32>) -> Result<Option<String>, DeviceError> {
        let mut first = x.iter().any(|x| !x.is_finite()).then(|| "the input".to_owned());
        self.forward(&self.computed_with(), x, NoneTape, &mut |name, y| {
            if first.is_none() && ops::values(y).iter().any(|y| !y.is_finite()) {
                first = Some(name.to_owned());
            }
        })?;
        Ok(first)
    }

    fn cost(&self) -> Cost {
        let layers = self.layers.iter().map(|layer| {
            let [inputs, outputs] = layer.sizes;
            LayerCost {
                name: layer.name.clone(),
                kind: "Linear".into(),
                output: vec![outputs],
                parameters: (inputs * outputs + outputs) as u64,
                flops: (2 * inputs * outputs + outputs) as u64,
            }
        });
        Cost::new("mlp", vec![self.inputs()], layers.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_articles_network_has_535818_parameters() {
        let mlp = Mlp::new(784, &[512, 256], 10, Init::Torch, &mut Generator::new(0));
        let cost = mlp.cost();
        assert_eq!((cost.parameters, mlp.parameters().count()), (535_818, 535_818));
        assert_eq!(cost.bytes, 4 * 535_818);
        assert_eq!(cost.flops, 2 * (784 * 512 + 512 * 256 + 2560) + 512 + 256 + 10);
        let names: Vec<_> = mlp.parameters().iter().map(|parameter| parameter.name().to_owned()).collect();
        assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]);
    }

    #[test]
    fn weights_begin_as_they_should() {
        let spread = |init| {
            let mlp = Mlp::new(400, &[300], 10, init, &mut Generator::new(1));
            let weight = mlp.parameters().named("0.weight").expect("it is there").values().to_vec();
            let bias = mlp.parameters().named("0.bias").expect("it is there").values().to_vec();
            let square = weight.iter().map(|x| x * x).sum::<f32>() / weight.len() as f32;
            let largest = weight.iter().chain(&bias).fold(0.0_f32, |max, x| max.max(x.abs()));
            (square.sqrt(), largest, bias.iter().all(|x| *x == 0.0))
        };
        let (torch, largest, none) = spread(Init::Torch);
        assert!((torch - 0.05 / 3.0_f32.sqrt()).abs() < 3e-4 && largest <= 0.05 && !none, "{torch} {largest}");
        let (kaiming, _, none) = spread(Init::Kaiming);
        assert!((kaiming - (2.0_f32 / 400.0).sqrt()).abs() < 1e-3 && none, "{kaiming}");
    }

    #[test]
    fn the_layer_that_is_not_finite_is_named() {
        let mut mlp = Mlp::new(4, &[8, 8], 3, Init::Torch, &mut Generator::new(2));
        assert_eq!(mlp.not_finite(vec![0.5; 8]).expect("works"), None);
        assert_eq!(mlp.not_finite(vec![f32::NAN; 8]).expect("works").as_deref(), Some("the input"));
        let weight = mlp.layers[1].weight;
        mlp.parameters_mut().get_mut(weight).values_mut().fill(f32::INFINITY);
        assert_eq!(mlp.not_finite(vec![0.5; 8]).expect("works").as_deref(), Some("2"));
    }
}
