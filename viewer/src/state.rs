//! What the user has chosen to see.

use std::collections::BTreeSet;

use cartwheel_envs::{KeyBindings, OwnedAction};

use crate::model::RunId;
use crate::search::Search;

/// See the module's documentation. Changed by commands alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The run that is looked at.
    pub run: Option<RunId>,
    /// The environment that is looked at alone.
    pub env: Option<u32>,
    /// Which runs are listed and have their curves shown: those that fit.
    pub filter: Search,
    /// The metrics that are plotted; none as long as the user has not chosen any.
    pub metrics: Option<BTreeSet<String>>,
    /// The environment that a person may act in.
    pub taking_over: Option<Reins>,
    /// The palette's text while it is open.
    pub palette: Option<String>,
    /// Whether the keys are shown.
    pub help: bool,
    /// What the status bar says.
    pub notice: Option<String>,
}

/// A person's hold on an environment: while one of its keys is down, they act instead of the agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Reins {
    /// The environment.
    pub env: u32,
    /// Its keys.
    pub bindings: KeyBindings,
    /// The action of the key that is down.
    pub action: Option<OwnedAction>,
    /// The run's speed limit before.
    pub speed_before: Option<f32>,
}
