//! Learning rates that change while a model is trained.

/// How the learning rate goes on after its warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LrShape {
    /// As it is.
    Constant,
    /// Times `gamma` after every `every` steps: PyTorch's `StepLR`.
    Step {
        /// Steps between two falls.
        every: u64,
        /// What is left after each.
        gamma: f64,
    },
    /// Down to 0 along half a cosine: Hugging Face's `get_cosine_schedule_with_warmup`.
    Cosine,
    /// Up from 1/25 of it and down to 1/250000, along halves of a cosine: PyTorch's `OneCycleLR` (Smith & Topin 2018). It has its
    /// own warm-up.
    OneCycle {
        /// Share of the steps on which it rises.
        pct_start: f64,
    },
}

/// The learning rate of each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningRate {
    /// The highest.
    pub peak: f64,
    /// Steps on which it rises in a line from 0.
    pub warmup: u64,
    /// Steps in all.
    pub total: u64,
    /// What follows the warm-up.
    pub shape: LrShape,
}

impl LearningRate {
    /// The learning rate of the step after `step` others.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup && !matches!(self.shape, LrShape::OneCycle { .. }) {
            return self.peak * step as f64 / self.warmup as f64;
        }
        let cosine =
            |from: f64, to: f64, share: f64| to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos());
        match self.shape {
            LrShape::Constant => self.peak,
            LrShape::Step { every, gamma } => {
                let falls = (step - self.warmup) / every.max(1);
                self.peak * gamma.powf(falls as f64)
            }
            LrShape::Cosine => {
                let share = (step - self.warmup) as f64 / self.total.saturating_sub(self.warmup).max(1) as f64;
                cosine(self.peak, 0.0, share.min(1.0))
            }
            LrShape::OneCycle { pct_start } => {
                let (initial, last) = (self.peak / 25.0, self.peak / 25.0 / 1e4);
                let top = pct_start * self.total as f64 - 1.0;
                let end = (self.total as f64 - 1.0).max(0.0);
                let at = (step as f64).min(end);
                if at <= top {
                    cosine(initial, self.peak, if top > 0.0 { at / top } else { 1.0 })
                } else {
                    let length = end - top;
                    cosine(self.peak, last, if length > 0.0 { (at - top) / length } else { 1.0 })
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PyTorch's and Hugging Face's, by tests/data/optimizers/optimizers.py.
    #[test]
    fn schedules_are_those_of_the_references() {
        let recorded: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/data/optimizers/optimizers.json")).expect("JSON");
        for (name, shape, warmup) in [
            ("step", LrShape::Step { every: 4, gamma: 0.5 }, 0),
            ("cosine", LrShape::Cosine, 0),
            ("cosine_with_warmup", LrShape::Cosine, 5),
            ("constant_with_warmup", LrShape::Constant, 5),
            ("one_cycle", LrShape::OneCycle { pct_start: 0.3 }, 0),
        ] {
            let rate = LearningRate { peak: 0.1, warmup, total: 20, shape };
            let expected = recorded["schedules"][name].as_array().expect("a list");
            assert_eq!(expected.len(), 20);
            for (step, expected) in expected.iter().enumerate() {
                let expected = expected.as_f64().expect("a number");
                assert!(
                    (rate.at(step as u64) - expected).abs() < 1e-12,
                    "{name} at {step}: {} {expected}",
                    rate.at(step as u64)
                );
            }
        }
    }

    #[test]
    fn one_of_no_length_stays_finite() {
        for shape in [LrShape::Cosine, LrShape::OneCycle { pct_start: 0.3 }, LrShape::Step { every: 0, gamma: 0.1 }] {
            for total in [0, 1] {
                let rate = LearningRate { peak: 0.1, warmup: 0, total, shape };
                assert!((0..3).all(|step| rate.at(step).is_finite()), "{shape:?}");
            }
        }
    }
}
