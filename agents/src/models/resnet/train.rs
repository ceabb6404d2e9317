//! The forward pass in training, on the tape.

use std::borrow::Cow;

use dfdx::prelude::{Cpu, NoneTape, SplitTape as _, Tape};

use super::{ResNet, Stem, Unit};
use crate::models::Forward;
use crate::models::linear::Linear;
use crate::nn::ops::{self, Map, Moments, Output, Passing, Then};
use crate::nn::{DeviceError, Parameter, ParameterId, Parameters, Real};

/// What a batch norm was shown.
type Seen<'a> = (&'a Unit, Moments);

impl<E: Real> ResNet<E> {
    /// The parameters that are learnt with: in half precision all but those of batch norms are f16.
    pub(super) fn computed_with(&self) -> Cow<'_, Parameters<E>> {
        if !self.learns_in_half {
            return Cow::Borrowed(&self.parameters);
        }
        Cow::Owned(self.parameters.to_half(Self::narrows))
    }

    /// Whether a parameter is f16 in half precision.
    pub(super) fn narrows(parameter: &Parameter<E>) -> bool {
        let is_convolution = parameter.shape().len() == 4;
        is_convolution || parameter.name().starts_with("fc.")
    }

    /// What comes out of what is here for `x` with `parameters`, normalized by its own moments, or where batch norms are frozen by the
    /// running ones; `look` is shown the name and the output of each layer.
    fn run<'a, T: Tape<E, Cpu>>(
        &'a self,
        parameters: &Parameters<E>,
        x: Map<E>,
        mut tape: T,
        seen: &mut Vec<Seen<'a>>,
        look: &mut dyn FnMut(&str, &[E]),
    ) -> Result<(Output<E>, T), DeviceError> {
        let mut unit = |unit: &'a Unit, x: &Map<E>, residual: Option<&Map<E>>, then: Then, tape: &mut T| {
            let of = |id| parameters.get(id);
            let mut y = x.clone();
            for conv in &unit.convs {
                y = ops::conv2d(&y, of(conv.weight), conv.window, tape);
                look(&conv.name, y.values());
            }
            let y = if self.is_frozen(unit) {
                ops::scale_and_shift(&y, self.folded_norm(unit), residual, then, tape)
            } else {
                let (y, moments) = ops::batch_norm(&y, of(unit.weight), of(unit.bias), residual, then, tape);
                seen.push((unit, moments));
                y
            };
            look(&unit.norm, y.values());
            y
        };
        let mut y = x;
        if self.begins() {
            y = unit(&self.layout.stem, &y, None, Then::Relu, &mut tape);
            if self.config.stem == Stem::ImageNet {
                y = ops::max_pool(&y, &mut tape);
            }
        }
        for block in self.blocks() {
            let shortcut = match &block.shortcut {
                Some(shortcut) => unit(shortcut, &y, None, Then::Nothing, &mut tape),
                None => y.clone(),
            };
            if let [inner @ .., last] = block.units.as_slice() {
                for inner in inner {
                    y = unit(inner, &y, None, Then::Relu, &mut tape);
                }
                y = unit(last, &y, Some(&shortcut), Then::Relu, &mut tape);
            }
        }
        if !self.ends() {
            return Ok((Output::Map(y), tape));
        }
        let mut y = ops::average_pool(&y, tape);
        for Linear { name, weight, bias, .. } in &self.layout.fc {
            let bias = bias.map(|bias| parameters.get(bias));
            y = ops::linear(y, parameters.get(*weight), bias, Then::Nothing)?;
            look(name, &ops::values(&y));
        }
        let (y, tape) = y.split_tape();
        Ok((Output::Rows(y), tape))
    }

    /// A pass in training, which moves the running statistics.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn forward_here(&mut self, x: Vec<E>) -> Result<Forward<E>, DeviceError> {
        let (shape, mut passing) = (self.batch_shape(&x), Passing::new());
        let x = if self.begins() { self.learnt_from(x) } else { passing.map(x, shape, self.learns_in_half) };
        let (parameters, mut seen) = (self.computed_with(), Vec::new());
        let (y, tape) = self.run(&parameters, x, std::mem::take(&mut passing.tape), &mut seen, &mut |_, _| {})?;
        passing.tape = tape;
        let (outputs, way_back) = (y.values(), passing.way_back(y, parameters));
        let moved = seen
            .into_iter()
            .map(|(unit, moments)| ([unit.running_mean, unit.running_var, unit.num_batches_tracked], moments));
        let moved = moved.collect();
        self.move_statistics(moved);
        Ok(Forward { outputs, samples: shape[0], way_back })
    }

    /// Moves running means and variances, and counts the batch. A batch of one pixel a channel, such as the last image of an
    /// epoch where maps are 1 × 1, has no variance to tell of and is left out; PyTorch stops there.
    pub(super) fn move_statistics(&mut self, moved: Vec<([ParameterId; 3], Moments)>) {
        for ([mean, variance, count], moments) in moved.into_iter().filter(|(_, moments)| moments.count > 1) {
            let mut means = self.parameters.get(mean).values().to_vec();
            moments.update(&mut means, self.parameters.get_mut(variance).values_mut());
            self.parameters.get_mut(mean).values_mut().copy_from_slice(&means);
            self.parameters.get_mut(count).values_mut().iter_mut().for_each(|count| *count += E::one());
        }
        self.folded = std::sync::OnceLock::new();
    }

    /// What comes out in training, and the first layer whose output for `x` is not finite.
    pub(super) fn first_not_finite(&self, x: Vec<E>) -> Result<(Vec<E>, Option<String>), DeviceError> {
        let mut first = x.iter().any(|x| !x.is_finite()).then(|| "the input".to_owned());
        let x = self.learnt_from(x);
        let (y, NoneTape) = self.run(&self.computed_with(), x, NoneTape, &mut Vec::new(), &mut |name, y| {
            if first.is_none() && y.iter().any(|y| !y.is_finite()) {
                first = Some(name.to_owned());
            }
        })?;
        Ok((y.values(), first))
    }

    /// What comes in as a map, in the numbers that are learnt with.
    fn learnt_from(&self, x: Vec<E>) -> Map<E> {
        let x = self.inputs_map(x);
        if self.learns_in_half { x.to_half() } else { x }
    }
}
