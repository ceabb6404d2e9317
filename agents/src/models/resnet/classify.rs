//! A residual network as a classifier.

use std::ops::Range;

use super::ResNet;
use crate::models::{Classifier, Cost, Forward, Piece, Plan};
use crate::nn::{DeviceError, Parameters, Place};

/// Images that are looked at together: what they become has to fit into memory.
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

    fn pieces(&self) -> Vec<Piece> {
        self.all_pieces()
    }

    fn keep(&mut self, pieces: Range<usize>) {
        self.keep_pieces(pieces);
    }

    fn logits(&self, x: Vec<f32>) -> Result<Vec<f32>, DeviceError> {
        match &self.place {
            Place::Processor => {
                // Small images go in larger numbers, or threads would wait for each other all the time.
                let together = (TOGETHER * 224 * 224 * 3).div_ceil(self.inputs().max(1)).max(1);
                let own: usize = self.input_shape().iter().product();
                let parts = x.chunks((together * own).max(1));
                Ok(parts.flat_map(|part| self.logits_of(part.to_vec())).collect())
            }
            #[cfg(feature = "cuda")]
            Place::Gpu(gpu) => gpu.attempt(|| self.logits_on(gpu, x)),
            #[cfg(test)]
            Place::Dfdx(processor) => self.logits_on(processor, x),
        }
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
        self.first_not_finite(x)
    }

    fn cost(&self) -> Cost {
        self.layers_cost()
    }

    fn plan(&self) -> Plan {
        self.to_plan()
    }
}
