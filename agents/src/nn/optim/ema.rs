//! Averaged weights.

use serde::{Deserialize, Serialize};

use crate::nn::{Parameters, Real};

/// An exponential moving average of a model's parameters; of buffers the newest, as in PyTorch's `AveragedModel` with
/// `use_buffers=False`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ema<E> {
    decay: f64,
    values: Vec<Vec<E>>,
}

impl<E: Real> Ema<E> {
    /// An average that begins as `parameters` are, of which each step keeps the share `decay`.
    pub fn new(decay: f64, parameters: &Parameters<E>) -> Self {
        Self { decay, values: parameters.iter().map(|parameter| parameter.values().to_vec()).collect() }
    }

    /// Counts the parameters after a step.
    pub fn update(&mut self, parameters: &Parameters<E>) {
        let rest = E::of(1.0 - self.decay);
        for (average, parameter) in self.values.iter_mut().zip(parameters.iter()) {
            if parameter.is_trained() {
                for (average, value) in average.iter_mut().zip(parameter.values()) {
                    *average += rest * (*value - *average);
                }
            } else {
                average.copy_from_slice(parameter.values());
            }
        }
    }

    /// Changes the parameters and the average about: to look at the average, and again to go on.
    pub fn swap(&mut self, parameters: &mut Parameters<E>) {
        for (average, parameter) in self.values.iter_mut().zip(parameters.iter_mut()) {
            average.swap_with_slice(parameter.values_mut());
        }
    }

    /// Whether it is one of `parameters`.
    pub fn fits(&self, parameters: &Parameters<E>) -> bool {
        self.values.len() == parameters.iter().len()
            && self.values.iter().zip(parameters.iter()).all(|(own, other)| own.len() == other.values().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_follows_slowly_and_changes_places() {
        let mut parameters = Parameters::<f64>::default();
        let weight = parameters.add("weight", &[1], vec![0.0]);
        let mean = parameters.add_buffer("mean", &[1], vec![0.0]);
        let mut ema = Ema::new(0.75, &parameters);
        parameters.get_mut(weight).values_mut()[0] = 4.0;
        parameters.get_mut(mean).values_mut()[0] = 4.0;
        ema.update(&parameters);
        ema.update(&parameters);
        ema.swap(&mut parameters);
        assert_eq!(parameters.to_flat(), [1.75, 4.0]);
        ema.swap(&mut parameters);
        assert_eq!(parameters.to_flat(), [4.0, 4.0]);
        assert!(ema.fits(&parameters) && !ema.fits(&Parameters::default()));
    }
}
