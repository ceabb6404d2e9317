//! How actors leave the best action for others, to find better ones.

use cartwheel_envs::Generator;
use rand_distr::{Distribution as _, StandardNormal};
use serde::{Deserialize, Serialize};

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
    /// Which action is the policy's.
    pub style: Style,
    /// How differently environments explore: see [`chance`](Self::chance). 0 for all alike.
    pub alpha: f64,
}

/// Which action a policy takes of those that it could.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    /// The best.
    Best,
    /// One drawn from its distribution.
    Sampled,
    /// The best with noise added, which is kept between -1 and 1: of actions that are.
    Noisy(ActionNoise),
    /// The mean with noise added that depends on the state, by a matrix that is drawn at the beginning of each rollout and, if that
    /// is given, again after so many steps: of actions that are numbers (Raffin et al. 2021).
    StateDependent {
        /// Steps after which it is drawn again; none for the whole rollout.
        sample_freq: Option<usize>,
    },
}

impl Style {
    /// What a policy that has a distribution does by the settings `use_sde` and `sde_sample_freq`.
    pub fn drawn(use_sde: bool, sde_sample_freq: i64) -> Self {
        if use_sde {
            Self::StateDependent { sample_freq: usize::try_from(sde_sample_freq).ok() }
        } else {
            Self::Sampled
        }
    }

    /// Whether actions are drawn from a distribution, by which each has a chance.
    pub fn has_chances(self) -> bool {
        matches!(self, Self::Sampled | Self::StateDependent { .. })
    }
}

/// What `sde_sample_freq` may be: -1, or 1 and more.
///
/// # Errors
/// What is expected.
pub(crate) fn sde_sample_freq(steps: &i64) -> Result<(), String> {
    if *steps == -1 || *steps > 0 { Ok(()) } else { Err("-1 for once a rollout, or a number of 1 or more".into()) }
}

crate::config_enum! {
    /// The kind of noise that is added to continuous actions.
    pub enum NoiseType {
        /// Each step its own.
        Normal = "normal",
        /// That of Ornstein and Uhlenbeck, which drifts (Lillicrap et al. 2016).
        OrnsteinUhlenbeck = "ornstein-uhlenbeck",
    }
}

/// Noise added to actions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActionNoise {
    /// Its kind.
    pub kind: NoiseType,
    /// Its standard deviation, in shares of half the action's range.
    pub sigma: f64,
}

/// What noise that drifts has come to, a number for each of an action.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseState(Vec<f32>);

impl ActionNoise {
    /// How fast drifting noise returns, and the time of a step: Stable-Baselines3's.
    const THETA: f64 = 0.15;
    const DT: f64 = 0.01;

    /// Adds the next noise to `action`.
    #[inline]
    pub fn add(&self, action: &mut [f32], state: &mut NoiseState, rng: &mut Generator) {
        let drifts = self.kind == NoiseType::OrnsteinUhlenbeck;
        if drifts {
            state.0.resize(action.len(), 0.0);
        }
        for (i, action) in action.iter_mut().enumerate() {
            let drawn: f64 = StandardNormal.sample(rng);
            let mut noise = (self.sigma * drawn) as f32;
            if drifts {
                let before = f64::from(state.0[i]);
                noise = (before - Self::THETA * before * Self::DT + self.sigma * Self::DT.sqrt() * drawn) as f32;
                state.0[i] = noise;
            }
            *action = (*action + noise).clamp(-1.0, 1.0);
        }
    }
}

impl NoiseState {
    /// At an episode's beginning.
    pub fn reset(&mut self) {
        self.0.fill(0.0);
    }
}

impl Exploration {
    /// Pure chance for so many environment steps, and from then on the policy's own actions.
    pub fn after_random(random_steps: u64, style: Style) -> Self {
        Self { epsilon: EpsilonSchedule { random_steps, ..EpsilonSchedule::NEVER }, style, alpha: 0.0 }
    }

    /// The chance of environment number `env` of `n` where `epsilon` is scheduled: ε^(1 + α i / (N − 1)), so that some explore
    /// much and others little (Horgan et al. 2018).
    #[inline]
    pub fn chance(&self, epsilon: f64, env: usize, n: usize) -> f64 {
        if self.alpha == 0.0 || n < 2 {
            return epsilon;
        }
        epsilon.powf(1.0 + self.alpha * env as f64 / (n - 1) as f64)
    }

    /// The mean of that over all `n` environments.
    pub fn mean_chance(&self, epsilon: f64, n: usize) -> f64 {
        if self.alpha == 0.0 { epsilon } else { (0..n).map(|env| self.chance(epsilon, env, n)).sum::<f64>() / n as f64 }
    }
}

impl From<EpsilonSchedule> for Exploration {
    /// ε-greedy.
    fn from(epsilon: EpsilonSchedule) -> Self {
        Self { epsilon, style: Style::Best, alpha: 0.0 }
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
        let after = Exploration::after_random(10, Style::Sampled).epsilon;
        assert_eq!([9, 10, 1000].map(|steps| after.at(steps)), [1.0, 0.0, 0.0]);
    }

    /// The numbers of the paper: from 0.4 to 0.4⁸.
    #[test]
    fn environments_explore_differently() {
        let exploration = Exploration { alpha: 7.0, ..Exploration::from(EpsilonSchedule::NEVER) };
        for (env, expected) in [(0, 0.4), (1, 0.4_f64.powf(1.0 + 7.0 / 3.0)), (3, 0.4_f64.powi(8))] {
            assert!((exploration.chance(0.4, env, 4) - expected).abs() < 1e-12, "{env}");
        }
        assert_eq!((exploration.chance(1.0, 3, 4), exploration.chance(0.4, 0, 1)), (1.0, 0.4), "all at random; alone");
        let mean = (0..4).map(|env| exploration.chance(0.4, env, 4)).sum::<f64>() / 4.0;
        assert!((exploration.mean_chance(0.4, 4) - mean).abs() < 1e-12);
        assert_eq!(Exploration::from(EpsilonSchedule::NEVER).mean_chance(0.3, 4), 0.3);
    }

    #[test]
    fn a_matrix_is_drawn_once_a_rollout_or_every_few_steps() {
        assert_eq!([-2, -1, 0, 1, 16].map(|steps| sde_sample_freq(&steps).is_ok()), [false, true, false, true, true]);
        assert_eq!(Style::drawn(true, -1), Style::StateDependent { sample_freq: None });
        assert_eq!(Style::drawn(true, 16), Style::StateDependent { sample_freq: Some(16) });
        assert_eq!(Style::drawn(false, 16), Style::Sampled);
    }

    #[test]
    fn noise_has_its_deviation_and_drifts_if_it_should() {
        let mut rng = Generator::new(1);
        for (kind, deviation, together) in [(NoiseType::Normal, 0.1, 0.0), (NoiseType::OrnsteinUhlenbeck, 0.18, 0.99)] {
            let (noise, mut state) = (ActionNoise { kind, sigma: 0.1 }, NoiseState::default());
            let mut series = Vec::new();
            for _ in 0..200_000 {
                let mut action = [0.0];
                noise.add(&mut action, &mut state, &mut rng);
                series.push(f64::from(action[0]));
            }
            let mean_of = |of: &mut dyn Iterator<Item = f64>| of.sum::<f64>() / series.len() as f64;
            let variance = mean_of(&mut series.iter().map(|x| x * x));
            let covariance = mean_of(&mut series.windows(2).map(|pair| pair[0] * pair[1]));
            assert!((variance.sqrt() - deviation).abs() < 0.03, "{kind}: {}", variance.sqrt());
            assert!((covariance / variance - together).abs() < 0.02, "{kind}: {}", covariance / variance);
            state.reset();
            assert!(state.0.iter().all(|x| *x == 0.0));
        }
        let mut action = [0.99; 50];
        ActionNoise { kind: NoiseType::Normal, sigma: 1.0 }.add(&mut action, &mut NoiseState::default(), &mut rng);
        assert!(action.iter().all(|x| (-1.0..=1.0).contains(x)) && action.contains(&1.0));
    }
}
