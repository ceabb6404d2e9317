//! The town, its states, and what a step may lead to.

use super::TaxiConfig;
use crate::toy_text::tabular::{Direction, EAST, Grid, NORTH, SOUTH, Transition, Transitions, WEST};

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
    pub(super) fn decode(state: i32) -> Self {
        Self { taxi: state / 20, passenger: state / 4 % 5, destination: state % 4 }
    }

    pub(super) fn encode(self) -> i32 {
        (self.taxi * 5 + self.passenger) * 4 + self.destination
    }

    /// Whether episodes may start here: the passenger waits, and not where it wants to go.
    pub(super) fn is_start(self) -> bool {
        self.passenger != IN_TAXI && self.passenger != self.destination
    }

    /// The cell that one of the first four actions leads to; the same one, if a wall is in the way.
    fn toward(self, action: usize) -> i32 {
        let next = GRID.neighbor(self.taxi, DIRECTIONS[action]);
        // Walls lie between columns, so only moves within a row meet them.
        let is_blocked = (next - self.taxi).abs() == 1 && WALLS.contains(&next.min(self.taxi));
        if is_blocked { self.taxi } else { next }
    }

    /// The stop where the taxi is.
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

    /// `P[state][action]` of Gymnasium.
    pub(super) fn transitions(self, config: &TaxiConfig, action: usize) -> Transitions {
        let certain = |town: Self, reward, terminated| {
            Transitions::Certain(Transition { probability: 1.0, state: town.encode(), reward, terminated })
        };
        match action {
            0..PICK_UP if config.is_rainy => self.rainy(config.rainy_probability.get(), action),
            0..PICK_UP => certain(Self { taxi: self.toward(action), ..self }, -1.0, false),
            PICK_UP if self.can_pick_up() => certain(Self { passenger: IN_TAXI, ..self }, -1.0, false),
            PICK_UP => certain(self, -10.0, false),
            _ => match self.drop_off() {
                Some(stop) => {
                    let arrived = stop == self.destination;
                    certain(Self { passenger: stop, ..self }, if arrived { 20.0 } else { -1.0 }, arrived)
                }
                None => certain(self, -10.0, false),
            },
        }
    }

    /// A move in the rain, which may drift to either side. Where the way ahead is blocked, there is no drift.
    fn rainy(self, ahead: f64, action: usize) -> Transitions {
        let is_blocked = self.toward(action) == self.taxi;
        let step = |probability, action| {
            let taxi = if is_blocked { self.taxi } else { self.toward(action) };
            Transition { probability, state: Self { taxi, ..self }.encode(), reward: -1.0, terminated: false }
        };
        let aside = (1.0 - ahead) / 2.0;
        let [left, right] = SIDES[action];
        Transitions::OneOf([step(ahead, action), step(aside, left), step(aside, right)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_numbered_without_gaps() {
        assert!((0..STATES).all(|state| Town::decode(state).encode() == state));
        assert_eq!((0..STATES).filter(|state| Town::decode(*state).is_start()).count(), 300);
    }

    #[test]
    fn masks_name_what_changes_the_state() {
        let config = TaxiConfig::default();
        for state in 0..STATES {
            let town = Town::decode(state);
            for (action, allowed) in town.action_mask().into_iter().enumerate() {
                let Transitions::Certain(transition) = town.transitions(&config, action) else { panic!("it is dry") };
                assert_eq!(transition.state != state, allowed == 1, "{town:?}, action {action}");
                assert_eq!(transition.reward == -10.0, action >= PICK_UP && allowed == 0, "{town:?}, action {action}");
            }
        }
    }
}
