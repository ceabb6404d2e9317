//! Evaluations within a run: is it solved, and which weights are kept.

use std::sync::atomic::Ordering;

use cartwheel_envs::Generator;

use super::{Session, stream};
use crate::TrainError;
use crate::evaluation::Evaluation;
use crate::events::Event;
use crate::progress::Best;

impl Session<'_> {
    /// Evaluates the newest weights and keeps them if they are the best. True once they solve the task: they
    /// reach one threshold, and on fresh episodes another. A first hit alone flatters: of 300 runs that
    /// stopped at it, 18 failed a longer second look.
    pub(super) fn evaluate(&mut self) -> Result<bool, TrainError> {
        self.policy.set_parameters(self.dqn.parameters());
        let Some(evaluation) = self.fresh_evaluation()? else { return Ok(false) };
        let mean = evaluation.mean();
        if self.plan.solved_at.is_some_and(|threshold| mean >= threshold) {
            let Some(second) = self.fresh_evaluation()? else { return Ok(false) };
            if self.plan.confirmed_at.is_some_and(|threshold| second.mean() >= threshold) {
                self.keep(second);
                self.books.solved = true;
                return Ok(true);
            }
        }
        // Weights that solved the task stay the kept ones until better ones solve it too.
        let better = self.books.best.as_ref().is_none_or(|best| mean > best.evaluation.mean());
        if better && !self.books.solved {
            self.keep(evaluation);
        }
        Ok(false)
    }

    /// The kept weights on fresh episodes. Those that solved the task were looked at twice already.
    pub(super) fn final_evaluation(&mut self) -> Result<Option<Evaluation>, TrainError> {
        if let Some(best) = self.books.best.as_ref().filter(|_| self.books.solved) {
            return Ok(Some(best.evaluation.clone()));
        }
        if self.evaluate()? {
            return Ok(self.books.best.as_ref().map(|best| best.evaluation.clone()));
        }
        if let Some(best) = &self.books.best {
            self.policy.set_parameters(&best.parameters);
        }
        self.fresh_evaluation()
    }

    fn keep(&mut self, evaluation: Evaluation) {
        let parameters = self.dqn.parameters().to_vec();
        self.books.best = Some(Best { evaluation, steps: self.books.steps, parameters });
    }

    /// Evaluates the policy on episodes that no evaluation before had; nothing if asked to stop meanwhile.
    fn fresh_evaluation(&mut self) -> Result<Option<Evaluation>, TrainError> {
        let seed = Generator::from_entropy(&[self.settings.train.seed, self.books.evaluations, stream::EVALUATION])
            .next_u64()
            >> 16;
        self.books.evaluations += 1;
        let stop = self.stop.clone();
        let evaluation = self.evaluator.evaluate(&mut self.policy, seed, &|| stop.load(Ordering::Relaxed))?;
        if let Some(evaluation) = &evaluation {
            let row = self.books.evaluation_row(evaluation);
            self.write_row(row);
            self.tell(&Event::Evaluation { steps: self.books.steps, evaluation });
        }
        Ok(evaluation)
    }
}
