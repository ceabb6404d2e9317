//! Maps of the lake, and what a step on one may lead to.

use serde::{Deserialize, Serialize};

use super::FrozenLakeConfig;
use crate::Generator;
use crate::toy_text::tabular::{Direction, EAST, Grid, NORTH, SOUTH, Transition, WEST, categorical, certain, slip};

/// Where the actions lead.
const DIRECTIONS: [Direction; 4] = [WEST, SOUTH, EAST, NORTH];

const MAP_4X4: [&str; 4] = ["SFFF", "FHFH", "FFFH", "HFFG"];
const MAP_8X8: [&str; 8] =
    ["SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"];

/// The most cells that a map may have: far above what is of use, far below where numbers overflow.
const MOST_CELLS: usize = 1 << 20;

/// A map of the lake: rows of S (start), F (frozen), H (hole) and G (goal).
///
/// With several starts, an episode begins at any of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct FrozenLakeMap {
    grid: Grid,
    tiles: Vec<u8>,
    starts: usize,
}

impl FrozenLakeMap {
    /// The map with these rows; `None` unless they are of one length and of S, F, H and G, with at least
    /// one S and at most 2^20 letters.
    pub fn new<T: AsRef<str>>(rows: &[T]) -> Option<Self> {
        let columns = rows.first()?.as_ref().len();
        let equal = rows.iter().all(|row| row.as_ref().len() == columns);
        let map = Self::unchecked(rows);
        let known = map.tiles.iter().all(|tile| b"SFHG".contains(tile));
        (equal && known && map.starts > 0 && map.tiles.len() <= MOST_CELLS).then_some(map)
    }

    fn unchecked<T: AsRef<str>>(rows: &[T]) -> Self {
        let tiles: Vec<u8> = rows.iter().flat_map(|row| row.as_ref().bytes()).collect();
        let starts = tiles.iter().filter(|tile| **tile == b'S').count();
        let columns = tiles.len() / rows.len().max(1);
        Self { grid: Grid { rows: rows.len() as i32, columns: columns as i32 }, tiles, starts }
    }

    pub(super) fn grid(&self) -> Grid {
        self.grid
    }

    #[inline]
    pub(super) fn tile(&self, cell: i32) -> u8 {
        self.tiles[cell as usize]
    }

    /// A start, each with the same probability.
    #[inline]
    pub(super) fn random_start(&self, rng: &mut Generator) -> i32 {
        let each = 1.0 / self.starts as f64;
        categorical(self.tiles.iter().map(|tile| if *tile == b'S' { each } else { 0.0 }), rng) as i32
    }
}

impl TryFrom<Vec<String>> for FrozenLakeMap {
    type Error = &'static str;

    fn try_from(rows: Vec<String>) -> Result<Self, Self::Error> {
        Self::new(&rows)
            .ok_or("expected a list of rows of one length, of the letters S, F, H and G, with at least one S")
    }
}

impl From<FrozenLakeMap> for Vec<String> {
    fn from(map: FrozenLakeMap) -> Self {
        let rows = map.tiles.chunks(map.grid.columns as usize);
        rows.map(|row| row.iter().map(|tile| char::from(*tile)).collect()).collect()
    }
}

/// A map that comes with the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrozenLakeMapName {
    /// Four by four cells with four holes.
    #[default]
    #[serde(rename = "4x4")]
    Small,
    /// Eight by eight cells with ten holes.
    #[serde(rename = "8x8")]
    Large,
}

impl From<FrozenLakeMapName> for FrozenLakeMap {
    fn from(name: FrozenLakeMapName) -> Self {
        match name {
            FrozenLakeMapName::Small => Self::unchecked(&MAP_4X4),
            FrozenLakeMapName::Large => Self::unchecked(&MAP_8X8),
        }
    }
}

/// One of what `P[state][action]` of Gymnasium lists.
#[inline]
pub(super) fn transition(
    map: &FrozenLakeMap,
    config: &FrozenLakeConfig,
    state: i32,
    action: usize,
    rng: &mut Generator,
) -> Transition {
    if b"GH".contains(&map.tile(state)) {
        certain(rng);
        return Transition { probability: 1.0, state, reward: 0.0, terminated: true };
    }
    let (direction, probability) = if config.is_slippery {
        let success = config.success_rate.get();
        slip(action, success, (1.0 - success) / 2.0, rng)
    } else {
        certain(rng);
        (action, 1.0)
    };
    let state = map.grid.neighbor(state, DIRECTIONS[direction]);
    let [goal, hole, frozen] = config.reward_schedule;
    let (reward, terminated) = match map.tile(state) {
        b'G' => (goal, true),
        b'H' => (hole, true),
        _ => (frozen, false),
    };
    Transition { probability, state, reward, terminated }
}
