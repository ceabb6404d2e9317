//! The settings of learning from datasets.

use cartwheel_agents::config;

config! {
    /// Learning from recorded episodes (docs/offline.md), of the algorithms that do: no environment is stepped but for
    /// evaluation, and the steps of a run are gradient steps.
    pub struct OfflineConfig in "offline" {
        /// Folders of datasets, all of which are learnt from: as `cartwheel record RUN --transitions DIR` or Minari writes them.
        datasets: Vec<String> = Vec::new(), each(non_empty);
        /// Passes over all episodes: train.total_timesteps becomes as many gradient steps as they have whole batches, 1 at least
        /// in a pass. Beside it, train.total_timesteps is not looked at.
        n_epochs: Option<u64> = None, if_some(at_least(1));
    }
}
