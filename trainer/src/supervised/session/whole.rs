//! What the stages of a model have as one: at the process that leads them, to be saved.

use cartwheel_agents::nn::Parameters;
use cartwheel_agents::nn::optim::{Ema, SolverState};

use super::{End, Session};
use crate::TrainError;
use crate::supervised::parallel::ParallelError;
use crate::supervised::report::Report;
use crate::supervised::task::Part;

/// Parameters, what their optimizer keeps, and their average.
type Whole = (Parameters, SolverState, Option<Ema<f32>>);

impl Session<'_> {
    /// The parameters of all stages; none but at the process that leads.
    pub(crate) fn whole_parameters(&self) -> Result<Option<Parameters>, TrainError> {
        // Clones share numbers.
        let mut whole = self.task.parameters().clone();
        for numbers in self.mesh.stages.collect(|| whole.parts())? {
            if !whole.join(numbers) {
                return Err(ParallelError::Apart("a stage sent parameters of another model".into()).into());
            }
        }
        Ok(self.mesh.leads().then_some(whole))
    }

    /// What a checkpoint keeps of all stages; nothing but at the process that leads.
    pub(crate) fn whole(&self) -> Result<Option<Whole>, TrainError> {
        let parameters = self.whole_parameters()?;
        let (mut solver, mut ema) = (self.solver.state().clone(), self.ema.clone());
        for (of_solver, of_ema) in self.mesh.stages.collect(|| (solver.clone(), ema.clone()))? {
            solver.join(of_solver);
            if let (Some(ema), Some(other)) = (&mut ema, of_ema) {
                ema.join(other);
            }
        }
        Ok(parameters.map(|parameters| (parameters, solver, ema)))
    }

    /// What is left to do when learning has ended: the last checkpoint, and unless it was stopped how the best weights do.
    pub(crate) fn finish(&mut self, end: End) -> Result<Option<Report>, TrainError> {
        self.end_profile(true)?;
        self.checkpoint()?;
        self.tell_of_skipped_steps();
        if end == End::Stopped || !self.mesh.is_kept() {
            return Ok(None);
        }
        let has_no_best = self.counters.best.is_none();
        if self.mesh.stages.share(&has_no_best)?.unwrap_or(has_no_best) {
            self.save_best()?;
        }
        self.load_best()?;
        let parts = [Part::Test, Part::Validation, Part::Train];
        let part = parts.into_iter().find(|part| self.task.samples(*part) > 0).unwrap_or(Part::Train);
        self.task.report(part).map(Some)
    }

    /// Gives each stage its part of the weights that are the best.
    fn load_best(&mut self) -> Result<(), TrainError> {
        let (stages, best) = (&self.mesh.stages, self.run.best_weights());
        if stages.size() == 1 {
            self.task.parameters_mut().load_safetensors(&best)?;
            return Ok(());
        }
        let flat = match self.whole_parameters()? {
            Some(mut whole) => {
                whole.load_safetensors(&best)?;
                let flat = whole.to_flat();
                stages.share::<Vec<f32>>(&flat)?;
                flat
            }
            None => stages.share(&())?.unwrap_or_default(),
        };
        self.task.parameters_mut().set_flat(&flat);
        Ok(())
    }
}
