//! MinAtar: five Atari games in miniature, on ten by ten cells with one plane for each kind of thing.
//!
//! After Young and Tian, "MinAtar: An Atari-Inspired Testbed for Thorough and Reproducible Reinforcement Learning
//! Experiments" (2019), as version 1.0.15 of its `minatar` package computes it.
//!
//! | | |
//! |---|---|
//! | Action | v1: `Discrete(n)`, the game's own actions; v0: `Discrete(6)`: 0 nothing, 1 left, 2 up, 3 right, 4 down, 5 fire |
//! | Observation | u8 \[10, 10, channels\], each 0 or 1: row from the top, column from the left, kind of thing |
//! | Chance | with `sticky_action_prob`, at first 0.1, the last action is repeated in place of the one chosen |
//! | Truncated | never: no time limit is registered |
//!
//! The rest is the game's own. Under the same draws, frames are the package's: its generator is NumPy's older
//! `RandomState`, so that its seeds give other draws than here; `tests/data/minatar/generate.py` gives it these. One
//! thing differs: the package remembers the last action across a reset, so that an episode's first action may be the
//! last one of the episode before it; here an episode depends on itself alone, and before its first action lies a no-op.
//! Observations are bytes where the package has booleans.

mod asterix;
mod board;
mod breakout;
mod freeway;
mod game;
mod scene;
mod seaquest;
mod space_invaders;

pub use asterix::Asterix;
pub use board::Planes;
pub use breakout::Breakout;
pub use freeway::Freeway;
pub use game::{MinAtarAction, MinAtarGame};
pub use seaquest::Seaquest;
use serde::{Deserialize, Serialize};
pub use space_invaders::SpaceInvaders;

use self::board::SIDE;
use crate::{
    Action, Dtype, Env, EnvError, EnvSpec, Generator, Key, KeyBindings, Probability, Result, RowMut, Scene, Space, Step,
};

/// Frames a second at which people can play.
const FPS: u32 = 10;

/// The keyword arguments of a MinAtar game.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinAtarConfig {
    /// The probability that the last action is repeated, whatever is chosen.
    pub sticky_action_prob: Probability,
    /// Whether the game grows harder as it goes on. Breakout and Freeway do not.
    pub difficulty_ramping: bool,
    /// Whether actions are the game's own alone, or all six.
    pub use_minimal_action_set: bool,
}

impl Default for MinAtarConfig {
    /// As of the ids that end in v1.
    fn default() -> Self {
        Self { sticky_action_prob: Probability(0.1), difficulty_ramping: true, use_minimal_action_set: true }
    }
}

/// A MinAtar game as an environment; see the module's table in the source, and the game's.
#[derive(Clone, Debug)]
pub struct MinAtar<G> {
    config: MinAtarConfig,
    game: G,
    last_action: MinAtarAction,
    /// What the game looks like: the last observation.
    planes: Vec<u8>,
    /// Of its actions.
    names: Vec<&'static str>,
}

impl<G: MinAtarGame> MinAtar<G> {
    /// A game that waits to be reset.
    pub fn new(config: MinAtarConfig) -> Self {
        let cells = SIDE as usize * SIDE as usize;
        let planes = vec![0; cells * G::COLORS.len()];
        let names = actions::<G>(config).iter().map(|action| action.name()).collect();
        Self { config, game: G::default(), last_action: MinAtarAction::Noop, planes, names }
    }

    fn actions(&self) -> &'static [MinAtarAction] {
        actions::<G>(self.config)
    }

    fn observe(&mut self) {
        self.game.observe(&mut Planes::cleared(&mut self.planes, G::COLORS.len()));
    }
}

/// The actions of a game that is played so.
fn actions<G: MinAtarGame>(config: MinAtarConfig) -> &'static [MinAtarAction] {
    if config.use_minimal_action_set { G::ACTIONS } else { &MinAtarAction::ALL }
}

impl<G: MinAtarGame> Env for MinAtar<G> {
    fn observation_space(&self) -> Space {
        let width = self.planes.len();
        let shape = vec![SIDE as usize, SIDE as usize, G::COLORS.len()];
        Space::Box { low: vec![0.0; width], high: vec![1.0; width], shape, dtype: Dtype::U8 }
    }

    fn action_space(&self) -> Space {
        Space::discrete(self.actions().len() as i32)
    }

    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.game.reset(rng);
        self.last_action = MinAtarAction::Noop;
        self.observe();
        observation.write(&self.planes);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let chosen = match action {
            Action::Discrete(i) => usize::try_from(i).ok().and_then(|i| self.actions().get(i)),
            _ => None,
        };
        let Some(&chosen) = chosen else {
            return Err(EnvError::invalid_action(action, format_args!("of {}", self.action_space())));
        };
        if rng.random() >= self.config.sticky_action_prob.get() {
            self.last_action = chosen;
        }
        let step = self.game.step(self.last_action, self.config.difficulty_ramping, rng);
        self.observe();
        observation.write(&self.planes);
        Ok(step)
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(&self.planes, G::COLORS, scene);
    }

    fn action_names(&self) -> &[&str] {
        &self.names
    }

    fn key_bindings(&self) -> KeyBindings {
        let keys = KeyBindings::real_time(FPS, 0);
        (0..).zip(self.actions()).fold(keys, |keys, (i, action)| {
            let key = match action {
                MinAtarAction::Noop => return keys,
                MinAtarAction::Left => Key::Left,
                MinAtarAction::Up => Key::Up,
                MinAtarAction::Right => Key::Right,
                MinAtarAction::Down => Key::Down,
                MinAtarAction::Fire => Key::Char(' '),
            };
            keys.key(key, i, action.name())
        })
    }

    fn save(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&(self.last_action, &self.game)).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let (last_action, game): (MinAtarAction, G) = postcard::from_bytes(state).map_err(EnvError::bad_state)?;
        if !game.is_possible() {
            return Err(EnvError::bad_state("it has something off the grid or a timer that cannot be"));
        }
        (self.last_action, self.game) = (last_action, game);
        self.observe();
        Ok(())
    }
}

pub(crate) fn specs() -> Vec<EnvSpec> {
    [
        spec_pair::<Asterix>("Asterix", "Collect treasure and keep away from enemies"),
        spec_pair::<Breakout>("Breakout", "Break rows of bricks with a ball and a paddle"),
        spec_pair::<Freeway>("Freeway", "Cross a road of eight lanes"),
        spec_pair::<Seaquest>("Seaquest", "Rescue divers among fish and submarines, and surface for air"),
        spec_pair::<SpaceInvaders>("SpaceInvaders", "Shoot the aliens that come down before they arrive"),
    ]
    .concat()
}

/// The game with all actions (v0) and with its own alone (v1).
fn spec_pair<G: MinAtarGame + 'static>(name: &str, description: &str) -> Vec<EnvSpec> {
    let spec = |version, is_minimal| {
        let id = format!("MinAtar/{name}-v{version}");
        EnvSpec::new(&id, description, |config| Ok(MinAtar::<G>::new(config)))
            .kwarg("sticky_action_prob", 0.1, "the probability that the last action is repeated, whatever is chosen")
            .kwarg("difficulty_ramping", true, "the game grows harder as it goes on; Breakout and Freeway do not")
            .kwarg("use_minimal_action_set", is_minimal, "actions are the game's own alone, not all six")
    };
    vec![spec(0, false), spec(1, true)]
}
