//! Actions that stick.

use serde::{Deserialize, Serialize};

use super::{ActionMap, ActionWrapper};
use crate::wrappers::{memory::Memory, state};
use crate::{Action, Env, EnvError, Generator, OwnedAction, Result};

/// With some probability takes the last action instead of the present one, for a while (Gymnasium's `StickyAction`,
/// after Machado et al. 2018, "Revisiting the Arcade Learning Environment", section 5.2).
///
/// The draws are Gymnasium's from the environment's own stream, with one exception: NumPy keeps half of a word between
/// two draws of a duration, which [`Generator::integer`] does not, as other draws come in between. A fixed duration is
/// never drawn.
pub type StickyAction<E> = ActionWrapper<E, Sticky>;

/// What [`StickyAction`] does.
#[derive(Clone, Debug)]
pub struct Sticky {
    probability: f64,
    /// The shortest and the longest that an action sticks, in steps.
    duration: [u32; 2],
    stuck: Stuck,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stuck {
    last: OwnedAction,
    /// Whether `last` is of this episode.
    has_last: bool,
    /// Steps for which `last` sticks, if it does; 0 if not.
    repeats: u32,
    /// How many of these were taken.
    taken: u32,
}

impl<E: Env> StickyAction<E> {
    /// An action sticks with `repeat_action_probability` for between the two numbers of steps of
    /// `repeat_action_duration`, both included: 1 and 1 in Gymnasium, if not given.
    ///
    /// # Errors
    /// [`EnvError::BadArgument`] for a probability outside 0 (included) to 1 (not), or durations of 0 or in disorder.
    pub fn new(env: E, repeat_action_probability: f64, repeat_action_duration: [u32; 2]) -> Result<Self> {
        let bad = |argument: &str, found: String, expected: &str| {
            Err(EnvError::bad_argument("StickyAction", argument, found, expected))
        };
        if !(0.0..1.0).contains(&repeat_action_probability) {
            let found = repeat_action_probability.to_string();
            return bad("repeat_action_probability", found, "at least 0 and below 1");
        }
        let [shortest, longest] = repeat_action_duration;
        if shortest == 0 || shortest > longest {
            let found = format!("({shortest}, {longest})");
            return bad("repeat_action_duration", found, "at least 1, and in order if two");
        }
        let stuck = Stuck { last: OwnedAction::Discrete(0), has_last: false, repeats: 0, taken: 0 };
        let sticky = Sticky { probability: repeat_action_probability, duration: repeat_action_duration, stuck };
        let space = env.action_space();
        Ok(Self::around(env, sticky, space))
    }
}

impl Memory for Sticky {
    fn save(&self, state: &mut Vec<u8>) {
        state::put(&self.stuck, state);
    }

    fn restore<'a>(&mut self, state: &'a [u8]) -> Result<&'a [u8]> {
        let (stuck, rest) = state::take(state)?;
        self.stuck = stuck;
        Ok(rest)
    }
}

impl ActionMap for Sticky {
    fn reset(&mut self) {
        (self.stuck.has_last, self.stuck.repeats, self.stuck.taken) = (false, 0, 0);
    }

    fn action<'a>(&'a mut self, action: Action<'a>, rng: &mut Generator) -> Action<'a> {
        let stuck = &mut self.stuck;
        if stuck.repeats > 0 || stuck.has_last && rng.random() < self.probability {
            if stuck.repeats == 0 {
                let [shortest, longest] = self.duration;
                stuck.repeats = shortest + rng.integer(longest - shortest + 1);
            }
            stuck.taken += 1;
            if stuck.taken == stuck.repeats {
                (stuck.repeats, stuck.taken) = (0, 0);
            }
        } else {
            stuck.last.copy_from(action);
            stuck.has_last = true;
        }
        stuck.last.as_action()
    }
}
