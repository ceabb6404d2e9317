//! How the processes of a run begin: all where the one that owns it does.

use cartwheel_agents::nn::optim::{LossScaler, SolverState};

use super::checkpoint::Books;
use super::session::Session;
use crate::TrainError;

/// What goes on beside parameters.
type Kept = Option<(SolverState, Option<LossScaler>)>;

impl Session<'_> {
    /// Begins, in every process, where the one that owns the run does: with its parameters and buffers, and, if it goes on, with
    /// what its optimizer keeps. Buffers are not sent again: nothing that is learnt depends on them, and only the owner looks at them
    /// and saves them.
    pub(super) fn begin_together(&mut self) -> Result<(), TrainError> {
        if self.group.size() == 1 {
            return Ok(());
        }
        let kept = (self.books.steps > 0).then_some((self.solver.state(), &self.scaler));
        if let Some((books, kept)) = self.group.share::<(Books, Kept)>(&(&self.books, kept))? {
            (self.first_step, self.books) = (books.steps, books);
            if let Some((solver, scaler)) = kept {
                // Settings and parameters are the same: it fits.
                self.solver.restore(solver);
                self.scaler = scaler;
            }
        }
        let mut flat = self.task.parameters().to_flat();
        self.group.broadcast(&mut flat)?;
        if !self.group.leads() {
            self.task.parameters_mut().set_flat(&flat);
        }
        Ok(())
    }
}
