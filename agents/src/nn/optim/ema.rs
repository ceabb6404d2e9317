//! Averaged weights.

use serde::{Deserialize, Serialize};

use crate::nn::parameters::Group;
use crate::nn::parameters::numbers::{Numbers, chosen, row_beside, row_of, spread};
use crate::nn::{DeviceError, Parameters, Real};

/// An exponential moving average of a model's parameters and buffers, as PyTorch's `AveragedModel` has with `use_buffers=True`:
/// running statistics of a batch norm are no use to other weights than those that they were taken with. Of counters and of what
/// is frozen it has the newest.
///
/// What training began with counts for nothing, as in Adam's moments: the weights after n steps count (1 - d), (1 - d)d, (1 - d)d²
/// and so on, divided by the sum of these, 1 - dⁿ. With d = 0.98 the beginning would still be a fifth of the average after 80
/// steps, and `resnet8` knew 25 % of the digits by it then, and 98.6 % without.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Ema<E: Real> {
    decay: f64,
    /// What the shares of all steps so far come to.
    weight: f64,
    values: Vec<Numbers<E>>,
}

impl<E: Real> Ema<E> {
    /// An average of which each step keeps the share `decay`; before the first it is `parameters` as they are.
    pub fn new(decay: f64, parameters: &Parameters<E>) -> Self {
        Self { decay, weight: 0.0, values: parameters.iter().map(|parameter| parameter.numbers().clone()).collect() }
    }

    /// Counts the parameters after a step, where they are.
    ///
    /// # Errors
    /// If a device fails that they are on.
    pub fn update(&mut self, parameters: &Parameters<E>) -> Result<(), DeviceError> {
        let rest = 1.0 - self.decay;
        self.weight = self.decay * self.weight + rest;
        let rest = E::of(rest / self.weight);
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
            if parameter.is_averaged() {
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

    /// Takes over the average of parameters that are elsewhere here from another process.
    pub fn join(&mut self, other: Self) {
        self.values.iter_mut().zip(other.values).for_each(|(own, other)| own.join(other));
    }

    /// Keeps nothing of parameters that are elsewhere.
    pub fn keep(&mut self, parameters: &Parameters<E>) {
        let all = self.values.iter_mut().zip(parameters.iter());
        all.filter(|(_, parameter)| parameter.is_elsewhere()).for_each(|(kept, _)| *kept = Numbers::here(Vec::new()));
    }

    /// Goes on from `saved`, with the share that this one keeps. False, and nothing changed, if it is of other parameters.
    pub fn restore(&mut self, saved: Self) -> bool {
        let lengths = |ema: &Self| ema.values.iter().map(Numbers::len).collect::<Vec<_>>();
        let fits = lengths(&saved) == lengths(self);
        if fits {
            *self = Self { decay: self.decay, ..saved };
        }
        fits
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
        let count = parameters.add_counter("count");
        let mut ema = Ema::new(0.75, &parameters);
        let mut step = |ema: &mut Ema<f64>, value| {
            [weight, mean, count].iter().for_each(|id| parameters.get_mut(*id).values_mut()[0] = value);
            ema.update(&parameters).expect("on the host");
            let mut shown = parameters.clone();
            ema.swap(&mut shown);
            let average = shown.to_flat();
            ema.swap(&mut shown);
            assert_eq!(shown.to_flat(), [value; 3]);
            average
        };
        // What it began with, 0, counts for nothing; a batch norm's statistics are averaged as weights are, and counters are not.
        assert_eq!(step(&mut ema, 4.0), [4.0, 4.0, 4.0]);
        let expected = (0.75 * 4.0 + 11.0) / 1.75;
        let second = step(&mut ema, 11.0);
        assert!((second[0] - expected).abs() < 1e-12 && second[1..] == [second[0], 11.0], "{second:?}");
        // One that is gone on with has its past, and a share of its own.
        let mut other = Ema::new(0.0, &Parameters::default());
        assert!(!other.restore(ema.clone()));
        let mut other = Ema { decay: 0.0, ..ema.clone() };
        other.weight = 0.0;
        assert!(other.restore(ema.clone()) && other.weight == ema.weight);
        assert_eq!(step(&mut other, 5.0), [5.0; 3]);
        let third = step(&mut ema, 5.0)[0];
        assert!((third - (0.5625 * 4.0 + 0.75 * 11.0 + 5.0) / 2.3125).abs() < 1e-12, "{third}");
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
