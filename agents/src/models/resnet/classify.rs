//! A residual network as a classifier.

use super::ResNet;
use crate::models::{Classifier, Cost, Pass, Plan};
use crate::nn::ops::Targets;
use crate::nn::{DeviceError, Gradients, Parameters, Place};

/// Pictures that are looked at together: what they become has to fit into memory.
const TOGETHER: usize = 8;

impl Classifier for ResNet {
    fn parameters(&self) -> &Parameters {
        self.parameters()
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.parameters_mut()
    }

    fn learn_in_half(&mut self) {
        self.learns_in_half = true;
    }

    fn move_to(&mut self, place: Place) {
        self.place = place;
    }

    fn inputs(&self) -> usize {
        self.size[0] * self.size[1] * self.config.channels
    }

    fn classes(&self) -> usize {
        self.config.classes
    }

    fn logits(&self, x: Vec<f32>) -> Result<Vec<f32>, DeviceError> {
        match &self.place {
            Place::Processor => {
                // Small pictures go in larger numbers, or threads would wait for each other all the time.
                let together = (TOGETHER * 224 * 224 * 3).div_ceil(self.inputs().max(1)).max(1);
                let parts = x.chunks((together * self.inputs()).max(1));
                Ok(parts.flat_map(|part| self.logits_of(part.to_vec())).collect())
            }
            #[cfg(feature = "cuda")]
            Place::Gpu(gpu) => gpu.attempt(|| self.logits_on(gpu, x)),
            #[cfg(test)]
            Place::Dfdx(processor) => self.logits_on(processor, x),
        }
    }

    fn learn(
        &mut self,
        x: Vec<f32>,
        gradients: &mut Gradients,
        targets: Targets<'_>,
        label_smoothing: f64,
        divisor: f64,
    ) -> Result<Pass, DeviceError> {
        match self.place.clone() {
            Place::Processor => self.learn_from(x, gradients, targets, label_smoothing, divisor),
            #[cfg(feature = "cuda")]
            Place::Gpu(gpu) => gpu.attempt(|| self.learn_on(&gpu, x, gradients, targets, label_smoothing, divisor)),
            #[cfg(test)]
            Place::Dfdx(processor) => self.learn_on(&processor, x, gradients, targets, label_smoothing, divisor),
        }
    }

    fn not_finite(&self, x: Vec<f32>) -> Result<Option<String>, DeviceError> {
        self.first_not_finite(x)
    }

    fn cost(&self) -> Cost {
        self.layers_cost()
    }

    fn plan(&self) -> Plan {
        self.to_plan()
    }
}
