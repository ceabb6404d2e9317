//! Averaged weights.

use serde::{Deserialize, Serialize};

use crate::nn::numbers::{Numbers, chosen, row_beside, row_of, spread};
use crate::nn::parameters::Group;
use crate::nn::{DeviceError, Parameters, Real};

/// An exponential moving average of a model's parameters; of buffers the newest, as in PyTorch's `AveragedModel` with
/// `use_buffers=False`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Ema<E: Real> {
    decay: f64,
    values: Vec<Numbers<E>>,
}

impl<E: Real> Ema<E> {
    /// An average that begins as `parameters` are, of which each step keeps the share `decay`.
    pub fn new(decay: f64, parameters: &Parameters<E>) -> Self {
        Self { decay, values: parameters.iter().map(|parameter| parameter.numbers().clone()).collect() }
    }

    /// Counts the parameters after a step, where they are.
    ///
    /// # Errors
    /// If a device fails that they are on.
    pub fn update(&mut self, parameters: &Parameters<E>) -> Result<(), DeviceError> {
        let rest = E::of(1.0 - self.decay);
        let mut there = Vec::new();
        for group in [Group::Matrices, Group::Vectors] {
            let places = parameters.places(group);
            let Some(goal) = row_of(parameters.numbers(&places)) else { continue };
            let average = row_beside(places.iter().map(|place| &self.values[*place]), goal.as_ref())?;
            spread(&average.towards(goal.as_ref(), rest)?, chosen(&mut self.values, &places));
            there.extend(places);
        }
        for (place, (average, parameter)) in self.values.iter_mut().zip(parameters.iter()).enumerate() {
            if there.contains(&place) {
                continue;
            }
            if parameter.is_trained() {
                for (average, value) in average.values_mut().iter_mut().zip(parameter.values()) {
                    *average += rest * (*value - *average);
                }
            } else {
                average.clone_from(parameter.numbers());
            }
        }
        Ok(())
    }

    /// Changes the parameters and the average about: to look at the average, and again to go on.
    pub fn swap(&mut self, parameters: &mut Parameters<E>) {
        for (average, parameter) in self.values.iter_mut().zip(parameters.iter_mut()) {
            std::mem::swap(average, parameter.numbers_mut());
        }
    }

    /// Whether it is one of `parameters`.
    pub fn fits(&self, parameters: &Parameters<E>) -> bool {
        self.values.len() == parameters.iter().len()
            && self.values.iter().zip(parameters.iter()).all(|(own, other)| own.len() == other.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Cpu;
    use crate::nn::on_device::Accelerator;

    #[test]
    fn an_average_follows_slowly_and_changes_places() {
        let mut parameters = Parameters::<f64>::default();
        let weight = parameters.add("weight", &[1], vec![0.0]);
        let mean = parameters.add_buffer("mean", &[1], vec![0.0]);
        let mut ema = Ema::new(0.75, &parameters);
        parameters.get_mut(weight).values_mut()[0] = 4.0;
        parameters.get_mut(mean).values_mut()[0] = 4.0;
        ema.update(&parameters).expect("on the host");
        ema.update(&parameters).expect("on the host");
        ema.swap(&mut parameters);
        assert_eq!(parameters.to_flat(), [1.75, 4.0]);
        ema.swap(&mut parameters);
        assert_eq!(parameters.to_flat(), [4.0, 4.0]);
        assert!(ema.fits(&parameters) && !ema.fits(&Parameters::default()));
    }
    #[test]
    fn an_average_on_a_device_is_that_on_the_host() {
        let mut here = Parameters::<f64>::default();
        here.add("weight", &[2, 2], vec![1.0, -2.0, 3.0, 0.5]);
        here.add_buffer("mean", &[1], vec![7.0]);
        here.add("bias", &[3], vec![0.0, 4.0, -1.0]);
        let mut there = here.clone();
        let mut averages = [Ema::new(0.9, &here), Ema::new(0.9, &there)];
        let accelerator = Accelerator::new(Cpu::default());
        for step in 0..3 {
            for parameters in [&mut here, &mut there] {
                parameters.iter_mut().for_each(|own| own.values_mut().iter_mut().for_each(|x| *x += f64::from(step)));
            }
            there.send_to(&accelerator).expect("works");
            let [own, other] = &mut averages;
            own.update(&here).expect("on the host");
            other.update(&there).expect("works");
            // To look at the average, and back.
            own.swap(&mut here);
            other.swap(&mut there);
            assert!(row_of(there.numbers(&[0])).is_some(), "the average is where the parameters are");
            for (own, other) in here.to_flat().into_iter().zip(there.to_flat()) {
                assert!((own - other).abs() < 1e-12, "{own} {other}");
            }
            own.swap(&mut here);
            other.swap(&mut there);
        }
        let bytes = serde_json::to_vec(&averages[1]).expect("numbers");
        assert_eq!(serde_json::from_slice::<Ema<f64>>(&bytes).expect("the same"), averages[1]);
    }
}
