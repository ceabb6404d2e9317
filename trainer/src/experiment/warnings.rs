//! What a person is told before training begins.

use cartwheel_agents::nn::Isa;

use super::Experiment;
use crate::events::{Callback, Event};
use crate::provenance::sha256;
use crate::run::Manifest;

impl<'a> Experiment<'a> {
    /// Of the shared library that the environment is in.
    pub(super) fn library_digest(&self) -> Option<String> {
        sha256(self.settings.env.builder().library()?).ok()
    }

    /// An environment may not be the one that the run began with: a run that goes on with another says so.
    pub(super) fn warn_of_another_library(&self, manifest: &Manifest, callbacks: &mut [Box<dyn Callback + 'a>]) {
        if let (Some(here), Some(there)) = (self.library_digest(), &manifest.library)
            && here != *there
        {
            let library = self.settings.env.id.trim_start_matches("c:");
            let warning = format!(
                "{library} has changed since the run began: it goes on, and if the environment is another one, with what was learned in the first"
            );
            tell(callbacks, &Event::Warning(&warning));
        }
    }

    /// The return from which an environment counts as solved is for episodes as long as it is registered with.
    pub(super) fn warn_of_short_episodes(&self, callbacks: &mut [Box<dyn Callback + 'a>]) {
        let (env, builder) = (&self.settings.env, self.settings.env.builder());
        if builder.is_python() {
            return;
        }
        let (Ok(registered), Ok(own)) = (cartwheel_envs::spec(&env.id), builder.spec()) else { return };
        if let (Some(threshold), Some(usual), Some(limit)) =
            (registered.reward_threshold, registered.max_episode_steps, own.max_episode_steps)
            && limit < usual
            && self.settings.eval.solved_at.is_none_or(|solved_at| solved_at >= threshold)
        {
            let warning = format!(
                "{} is solved from a return of {threshold} on, in episodes of up to {usual} steps, and these end after {limit}: set eval.solved_at to what they can reach",
                env.id
            );
            tell(callbacks, &Event::Warning(&warning));
        }
    }

    /// Bits depend on the instruction set: a run that goes on elsewhere says so.
    pub(super) fn warn_of_another_machine(&self, manifest: &Manifest, callbacks: &mut [Box<dyn Callback + 'a>]) {
        let (here, there) = (Isa::detect().to_string(), &manifest.machine.simd);
        if *there != here {
            let warning = format!(
                "this machine computes with {here}, the run began with {there}: it goes on, but not bit for bit"
            );
            tell(callbacks, &Event::Warning(&warning));
        }
    }
}

/// Tells callbacks before there is a session that does.
pub(super) fn tell(callbacks: &mut [Box<dyn Callback + '_>], event: &Event<'_>) {
    for callback in callbacks {
        // There is nothing to end yet.
        let _ = callback.on_event(event);
    }
}
