//! The town, its states, and what a step may lead to.

use super::TaxiConfig;
use crate::Generator;
use crate::toy_text::tabular::{Direction, EAST, Grid, NORTH, SOUTH, Transition, WEST, certain, one_of_three};

pub(super) const GRID: Grid = Grid { rows: 5, columns: 5 };
pub(super) const STATES: i32 = 500;
pub(super) const ACTIONS: usize = 6;
/// Where passengers wait and want to go: red, green, yellow and blue.
pub(super) const STOPS: [i32; 4] = [0, 4, 20, 23];
/// In place of a stop: the passenger is in the taxi.
pub(super) const IN_TAXI: i32 = 4;
/// Cells with a wall on their east side.
pub(super) const WALLS: [i32; 6] = [1, 6, 15, 17, 20, 22];

/// Where the first four actions lead.
const DIRECTIONS: [Direction; 4] = [SOUTH, NORTH, EAST, WEST];
/// For each of them, the actions to its left and to its right.
const SIDES: [[usize; 2]; 4] = [[2, 3], [3, 2], [1, 0], [0, 1]];
const PICK_UP: usize = 4;

/// A numbered state, taken apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Town {
    /// The taxi's cell.
    pub(super) taxi: i32,
    /// The passenger's stop, or [`IN_TAXI`].
    pub(super) passenger: i32,
    /// The stop to go to.
    pub(super) destination: i32,
}

impl Town {
    #[inline]
    pub(super) const fn decode(state: i32) -> Self {
        Self { taxi: state / 20, passenger: state / 4 % 5, destination: state % 4 }
    }

    #[inline]
    pub(super) fn encode(self) -> i32 {
        (self.taxi * 5 + self.passenger) * 4 + self.destination
    }

    /// Whether episodes may start here: the passenger waits, and not where it wants to go.
    pub(super) const fn is_start(self) -> bool {
        self.passenger != IN_TAXI && self.passenger != self.destination
    }

    /// The cell that one of the first four actions leads to; the same one, if a wall is in the way.
    #[inline]
    fn toward(self, action: usize) -> i32 {
        let next = GRID.neighbor(self.taxi, DIRECTIONS[action]);
        // Walls lie between columns, so only moves within a row meet them.
        let is_blocked = (next - self.taxi).abs() == 1 && WALLS.contains(&next.min(self.taxi));
        if is_blocked { self.taxi } else { next }
    }

    /// The stop where the taxi is.
    #[inline]
    fn stop(self) -> Option<i32> {
        STOPS.iter().position(|stop| *stop == self.taxi).map(|stop| stop as i32)
    }

    fn can_pick_up(self) -> bool {
        self.passenger != IN_TAXI && self.stop() == Some(self.passenger)
    }

    /// Where the passenger may get out.
    fn drop_off(self) -> Option<i32> {
        if self.passenger == IN_TAXI { self.stop() } else { None }
    }

    /// 1 for each action that changes the state.
    pub(super) fn action_mask(self) -> [u8; ACTIONS] {
        std::array::from_fn(|action| {
            u8::from(match action {
                0..PICK_UP => self.toward(action) != self.taxi,
                PICK_UP => self.can_pick_up(),
                _ => self.drop_off().is_some(),
            })
        })
    }

    /// One of what `P[state][action]` of Gymnasium lists.
    #[inline]
    pub(super) fn transition(self, config: &TaxiConfig, action: usize, rng: &mut Generator) -> Transition {
        if action < PICK_UP && config.is_rainy {
            return self.rainy(config.rainy_probability.get(), action, rng);
        }
        certain(rng);
        let (town, reward, terminated) = match action {
            0..PICK_UP => (Self { taxi: self.toward(action), ..self }, -1.0, false),
            PICK_UP if self.can_pick_up() => (Self { passenger: IN_TAXI, ..self }, -1.0, false),
            PICK_UP => (self, -10.0, false),
            _ => match self.drop_off() {
                Some(stop) => {
                    let arrived = stop == self.destination;
                    (Self { passenger: stop, ..self }, if arrived { 20.0 } else { -1.0 }, arrived)
                }
                None => (self, -10.0, false),
            },
        };
        Transition { probability: 1.0, state: town.encode(), reward, terminated }
    }

    /// A move in the rain, which may drift to either side. Where the way ahead is blocked, there is no drift.
    fn rainy(self, ahead: f64, action: usize, rng: &mut Generator) -> Transition {
        let aside = (1.0 - ahead) / 2.0;
        let drift = one_of_three([ahead, aside, aside], rng);
        let [left, right] = SIDES[action];
        let is_blocked = self.toward(action) == self.taxi;
        let taxi = if is_blocked { self.taxi } else { self.toward([action, left, right][drift]) };
        let probability = if drift == 0 { ahead } else { aside };
        Transition { probability, state: Self { taxi, ..self }.encode(), reward: -1.0, terminated: false }
    }
}

/// The 300 states in which episodes start, in order, each with the cumulative sum of probabilities up to it, summed as
/// NumPy does.
static STARTS: [(f64, i32); 300] = {
    let mut starts = [(0.0, 0); 300];
    let (mut state, mut count, mut sum) = (0, 0, 0.0);
    while state < STATES {
        if Town::decode(state).is_start() {
            sum += 1.0 / 300.0;
            starts[count] = (sum, state);
            count += 1;
        }
        state += 1;
    }
    starts
};

/// Where an episode starts: [`categorical`](crate::toy_text::tabular::categorical) of all states.
pub(super) fn random_start(rng: &mut Generator) -> i32 {
    let draw = rng.random();
    let first = STARTS.partition_point(|(sum, _)| *sum <= draw);
    STARTS.get(first).map_or(0, |(_, state)| *state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy_text::tabular::categorical;

    #[test]
    fn states_are_numbered_without_gaps() {
        assert!((0..STATES).all(|state| Town::decode(state).encode() == state));
        assert_eq!((0..STATES).filter(|state| Town::decode(*state).is_start()).count(), 300);
    }

    #[test]
    fn starts_are_drawn_as_from_all_states() {
        let probability = |state| if Town::decode(state).is_start() { 1.0 / 300.0 } else { 0.0 };
        let (mut one, mut other) = (Generator::new(3), Generator::new(3));
        for _ in 0..5000 {
            assert_eq!(random_start(&mut one), categorical((0..STATES).map(probability), &mut other) as i32);
        }
    }

    #[test]
    fn masks_name_what_changes_the_state() {
        let config = TaxiConfig::default();
        for state in 0..STATES {
            let town = Town::decode(state);
            for (action, allowed) in town.action_mask().into_iter().enumerate() {
                let transition = town.transition(&config, action, &mut Generator::new(0));
                assert_eq!(transition.state != state, allowed == 1, "{town:?}, action {action}");
                assert_eq!(transition.reward == -10.0, action >= PICK_UP && allowed == 0, "{town:?}, action {action}");
            }
        }
    }
}
