//! `[prune]`: weights that become 0, and stay it, while a network learns.

use cartwheel_agents::compression::{PruningSchedule, Scope, Zeros, emptied, prune};
use cartwheel_agents::config;
use cartwheel_agents::nn::{DeviceError, Gradients, Parameters};

use crate::TrainError;

config! {
    /// Pruning: the smallest weights of convolutions and linear layers become 0 (Zhu & Gupta 2017). Keys are those of
    /// TensorFlow's PolynomialDecay; a step is one of the optimizer.
    pub struct PruneConfig in "prune" {
        /// The final share of weights that are 0; 0 to prune nothing.
        final_sparsity: f64 = 0.0, share;
        /// The share at begin_step.
        initial_sparsity: f64 = 0.0, share;
        /// The step before which pruning starts, counted from 0.
        begin_step: u64 = 0;
        /// The step at which pruning stops and the remaining weights are fine-tuned; "none" for half of all steps. Best weights are
        /// selected only after it.
        end_step: Option<u64> = None;
        /// Steps between prunings.
        frequency: u64 = 100, at_least(1);
        /// The exponent of the polynomial schedule: the higher, the more is pruned early.
        power: f64 = 3.0, positive;
        /// Whether the smallest weights are chosen among all ("global") or within each "layer", so that every layer loses the same
        /// share.
        scope: Scope = Scope::Global;
        /// Whether weights that are 0 already stay 0, as they always do while pruning: for fine-tuning a network that `cartwheel
        /// compress` has pruned.
        keep_zeros: bool = false;
    }
}

/// What is pruned when.
pub(crate) struct Pruning {
    /// None where zeros are only kept.
    schedule: Option<PruningSchedule>,
    scope: Scope,
    /// Those of the last step.
    zeros: Option<Zeros>,
}

impl PruneConfig {
    /// What that means for a fit of `steps` steps; none if weights are left alone.
    ///
    /// # Errors
    /// If the sparsity rises after the last step, or falls.
    pub(crate) fn pruning(&self, steps: u64) -> Result<Option<Pruning>, TrainError> {
        let Self { final_sparsity: last, initial_sparsity: initial, begin_step: begin, .. } = *self;
        if last == 0.0 {
            let alone = Self { keep_zeros: self.keep_zeros, ..Self::default() };
            if *self != alone {
                return Err(TrainError::Unfit(
                    "[prune] prunes nothing without prune.final_sparsity: set it, to 0.8 for example, or leave the others out"
                        .into(),
                ));
            }
            return Ok(self.keep_zeros.then_some(Pruning { schedule: None, scope: self.scope, zeros: None }));
        }
        let unfit = |problem: String| Err(TrainError::Unfit(problem));
        if initial > last {
            return unfit(format!(
                "prune.initial_sparsity = {initial} is above prune.final_sparsity = {last}: what is 0 stays 0, so it can only rise"
            ));
        }
        let end = self.end_step.unwrap_or(begin.max(steps / 2));
        if end < begin {
            return unfit(format!("prune.end_step = {end} is before prune.begin_step = {begin}"));
        }
        if end >= steps {
            let key = if self.end_step.is_some() {
                format!("prune.end_step = {end}")
            } else {
                format!("prune.begin_step = {begin}")
            };
            return unfit(format!(
                "{key} is not before the end of training, which has {steps} steps: lower it, or set more fit.epochs"
            ));
        }
        let schedule = PruningSchedule { initial, last, begin, end, frequency: self.frequency, power: self.power };
        Ok(Some(Pruning { schedule: Some(schedule), scope: self.scope, zeros: None }))
    }
}

impl Pruning {
    /// Prunes what is to be pruned before `step`. Once all is, answers the layers that have nothing left.
    pub(crate) fn before(&self, step: u64, parameters: &mut Parameters) -> Vec<String> {
        let Some(schedule) = self.schedule else { return Vec::new() };
        // A run that goes on with another number of processes counts other steps, and the last of these may lie behind it.
        let is_behind = self.zeros.is_none() && step > schedule.end;
        if let Some(sparsity) = schedule.at(step).or(is_behind.then_some(schedule.last)) {
            prune(parameters, sparsity, self.scope);
        }
        if step == schedule.end { emptied(parameters).map(str::to_owned).collect() } else { Vec::new() }
    }

    /// Has the weights that are 0 stay it in the step that follows, to which their gradients are nothing.
    pub(crate) fn hold(&mut self, parameters: &Parameters, gradients: &mut Gradients) -> Result<(), DeviceError> {
        match &mut self.zeros {
            Some(zeros) => zeros.renew(parameters),
            None => self.zeros = Some(Zeros::of(parameters)),
        }
        self.zeros.as_ref().map_or(Ok(()), |zeros| zeros.mask(parameters, gradients))
    }

    /// After the step, or to averages: what an optimizer remembers moves them, too, and averages have not forgotten what they were.
    pub(crate) fn keep(&self, parameters: &mut Parameters) {
        if let Some(zeros) = &self.zeros {
            zeros.keep(parameters);
        }
    }

    /// Whether all is pruned after `steps` steps.
    pub(crate) fn is_done(&self, steps: u64) -> bool {
        self.schedule.is_none_or(|schedule| steps > schedule.end)
    }
}
