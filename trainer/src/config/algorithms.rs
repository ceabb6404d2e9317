//! The algorithms: their names and the sections of their hyperparameters.

use cartwheel_agents::config::Section;
use cartwheel_agents::dqn::{DqnConfig, QrDqnConfig, RainbowConfig};
use cartwheel_agents::ppo::PpoConfig;
use cartwheel_agents::sac::SacConfig;
use cartwheel_agents::td3::{DdpgConfig, Td3Config};
use cartwheel_agents::{Acting, Algorithm, config_enum};
use cartwheel_envs::Space;

use super::{EnvConfig, EvalConfig, RunConfig, TrainConfig};
use crate::TrainError;

/// Declares [`Algo`] and [`Settings`] from the list of algorithms below.
macro_rules! algorithms {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal, in $section:ident: $config:ty;)*) => {
        config_enum! {
            /// The learning algorithm.
            pub enum Algo {
                $($(#[doc = $doc])* $name = $word,)*
            }
        }

        impl Algo {
            /// What it is, in a line.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*).trim(),)*
                }
            }
        }

        /// All settings of a run.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Settings {
            /// The environment.
            pub env: EnvConfig,
            /// The loop.
            pub train: TrainConfig,
            $(
                #[doc = concat!("Hyperparameters of ", $word, ".")]
                pub $section: $config,
            )*
            /// Evaluation.
            pub eval: EvalConfig,
            /// Disk.
            pub run: RunConfig,
        }

        impl Settings {
            /// The chosen algorithm with its hyperparameters.
            pub fn algorithm(&self) -> &dyn Algorithm {
                match self.train.algo {
                    $(Algo::$name => &self.$section,)*
                }
            }

            pub(super) fn sections(&self) -> Vec<&dyn Section> {
                vec![&self.env, &self.train, $(&self.$section,)* &self.eval, &self.run]
            }

            pub(super) fn sections_mut(&mut self) -> Vec<&mut dyn Section> {
                vec![&mut self.env, &mut self.train, $(&mut self.$section,)* &mut self.eval, &mut self.run]
            }

            /// Refuses hyperparameters of algorithms that are not the chosen one: nothing would read them.
            pub(super) fn check_algorithms(&self) -> Result<(), TrainError> {
                let chosen = self.algorithm().name();
                $(if self.$section.name() != chosen && self.$section != <$config>::default() {
                    return Err(TrainError::Unfit(format!(
                        "[{}] has settings, and train.algo = \"{}\" reads none of them: set those of [{chosen}], or choose the algorithm with --algo",
                        self.$section.name(), self.train.algo,
                    )));
                })*
                Ok(())
            }
        }
    };
}

algorithms! {
    /// Deep Q-network, with the parts of Rainbow as switches.
    Dqn = "dqn", in dqn: DqnConfig;
    /// Rainbow: DQN with double Q-learning, dueling, prioritized replay, n-step returns, C51 and noisy networks.
    Rainbow = "rainbow", in rainbow: RainbowConfig;
    /// Quantile regression DQN: learns quantiles of returns.
    Qrdqn = "qrdqn", in qrdqn: QrDqnConfig;
    /// Proximal policy optimization.
    Ppo = "ppo", in ppo: PpoConfig;
    /// Soft actor-critic.
    Sac = "sac", in sac: SacConfig;
    /// Twin delayed deep deterministic policy gradient.
    Td3 = "td3", in td3: Td3Config;
    /// Deep deterministic policy gradient.
    Ddpg = "ddpg", in ddpg: DdpgConfig;
}

impl Settings {
    /// The sections that the run reads.
    pub(super) fn chosen_sections(&self) -> Vec<&dyn Section> {
        vec![&self.env, &self.train, self.algorithm(), &self.eval, &self.run]
    }

    /// Why the chosen algorithm does not take these spaces, and which do.
    pub(crate) fn refuse_space(&self, space: &str, observations: &Space, actions: &Space) -> TrainError {
        let fits = |algo: &Algo| {
            let other = Self { train: TrainConfig { algo: *algo, ..self.train.clone() }, ..self.clone() };
            Acting::new(other.algorithm(), observations, actions).is_ok()
        };
        let others: Vec<_> = Algo::ALL.iter().filter(|algo| fits(algo)).map(Algo::to_string).collect();
        let advice = if others.is_empty() {
            "no algorithm here takes it: wrap the environment (`cartwheel env wrappers`)".into()
        } else {
            format!("these take it: --algo {}", others.join(", "))
        };
        TrainError::Unfit(format!("{} cannot learn {} with {space}; {advice}", self.train.algo, self.env.id))
    }
}
