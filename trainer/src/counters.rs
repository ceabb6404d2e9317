//! What is counted and averaged over a run, kept in checkpoints so that a resumed run writes the same rows.

use std::collections::{BTreeMap, VecDeque};

use cartwheel_agents::Learner;
use cartwheel_envs::Statistics;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::config::Settings;
use crate::episode_info::{EpisodeInfo, means, success_rate};
use crate::evaluation::Evaluation;
use crate::run::{EpisodeRecord, MetricsRow};
use crate::watch::Intervention;

/// Episodes that rollout metrics average over, as in Stable-Baselines3.
const WINDOW: usize = 100;

/// See the module's documentation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Environment steps.
    pub(crate) steps: u64,
    /// Gradient steps.
    pub(crate) updates: u64,
    /// Environment steps at the last gradient step.
    pub(crate) updated_at: u64,
    /// Finished episodes.
    pub(crate) episodes: u64,
    /// Evaluations played: each has seeds of its own.
    pub(crate) evaluations: u64,
    /// Whether an evaluation was begun and not finished.
    pub(crate) evaluation_due: bool,
    /// The update that the run was stopped within, for the resumed run to end before anything else.
    pub(crate) cut: Option<Cut>,
    /// Publications of weights.
    pub(crate) version: u64,
    /// Transitions collected that gradient steps are still owed for, times gradient steps of an update.
    pub(crate) owed: u64,
    /// Seconds trained, without evaluations and the time for which viewers held the run, and CPU seconds of it.
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    /// The best weights by evaluation.
    pub(crate) best: Option<Best>,
    /// Whether they solved the task.
    pub(crate) solved: bool,
    /// The last episodes.
    recent: VecDeque<Recent>,
    /// The lowest and the highest reward since the last row of metrics.
    rewards: Option<[f32; 2]>,
    /// Sums since the last row of metrics.
    sums: BTreeMap<String, (f64, u64)>,
}

/// What rollout metrics are means of.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Recent {
    return_: f64,
    length: u64,
    info: EpisodeInfo,
}

/// An update that is not over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Cut {
    /// Environment steps before what it learns from was collected.
    pub(crate) before: u64,
    /// Gradient steps of it that are taken.
    pub(crate) taken: u64,
}

/// The weights that did best in evaluation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Best {
    pub(crate) evaluation: Evaluation,
    pub(crate) steps: u64,
    pub(crate) parameters: Vec<f32>,
    /// Of the wrappers, merged over the environments and frozen.
    pub(crate) statistics: Vec<Statistics>,
}

impl Counters {
    /// Counts a finished episode.
    pub(crate) fn episode(&mut self, record: &EpisodeRecord, length: u64) {
        self.episodes += 1;
        self.recent.push_back(Recent { return_: record.return_, length, info: record.info.clone() });
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
    }

    /// Mean return of the last episodes.
    pub(crate) fn mean_return(&self) -> Option<f64> {
        let sum: f64 = self.recent.iter().map(|episode| episode.return_).sum();
        (!self.recent.is_empty()).then(|| sum / self.recent.len() as f64)
    }

    fn mean_length(&self) -> f64 {
        self.recent.iter().map(|episode| episode.length as f64).sum::<f64>() / self.recent.len() as f64
    }

    /// The share of the last episodes in which the task was achieved, where the environment tells.
    pub(crate) fn success_rate(&self) -> Option<f64> {
        success_rate(self.infos())
    }

    fn infos(&self) -> impl Iterator<Item = &EpisodeInfo> {
        self.recent.iter().map(|episode| &episode.info)
    }

    /// Counts `value` into the mean of `metric` for the next row.
    pub(crate) fn average(&mut self, metric: &'static str, value: f64) {
        if let Some((sum, count)) = self.sums.get_mut(metric) {
            *sum += value;
            *count += 1;
        } else {
            self.sums.insert(metric.into(), (value, 1));
        }
    }

    /// Counts rewards for the next row.
    pub(crate) fn rewards(&mut self, rewards: &[f32]) {
        for reward in rewards {
            let [low, high] = self.rewards.unwrap_or([*reward; 2]);
            self.rewards = Some([low.min(*reward), high.max(*reward)]);
        }
    }

    /// Counts what `learner` did since it was last looked at.
    ///
    /// # Errors
    /// If something that it learnt from is not a number.
    pub(crate) fn learnt(&mut self, learner: &dyn Learner, settings: &Settings) -> Result<(), TrainError> {
        self.updates = learner.updates();
        for (name, value) in learner.metrics() {
            if !value.is_finite() {
                let (update, step, seed) = (self.updates, self.steps, settings.train.seed);
                let section = settings.algorithm().name();
                return Err(TrainError::NotFinite { what: name, section, value: *value, update, step, seed });
            }
            self.average(name, f64::from(*value));
        }
        Ok(())
    }

    /// The row of metrics up to now; sums begin anew.
    pub(crate) fn row(&mut self, epsilon: f64) -> MetricsRow {
        let mut metrics: BTreeMap<String, f64> =
            std::mem::take(&mut self.sums).into_iter().map(|(name, (sum, count))| (name, sum / count as f64)).collect();
        if let Some(mean) = self.mean_return() {
            metrics.insert("rollout/ep_rew_mean".into(), mean);
            metrics.insert("rollout/ep_len_mean".into(), self.mean_length());
            metrics.extend(under("rollout", means(self.infos())));
        }
        if let Some([low, high]) = self.rewards.take() {
            metrics.insert("rollout/reward_min".into(), low.into());
            metrics.insert("rollout/reward_max".into(), high.into());
        }
        metrics.insert("rollout/exploration_rate".into(), epsilon);
        metrics.insert("time/fps".into(), self.steps as f64 / self.wall_s.max(1e-9));
        metrics.insert("train/update_ratio".into(), self.updates as f64 / self.steps.max(1) as f64);
        self.with(metrics)
    }

    /// The row of an evaluation.
    pub(crate) fn evaluation_row(&self, evaluation: &Evaluation) -> MetricsRow {
        let mut metrics = BTreeMap::from([
            ("eval/mean_reward".into(), evaluation.mean()),
            ("eval/std_reward".into(), evaluation.std()),
            ("eval/mean_ep_length".into(), evaluation.mean_length()),
        ]);
        metrics.extend(under("eval", evaluation.info_means()));
        self.with(metrics)
    }

    /// The row of what people decided in the policy's place.
    pub(crate) fn intervention_row(&self, epsilon: f64, now: &Intervention) -> MetricsRow {
        self.with(BTreeMap::from([
            ("control/epsilon".into(), epsilon),
            ("control/taken_over".into(), now.taken_over as f64),
            ("control/person_steps".into(), now.person_steps as f64),
        ]))
    }

    fn with(&self, metrics: BTreeMap<String, f64>) -> MetricsRow {
        MetricsRow { step: self.steps, updates: self.updates, episodes: self.episodes, wall_s: self.wall_s, metrics }
    }
}

/// Metrics by their names below `group`.
fn under(group: &str, metrics: BTreeMap<String, f64>) -> impl Iterator<Item = (String, f64)> {
    metrics.into_iter().map(move |(name, value)| (format!("{group}/{name}"), value))
}

/// Whether counting from `before` to `after` passed a multiple of `interval`; never for 0.
pub(crate) fn passed(before: u64, after: u64, interval: u64) -> bool {
    interval > 0 && before / interval != after / interval
}
