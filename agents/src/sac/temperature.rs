//! The temperature α, which follows its gradient by its logarithm.

use super::EntCoef;
use crate::nn::ScalarAdam;

/// What entropy is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Temperature {
    log_alpha: ScalarAdam,
    /// The entropy that it is moved towards; nothing if it stays.
    target: Option<f64>,
}

impl Temperature {
    /// As `ent_coef` says, for actions whose entropy should be `target_entropy`.
    pub(crate) fn new(ent_coef: EntCoef, target_entropy: f64) -> Self {
        let (alpha, target) = match ent_coef {
            EntCoef::Auto(initial) => (initial, Some(target_entropy)),
            EntCoef::Fixed(alpha) => (alpha, None),
        };
        Self { log_alpha: ScalarAdam::new(alpha.ln()), target }
    }

    /// α
    pub(crate) fn alpha(&self) -> f32 {
        self.log_alpha.value().exp() as f32
    }

    /// A step of Adam down −log α · (mean log π + target entropy).
    pub(crate) fn update(&mut self, mean_log_prob: f64, learning_rate: f64) {
        let Some(target) = self.target else { return };
        self.log_alpha.step(-(mean_log_prob + target), learning_rate);
    }

    /// What a checkpoint keeps.
    pub(crate) fn numbers(&self) -> [f64; 4] {
        self.log_alpha.numbers()
    }

    /// Goes on from such numbers.
    pub(crate) fn restore(&mut self, numbers: &[f64]) {
        self.log_alpha.restore(numbers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_while_the_policy_is_too_sure_and_falls_while_it_is_not() {
        let mut temperature = Temperature::new(EntCoef::Auto(0.5), -1.0);
        assert!((temperature.alpha() - 0.5).abs() < 1e-6);
        // An entropy of −3 where −1 is wanted.
        temperature.update(3.0, 0.01);
        assert!(
            (f64::from(temperature.alpha()) - 0.5 * 0.01_f64.exp()).abs() < 1e-5,
            "Adam's first step is its step size"
        );
        let mut again = Temperature::new(EntCoef::Auto(1.0), -1.0);
        again.restore(&temperature.numbers());
        assert_eq!(again, temperature);
        (0..20).for_each(|_| temperature.update(-2.0, 0.01));
        assert!(temperature.alpha() < 0.5);
        let mut fixed = Temperature::new(EntCoef::Fixed(0.2), -1.0);
        fixed.update(5.0, 0.1);
        assert!((fixed.alpha() - 0.2).abs() < 1e-6);
    }
}
