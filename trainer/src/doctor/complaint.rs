//! What can be wrong, and what to try.

use std::fmt;

/// What can be wrong with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Complaint {
    /// The network's values are beyond any return that the rewards allow.
    ValuesBeyondReach,
    /// Many hidden units never answer.
    DeadUnits,
    /// The loss falls and the return does not change.
    FlatReturn,
    /// The return rose and has fallen again.
    FallenReturn,
    /// Much is still left to chance at the end.
    LateExploration,
    /// Most transitions are never learnt from.
    FewUpdates,
    /// Observations are not what the environment's space says.
    OutsideSpace,
    /// Returns are beyond what the network can tell of.
    OutOfSupport,
    /// Priorities are all the same.
    SaturatedPriorities,
}

impl Complaint {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ValuesBeyondReach,
        Self::DeadUnits,
        Self::FlatReturn,
        Self::FallenReturn,
        Self::LateExploration,
        Self::FewUpdates,
        Self::OutsideSpace,
        Self::OutOfSupport,
        Self::SaturatedPriorities,
    ];

    /// Its name in files and `--json`.
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    /// What to try.
    pub fn advice(self) -> &'static str {
        self.texts().2
    }

    /// Name, words and advice.
    fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ValuesBeyondReach => (
                "values-beyond-reach",
                "values are beyond any possible return",
                "Try a lower learning_rate, a target network that follows more slowly (tau, target_update_interval), double = true where there is one, or rewards scaled to about 1",
            ),
            Self::DeadUnits => (
                "dead-units",
                "many hidden units are dead",
                "Try a lower learning_rate, normalized observations (--wrapper NormalizeObservation), or another activation than relu",
            ),
            Self::FlatReturn => (
                "flat-return",
                "the loss falls, but the return does not change",
                "The network learns values of what it does and finds nothing better: explore more or longer, look at the rewards that it gets (cartwheel watch), or shape them",
            ),
            Self::FallenReturn => (
                "fallen-return",
                "the return rose and has fallen again",
                "Try a learning_rate that falls (lin_0.001) or is lower, or a larger batch_size; with replay a larger buffer_size, or targets that follow more slowly (target_update_interval, tau). checkpoints/best.safetensors keeps the weights that did best, where evaluations are on",
            ),
            Self::LateExploration => (
                "late-exploration",
                "much is still left to chance at the end",
                "Lower exploration_final_eps, or end the fall sooner with exploration_fraction",
            ),
            Self::FewUpdates => (
                "few-updates",
                "most transitions are never learnt from",
                "Raise gradient_steps or batch_size, or lower train_freq or learning_starts",
            ),
            Self::OutsideSpace => (
                "outside-space",
                "observations are outside of their space",
                "Mend the bounds of the observation space: what is scaled by them is off (cartwheel env check)",
            ),
            Self::OutOfSupport => (
                "out-of-support",
                "returns are beyond v_min and v_max",
                "Set v_min and v_max to the least and the greatest discounted return that can be earned",
            ),
            Self::SaturatedPriorities => (
                "saturated-priorities",
                "priorities are nearly all the highest",
                "Prioritized replay then draws as if uniformly: raise gradient_steps or lower train_freq, so that transitions are looked at again, or lower buffer_size",
            ),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.texts().1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_sign_and_names_of_its_own() {
        let mut looked_for: Vec<_> = super::super::signs().iter().map(|sign| sign.complaint()).collect();
        looked_for.sort();
        assert_eq!(looked_for, Complaint::ALL);
        for (i, complaint) in Complaint::ALL.iter().enumerate() {
            assert!(Complaint::ALL[..i].iter().all(|other| other.name() != complaint.name()));
            assert!(!complaint.advice().ends_with('.'), "{complaint}: messages end without a full stop");
        }
    }
}
