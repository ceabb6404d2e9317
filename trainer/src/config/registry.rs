//! Algorithms from outside of this crate, by name.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use cartwheel_agents::Algorithm;
use cartwheel_agents::config::Section;

use super::algorithms::Algo;
use super::{EnvConfig, EvalConfig, OfflineConfig, RunConfig, TrainConfig};
use crate::TrainError;

/// An algorithm that can be registered: any that can be copied and printed, as [`config!`](cartwheel_agents::config!) makes
/// it.
pub trait Registrable: Algorithm + fmt::Debug + Send + Sync {
    /// A copy.
    fn boxed(&self) -> Box<dyn Registrable>;
}

impl<T: Algorithm + Clone + fmt::Debug + Send + Sync + 'static> Registrable for T {
    fn boxed(&self) -> Box<dyn Registrable> {
        Box::new(self.clone())
    }
}

/// An algorithm that was registered.
#[derive(Debug)]
pub struct Registered {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) defaults: Box<dyn Registrable>,
}

impl PartialEq for Registered {
    /// No two have the same name.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Registered {}

/// Those that were registered, in their order. They stay for as long as the process lives.
static REGISTERED: RwLock<Vec<&'static Registered>> = RwLock::new(Vec::new());

pub(super) fn registered() -> Vec<&'static Registered> {
    REGISTERED.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Makes an algorithm of one's own known under the name of its section, with its default hyperparameters and a line on
/// what it is: `--algo NAME`, configuration files, checkpoints and viewers then know it as those that are shipped.
/// Register before settings are made; docs/add-an-algorithm.md walks through it.
///
/// # Errors
/// If the name is taken by an algorithm or by another section of settings.
pub fn register_algorithm(defaults: impl Registrable + 'static, summary: &'static str) -> Result<(), TrainError> {
    let name = defaults.name();
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    let sections = [
        EnvConfig::default().name(),
        TrainConfig::default().name(),
        EvalConfig::default().name(),
        RunConfig::default().name(),
        OfflineConfig::default().name(),
    ];
    let shipped = Algo::shipped().iter().any(|algo| algo.name() == name);
    if shipped || sections.contains(&name) || registered.iter().any(|other| other.name == name) {
        return Err(TrainError::Unfit(format!(
            "an algorithm cannot be registered as {name}: that name is taken; give its section another"
        )));
    }
    registered.push(Box::leak(Box::new(Registered { name, summary, defaults: Box::new(defaults) })));
    Ok(())
}

/// Hyperparameters of registered algorithms, in the order in which those were registered.
#[derive(Debug)]
pub struct RegisteredSettings(Vec<Box<dyn Registrable>>);

impl RegisteredSettings {
    /// Those of the algorithm of this name.
    pub fn get(&self, name: &str) -> Option<&dyn Registrable> {
        self.0.iter().find(|section| section.name() == name).map(|section| &**section)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn Registrable> {
        self.0.iter().map(|section| &**section)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut dyn Section> {
        self.0.iter_mut().map(|section| &mut **section as &mut dyn Section)
    }
}

impl Default for RegisteredSettings {
    fn default() -> Self {
        Self(registered().iter().map(|algorithm| algorithm.defaults.boxed()).collect())
    }
}

impl Clone for RegisteredSettings {
    fn clone(&self) -> Self {
        Self(self.0.iter().map(|section| section.boxed()).collect())
    }
}

impl PartialEq for RegisteredSettings {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.iter().zip(other.iter()).all(|(own, other)| same(own, other))
    }
}

/// Whether two sections have the same values.
pub(super) fn same(one: &dyn Section, other: &dyn Section) -> bool {
    let value = |section: &dyn Section, key| section.get(key).map(|value| value.to_string());
    one.name() == other.name() && one.keys().iter().all(|key| value(one, key.name) == value(other, key.name))
}
