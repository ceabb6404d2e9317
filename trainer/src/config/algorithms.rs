//! The algorithms: their names and the sections of their hyperparameters.

use std::fmt;
use std::str::FromStr;

use cartwheel_agents::a2c::A2cConfig;
use cartwheel_agents::bc::BcConfig;
use cartwheel_agents::config::{self, Section, UnknownChoice, Value, toml_edit};
use cartwheel_agents::cql::CqlConfig;
use cartwheel_agents::discrete_sac::DiscreteSacConfig;
use cartwheel_agents::dqn::{ApexConfig, DqnConfig, IqnConfig, QrDqnConfig, RainbowConfig};
use cartwheel_agents::impala::ImpalaConfig;
use cartwheel_agents::ppo::PpoConfig;
use cartwheel_agents::pqn::PqnConfig;
use cartwheel_agents::recurrent_ppo::RecurrentPpoConfig;
use cartwheel_agents::reinforce::ReinforceConfig;
use cartwheel_agents::sac::SacConfig;
use cartwheel_agents::td3::{DdpgConfig, Td3Config};
use cartwheel_agents::tqc::TqcConfig;
use cartwheel_agents::{Acting, Algorithm, Data, ReplayUse};
use cartwheel_envs::{ACTION_MASK, Space};

use super::her::ModelClass;
use super::registry::{Registered, RegisteredSettings, registered, same};
use super::{EnvConfig, EvalConfig, HerConfig, OfflineConfig, RunConfig, TrainConfig};
use crate::TrainError;

/// Declares [`Algo`] and [`Settings`] from the list of algorithms below.
macro_rules! algorithms {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal, in $section:ident: $config:ty;)*) => {
        /// The learning algorithm.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Algo {
            $($(#[doc = $doc])* $name,)*
            /// Hindsight experience replay, for environments with goals, over another of these: her.model_class.
            Her,
            /// One of [`register_algorithm`](crate::register_algorithm).
            Registered(&'static Registered),
        }

        impl Algo {
            /// Those that are shipped, in the order of the list.
            pub fn shipped() -> &'static [Self] {
                &[$(Self::$name,)* Self::Her]
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Her => "her",
                    Self::Registered(own) => own.name,
                }
            }

            /// What it is, in a line.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*).trim(),)*
                    Self::Her => "Hindsight experience replay, for environments with goals, over an algorithm with replay.",
                    Self::Registered(own) => own.summary,
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
            /// Hindsight experience replay.
            pub her: HerConfig,
            /// Datasets to learn from.
            pub offline: OfflineConfig,
            /// Hyperparameters of algorithms from outside.
            pub registered: RegisteredSettings,
            /// Evaluation.
            pub eval: EvalConfig,
            /// Disk.
            pub run: RunConfig,
        }

        impl Settings {
            /// The chosen algorithm with its hyperparameters; that which learns from hindsight, where that is chosen.
            pub fn algorithm(&self) -> &dyn Algorithm {
                self.algorithm_of(self.train.algo)
            }

            fn algorithm_of(&self, algo: Algo) -> &dyn Algorithm {
                match algo {
                    $(Algo::$name => &self.$section,)*
                    Algo::Her => self.algorithm_of(self.her.model_class.algo()),
                    // Settings that are older than the algorithm have none of its own.
                    Algo::Registered(own) => self.registered.get(own.name).unwrap_or(&*own.defaults),
                }
            }

            pub(super) fn sections(&self) -> Vec<&dyn Section> {
                let mut sections: Vec<&dyn Section> = vec![&self.env, &self.train, $(&self.$section,)* &self.her, &self.offline];
                sections.extend(self.registered.iter().map(|section| section as &dyn Section));
                sections.extend([&self.eval as &dyn Section, &self.run]);
                sections
            }

            pub(super) fn sections_mut(&mut self) -> Vec<&mut dyn Section> {
                let mut sections: Vec<&mut dyn Section> = vec![&mut self.env, &mut self.train, $(&mut self.$section,)* &mut self.her, &mut self.offline];
                sections.extend(self.registered.iter_mut());
                sections.extend([&mut self.eval as &mut dyn Section, &mut self.run]);
                sections
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
    /// Implicit quantile network: learns the quantile of any fraction of returns.
    Iqn = "iqn", in iqn: IqnConfig;
    /// Ape-X DQN: for many actors, which explore differently and say what their transitions begin with in prioritized replay.
    Apex = "apex", in apex: ApexConfig;
    /// Proximal policy optimization.
    Ppo = "ppo", in ppo: PpoConfig;
    /// PPO with a policy that remembers what it has seen (LSTM).
    RecurrentPpo = "recurrent-ppo", in recurrent_ppo: RecurrentPpoConfig;
    /// Advantage actor-critic.
    A2c = "a2c", in a2c: A2cConfig;
    /// Actor-critic with V-trace, which corrects for how far free-running actors are behind.
    Impala = "impala", in impala: ImpalaConfig;
    /// The policy gradient of whole episodes, with a baseline.
    Reinforce = "reinforce", in reinforce: ReinforceConfig;
    /// Parallelised Q-network: Q-learning from rollouts, without replay or target network.
    Pqn = "pqn", in pqn: PqnConfig;
    /// Soft actor-critic.
    Sac = "sac", in sac: SacConfig;
    /// Truncated quantile critics.
    Tqc = "tqc", in tqc: TqcConfig;
    /// Soft actor-critic for discrete actions.
    DiscreteSac = "discrete-sac", in discrete_sac: DiscreteSacConfig;
    /// Twin delayed deep deterministic policy gradient.
    Td3 = "td3", in td3: Td3Config;
    /// Deep deterministic policy gradient.
    Ddpg = "ddpg", in ddpg: DdpgConfig;
    /// Behaviour cloning: does what was done in recorded episodes.
    Bc = "bc", in bc: BcConfig;
    /// Conservative Q-learning from recorded episodes.
    Cql = "cql", in cql: CqlConfig;
}

impl Algo {
    /// Those that are shipped, and after them those that were registered.
    pub fn all() -> Vec<Self> {
        Self::shipped().iter().copied().chain(registered().into_iter().map(Self::Registered)).collect()
    }

    /// Whether it takes actions of this space.
    pub fn takes(self, actions: &Space) -> bool {
        if self == Self::Her {
            return ModelClass::ALL.iter().any(|class| class.algo().takes(actions));
        }
        Settings::default().algorithm_of(self).head(actions).is_some()
    }
}

impl fmt::Display for Algo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What others take for an algorithm and is a switch of one here.
const PARTS: [(&str, &str); 7] = [
    ("c51", "is dqn with --set dqn.distributional=true"),
    ("ddqn", "is dqn, whose double_q is on"),
    ("double-dqn", "is dqn, whose double_q is on"),
    ("dueling-dqn", "is dqn with --set dqn.dueling=true"),
    ("noisy-dqn", "is dqn with --set dqn.noisy=true"),
    ("maskable-ppo", "is ppo, in environments that say which actions are valid"),
    ("sac-discrete", "is discrete-sac"),
];

impl FromStr for Algo {
    type Err = UnknownChoice;

    fn from_str(word: &str) -> Result<Self, UnknownChoice> {
        let name = word.to_ascii_lowercase().replace('_', "-");
        // As sb3-contrib's MaskablePPO and others' RecurrentPPO.
        let bare = |name: &str| name.replace('-', "");
        let found = Self::all().into_iter().find(|algo| bare(algo.name()) == bare(&name));
        found.ok_or_else(|| {
            let mut unknown = config::support::unknown_choice(&name, &Self::choices());
            if let Some((_, advice)) = PARTS.iter().find(|(part, _)| bare(part) == bare(&name)) {
                unknown.expected.push_str(&format!("; {word} {advice}"));
            }
            UnknownChoice { found: word.to_owned(), ..unknown }
        })
    }
}

impl Value for Algo {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        value.as_str().unwrap_or_default().parse().map_err(|error: UnknownChoice| error.expected)
    }

    fn to_toml(&self) -> toml_edit::Value {
        self.name().into()
    }

    fn choices() -> Vec<&'static str> {
        Self::all().into_iter().map(Self::name).collect()
    }
}

impl Settings {
    /// Refuses hyperparameters of algorithms that are not the chosen one: nothing would read them.
    pub(super) fn check_algorithms(&self) -> Result<(), TrainError> {
        let (chosen, untouched) = (self.algorithm().name(), Self::default());
        for (section, untouched) in self.sections().into_iter().zip(untouched.sections()) {
            // What is shipped for hindsight is for one model class, over which another may be chosen.
            let other_class = self.train.algo == Algo::Her
                && ModelClass::ALL.iter().any(|class| self.algorithm_of(class.algo()).name() == section.name());
            let read = other_class || self.chosen_sections().iter().any(|read| read.name() == section.name());
            if !read && section.name() == self.offline.name() && !same(section, untouched) {
                return Err(TrainError::Unfit(format!(
                    "[offline] (--dataset) is for --algo bc and cql, and train.algo = \"{}\" learns from steps of its own: leave it out",
                    self.train.algo
                )));
            }
            if !read && !same(section, untouched) {
                return Err(TrainError::Unfit(format!(
                    "[{}] has settings, and train.algo = \"{}\" reads none of them: set those of [{chosen}], or choose the algorithm with --algo",
                    section.name(),
                    self.train.algo,
                )));
            }
        }
        Ok(())
    }

    /// The sections that the run reads.
    pub(super) fn chosen_sections(&self) -> Vec<&dyn Section> {
        let mut sections: Vec<&dyn Section> = vec![&self.env, &self.train, self.algorithm()];
        if self.train.algo == Algo::Her {
            sections.push(&self.her);
        }
        if self.is_offline() {
            sections.push(&self.offline);
        }
        sections.extend([&self.eval as &dyn Section, &self.run]);
        sections
    }

    /// Refuses what hindsight does not go together with, where it is chosen.
    pub(super) fn check_hindsight(&self) -> Result<(), TrainError> {
        if self.train.algo != Algo::Her {
            return Ok(());
        }
        let algorithm = self.algorithm();
        let (name, problem) = match algorithm.data() {
            Data::Replay(ReplayUse { prioritization: Some(_), .. }) => (algorithm.name(), "prioritized_replay = true"),
            Data::Replay(ReplayUse { returns, .. }) if returns.n_steps > 1 => (algorithm.name(), "n_steps above 1"),
            _ => return Ok(()),
        };
        Err(TrainError::Unfit(format!(
            "{name}.{problem} does not go with --algo her, which gives transitions other goals one by one: set it back"
        )))
    }

    /// Why the chosen algorithm does not take these spaces, and which do.
    pub(crate) fn refuse_space(&self, space: &str, observations: &Space, actions: &Space) -> TrainError {
        let fits_alone = |algo: &Algo| {
            let other = Self { train: TrainConfig { algo: *algo, ..self.train.clone() }, ..self.clone() };
            Acting::new(other.algorithm(), observations, actions).is_ok()
        };
        let goals = observations.part("achieved_goal").is_some() && observations.part("desired_goal").is_some();
        let fits = |algo: &Algo| {
            if *algo == Algo::Her { goals && algo.takes(actions) } else { fits_alone(algo) }
        };
        if self.train.algo == Algo::Her {
            let classes: Vec<_> = ModelClass::ALL.iter().filter(|class| fits_alone(&class.algo())).collect();
            let classes: Vec<_> = classes.iter().map(|class| format!("{:?}", class.to_string())).collect();
            let advice = match classes.as_slice() {
                [] => "nothing that learns from replay does".to_string(),
                classes => format!("set her.model_class to {}", classes.join(" or ")),
            };
            return TrainError::Unfit(format!(
                "her.model_class = \"{}\" cannot learn {} with {space}; {advice}",
                self.her.model_class, self.env.id
            ));
        }
        let others: Vec<_> = Algo::all().iter().filter(|algo| fits(algo)).map(Algo::to_string).collect();
        let advice = if others.is_empty() && observations.part(ACTION_MASK).is_some() {
            "an action_mask has a flag for each action: put ActionMaskObservation behind wrappers that change observations".into()
        } else if others.is_empty() {
            "no algorithm here takes it: wrap the environment (`cartwheel env wrappers`)".into()
        } else {
            format!("these take it: --algo {}", others.join(", "))
        };
        TrainError::Unfit(format!("{} cannot learn {} with {space}; {advice}", self.train.algo, self.env.id))
    }
}
