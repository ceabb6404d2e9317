//! A step of the optimizer, on the gradients of all processes.

use cartwheel_agents::nn::optim::LossScaler;

use super::Session;
use crate::TrainError;
use crate::data::loader::shuffled;
use crate::supervised::events::FitEvent;
use crate::supervised::parallel::{share, sum_gradients};
use crate::supervised::profile::timed;
use crate::supervised::settings::FitSettings;
use crate::supervised::task::{Part, Tally};

impl Session<'_> {
    /// One step of the optimizer on the samples `indices`, of which each process has its share: their sums, and the norm of the
    /// gradient, or none if the step was skipped because a gradient did not fit into f16 or no sample could be read.
    pub(crate) fn step(&mut self, indices: &[usize]) -> Result<(Tally, Option<f64>), TrainError> {
        let _timed = timed("step");
        if let Some(pruning) = &self.pruning {
            let emptied = pruning.before(self.schedule(), self.task.parameters_mut());
            if !emptied.is_empty() {
                self.tell(&FitEvent::Warning(&format!(
                    "all weights of {} are 0, so that nothing passes: lower prune.final_sparsity, or set prune.scope=layer",
                    emptied.join(", ")
                )));
            }
        }
        let (fit, epoch) = (&self.settings.fit, self.counters.epochs);
        self.gradients.zero(self.task.parameters())?;
        let scale = self.scaler.as_ref().map_or(1.0, LossScaler::scale);
        // Of all processes: the sum of what each adds up is the gradient of the mean.
        let divisor = self.task.divisor(indices);
        let replicas = &self.mesh.replicas;
        let of_replica = |replica| -> Vec<Vec<usize>> {
            share(indices, replica, replicas.size()).chunks(fit.batch_size).map(<[usize]>::to_vec).collect()
        };
        let batches = of_replica(replicas.rank());
        let tally = self.task.learn(epoch, &batches, divisor / scale, &mut self.gradients)?;
        // The first stages know, and theirs are the first ranks.
        let waited = timed("wait for all");
        let mut tallies = self.mesh.all.gather(&tally)?;
        drop(waited);
        tallies.truncate(replicas.size());
        if let Some(replica) = tallies.iter().position(|tally| !tally.loss.is_finite()) {
            let layer = self.first_broken(&of_replica(replica))?;
            return Err(self.diverged("the loss", tallies[replica].mean_loss(), output_of(layer)));
        }
        let tally = tallies.into_iter().fold(Tally::default(), Tally::and);
        if tally.samples > 0 {
            let _timed = timed("sum of gradients");
            sum_gradients(replicas, self.task.parameters(), &mut self.gradients)?;
        }
        if tally.samples == 0 || self.overflowed()? {
            return Ok((tally, None));
        }
        let parameters = self.task.parameters();
        if tally.samples < indices.len() as u64 {
            // The mean is over those that could be read.
            self.gradients.scale(parameters, divisor / tally.weight)?;
        }
        if let Some(pruning) = &mut self.pruning {
            pruning.hold(parameters, &mut self.gradients)?;
        }
        if let Some(max) = fit.max_grad_value {
            self.gradients.clip_value(parameters, max)?;
        }
        // Added up in the order of the parameters, as one process would.
        let squares = self.mesh.stages.gather(&self.gradients.squares(parameters)?)?.concat();
        let norm = squares.iter().sum::<f64>().sqrt();
        if let Some(max) = fit.max_grad_norm {
            self.gradients.clip(parameters, norm, max)?;
        }
        if !norm.is_finite() {
            let name = self.first_not_finite()?.unwrap_or_else(|| "all of them together".into());
            return Err(self.diverged("the norm of the gradient", norm, format!("the gradient of `{name}`")));
        }
        let learning_rate = self.learning_rate.at(self.schedule());
        let _timed = timed("optimizer");
        self.solver.step(self.task.parameters_mut(), &mut self.gradients, learning_rate)?;
        if let Some(pruning) = &self.pruning {
            pruning.keep(self.task.parameters_mut());
        }
        if let Some(ema) = &mut self.ema {
            ema.update(self.task.parameters())?;
            if let Some(pruning) = &self.pruning {
                ema.swap(self.task.parameters_mut());
                pruning.keep(self.task.parameters_mut());
                ema.swap(self.task.parameters_mut());
            }
        }
        self.counters.learning_rate = learning_rate;
        Ok((tally, Some(norm)))
    }

    /// Steps of the whole schedule before: those of the run, unless it went on with another number of processes.
    fn schedule(&self) -> u64 {
        let a_step = samples_of_a_step(self.settings, self.mesh.replicas.size()) as u64;
        self.counters.epochs * self.an_epoch + self.counters.epoch_at / a_step
    }

    /// The first parameter, of all stages, whose gradient has a number that is not finite.
    fn first_not_finite(&mut self) -> Result<Option<String>, TrainError> {
        let own = self.gradients.not_finite(self.task.parameters())?;
        Ok(self.mesh.stages.gather(&own)?.into_iter().flatten().next())
    }

    /// The first layer whose output for one of these batches is not finite.
    fn first_broken(&self, batches: &[Vec<usize>]) -> Result<Option<String>, TrainError> {
        for batch in batches {
            if let Some(layer) = self.task.not_finite(self.counters.epochs, batch)? {
                return Ok(Some(layer));
            }
        }
        Ok(None)
    }

    /// In mixed precision takes the loss's scale off the gradients, and says whether one of them was beyond f16.
    fn overflowed(&mut self) -> Result<bool, TrainError> {
        let Some(scale) = self.scaler.as_ref().map(LossScaler::scale) else { return Ok(false) };
        self.gradients.scale(self.task.parameters(), scale.recip())?;
        let first = self.first_not_finite()?;
        let Some(scaler) = &mut self.scaler else { return Ok(false) };
        scaler.update(first.is_some());
        match first {
            // What does not fit unscaled never will.
            Some(name) if scaler.scale() < 1.0 => {
                Err(self.diverged("the gradient in f16", f64::INFINITY, format!("the gradient of `{name}`")))
            }
            first => Ok(first.is_some()),
        }
    }

    /// The first layer that the last step of the epoch has broken. No step of the epoch follows that would find it out.
    pub(crate) fn broken_layer(&self) -> Result<Option<String>, TrainError> {
        let (fit, epoch) = (&self.settings.fit, self.counters.epochs);
        let order = shuffled(self.task.samples(Part::Train), fit.seed, epoch);
        let last = order.chunks(fit.batch_size).next_back().unwrap_or_default();
        self.task.not_finite(epoch, last)
    }

    pub(crate) fn diverged(&self, what: &'static str, value: f64, layer: String) -> TrainError {
        let (epoch, step, seed) = (self.counters.epochs + 1, self.counters.steps, self.settings.fit.seed);
        TrainError::LossNotFinite { what, value, layer, epoch, step, seed }
    }
}

/// Where a loss that is not finite came from, in words.
pub(crate) fn output_of(layer: Option<String>) -> String {
    layer.map_or("the loss itself".into(), |layer| format!("the output of layer `{layer}`"))
}

/// Samples of a step of the optimizer of so many processes, at most.
pub(crate) fn samples_of_a_step(settings: &FitSettings, processes: usize) -> usize {
    settings.fit.batch_size.saturating_mul(settings.fit.gradient_accumulation).saturating_mul(processes)
}

/// Steps of the optimizer that an epoch of `samples` takes.
pub(crate) fn steps_of_an_epoch(settings: &FitSettings, samples: usize, processes: usize) -> u64 {
    samples.div_ceil(samples_of_a_step(settings, processes)) as u64
}
