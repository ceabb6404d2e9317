//! The same network on a device that has no kernels of ours, such as a GPU.

use super::{ResNet, Stem, Unit};
use crate::models::Forward;
use crate::nn::on_device::{self, Accelerator, Compute, Map, Mirror, Rows, Tape};
use crate::nn::ops::Then;
use crate::nn::{DeviceError, Real};

impl<E: Real> ResNet<E> {
    /// [`forward_here`](Self::forward_here) on a device.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn forward_on<D: Compute<E>>(
        &mut self,
        accelerator: &Accelerator<D>,
        x: Vec<E>,
    ) -> Result<Forward<E>, DeviceError> {
        self.parameters.send_to(accelerator)?;
        let parameters = self.parameters.to_half_there(|parameter| self.learns_in_half && Self::narrows(parameter));
        let mirror = Mirror::new(parameters, accelerator)?;
        let (x, mut seen) = (self.map_on(accelerator, x, self.learns_in_half)?, Vec::new());
        let mut tape = mirror.tape();
        if !self.begins() {
            tape.want(x.rows());
        }
        let mut unit = |unit: &Unit, x: &Map<E, D>, residual: Option<&Map<E, D>>, rectifies: bool, tape: &mut _| {
            let of = |id| mirror.get(id);
            let y = convolved(&mirror, unit, x, tape)?;
            if self.is_frozen(unit) {
                return on_device::scaled(&y, self.folded_norm(unit), residual, rectifies, tape);
            }
            let (y, shown) = on_device::batch_norm(&y, of(unit.weight), of(unit.bias), residual, rectifies, tape)?;
            seen.push(([unit.running_mean, unit.running_var, unit.num_batches_tracked], y.pixels(), shown));
            Ok(y)
        };
        let y = self.layers_on(&mirror, &x, &mut tape, &mut unit).map_err(DeviceError::new)?;
        let (outputs, samples) = (y.as_vec(), x.images());
        let way_back = mirror.way_back(x.rows().clone(), y, tape);
        let moved = seen.into_iter().map(|(ids, count, shown)| (ids, on_device::moments(count, shown))).collect();
        self.move_statistics(moved);
        Ok(Forward { outputs, samples, way_back })
    }

    /// [`logits_of`](Self::logits_of) on a device.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    pub fn logits_on<D: Compute<E>>(&self, accelerator: &Accelerator<D>, x: Vec<E>) -> Result<Vec<E>, DeviceError> {
        let mirror = Mirror::new(self.parameters.clone(), accelerator)?;
        let x = self.map_on(accelerator, x, false)?;
        let mut unit = |unit: &Unit, x: &Map<E, D>, residual: Option<&Map<E, D>>, rectifies: bool, tape: &mut _| {
            let y = convolved(&mirror, unit, x, tape)?;
            on_device::scaled(&y, self.folded_norm(unit), residual, rectifies, tape)
        };
        let logits = self.layers_on(&mirror, &x, &mut Tape::none(), &mut unit).map_err(DeviceError::new)?;
        Ok(logits.as_vec())
    }

    /// What comes out for `x`, with what `unit` makes of a convolution and the batch norm after it.
    fn layers_on<'a, D: Compute<E>>(
        &'a self,
        mirror: &Mirror<E, D>,
        x: &Map<E, D>,
        tape: &mut Tape<E, D>,
        unit: UnitOn<'_, 'a, E, D>,
    ) -> Result<Rows<E, D>, D::Err> {
        let mut y = x.clone();
        if self.begins() {
            y = unit(&self.layout.stem, &y, None, true, tape)?;
            if self.config.stem == Stem::ImageNet {
                y = on_device::max_pool(&y, mirror.accelerator(), tape)?;
            }
        }
        for block in self.blocks() {
            let shortcut = match &block.shortcut {
                Some(shortcut) => unit(shortcut, &y, None, false, tape)?,
                None => y.clone(),
            };
            if let [inner @ .., last] = block.units.as_slice() {
                for inner in inner {
                    y = unit(inner, &y, None, true, tape)?;
                }
                y = unit(last, &y, Some(&shortcut), true, tape)?;
            }
        }
        if !self.ends() {
            return Ok(y.rows().clone());
        }
        let mut y = on_device::average_pool(&y, tape)?;
        for layer in &self.layout.fc {
            y = on_device::linear(mirror, &y, layer.weight, layer.bias, Then::Nothing, tape)?;
        }
        Ok(y)
    }

    /// What comes in as a map on the device.
    fn map_on<D: Compute<E>>(
        &self,
        accelerator: &Accelerator<D>,
        x: Vec<E>,
        half: bool,
    ) -> Result<Map<E, D>, DeviceError> {
        let shape = self.batch_shape(&x);
        Map::data(x, shape, half, accelerator).map_err(DeviceError::new)
    }
}

/// `x` after the convolutions of `unit`.
fn convolved<E: Real, D: Compute<E>>(
    mirror: &Mirror<E, D>,
    unit: &Unit,
    x: &Map<E, D>,
    tape: &mut Tape<E, D>,
) -> Result<Map<E, D>, D::Err> {
    let mut y = x.clone();
    for conv in &unit.convs {
        y = on_device::conv2d(mirror, &y, conv.weight, conv.window, tape)?;
    }
    Ok(y)
}

/// Makes a map of another with a convolution and its batch norm, adds a residual, and rectifies the sum if told to.
type UnitOn<'u, 'a, E, D> = &'u mut dyn FnMut(
    &'a Unit,
    &Map<E, D>,
    Option<&Map<E, D>>,
    bool,
    &mut Tape<E, D>,
) -> Result<Map<E, D>, <D as dfdx::prelude::HasErr>::Err>;

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;

    use super::super::{
        ResNetConfig,
        tests::{fill, low_ranks, uniform},
    };
    use super::*;
    use crate::nn::Cpu;
    use crate::nn::Gradients;
    use crate::nn::ops::Targets;

    /// Logits, loss, gradients and statistics are those of our kernels: every kind of layer, on images of odd sides.
    #[test]
    fn what_it_learns_there_is_what_it_learns_here() {
        let networks = [("resnet8", [9, 7]), ("resnet18", [37, 33]), ("resnet50", [33, 35])];
        // All learn, those at the beginning do not, those in the middle do not.
        let frozen: [&[&str]; 3] = [&[], &["conv1", "bn1", "layer1"], &["layer2"]];
        for ((name, size), frozen) in networks.iter().flat_map(|network| frozen.map(|frozen| (*network, frozen))) {
            let mut config = ResNetConfig::named(name, 3, 5).expect("a network");
            config.width = 4;
            config.layers.iter_mut().for_each(|blocks| *blocks = (*blocks).min(2));
            if frozen.is_empty() {
                config.ranks = low_ranks();
            }
            let mut here = ResNet::<f64>::new(config, size, &mut Generator::new(1));
            fill(here.parameters_mut(), 3);
            assert!(frozen.iter().all(|layer| here.parameters_mut().freeze(layer) > 0));
            let name = &format!("{name} without {frozen:?}");
            let x = uniform(7, 3 * size[0] * size[1] * 3);
            let accelerator = Accelerator::new(Cpu::default());
            let (expected, got) = (here.logits_of(x.clone()), here.logits_on(&accelerator, x.clone()).expect("works"));
            is_close(name, "logits in use", &got, &expected);
            let mut there = here.clone();
            // Two batches, as gradients add up and places are kept from one to the next.
            let mut gradients = [Gradients::new(here.parameters()), Gradients::new(there.parameters())];
            for classes in [[1, 4, 0], [2, 2, 3]] {
                let [own, other] = &mut gradients;
                let targets = Targets::Classes(&classes);
                let expected =
                    here.forward_here(x.clone()).expect("works").learn(own, targets, 0.1, 3.0).expect("works");
                let got = there
                    .forward_on(&accelerator, x.clone())
                    .expect("works")
                    .learn(other, targets, 0.1, 3.0)
                    .expect("works");
                is_close(name, "loss", &[got.loss], &[expected.loss]);
                is_close(name, "logits", &got.logits, &expected.logits);
            }
            let [own, other] = &mut gradients;
            other.bring_here(there.parameters()).expect("memory");
            for (here, there) in here.parameters().iter().zip(there.parameters().iter()) {
                if here.name().ends_with("num_batches_tracked") {
                    // None of a frozen layer.
                    assert_eq!(there.values(), here.values(), "{name}: {}", here.name());
                } else {
                    is_close(name, here.name(), there.values(), here.values());
                }
                if here.is_trained() {
                    let (expected, got) = (own.of(here).expect("memory"), other.of(there).expect("memory"));
                    is_close(name, here.name(), got, expected);
                }
            }
        }
    }

    /// Of one image the last layers' maps are one pixel, of which no variance is known.
    #[test]
    fn a_batch_of_one_pixel_leaves_statistics_alone() {
        let mut config = ResNetConfig::named("resnet18", 3, 5).expect("a network");
        config.width = 4;
        let before = ResNet::<f64>::new(config, [32, 32], &mut Generator::new(1));
        let (mut here, mut there) = (before.clone(), before.clone());
        let (x, accelerator) = (uniform(7, 32 * 32 * 3), Accelerator::new(Cpu::default()));
        let mut gradients = [Gradients::new(here.parameters()), Gradients::new(there.parameters())];
        let [own, other] = &mut gradients;
        here.forward_here(x.clone()).expect("works").learn(own, Targets::Classes(&[1]), 0.0, 1.0).expect("works");
        there
            .forward_on(&accelerator, x)
            .expect("works")
            .learn(other, Targets::Classes(&[1]), 0.0, 1.0)
            .expect("works");
        for (name, stays) in [("layer4.0.bn1", true), ("layer3.0.bn1", false)] {
            for kind in ["running_mean", "running_var", "num_batches_tracked"] {
                let of = |model: &ResNet<f64>| {
                    model.parameters().named(&format!("{name}.{kind}")).expect("it is there").values().to_vec()
                };
                assert_eq!([of(&here) == of(&before), of(&there) == of(&before)], [stays; 2], "{name}.{kind}");
            }
        }
    }

    #[track_caller]
    fn is_close(model: &str, what: &str, got: &[f64], expected: &[f64]) {
        let largest = expected.iter().fold(1e-300_f64, |largest, x| largest.max(x.abs()));
        let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(got.len() == expected.len() && worst < 1e-9 * largest, "{model}: {what} is {worst} off {largest}");
        assert!(expected.iter().any(|x| *x != 0.0), "{model}: {what} is nothing");
    }
}
