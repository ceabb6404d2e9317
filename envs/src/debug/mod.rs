//! Environments for testing trainers: quick to solve, or doing exactly what they are told.

mod bandit;
mod frames;
mod identity;
mod scripted;

pub use bandit::BanditEnv;
pub use frames::{FramesConfig, FramesEnv};
pub use identity::{IdentityConfig, IdentityEnv};
pub use scripted::{ScriptedConfig, ScriptedEnd, ScriptedEnv};

use crate::EnvSpec;

pub(crate) fn specs() -> [EnvSpec; 4] {
    [bandit::spec(), frames::spec(), identity::spec(), scripted::spec()]
}
