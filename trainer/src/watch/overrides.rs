//! What people at viewers decide in the policy's place. A run that they did so in is no longer what its seed gives.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cartwheel_envs::OwnedAction;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Overrides {
    /// The chance of exploring, as bits; not a number where the schedule is followed.
    epsilon: AtomicU32,
    taken: Mutex<BTreeMap<u32, TakenOver>>,
    any_taken: AtomicBool,
    /// Environment steps that people chose.
    person_steps: AtomicU64,
    /// Whether the learner is to note a change.
    changed: AtomicBool,
}

/// Who steps an environment, and how.
#[derive(Debug)]
struct TakenOver {
    viewer: u32,
    action: OwnedAction,
}

/// What is decided at the moment, for the run's files.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Intervention {
    /// The chance of exploring.
    pub(crate) epsilon: Option<f32>,
    /// Environments that people step.
    pub(crate) taken_over: usize,
    /// Environment steps that people have chosen so far.
    pub(crate) person_steps: u64,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            epsilon: AtomicU32::new(f32::NAN.to_bits()),
            taken: Mutex::default(),
            any_taken: AtomicBool::default(),
            person_steps: AtomicU64::default(),
            changed: AtomicBool::default(),
        }
    }
}

impl Overrides {
    pub(crate) fn epsilon(&self) -> Option<f32> {
        Some(f32::from_bits(self.epsilon.load(Ordering::Relaxed))).filter(|epsilon| !epsilon.is_nan())
    }

    pub(super) fn set_epsilon(&self, epsilon: Option<f32>) {
        if self.epsilon() != epsilon {
            self.epsilon.store(epsilon.unwrap_or(f32::NAN).to_bits(), Ordering::Relaxed);
            self.changed.store(true, Ordering::Release);
        }
    }

    /// `viewer` steps `env` with `action`, or gives it back.
    pub(super) fn take_over(&self, viewer: u32, env: u32, action: Option<OwnedAction>) {
        self.change(|taken| {
            match action {
                Some(action) => taken.insert(env, TakenOver { viewer, action }),
                None => taken.remove(&env),
            };
        });
    }

    /// What `viewer` had taken over is the policy's again.
    pub(super) fn give_back(&self, viewer: u32) {
        self.change(|taken| taken.retain(|_, by| by.viewer != viewer));
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<u32, TakenOver>)) {
        let mut taken = self.taken();
        let before: Vec<u32> = taken.keys().copied().collect();
        change(&mut taken);
        self.any_taken.store(!taken.is_empty(), Ordering::Relaxed);
        if !before.iter().eq(taken.keys()) {
            self.changed.store(true, Ordering::Release);
        }
    }

    /// Environments that people step.
    pub(super) fn taken_over(&self) -> Vec<u32> {
        self.taken().keys().copied().collect()
    }

    /// Shows each of these environments that a person steps, and how.
    pub(crate) fn each_taken(&self, envs: std::ops::Range<u32>, mut show: impl FnMut(u32, &OwnedAction)) {
        if self.any_taken.load(Ordering::Relaxed) {
            self.taken().range(envs).for_each(|(env, by)| show(*env, &by.action));
        }
    }

    /// Counts environment steps that people chose.
    pub(crate) fn count_steps(&self, steps: u64) {
        if steps > 0 {
            self.person_steps.fetch_add(steps, Ordering::Relaxed);
        }
    }

    /// What is decided now, if that is news to the learner.
    #[inline]
    pub(crate) fn news(&self) -> Option<Intervention> {
        self.changed.load(Ordering::Relaxed).then(|| self.take_news())
    }

    #[cold]
    fn take_news(&self) -> Intervention {
        self.changed.store(false, Ordering::Relaxed);
        Intervention {
            epsilon: self.epsilon(),
            taken_over: self.taken().len(),
            person_steps: self.person_steps.load(Ordering::Relaxed),
        }
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<u32, TakenOver>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_take_over_and_give_back() {
        let overrides = Overrides::default();
        let taken = |envs| {
            let mut found = Vec::new();
            overrides.each_taken(envs, |env, action| found.push((env, action.clone())));
            found
        };
        assert_eq!((overrides.news(), overrides.epsilon(), taken(0..9)), (None, None, vec![]));
        overrides.take_over(1, 3, Some(0.into()));
        overrides.take_over(2, 5, Some(1.into()));
        assert_eq!(taken(0..9), [(3, 0.into()), (5, 1.into())]);
        assert_eq!(taken(4..6), [(5, 1.into())]);
        overrides.count_steps(2);
        assert_eq!(overrides.news(), Some(Intervention { epsilon: None, taken_over: 2, person_steps: 2 }));
        // Another key is no news.
        overrides.take_over(1, 3, Some(1.into()));
        assert_eq!(overrides.news(), None);
        overrides.give_back(1);
        assert_eq!((taken(0..9), overrides.taken_over()), (vec![(5, 1.into())], vec![5]));
        overrides.take_over(2, 5, None);
        overrides.set_epsilon(Some(0.5));
        assert_eq!(overrides.news(), Some(Intervention { epsilon: Some(0.5), taken_over: 0, person_steps: 2 }));
        overrides.set_epsilon(Some(0.5));
        assert_eq!(overrides.news(), None);
    }
}
