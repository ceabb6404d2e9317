//! The temperature α, and Adam for its logarithm.

use super::EntCoef;

/// What entropy is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Temperature {
    log_alpha: f64,
    /// The entropy that it is moved towards; nothing if it stays.
    target: Option<f64>,
    first_moment: f64,
    second_moment: f64,
    steps: f64,
}

impl Temperature {
    /// As `ent_coef` says, for actions whose entropy should be `target_entropy`.
    pub(crate) fn new(ent_coef: EntCoef, target_entropy: f64) -> Self {
        let (alpha, target) = match ent_coef {
            EntCoef::Auto(initial) => (initial, Some(target_entropy)),
            EntCoef::Fixed(alpha) => (alpha, None),
        };
        Self { log_alpha: alpha.ln(), target, first_moment: 0.0, second_moment: 0.0, steps: 0.0 }
    }

    /// α
    pub(crate) fn alpha(&self) -> f32 {
        self.log_alpha.exp() as f32
    }

    /// A step of Adam down −log α · (mean log π + target entropy).
    pub(crate) fn update(&mut self, mean_log_prob: f64, learning_rate: f64) {
        let Some(target) = self.target else { return };
        let gradient = -(mean_log_prob + target);
        self.steps += 1.0;
        self.first_moment = 0.9 * self.first_moment + 0.1 * gradient;
        self.second_moment = 0.999 * self.second_moment + 0.001 * gradient * gradient;
        let first = self.first_moment / (1.0 - 0.9_f64.powf(self.steps));
        let second = self.second_moment / (1.0 - 0.999_f64.powf(self.steps));
        self.log_alpha -= learning_rate * first / (second.sqrt() + 1e-8);
    }

    /// What a checkpoint keeps.
    pub(crate) fn numbers(&self) -> [f64; 4] {
        [self.log_alpha, self.first_moment, self.second_moment, self.steps]
    }

    /// Goes on from such numbers.
    pub(crate) fn restore(&mut self, numbers: &[f64]) {
        if let [log_alpha, first_moment, second_moment, steps] = *numbers {
            *self = Self { log_alpha, first_moment, second_moment, steps, target: self.target };
        }
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
