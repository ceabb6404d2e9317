//! The forward pass in training, on the tape.

use std::borrow::Cow;

use dfdx::prelude::{AsArray as _, Cpu, PutTape as _, SplitTape as _, Tape};

use super::{ResNet, Stem, Unit};
use crate::models::Pass;
use crate::models::linear::Linear;
use crate::nn::ops::{self, Map, Moments, Rows, Targets, Then};
use crate::nn::{DeviceError, Gradients, Parameter, ParameterId, Parameters, Real};

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

    /// The logits of `x` with `parameters`, normalized by its own moments, or where batch norms are frozen by the running ones;
    /// `look` is shown the name and the output of each layer.
    fn forward<'a, T: Tape<E, Cpu>>(
        &'a self,
        parameters: &Parameters<E>,
        x: &Map<E>,
        mut tape: T,
        seen: &mut Vec<Seen<'a>>,
        look: &mut dyn FnMut(&str, &[E]),
    ) -> Result<Rows<E, T>, DeviceError> {
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
        let mut y = unit(&self.layout.stem, x, None, Then::Relu, &mut tape);
        if self.config.stem == Stem::ImageNet {
            y = ops::max_pool(&y, &mut tape);
        }
        for block in &self.layout.blocks {
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
        let mut y = ops::average_pool(&y, tape);
        for Linear { name, weight, bias, .. } in &self.layout.fc {
            let bias = bias.map(|bias| parameters.get(bias));
            y = ops::linear(y, parameters.get(*weight), bias, Then::Nothing)?;
            look(name, &ops::values(&y));
        }
        Ok(y)
    }

    /// Adds the gradient of the cross entropy of the pictures `x` to `gradients`, and moves the running statistics: see
    /// [`softmax_cross_entropy`](ops::softmax_cross_entropy) for the last three.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn learn_from(
        &mut self,
        x: Vec<E>,
        gradients: &mut Gradients<E>,
        targets: Targets<'_, E>,
        label_smoothing: f64,
        divisor: f64,
    ) -> Result<Pass<E>, DeviceError> {
        let x = self.learnt_from(x);
        let (parameters, tape) = (self.computed_with(), gradients.tape(self.parameters.device()));
        let mut seen = Vec::new();
        let (logits, tape) = self.forward(&parameters, &x, tape, &mut seen, &mut |_, _| {})?.split_tape();
        let values = ops::values(&logits);
        let loss = ops::softmax_cross_entropy(logits.put_tape(tape), targets, label_smoothing, divisor)?;
        let pass = Pass { loss: loss.array(), logits: values };
        let moved: Vec<_> = seen
            .into_iter()
            .map(|(unit, moments)| ([unit.running_mean, unit.running_var, unit.num_batches_tracked], moments))
            .collect();
        gradients.backward(loss)?;
        gradients.round_to_half(&parameters)?;
        drop(parameters);
        self.move_statistics(moved);
        Ok(pass)
    }

    /// Moves running means and variances, and counts the batch. A batch of one pixel a channel, such as the last picture of an
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

    /// The first layer whose output for the pictures `x` is not finite, in training.
    pub(super) fn first_not_finite(&self, x: Vec<E>) -> Result<Option<String>, DeviceError> {
        let mut first = x.iter().any(|x| !x.is_finite()).then(|| "the input".to_owned());
        let x = self.learnt_from(x);
        self.forward(&self.computed_with(), &x, dfdx::prelude::NoneTape, &mut Vec::new(), &mut |name, y| {
            if first.is_none() && y.iter().any(|y| !y.is_finite()) {
                first = Some(name.to_owned());
            }
        })?;
        Ok(first)
    }

    /// The pictures `x` as a map, in the numbers that are learnt with.
    fn learnt_from(&self, x: Vec<E>) -> Map<E> {
        let x = self.pictures(x);
        if self.learns_in_half { x.to_half() } else { x }
    }

    /// The pictures `x` as a map.
    pub(super) fn pictures(&self, x: Vec<E>) -> Map<E> {
        let ([rows, columns], channels) = (self.size, self.config.channels);
        let count = x.len() / (rows * columns * channels).max(1);
        Map::data(x, [count, rows, columns, channels])
    }
}
