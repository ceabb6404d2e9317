//! What is wrong with a run, read from its metrics while it trains or afterwards: each complaint in plain words, with the
//! numbers that show it and what to try.
//!
//! A complaint is a file here with a `Sign`, and a line in `signs`.

mod complaint;
mod dead_units;
mod exploration;
mod fallen_return;
mod few_updates;
mod flat_return;
mod out_of_support;
mod outside_space;
mod priorities;
#[cfg(test)]
mod testing;
mod values;

use cartwheel_agents::{Data, ReplayUse, Returns};

pub use complaint::Complaint;

use crate::config::Settings;
use crate::run::MetricsRow;

/// Rows in a row that must show most signs: one alone may be chance.
const ROWS: u32 = 3;

/// Something that is wrong, or looks so.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub complaint: Complaint,
    /// Environment steps done when it was found.
    pub step: u64,
    /// The numbers that show it, in words.
    pub evidence: String,
}

impl std::fmt::Display for Finding {
    /// What, the evidence, and what to try, in a line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (step {}): {}. {}", self.complaint, self.step, self.evidence, self.complaint.advice())
    }
}

/// What must be known of a run beside its metrics.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    total_timesteps: u64,
    /// The return at which the task counts as solved, if there is one.
    solved_at: Option<f64>,
    returns: Returns,
    /// What is drawn from replay, of an algorithm that learns from it.
    replay: Option<ReplayUse>,
}

impl Facts {
    fn of(settings: &Settings) -> Self {
        let data = settings.algorithm().data();
        let threshold = || cartwheel_envs::spec(&settings.env.id).ok().and_then(|spec| spec.reward_threshold);
        Self {
            total_timesteps: settings.train.total_timesteps,
            solved_at: settings.eval.solved_at.or_else(threshold),
            returns: data.returns(),
            replay: match data {
                Data::Replay(replay) => Some(replay),
                Data::Rollouts(_) | Data::Dataset(_) => None,
            },
        }
    }
}

/// Looks for one complaint, row after row.
trait Sign {
    /// What it looks for.
    fn complaint(&self) -> Complaint;

    /// Takes in the next row; the evidence in words once there is enough.
    fn look(&mut self, row: &MetricsRow, facts: &Facts) -> Option<String>;
}

/// One of each.
fn signs() -> Vec<Box<dyn Sign + Send>> {
    vec![
        Box::new(values::Values::default()),
        Box::new(dead_units::DeadUnits::default()),
        Box::new(flat_return::FlatReturn::default()),
        Box::new(fallen_return::FallenReturn::default()),
        Box::new(exploration::LateExploration),
        Box::new(few_updates::FewUpdates),
        Box::new(outside_space::OutsideSpace),
        Box::new(out_of_support::OutOfSupport::default()),
        Box::new(priorities::SaturatedPriorities::default()),
    ]
}

/// Follows the metrics of a run and says of each complaint when it is first found.
pub struct Doctor {
    facts: Facts,
    /// Those that found nothing so far.
    signs: Vec<Box<dyn Sign + Send>>,
}

impl Doctor {
    /// For a run with these settings, at its beginning.
    pub fn new(settings: &Settings) -> Self {
        Self { facts: Facts::of(settings), signs: signs() }
    }

    /// Takes in the next row; answers what it shows for the first time.
    pub fn examine(&mut self, row: &MetricsRow) -> Vec<Finding> {
        let mut found = Vec::new();
        self.signs.retain_mut(|sign| {
            let Some(evidence) = sign.look(row, &self.facts) else { return true };
            found.push(Finding { complaint: sign.complaint(), step: row.step, evidence });
            false
        });
        found
    }
}

impl std::fmt::Debug for Doctor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doctor").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Counts rows that show a sign one after another.
#[derive(Debug, Default)]
struct Streak(u32);

impl Streak {
    /// Whether, with this row, enough have shown it.
    fn goes_on(&mut self, shown: bool) -> bool {
        self.0 = if shown { self.0 + 1 } else { 0 };
        self.0 >= ROWS
    }
}
