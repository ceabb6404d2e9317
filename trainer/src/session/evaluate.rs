//! Evaluations within a run: is it solved, and which weights are kept.

use cartwheel_envs::Statistics;

use super::{End, Session, drawn_seed, stream};
use crate::TrainError;
use crate::counters::Best;
use crate::error::EnvFault;
use crate::evaluation::Evaluation;
use crate::events::Event;
use crate::watch::Activity;

impl Session<'_> {
    /// Evaluates the newest weights and keeps them if they are the best. True once they solve the task: they
    /// reach one threshold, and on fresh episodes another. A first hit alone flatters: of 300 runs that
    /// stopped at it, 18 failed a longer second look.
    ///
    /// Nothing if asked to stop meanwhile: then nothing is counted or written.
    fn evaluate(&mut self) -> Result<Option<bool>, TrainError> {
        self.policy.set_parameters(self.learning.learner().parameters());
        self.policy.set_statistics(Statistics::merged(&self.statistics));
        let Some(first) = self.play(0)? else { return Ok(None) };
        let mean = first.mean();
        let mut second = None;
        if self.plan.solved_at.is_some_and(|threshold| mean >= threshold) {
            second = self.play(1)?;
            if second.is_none() {
                return Ok(None);
            }
        }
        self.report(&first);
        if let Some(second) = second {
            self.report(&second);
            if self.plan.confirmed_at.is_some_and(|threshold| second.mean() >= threshold) {
                // Of weights that solved the task the best stay, and of equals the later, which learnt from more.
                let before = self.counters.best.as_ref().filter(|_| self.counters.solved);
                if before.is_none_or(|before| second.mean() >= before.evaluation.mean()) {
                    self.keep(second);
                }
                self.counters.solved = true;
                return Ok(Some(true));
            }
        }
        // Weights that solved the task stay the kept ones until others solve it too.
        let better = self.counters.best.as_ref().is_none_or(|best| mean > best.evaluation.mean());
        if better && !self.counters.solved {
            self.keep(first);
        }
        Ok(Some(false))
    }

    /// The evaluation that is due within training: why the run ends with it, if it does. One that is interrupted
    /// is done by the resumed run before anything else.
    pub(super) fn evaluate_now(&mut self) -> Result<Option<End>, TrainError> {
        self.counters.evaluation_due = true;
        let Some(solved) = self.evaluate()? else { return Ok(Some(End::Stopped)) };
        self.counters.evaluation_due = false;
        let ends = solved && self.settings.train.stop_when_solved;
        if !ends && self.counters.steps < self.settings.train.total_timesteps {
            self.write_evaluation();
        }
        Ok(ends.then_some(End::Solved))
    }

    /// The kept weights on fresh episodes; nothing if asked to stop. A run that ends as soon as it solves the task looked at them
    /// a second time then, on episodes that had not chosen them. One that goes on keeps the best of many second looks, which
    /// flatters, and looks again.
    pub(super) fn final_evaluation(&mut self) -> Result<Option<Evaluation>, TrainError> {
        if !self.counters.solved && self.evaluate()?.is_none() {
            return Ok(None);
        }
        let Some(best) = self.counters.best.clone() else { return Ok(None) };
        if self.counters.solved && self.settings.train.stop_when_solved {
            return Ok(Some(best.evaluation));
        }
        self.policy.set_parameters(&best.parameters);
        self.policy.set_statistics(best.statistics);
        let evaluation = self.play(0)?;
        if let Some(evaluation) = &evaluation {
            self.report(evaluation);
        }
        Ok(evaluation)
    }

    fn keep(&mut self, evaluation: Evaluation) {
        let parameters = self.learning.learner().parameters().to_vec();
        let statistics = Statistics::merged(&self.statistics);
        self.best_critic = self.learning.learner().critic();
        self.counters.best = Some(Best { evaluation, steps: self.counters.steps, parameters, statistics });
    }

    /// The policy on the episodes of the evaluation that comes `ahead` after the next; nothing if asked to stop.
    fn play(&mut self, ahead: u64) -> Result<Option<Evaluation>, TrainError> {
        let keys = [self.settings.train.seed, self.counters.evaluations + ahead, stream::EVALUATION];
        let seed = drawn_seed(self.settings, &keys);
        self.watch.doing(Activity::Evaluating);
        self.lend_replay();
        let result = self.evaluator.evaluate(&mut self.policy, seed, &|| self.watch.stopping());
        self.take_replay_back();
        result.map_err(|error| {
            let what = format!("in an evaluation from seed {seed}: {error}");
            let (env_id, step) = (self.settings.env.id.clone(), self.counters.steps);
            EnvFault { env_id, env: None, seed: self.settings.train.seed, step, episode_step: None, what }.into()
        })
    }

    /// Writes the row of the last evaluation, if it is not written. Of several at one step, as where a task is solved or a run
    /// ends, it is that of the last alone: a curve has one value a step, and ends with what the run comes to.
    pub(super) fn write_evaluation(&mut self) {
        if let Some(row) = self.evaluated.take() {
            self.write_row(row);
        }
    }

    /// Counts and tells of an evaluation.
    fn report(&mut self, evaluation: &Evaluation) {
        self.counters.evaluations += 1;
        self.evaluated = Some(self.counters.evaluation_row(evaluation));
        self.tell(&Event::Evaluation { steps: self.counters.steps, evaluation });
    }
}
