//! Adam for one number: a temperature, or what a constraint weighs.

/// A number that follows its gradient by Adam (Kingma & Ba 2015), with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ScalarAdam {
    value: f64,
    first_moment: f64,
    second_moment: f64,
    steps: f64,
}

impl ScalarAdam {
    /// One that begins at `value`.
    pub(crate) fn new(value: f64) -> Self {
        Self { value, first_moment: 0.0, second_moment: 0.0, steps: 0.0 }
    }

    /// Where it is.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// A step down `gradient`.
    pub(crate) fn step(&mut self, gradient: f64, learning_rate: f64) {
        self.steps += 1.0;
        self.first_moment = 0.9 * self.first_moment + 0.1 * gradient;
        self.second_moment = 0.999 * self.second_moment + 0.001 * gradient * gradient;
        let first = self.first_moment / (1.0 - 0.9_f64.powf(self.steps));
        let second = self.second_moment / (1.0 - 0.999_f64.powf(self.steps));
        self.value -= learning_rate * first / (second.sqrt() + 1e-8);
    }

    /// What a checkpoint keeps.
    pub(crate) fn numbers(&self) -> [f64; 4] {
        [self.value, self.first_moment, self.second_moment, self.steps]
    }

    /// Goes on from such numbers.
    pub(crate) fn restore(&mut self, numbers: &[f64]) {
        if let [value, first_moment, second_moment, steps] = *numbers {
            *self = Self { value, first_moment, second_moment, steps };
        }
    }
}
