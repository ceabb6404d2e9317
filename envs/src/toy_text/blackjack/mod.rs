//! Blackjack: come closer to 21 than the dealer, but not above.
//!
//! Example 5.1 of Sutton and Barto, "Reinforcement Learning: An Introduction" (second edition, 2018), as
//! Gymnasium 1.4 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(2)`: 0 sticks, 1 hits (takes a card) |
//! | Observation | `Tuple(Discrete(32), Discrete(11), Discrete(2))`: the player's sum, the dealer's first card (1 to 10, an ace is 1), whether the player has a usable ace |
//! | Chance | cards of a deck that never ends: 2 to 9 and the ace with 1/13 each, 10 with 4/13 |
//! | Reward | 1 for winning, -1 for losing, 0 for a draw and for a card that does not bust; a natural (ace and ten at first) wins against all but a natural with `sab`, else brings 1.5 where it wins with `natural` |
//! | Start | two cards each |
//! | Terminated | when the player sticks (then the dealer draws up to 17) or exceeds 21 |
//! | Truncated | never: it has no time limit |

mod dynamics;
mod scene;
mod vector;

use dynamics::Hand;
use serde::{Deserialize, Serialize};

use crate::toy_text::tabular::discrete;
use crate::vector::NativeVector;
use crate::{Action, Env, EnvError, EnvSpec, Generator, Key, KeyBindings, Result, RowMut, Scene, Space, Step};

/// Blackjack's keyword arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlackjackConfig {
    /// Reward 1.5 for winning with a natural, as casinos do. Without effect if `sab` is true.
    pub natural: bool,
    /// Sutton and Barto's rules: a natural wins at once, unless the dealer has one too.
    pub sab: bool,
}

impl Default for BlackjackConfig {
    /// As Gymnasium registers it.
    fn default() -> Self {
        Self { natural: false, sab: true }
    }
}

/// A game of cards; see the module's table in the source, or `Blackjack-v1` in Gymnasium's documentation.
#[derive(Clone, Debug)]
pub struct Blackjack {
    config: BlackjackConfig,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    dealer: Hand,
    player: Hand,
    /// What the dealer's first card looks like: its suit, and whether a 10 is a jack, a queen or a king.
    suit: u8,
    face: u8,
    /// Whether the dealer's cards lie open.
    is_over: bool,
}

impl Blackjack {
    /// A table without cards, until it is reset.
    pub fn new(config: BlackjackConfig) -> Self {
        Self { config, state: State::default() }
    }
}

impl State {
    /// Two cards each.
    #[inline]
    fn dealt(rng: &mut Generator) -> Self {
        let dealer = Hand::dealt(rng);
        let player = Hand::dealt(rng);
        // Gymnasium draws these for its picture, between the cards: without them, the later cards are others.
        let suit = rng.integer(4) as u8;
        let face = if dealer.cards()[0] == 10 { rng.integer(3) as u8 } else { 0 };
        Self { dealer, player, suit, face, is_over: false }
    }

    /// Hits or sticks, and returns the reward and whether the game is over.
    #[inline]
    fn step(&mut self, hits: bool, config: BlackjackConfig, rng: &mut Generator) -> (f64, bool) {
        if hits {
            self.player.draw(rng);
            if self.player.is_bust() { (-1.0, true) } else { (0.0, false) }
        } else {
            self.dealer.play_out(rng);
            self.is_over = true;
            (dynamics::reward(config, &self.player, &self.dealer), true)
        }
    }

    #[inline]
    fn observation(&self) -> [i32; 3] {
        let shown = self.dealer.cards().first().copied().unwrap_or(0);
        [self.player.sum(), shown.into(), self.player.has_usable_ace().into()]
    }
}

impl Env for Blackjack {
    fn observation_space(&self) -> Space {
        Space::Tuple(vec![Space::discrete(32), Space::discrete(11), Space::discrete(2)])
    }

    fn action_space(&self) -> Space {
        Space::discrete(2)
    }

    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.state = State::dealt(rng);
        observation.write(&self.state.observation());
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let hits = discrete(action, 2, "0 (stick) or 1 (hit)")? == 1;
        let (reward, terminated) = self.state.step(hits, self.config, rng);
        observation.write(&self.state.observation());
        Ok(Step { reward, terminated, truncated: false })
    }

    fn observation_names(&self) -> &[&str] {
        &["player's sum", "dealer's card", "usable ace"]
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(&self.state, scene);
    }

    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::turn_based().key(Key::Char('s'), 0, "stick").key(Key::Char('h'), 1, "hit")
    }

    fn save(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.state).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let state: State = postcard::from_bytes(state).map_err(EnvError::bad_state)?;
        if state.dealer.cards().len() < 2 || state.player.cards().len() < 2 {
            return Err(EnvError::bad_state("these hands cannot be dealt"));
        }
        self.state = state;
        Ok(())
    }
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("Blackjack-v1", "Come closer to 21 than the dealer", |config| Ok(Blackjack::new(config)))
        .batch(|config, n, limit| NativeVector::new(Blackjack::new(config), n, limit))
        .kwarg("natural", false, "reward 1.5 for winning with an ace and a ten, unless sab")
        .kwarg("sab", true, "Sutton and Barto's rules: an ace and a ten win at once")
}
