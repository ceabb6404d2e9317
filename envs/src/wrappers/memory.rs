//! What a wrapper remembers.

use crate::{Result, Statistics};

/// What an [`ObservationMap`](crate::ObservationMap), [`ActionMap`](crate::ActionMap) or
/// [`RewardMap`](crate::RewardMap) remembers from step to step: nothing, if not written.
pub trait Memory: Send {
    /// Appends it to `state`, in a form whose end can be told.
    fn save(&self, state: &mut Vec<u8>) {
        let _ = state;
    }

    /// Takes up what [`Self::save`] appended, and returns the bytes after it.
    ///
    /// # Errors
    /// [`EnvError::BadState`](crate::EnvError::BadState) for bytes that are no such state.
    fn restore<'a>(&mut self, state: &'a [u8]) -> Result<&'a [u8]> {
        Ok(state)
    }

    /// The running statistics that it keeps: see [`Env::statistics`](crate::Env::statistics).
    fn statistics(&self) -> Option<&Statistics> {
        None
    }

    /// The same, to replace or to freeze.
    fn statistics_mut(&mut self) -> Option<&mut Statistics> {
        None
    }
}

/// The methods of [`Env`](crate::Env) that are alike in a wrapper of an environment `env` by a `map` with a memory.
macro_rules! forward_memory {
    () => {
        fn statistics(&self, visit: &mut dyn FnMut(&Statistics)) {
            self.map.statistics().into_iter().for_each(&mut *visit);
            self.env.statistics(visit);
        }

        fn statistics_mut(&mut self, visit: &mut dyn FnMut(&mut Statistics)) {
            self.map.statistics_mut().into_iter().for_each(&mut *visit);
            self.env.statistics_mut(visit);
        }

        fn save(&self) -> Option<Vec<u8>> {
            let mut state = Vec::new();
            self.map.save(&mut state);
            state.extend(self.env.save()?);
            Some(state)
        }

        fn restore(&mut self, state: &[u8]) -> Result<()> {
            let inner = self.map.restore(state)?;
            self.env.restore(inner)
        }
    };
}
pub(super) use forward_memory;
