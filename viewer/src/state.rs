//! What the user has chosen to see. Kept from one window to the next.

use serde::{Deserialize, Serialize};

use crate::model::RunId;

/// See the module's documentation. Changed by commands alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The run that is looked at.
    #[serde(skip)]
    pub run: Option<RunId>,
    /// The environment that is looked at alone.
    #[serde(skip)]
    pub env: Option<u32>,
    /// Whether a person plays the selected environment.
    #[serde(skip)]
    pub taking_over: bool,
    /// The palette's text while it is open.
    #[serde(skip)]
    pub palette: Option<String>,
    /// Whether the keys are shown.
    #[serde(skip)]
    pub help: bool,
    /// What the status bar says.
    #[serde(skip)]
    pub notice: Option<String>,
    /// Dark instead of light.
    pub dark: bool,
}
