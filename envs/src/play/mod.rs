//! Play by a person: keys and the clock become actions, and episodes are counted.
//!
//! Nothing here draws or listens: who shows the game (a terminal, a window) hands in keys and the time.

mod game;
mod human_player;

pub use game::{Game, Phase, PlayedEpisode};
pub use human_player::HumanPlayer;
