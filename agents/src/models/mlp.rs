//! The multilayer perceptron as a classifier of images: 784-512-256-10 unless told otherwise.
//!
//! | | |
//! |---|---|
//! | layers | Linear, ReLU, ..., Linear: logits, without a softmax of their own |
//! | names | `0.weight`, `0.bias`, `2.weight`, ...: `torch.nn.Sequential(Linear, ReLU, ...)`; of a layer that is a product of two `0.0.weight`, `0.1.weight`, `0.1.bias` |
//! | input | the image's bytes divided by 255, row after row |

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use cartwheel_envs::Generator;
use dfdx::prelude::{Cpu, NoneTape, PutTape as _, SplitTape as _, Tape, TensorFromVec as _};
use rand_distr::{Distribution as _, StandardNormal};

use super::Ranks;
use super::classifier::Classifier;
use super::linear::Linear;
use super::plan::{Op, Plan};
use super::stage::{Forward, Piece};
use super::summary::Cost;
use crate::config_enum;
use crate::nn::on_device::{self, Accelerator, Compute, Mirror};
use crate::nn::ops::{self, Output, Passing, Rows, Then};
use crate::nn::{DeviceError, Parameters, Place};

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
pub struct MlpClassifier {
    parameters: Parameters,
    layers: Vec<Layer>,
    /// Those that are here.
    stage: Range<usize>,
    learns_in_half: bool,
    place: Place,
}

/// A linear map, and whether a rectifier follows it.
#[derive(Clone, Debug)]
struct Layer {
    linear: Linear,
    then: Then,
}

impl MlpClassifier {
    /// A network from `inputs` numbers over the `hidden` layers to `classes` logits, of which some layers are products of two.
    pub fn new(
        inputs: usize,
        hidden: &[usize],
        classes: usize,
        ranks: &Ranks,
        init: Init,
        rng: &mut Generator,
    ) -> Self {
        let mut begin = |[inputs, outputs]: [usize; 2]| {
            let bound = (inputs.max(1) as f64).sqrt().recip();
            let mut uniform = |count| (0..count).map(|_| rng.uniform(-bound, bound) as f32).collect();
            match init {
                Init::Torch => [uniform(inputs * outputs), uniform(outputs)],
                Init::Kaiming => {
                    let normal = |_| {
                        let x: f64 = StandardNormal.sample(rng);
                        (x * bound * std::f64::consts::SQRT_2) as f32
                    };
                    [(0..inputs * outputs).map(normal).collect(), vec![0.0; outputs]]
                }
            }
        };
        let (mut parameters, mut layers) = (Parameters::default(), Vec::new());
        let sizes = [&[inputs], hidden, &[classes]].concat();
        for (at, sizes) in sizes.windows(2).enumerate() {
            let then = if at < hidden.len() { Then::Relu } else { Then::Nothing };
            let sizes = [sizes[0], sizes[1]];
            let mut maps = Linear::layer(&(2 * at).to_string(), sizes, ranks, &mut begin, &mut parameters);
            let last = maps.pop().map(|linear| Layer { linear, then });
            layers.extend(maps.into_iter().map(|linear| Layer { linear, then: Then::Nothing }).chain(last));
        }
        let stage = 0..layers.len();
        Self { parameters, layers, stage, learns_in_half: false, place: Place::default() }
    }

    /// What a network of these sizes costs.
    pub fn cost_of(inputs: usize, hidden: &[usize], classes: usize, ranks: &Ranks) -> Cost {
        let sizes = [&[inputs], hidden, &[classes]].concat();
        let layers = sizes.windows(2).enumerate();
        let layers = layers.flat_map(|(at, sizes)| Linear::costs(&(2 * at).to_string(), [sizes[0], sizes[1]], ranks));
        Cost::new("mlp", vec![inputs], layers.collect())
    }

    /// The parameters that are learnt with.
    fn computed_with(&self) -> Cow<'_, Parameters> {
        if self.learns_in_half {
            Cow::Owned(self.parameters.to_half(|_| true))
        } else {
            Cow::Borrowed(&self.parameters)
        }
    }

    /// Runs the layers that are here with `parameters` on `x`; `look` is shown the name and the output of each.
    fn run<T: Tape<f32, Cpu>>(
        &self,
        parameters: &Parameters,
        mut x: Begin,
        mut tape: T,
        look: &mut dyn FnMut(&str, &Rows<f32, NoneTape>),
    ) -> Result<(Rows<f32, NoneTape>, T), DeviceError> {
        for Layer { linear: Linear { name, weight, bias, .. }, then } in &self.layers[self.stage.clone()] {
            let (weight, bias) = (parameters.get(*weight), bias.map(|bias| parameters.get(bias)));
            let y: Rows<f32, T> = match x {
                Begin::Data(x) => ops::input_linear(Arc::new(x), tape, weight, bias, *then)?,
                Begin::Rows(x) => ops::linear(x.put_tape(tape), weight, bias, *then)?,
            };
            let (y, rest) = y.split_tape();
            look(name, &y);
            (x, tape) = (Begin::Rows(y), rest);
        }
        let Begin::Rows(y) = x else { unreachable!("a stage has a layer") };
        Ok((y, tape))
    }

    /// What comes into the layers that are here, in use.
    fn begin(&self, x: Vec<f32>) -> Begin {
        if self.stage.start == 0 {
            return Begin::Data(x);
        }
        let shape = self.shape_of(&x);
        Begin::Rows(self.parameters.device().tensor_from_vec(x, shape))
    }

    /// Rows and columns of what comes into the layers that are here.
    fn shape_of(&self, x: &[f32]) -> (usize, usize) {
        let [columns, _] = self.layers[self.stage.start].linear.sizes;
        (x.len() / columns.max(1), columns)
    }

    /// [`forward`](Classifier::forward) on the processor.
    fn forward_here(&self, x: Vec<f32>) -> Result<Forward, DeviceError> {
        let parameters = self.computed_with();
        let mut passing = Passing::new();
        let shape = self.shape_of(&x);
        let x = if self.stage.start == 0 { Begin::Data(x) } else { Begin::Rows(passing.rows(x, shape)) };
        let (y, tape) = self.run(&parameters, x, std::mem::take(&mut passing.tape), &mut |_, _| {})?;
        passing.tape = tape;
        let outputs = ops::values(&y);
        Ok(Forward { outputs, samples: shape.0, way_back: passing.way_back(Output::Rows(y), parameters) })
    }

    /// [`forward`](Classifier::forward) on a device.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    pub fn forward_on<D: Compute<f32>>(
        &mut self,
        accelerator: &Accelerator<D>,
        x: Vec<f32>,
    ) -> Result<Forward, DeviceError> {
        self.parameters.send_to(accelerator)?;
        let parameters = self.parameters.to_half_there(|_| self.learns_in_half);
        let mirror = Mirror::new(parameters, accelerator)?;
        let shape = self.shape_of(&x);
        let x = mirror.rows(x, shape).map_err(DeviceError::new)?;
        let mut tape = mirror.tape();
        if self.stage.start > 0 {
            tape.want(&x);
        }
        let y = self.layers_on(&mirror, &x, &mut tape).map_err(DeviceError::new)?;
        let outputs = y.as_vec();
        let way_back = mirror.way_back(x, y, tape);
        Ok(Forward { outputs, samples: shape.0, way_back })
    }

    /// [`logits`](Classifier::logits) on a device.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    pub fn logits_on<D: Compute<f32>>(
        &self,
        accelerator: &Accelerator<D>,
        x: Vec<f32>,
    ) -> Result<Vec<f32>, DeviceError> {
        let mirror = Mirror::new(self.parameters.clone(), accelerator)?;
        let shape = self.shape_of(&x);
        let x = mirror.rows(x, shape).map_err(DeviceError::new)?;
        Ok(self.layers_on(&mirror, &x, &mut on_device::Tape::none()).map_err(DeviceError::new)?.as_vec())
    }

    fn layers_on<D: Compute<f32>>(
        &self,
        mirror: &Mirror<f32, D>,
        x: &on_device::Rows<f32, D>,
        tape: &mut on_device::Tape<f32, D>,
    ) -> Result<on_device::Rows<f32, D>, D::Err> {
        let mut y = x.clone();
        for Layer { linear, then } in &self.layers[self.stage.clone()] {
            y = on_device::linear(mirror, &y, linear.weight, linear.bias, *then, tape)?;
        }
        Ok(y)
    }
}

/// What comes into a layer.
enum Begin {
    /// Samples, by which no gradient is wanted.
    Data(Vec<f32>),
    /// What another layer made of them, here or in another stage.
    Rows(Rows<f32, NoneTape>),
}

impl Classifier for MlpClassifier {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn learn_in_half(&mut self) {
        self.learns_in_half = true;
    }

    fn move_to(&mut self, place: Place) {
        self.place = place;
    }

    fn inputs(&self) -> usize {
        self.layers[0].linear.sizes[0]
    }

    fn classes(&self) -> usize {
        self.layers[self.layers.len() - 1].linear.sizes[1]
    }

    fn logits(&self, x: Vec<f32>) -> Result<Vec<f32>, DeviceError> {
        match &self.place {
            Place::Processor => {
                let (y, NoneTape) = self.run(&self.parameters, self.begin(x), NoneTape, &mut |_, _| {})?;
                Ok(ops::values(&y))
            }
            #[cfg(feature = "cuda")]
            Place::Gpu(gpu) => gpu.attempt(|| self.logits_on(gpu, x)),
            #[cfg(test)]
            Place::Dfdx(processor) => self.logits_on(processor, x),
        }
    }

    fn pieces(&self) -> Vec<Piece> {
        self.layers.iter().map(|layer| Piece::of(&layer.linear.name, &[layer.linear.cost()])).collect()
    }

    fn keep(&mut self, pieces: Range<usize>) {
        let first = |piece: usize| match self.layers.get(piece) {
            Some(layer) => layer.linear.weight.place(),
            None => self.parameters.iter().len(),
        };
        let places = first(pieces.start)..first(pieces.end);
        self.parameters.keep(&places);
        self.stage = pieces;
    }

    fn forward(&mut self, x: Vec<f32>) -> Result<Forward, DeviceError> {
        match self.place.clone() {
            Place::Processor => self.forward_here(x),
            #[cfg(feature = "cuda")]
            Place::Gpu(gpu) => gpu.attempt(|| self.forward_on(&gpu, x)),
            #[cfg(test)]
            Place::Dfdx(processor) => self.forward_on(&processor, x),
        }
    }

    fn not_finite(&self, x: Vec<f32>) -> Result<(Vec<f32>, Option<String>), DeviceError> {
        let mut first = x.iter().any(|x| !x.is_finite()).then(|| "the input".to_owned());
        let (y, NoneTape) = self.run(&self.computed_with(), self.begin(x), NoneTape, &mut |name, y| {
            if first.is_none() && ops::values(y).iter().any(|y| !y.is_finite()) {
                first = Some(name.to_owned());
            }
        })?;
        Ok((ops::values(&y), first))
    }

    fn cost(&self) -> Cost {
        let layers = self.layers.iter().map(|layer| layer.linear.cost());
        Cost::new("mlp", vec![self.inputs()], layers.collect())
    }

    fn plan(&self) -> Plan {
        let mut plan = Plan::new(&[self.inputs()]);
        for (at, Layer { linear, then }) in self.layers.iter().enumerate() {
            plan.push(&linear.name, &[at], Op::Linear(linear.weighted(&self.parameters)), *then == Then::Relu);
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Gradients;
    use crate::nn::ops::Targets;

    #[test]
    fn what_it_learns_on_a_device_is_what_it_learns_here() {
        let mut here = MlpClassifier::new(7, &[33, 12], 4, &Ranks::new(), Init::Torch, &mut Generator::new(2));
        let accelerator = Accelerator::new(Cpu::default());
        let x: Vec<f32> = (0..5 * 7).map(|at| (at * 37 % 19) as f32 / 19.0 - 0.4).collect();
        let close = |what: &str, got: &[f32], expected: &[f32]| {
            assert_eq!(got.len(), expected.len(), "{what}");
            let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-6 && expected.iter().any(|x| *x != 0.0), "{what} is {worst} off");
        };
        let [mut own, mut other] = [Gradients::new(here.parameters()), Gradients::new(here.parameters())];
        let targets = Targets::Classes(&[0, 3, 1, 1, 2]);
        let got = here
            .forward_on(&accelerator, x.clone())
            .expect("works")
            .learn(&mut other, targets, 0.1, 5.0)
            .expect("works");
        let expected = here.forward(x.clone()).expect("works").learn(&mut own, targets, 0.1, 5.0).expect("works");
        close("loss", &[got.loss], &[expected.loss]);
        close("logits", &got.logits, &expected.logits);
        close(
            "logits in use",
            &here.logits_on(&accelerator, x.clone()).expect("works"),
            &here.logits(x).expect("works"),
        );
        other.bring_here(here.parameters()).expect("memory");
        for parameter in here.parameters.iter() {
            let (got, expected) = (other.of(parameter).expect("memory"), own.of(parameter).expect("memory"));
            close(parameter.name(), got, expected);
        }
    }

    #[test]
    fn the_articles_network_has_535818_parameters() {
        let mlp = MlpClassifier::new(784, &[512, 256], 10, &Ranks::new(), Init::Torch, &mut Generator::new(0));
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
            let mlp = MlpClassifier::new(400, &[300], 10, &Ranks::new(), init, &mut Generator::new(1));
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
        let mut mlp = MlpClassifier::new(4, &[8, 8], 3, &Ranks::new(), Init::Torch, &mut Generator::new(2));
        assert_eq!(mlp.not_finite(vec![0.5; 8]).expect("works").1, None);
        assert_eq!(mlp.not_finite(vec![f32::NAN; 8]).expect("works").1.as_deref(), Some("the input"));
        let weight = mlp.layers[1].linear.weight;
        mlp.parameters_mut().get_mut(weight).values_mut().fill(f32::INFINITY);
        assert_eq!(mlp.not_finite(vec![0.5; 8]).expect("works").1.as_deref(), Some("2"));
    }
}
