//! Keys and the clock as actions.

use std::time::Duration;

use crate::{Key, KeyBindings, OwnedAction, Pace};

/// How long a key counts as down after it was last heard of, where nobody tells of its release.
///
/// Terminals repeat a key that is held some 30 times a second, after a pause of about half a second. Bridging that
/// pause would make each tap half a second long; bridging the repeats takes a tenth.
const HOLD: Duration = Duration::from_millis(250);

/// Who plays by [`KeyBindings`]: told which keys go down and up, it answers with an action when it is time for one.
///
/// Times are those of any clock that does not go backwards, such as the time since the game was opened. At the pace of
/// a clock it waits for the first key before it begins. Of several keys that are down, the last one pressed acts; a
/// key that was only tapped acts for one step. Keyboards that never tell of a release, as those of most terminals,
/// are taken to release a key a quarter of a second after its last press or repetition.
///
/// ```
/// use std::time::Duration;
///
/// use cartwheel_envs::{HumanPlayer, Key, make};
///
/// let mut player = HumanPlayer::new(make("MountainCar-v0")?.key_bindings());
/// assert_eq!(player.act(Duration::ZERO), None);
/// player.press(Key::Right, Duration::ZERO);
/// assert_eq!(player.act(Duration::ZERO), Some(2.into()));
/// assert_eq!(player.act(Duration::ZERO), None, "it is not yet time for the next step");
/// assert_eq!(player.act(Duration::from_secs(1)), Some(1.into()), "idle: neither left nor right");
/// # Ok::<(), cartwheel_envs::EnvError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HumanPlayer {
    bindings: KeyBindings,
    /// Keys that are down, the last pressed at the end, with when each was last heard of.
    down: Vec<(Key, Duration)>,
    /// Pressed since the last step: acts once even if it is up again.
    pressed: Option<Key>,
    last: Option<OwnedAction>,
    /// Whether this keyboard tells of releases: known when it first does.
    tells_releases: bool,
    /// When the next step is due, at the pace of a clock; `None` while it waits for a key.
    due: Option<Duration>,
}

impl HumanPlayer {
    /// A person with a hand on these keys.
    pub fn new(bindings: KeyBindings) -> Self {
        Self { bindings, down: Vec::new(), pressed: None, last: None, tells_releases: false, due: None }
    }

    /// A key goes down, or is repeated because it is held. False if it is not bound to an action.
    pub fn press(&mut self, key: Key, now: Duration) -> bool {
        if self.bindings.action(key).is_none() {
            return false;
        }
        match self.down.iter_mut().find(|(held, _)| *held == key) {
            Some((_, heard)) => *heard = now,
            None => {
                self.down.push((key, now));
                self.pressed = Some(key);
            }
        }
        if self.bindings.pace == Pace::TurnBased {
            // Each repetition is a turn, too.
            self.pressed = Some(key);
        }
        self.go_on(now);
        true
    }

    /// A key goes up.
    pub fn release(&mut self, key: Key) {
        self.tells_releases = true;
        self.down.retain(|(held, _)| *held != key);
    }

    /// Goes on by the clock without waiting for a key, if it has stopped.
    pub fn go_on(&mut self, now: Duration) {
        self.due.get_or_insert(now);
    }

    /// Forgets the keys and waits for the next one: for a pause.
    pub fn stop(&mut self) {
        self.down.clear();
        self.pressed = None;
        self.due = None;
    }

    /// As [`Self::stop`], and forgets the last action: for a new episode.
    pub fn restart(&mut self) {
        self.stop();
        self.last = None;
    }

    /// Whether it waits for a key. Always, if it is stepped with each key.
    pub fn is_waiting(&self) -> bool {
        self.bindings.pace == Pace::TurnBased || self.due.is_none()
    }

    /// How long until [`Self::act`] has an action though no key is pressed; `None` if it waits for one.
    pub fn time_left(&self, now: Duration) -> Option<Duration> {
        let due = self.due.filter(|_| !self.is_waiting())?;
        Some(due.saturating_sub(now))
    }

    /// The action for a step to be made now, if there is one to be made.
    pub fn act(&mut self, now: Duration) -> Option<OwnedAction> {
        let action = match &self.bindings.pace {
            Pace::TurnBased => self.bindings.action(self.pressed.take()?),
            Pace::RealTime { fps, idle } => {
                let due = self.due.filter(|due| *due <= now)?;
                let period = Duration::from_secs(1) / (*fps).max(1);
                // Steps that were missed are not made up for: time stands still while the painter is slow.
                self.due = Some(if due + period > now { due + period } else { now + period });
                if !self.tells_releases {
                    self.down.retain(|(_, heard)| now.saturating_sub(*heard) < HOLD);
                }
                let key = self.pressed.take().or(self.down.last().map(|(key, _)| *key));
                match key {
                    Some(key) => self.bindings.action(key),
                    None => idle.clone().or_else(|| self.last.clone()),
                }
            }
        };
        self.last.clone_from(&action);
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Option<OwnedAction> = Some(OwnedAction::Discrete(0));
    const RIGHT: Option<OwnedAction> = Some(OwnedAction::Discrete(2));
    const IDLE: Option<OwnedAction> = Some(OwnedAction::Discrete(1));

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn keys(bindings: KeyBindings) -> HumanPlayer {
        HumanPlayer::new(bindings.key(Key::Left, 0, "left").key(Key::Right, 2, "right"))
    }

    #[test]
    fn a_turn_is_a_key() {
        let mut player = keys(KeyBindings::turn_based());
        assert_eq!((player.act(ms(0)), player.time_left(ms(0))), (None, None));
        for time in [ms(1), ms(2)] {
            assert!(player.press(Key::Left, time) && !player.press(Key::Up, time));
            assert_eq!([player.act(time), player.act(time)], [LEFT, None]);
            assert!(player.is_waiting());
        }
    }

    #[test]
    fn the_clock_starts_with_a_key_and_steps_evenly() {
        let mut player = keys(KeyBindings::real_time(10, 1));
        assert_eq!((player.act(ms(5)), player.is_waiting()), (None, true));
        player.press(Key::Right, ms(10));
        assert_eq!(player.act(ms(10)), RIGHT);
        player.release(Key::Right);
        assert_eq!((player.act(ms(109)), player.time_left(ms(90))), (None, Some(ms(20))));
        assert_eq!(player.act(ms(115)), IDLE);
        assert_eq!(player.act(ms(210)), IDLE, "due at 210, though the last one was late");
        assert_eq!([player.act(ms(900)), player.act(ms(901))], [IDLE, None], "missed steps are not made up for");
    }

    #[test]
    fn the_last_key_that_is_down_acts() {
        let mut player = keys(KeyBindings::real_time(10, 1));
        player.press(Key::Left, ms(0));
        player.press(Key::Right, ms(1));
        assert_eq!(player.act(ms(1)), RIGHT);
        player.release(Key::Right);
        assert_eq!(player.act(ms(200)), LEFT);
        assert_eq!(player.act(ms(2000)), LEFT, "held until it is released");
        player.release(Key::Left);
        assert_eq!(player.act(ms(2200)), IDLE);
        player.press(Key::Right, ms(2210));
        player.release(Key::Right);
        assert_eq!([player.act(ms(2300)), player.act(ms(2400))], [RIGHT, IDLE], "a tap between steps acts once");
    }

    #[test]
    fn keys_that_are_never_released_wear_off() {
        let mut player = keys(KeyBindings::real_time(10, 1));
        player.press(Key::Left, ms(0));
        assert_eq!([player.act(ms(0)), player.act(ms(100)), player.act(ms(300))], [LEFT, LEFT, IDLE]);
        for time in [500, 530, 560, 590] {
            player.press(Key::Left, ms(time));
        }
        assert_eq!([player.act(ms(600)), player.act(ms(800)), player.act(ms(900))], [LEFT, LEFT, IDLE]);
    }

    #[test]
    fn without_an_idle_action_the_last_one_goes_on() {
        let mut player = keys(KeyBindings::held(10));
        player.press(Key::Right, ms(0));
        assert_eq!([player.act(ms(0)), player.act(ms(1000)), player.act(ms(2000))], [RIGHT, RIGHT, RIGHT]);
        player.stop();
        assert_eq!(player.act(ms(3000)), None);
        player.go_on(ms(3000));
        assert_eq!(player.act(ms(3000)), RIGHT);
        player.restart();
        player.go_on(ms(4000));
        assert_eq!(player.act(ms(4000)), None, "a new episode has no last action");
    }
}
