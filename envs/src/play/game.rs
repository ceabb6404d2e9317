//! Episodes that a person plays.

use std::time::Duration;

use super::HumanPlayer;
use crate::{Environment, Key, KeyBindings, OwnedAction, Result, Step};

/// Where a game stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// It waits for a key: at the start, in a pause, and before each step if it is turn-based.
    Waiting,
    /// Steps come by the clock.
    Running,
    /// The episode ended with this step: [`Game::restart`] begins another.
    Over(Step),
}

/// An episode that was played to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlayedEpisode {
    /// Sum of its rewards.
    pub episode_return: f64,
    /// Its steps.
    pub length: u64,
}

/// A person at an environment, episode after episode. See [`HumanPlayer`] for the keys and the times.
///
/// ```
/// use std::time::Duration;
///
/// use cartwheel_envs::{Game, Key, make};
///
/// let env = make("CliffWalking-v1")?;
/// let keys = env.key_bindings();
/// let mut game = Game::new(env, keys, 0)?;
/// game.press(Key::Right, Duration::ZERO);
/// let step = game.advance(Duration::ZERO)?;
/// assert_eq!(step.map(|step| step.reward), Some(-100.0), "off the cliff");
/// # Ok::<(), cartwheel_envs::EnvError>(())
/// ```
pub struct Game {
    env: Environment,
    bindings: KeyBindings,
    player: HumanPlayer,
    /// Of the episode after this one.
    next_seed: u64,
    current: PlayedEpisode,
    last_action: Option<OwnedAction>,
    over: Option<Step>,
    episodes: Vec<PlayedEpisode>,
}

impl Game {
    /// Begins an episode of `env`. The i-th, abandoned ones included, is reset with `seed` + i.
    ///
    /// # Errors
    /// The environment's own.
    pub fn new(env: Environment, bindings: KeyBindings, seed: u64) -> Result<Self> {
        let mut game = Self {
            env,
            player: HumanPlayer::new(bindings.clone()),
            bindings,
            next_seed: seed,
            current: PlayedEpisode { episode_return: 0.0, length: 0 },
            last_action: None,
            over: None,
            episodes: Vec::new(),
        };
        game.restart()?;
        Ok(game)
    }

    /// Begins another episode. One that is not over is abandoned.
    ///
    /// # Errors
    /// The environment's own.
    pub fn restart(&mut self) -> Result<()> {
        self.env.reset(Some(self.next_seed))?;
        self.next_seed = self.next_seed.wrapping_add(1);
        self.current = PlayedEpisode { episode_return: 0.0, length: 0 };
        (self.last_action, self.over) = (None, None);
        self.player.restart();
        Ok(())
    }

    /// A key goes down or is repeated. False if it has no action, or the episode is over.
    pub fn press(&mut self, key: Key, now: Duration) -> bool {
        self.over.is_none() && self.player.press(key, now)
    }

    /// A key goes up.
    pub fn release(&mut self, key: Key) {
        self.player.release(key);
    }

    /// Stops the clock, or lets it go on.
    pub fn toggle_pause(&mut self, now: Duration) {
        match self.phase() {
            Phase::Waiting => self.player.go_on(now),
            Phase::Running => self.player.stop(),
            Phase::Over(_) => {}
        }
    }

    /// Makes the step that is due now, if one is.
    ///
    /// # Errors
    /// The environment's own.
    pub fn advance(&mut self, now: Duration) -> Result<Option<Step>> {
        if self.over.is_some() {
            return Ok(None);
        }
        let Some(action) = self.player.act(now) else { return Ok(None) };
        let step = self.env.step(action.as_action())?;
        self.current.episode_return += step.reward;
        self.current.length += 1;
        self.last_action = Some(action);
        if step.terminated || step.truncated {
            self.over = Some(step);
            self.episodes.push(self.current);
            self.player.restart();
        }
        Ok(Some(step))
    }

    /// How long until a step is due though no key is pressed; `None` if the game waits for one.
    pub fn time_left(&self, now: Duration) -> Option<Duration> {
        self.player.time_left(now)
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match self.over {
            Some(step) => Phase::Over(step),
            None if self.player.is_waiting() => Phase::Waiting,
            None => Phase::Running,
        }
    }

    /// The environment, to be drawn.
    pub fn env(&self) -> &Environment {
        &self.env
    }

    /// The keys.
    pub fn bindings(&self) -> &KeyBindings {
        &self.bindings
    }

    /// The episode so far.
    pub fn current(&self) -> PlayedEpisode {
        self.current
    }

    /// The last action of this episode.
    pub fn last_action(&self) -> Option<&OwnedAction> {
        self.last_action.as_ref()
    }

    /// The episodes that were played to their end.
    pub fn episodes(&self) -> &[PlayedEpisode] {
        &self.episodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn game(id: &str, seed: u64) -> Game {
        let env = make(id).unwrap();
        let bindings = env.key_bindings();
        Game::new(env, bindings, seed).unwrap()
    }

    #[test]
    fn an_episode_is_the_environments() {
        let mut game = game("CartPole-v1", 3);
        assert_eq!((game.phase(), game.advance(ms(10)).unwrap()), (Phase::Waiting, None));
        assert!(game.press(Key::Right, ms(10)));
        assert_eq!(game.phase(), Phase::Running);
        let mut now = ms(10);
        while !matches!(game.phase(), Phase::Over(_)) {
            now += game.time_left(now).unwrap();
            game.advance(now).unwrap().unwrap();
        }
        let mut env = make("CartPole-v1").unwrap();
        env.reset(Some(3)).unwrap();
        let length = (1..).find(|_| env.step(1).unwrap().terminated).unwrap();
        assert_eq!(game.episodes(), [PlayedEpisode { episode_return: length as f64, length }]);
        assert_eq!(game.env().observation(), env.observation());
        assert!(!game.press(Key::Left, now) && game.advance(now + ms(1000)).unwrap().is_none(), "it is over");

        game.restart().unwrap();
        env.reset(Some(4)).unwrap();
        assert_eq!((game.phase(), game.env().observation()), (Phase::Waiting, env.observation()));
        assert_eq!((game.current().length, game.last_action()), (0, None));
    }

    #[test]
    fn a_pause_stops_the_clock() {
        let mut game = game("MountainCar-v0", 0);
        game.press(Key::Left, ms(0));
        game.advance(ms(0)).unwrap().unwrap();
        game.toggle_pause(ms(5));
        assert_eq!((game.phase(), game.time_left(ms(5))), (Phase::Waiting, None));
        assert_eq!(game.advance(ms(5000)).unwrap(), None);
        game.toggle_pause(ms(6000));
        assert!(game.advance(ms(6000)).unwrap().is_some());
        assert_eq!(game.last_action(), Some(&1.into()), "keys held before the pause are forgotten");
    }

    #[test]
    fn an_abandoned_episode_is_not_counted() {
        let mut game = game("CliffWalking-v1", 0);
        game.press(Key::Up, ms(0));
        game.advance(ms(0)).unwrap().unwrap();
        game.restart().unwrap();
        assert_eq!((game.episodes(), game.current().length), (&[][..], 0));
    }
}
