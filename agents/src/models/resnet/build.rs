//! Making a network, with weights as torchvision begins with.

use std::sync::OnceLock;

use cartwheel_envs::Generator;
use rand_distr::{Distribution as _, StandardNormal};

use super::{Block, Conv, Layout, ResNet, ResNetConfig, Residual, Stem, Unit};
use crate::models::Ranks;
use crate::models::linear::Linear;
use crate::nn::ops::Window;
use crate::nn::{Parameters, Place, Real};

impl<E: Real> ResNet<E> {
    /// A network for images of `size` rows and columns. Convolutions begin as Kaiming's (normal, of a variance of 2 over the
    /// outputs times the kernel), batch norms as the identity, and the last layer as PyTorch's `Linear`.
    pub fn new(config: ResNetConfig, size: [usize; 2], rng: &mut Generator) -> Self {
        Self::build(config, size, Some(rng))
    }

    /// The same with weights of 0, which are to be loaded, or only counted.
    pub fn zeros(config: ResNetConfig, size: [usize; 2]) -> Self {
        Self::build(config, size, None)
    }

    fn build(config: ResNetConfig, size: [usize; 2], rng: Option<&mut Generator>) -> Self {
        let mut builder = Builder { parameters: Parameters::default(), ranks: &config.ranks, rng };
        let width = config.width;
        let stem = match config.stem {
            Stem::ImageNet => builder.unit("conv1", "bn1", [width, config.channels, 7], 2),
            Stem::Cifar => builder.unit("conv1", "bn1", [width, config.channels, 3], 1),
        };
        let (mut blocks, mut inputs) = (Vec::new(), width);
        for (stage, count) in config.layers.iter().enumerate() {
            for at in 0..*count {
                let stride = if stage > 0 && at == 0 { 2 } else { 1 };
                let name = format!("layer{}.{at}", stage + 1);
                blocks.push(builder.block(&name, config.block, inputs, width << stage, stride));
                inputs = (width << stage) * config.block.expansion();
            }
        }
        let mut parameters = builder.parameters;
        let mut rng = builder.rng;
        let mut begin = |[inputs, outputs]: [usize; 2]| {
            let bound = (inputs.max(1) as f64).sqrt().recip();
            [inputs * outputs, outputs].map(|count| drawn(&mut rng, count, |rng| E::of(rng.uniform(-bound, bound))))
        };
        let fc = Linear::layer("fc", [inputs, config.classes], &config.ranks, &mut begin, &mut parameters);
        let stage = 0..blocks.len() + 2;
        let layout = Layout { stem, blocks, fc };
        let (learns_in_half, place, folded) = (false, Place::default(), OnceLock::new());
        Self { config, parameters, layout, stage, size, learns_in_half, place, folded }
    }
}

struct Builder<'a, E: Real> {
    parameters: Parameters<E>,
    ranks: &'a Ranks,
    rng: Option<&'a mut Generator>,
}

/// So many draws; zeros where nothing is drawn from.
fn drawn<E: Real>(rng: &mut Option<&mut Generator>, count: usize, draw: impl Fn(&mut Generator) -> E) -> Vec<E> {
    match rng {
        Some(rng) => (0..count).map(|_| draw(rng)).collect(),
        None => vec![E::zero(); count],
    }
}

impl<E: Real> Builder<'_, E> {
    fn block(&mut self, name: &str, block: Block, inputs: usize, width: usize, stride: usize) -> Residual {
        let outputs = width * block.expansion();
        let units: &[([usize; 3], usize)] = match block {
            Block::Basic => &[([width, inputs, 3], stride), ([width, width, 3], 1)],
            Block::Bottleneck => &[([width, inputs, 1], 1), ([width, width, 3], stride), ([outputs, width, 1], 1)],
        };
        let units = units.iter().enumerate().map(|(at, (sizes, stride))| {
            let [conv, bn] = ["conv", "bn"].map(|kind| format!("{name}.{kind}{}", at + 1));
            self.unit(&conv, &bn, *sizes, *stride)
        });
        let units = units.collect();
        let shortcut = (stride > 1 || inputs != outputs).then(|| {
            let [conv, bn] = [0, 1].map(|at| format!("{name}.downsample.{at}"));
            self.unit(&conv, &bn, [outputs, inputs, 1], stride)
        });
        Residual { units, shortcut }
    }

    fn unit(&mut self, conv: &str, bn: &str, sizes: [usize; 3], stride: usize) -> Unit {
        let ([outputs, inputs, kernel], window) = (sizes, Window { stride, padding: sizes[2] / 2 });
        let convs = match self.ranks.get(conv) {
            None => vec![self.conv(conv.to_owned(), sizes, window)],
            Some(rank) => vec![
                self.conv(format!("{conv}.0"), [*rank, inputs, kernel], window),
                self.conv(format!("{conv}.1"), [outputs, *rank, 1], Window { stride: 1, padding: 0 }),
            ],
        };
        let parameters = &mut self.parameters;
        let of = |value: f64| vec![E::of(value); outputs];
        Unit {
            convs,
            norm: bn.to_owned(),
            weight: parameters.add(format!("{bn}.weight"), &[outputs], of(1.0)),
            bias: parameters.add(format!("{bn}.bias"), &[outputs], of(0.0)),
            running_mean: parameters.add_buffer(format!("{bn}.running_mean"), &[outputs], of(0.0)),
            running_var: parameters.add_buffer(format!("{bn}.running_var"), &[outputs], of(1.0)),
            num_batches_tracked: parameters.add_counter(format!("{bn}.num_batches_tracked")),
        }
    }

    fn conv(&mut self, name: String, sizes: [usize; 3], window: Window) -> Conv {
        let [outputs, inputs, kernel] = sizes;
        let deviation = (2.0 / (outputs * kernel * kernel) as f64).sqrt();
        let weights = drawn(&mut self.rng, outputs * inputs * kernel * kernel, |rng| {
            let x: f64 = StandardNormal.sample(rng);
            E::of(x * deviation)
        });
        let weight = self.parameters.add(format!("{name}.weight"), &[outputs, inputs, kernel, kernel], weights);
        Conv { name, window, sizes, weight }
    }
}
