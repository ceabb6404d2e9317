//! Datasets of recorded episodes as replay that is full from the beginning.

use std::path::Path;

use cartwheel_agents::ActionHead;
use cartwheel_envs::{ActionRows, Space};

use crate::TrainError;
use crate::config::Settings;
use crate::data::minari::{Dataset, MinariError};
use crate::memory::{in_mib, memory_bytes};
use crate::replay::Replay;

/// Episodes to learn from.
pub(crate) struct Recorded {
    /// Their transitions.
    pub(crate) replay: Replay,
    /// How many episodes they are of.
    pub(crate) episodes: usize,
    /// Of their files, in their order: a run does not go on with another dataset.
    pub(crate) checksum: u32,
}

impl Recorded {
    /// All episodes of the datasets that `settings` name, for a policy that acts by `head` between these spaces.
    ///
    /// # Errors
    /// If none is named, one cannot be read or is of other spaces, or there is no room for them.
    pub(crate) fn load(
        settings: &Settings,
        observations: &Space,
        actions: &Space,
        head: &ActionHead,
    ) -> Result<Self, TrainError> {
        let algo = settings.train.algo;
        if settings.offline.datasets.is_empty() {
            return Err(TrainError::Unfit(format!(
                "--algo {algo} learns from recorded episodes: name their folder with --dataset DIR (offline.datasets); `cartwheel record RUN --transitions DIR` records some"
            )));
        }
        let mut datasets = Vec::new();
        let mut rows = 0;
        for folder in &settings.offline.datasets {
            let dataset = Dataset::open(Path::new(folder))?;
            dataset.check_spaces(&settings.env.id, observations, actions)?;
            // Each episode's final observation takes a row of its own.
            rows += dataset.steps()?.saturating_add(dataset.episodes()?);
            datasets.push(dataset);
        }
        let own = head.rows(0);
        let needed = Replay::bytes_needed(observations, &own, 1, rows, false);
        let memory = u128::from(memory_bytes());
        if needed > memory {
            return Err(TrainError::Unfit(format!(
                "the {rows} observations of offline.datasets need {}, and this machine has {}: name fewer datasets",
                in_mib(needed),
                in_mib(memory)
            )));
        }
        let mut recorded = Self {
            replay: Replay::new(observations, &own, 1, rows, None).map_err(cartwheel_agents::PolicyError::Space)?,
            episodes: 0,
            checksum: 0,
        };
        for dataset in &datasets {
            let before = recorded.replay.transitions();
            recorded.checksum = dataset.checksum(recorded.checksum)?;
            recorded.add(dataset, observations, actions, head)?;
            if recorded.replay.transitions() == before {
                return Err(MinariError::Empty { folder: dataset.folder().to_owned() }.into());
            }
        }
        Ok(recorded)
    }

    /// Gradient steps that so many passes take: of the last batch of a pass, which is not a whole one, there is none.
    pub(crate) fn gradient_steps(&self, n_epochs: u64, batch_size: usize) -> u64 {
        n_epochs.saturating_mul((self.replay.transitions() / batch_size.max(1)).max(1) as u64)
    }

    fn add(
        &mut self,
        dataset: &Dataset,
        observations: &Space,
        actions: &Space,
        head: &ActionHead,
    ) -> Result<(), TrainError> {
        let mut own: ActionRows = head.rows(1);
        for i in 0..dataset.episodes()? {
            let episode = dataset.episode(i, observations, actions)?;
            if episode.is_empty() {
                continue;
            }
            self.episodes += 1;
            self.replay.begin(0, episode.observations.row(0));
            for t in 0..episode.len() {
                head.from_env(episode.action(t), 0, &mut own);
                let terminated = episode.terminations[t];
                // An episode that was not ended is cut off where its recording is.
                let last = t + 1 == episode.len();
                let truncated = episode.truncations[t] || (last && !terminated);
                let next = episode.observations.row(t + 1);
                self.replay.push(0, own.get(0), episode.rewards[t], terminated, truncated, next);
                if (terminated || truncated) && !last {
                    // One that goes on after its end is two.
                    self.replay.begin(0, next);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Algo;
    use crate::data::minari::{About, Recording};
    use cartwheel_agents::{Acting, Returns};
    use cartwheel_envs::{Action, Generator, Kwargs, Row, Step, spec};

    fn space() -> Space {
        Space::box_f32(vec![-100.0], vec![100.0])
    }

    /// Episodes of so many steps that end as they say, all of whose observations are numbered.
    fn record(folder: &Path, episodes: &[(usize, bool, bool)]) {
        let mut recording = Recording::new(&space(), &Space::Discrete { n: 3, start: 5 });
        let mut number = 0.0;
        for (steps, terminated, truncated) in episodes {
            recording.begin(0, Row::F32(&[number]));
            for t in 0..*steps {
                number += 1.0;
                let last = t + 1 == *steps;
                let step =
                    Step { reward: number.into(), terminated: last && *terminated, truncated: last && *truncated };
                recording.step(Action::Discrete(5 + t as i32 % 3), step, Row::F32(&[number]));
            }
            number += 1.0;
        }
        let cart_pole = spec("CartPole-v1").unwrap();
        let about = About {
            env: &cart_pole,
            id: "CartPole-v1",
            kwargs: &Kwargs::new(),
            wrapped: false,
            algorithm_name: "random",
        };
        recording.write(folder, &about).unwrap();
    }

    fn load(folders: &[&Path]) -> Result<Recorded, TrainError> {
        let mut settings = Settings::default();
        settings.train.algo = Algo::Bc;
        settings.offline.datasets = folders.iter().map(|folder| folder.display().to_string()).collect();
        let actions = Space::Discrete { n: 3, start: 5 };
        let acting = Acting::new(settings.algorithm(), &space(), &actions).unwrap();
        Recorded::load(&settings, &space(), &actions, &acting.actions)
    }

    #[test]
    fn truncated_episodes_bootstrap_and_terminated_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        // The second was left in the middle.
        record(&one, &[(2, true, false), (3, false, false)]);
        record(&other, &[(1, true, true), (1, false, true)]);
        let mut recorded = load(&[&one, &other]).unwrap();
        assert_eq!((recorded.episodes, recorded.replay.transitions()), (4, 7));
        let steps = |batch_size| recorded.gradient_steps(5, batch_size);
        assert_eq!((steps(1), steps(2), steps(7), steps(8)), (35, 15, 5, 5), "whole batches, and one at least");
        let mut batch = recorded.replay.batch();
        let returns = Returns { n_steps: 1, gamma: 0.5, reward_scale: 1.0 };
        recorded.replay.sample(500, returns, 0.0, &mut Generator::new(1), &mut batch);
        let cartwheel_envs::ActionRows::Discrete(actions) = &batch.actions else { panic!("counted") };
        for (i, action) in actions.iter().enumerate() {
            let (from, to) = (batch.observations[i], batch.next_observations[i]);
            assert_eq!(
                (to, batch.returns[i]),
                (from + 1.0, from + 1.0),
                "a step leads to the next number, and gives it"
            );
            // Numbers begin anew in the other dataset: its terminated step is from 0 to 1, which here is none that ends.
            let expected: &[f32] = if to == 2.0 {
                &[0.0]
            } else if to == 1.0 {
                &[0.0, 0.5]
            } else {
                &[0.5]
            };
            assert!(expected.contains(&batch.discounts[i]), "{from} to {to}: {}", batch.discounts[i]);
            assert!((0..3).contains(action), "counted from 0");
        }
    }

    #[test]
    fn what_cannot_be_learnt_from_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = |folders: &[&Path]| load(folders).err().unwrap().to_string();
        assert!(told(&[]).contains("--dataset DIR"));
        assert!(told(&[&folder.path().join("none")]).contains("there is no folder"));
        assert!(told(&[folder.path()]).contains("is not a dataset"));
        let empty = folder.path().join("empty");
        record(&empty, &[]);
        assert!(told(&[&empty]).contains("holds no steps"));
    }
}
