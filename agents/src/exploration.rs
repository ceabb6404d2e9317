//! How actors leave the best action for others, to find better ones.

/// The chance of an action at random, linear in the run's environment steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpsilonSchedule {
    /// Steps of pure chance before learning.
    pub random_steps: u64,
    /// The chance at step 0, and after the fall.
    pub initial: f64,
    /// The chance after the fall.
    pub last: f64,
    /// Steps that the fall takes.
    pub fall: f64,
}

impl EpsilonSchedule {
    /// No action at random.
    pub const NEVER: Self = Self { random_steps: 0, initial: 0.0, last: 0.0, fall: 1.0 };

    /// The chance once `steps` environment steps are done.
    #[inline]
    pub fn at(&self, steps: u64) -> f64 {
        if steps < self.random_steps {
            return 1.0;
        }
        self.initial + (steps as f64 / self.fall.max(1.0)).min(1.0) * (self.last - self.initial)
    }
}

/// What an actor does with what the network says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exploration {
    /// The chance of any action instead of the policy's.
    pub epsilon: EpsilonSchedule,
    /// Whether the policy's action is drawn from its distribution; otherwise it is the best one.
    pub samples: bool,
}

impl From<EpsilonSchedule> for Exploration {
    /// ε-greedy.
    fn from(epsilon: EpsilonSchedule) -> Self {
        Self { epsilon, samples: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_falls_in_a_line_once_learning_has_begun() {
        let schedule = EpsilonSchedule { random_steps: 10, initial: 1.0, last: 0.2, fall: 100.0 };
        for (steps, chance) in [(0, 1.0), (9, 1.0), (50, 0.6), (100, 0.2), (1000, 0.2)] {
            assert!((schedule.at(steps) - chance).abs() < 1e-12, "{steps}");
        }
        assert_eq!(EpsilonSchedule::NEVER.at(0), 0.0);
    }
}
