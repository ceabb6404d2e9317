//! The settings of hindsight experience replay.

use cartwheel_agents::{config, config_enum};

use super::Algo;

config_enum! {
    /// The algorithm that learns from hindsight experience replay.
    pub enum ModelClass {
        /// [`Algo::Sac`], for actions that are numbers.
        Sac = "sac",
        /// [`Algo::Tqc`], for the same.
        Tqc = "tqc",
        /// [`Algo::Td3`], for the same.
        Td3 = "td3",
        /// [`Algo::Ddpg`], for the same: what the paper uses.
        Ddpg = "ddpg",
        /// [`Algo::Dqn`], for discrete actions.
        Dqn = "dqn",
        /// [`Algo::Qrdqn`], for the same.
        Qrdqn = "qrdqn",
        /// [`Algo::Iqn`], for the same.
        Iqn = "iqn",
        /// [`Algo::DiscreteSac`], for the same.
        DiscreteSac = "discrete-sac",
    }
}

impl ModelClass {
    /// The algorithm, whose section holds its hyperparameters.
    pub fn algo(self) -> Algo {
        match self {
            Self::Sac => Algo::Sac,
            Self::Tqc => Algo::Tqc,
            Self::Td3 => Algo::Td3,
            Self::Ddpg => Algo::Ddpg,
            Self::Dqn => Algo::Dqn,
            Self::Qrdqn => Algo::Qrdqn,
            Self::Iqn => Algo::Iqn,
            Self::DiscreteSac => Algo::DiscreteSac,
        }
    }
}

config_enum! {
    /// Which of the states that an episode came to a transition of it is given as its goal.
    pub enum GoalSelectionStrategy {
        /// Any from what the transition led to on.
        Future = "future",
        /// The last.
        Final = "final",
        /// Any after the first.
        Episode = "episode",
    }
}

config! {
    /// Hindsight experience replay (Andrychowicz et al. 2017; docs/algorithms/her.md), for environments with goals.
    /// Defaults are those of Stable-Baselines3's HerReplayBuffer.
    pub struct HerConfig in "her" {
        /// What learns from it, by the settings of its own section. Where actions are discrete it is "dqn", "qrdqn",
        /// "iqn" or "discrete-sac".
        model_class: ModelClass = ModelClass::Sac;
        /// Relabelled transitions for each original one.
        n_sampled_goal: usize = 4, within(0, 1000);
        /// Which states of the episode become goals: later ones, the last, or any.
        goal_selection_strategy: GoalSelectionStrategy = GoalSelectionStrategy::Future;
    }
}
