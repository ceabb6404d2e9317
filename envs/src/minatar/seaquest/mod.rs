//! Seaquest: a submarine that rescues divers from among fish and other submarines, and surfaces for air.
//!
//! As MinAtar 1.0.15 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(6)`: 0 does nothing, 1 goes left, 2 up, 3 right, 4 down, 5 fires ahead, at most every 5 frames |
//! | Channels | 0 front and 1 back of the submarine, 2 its bullet, 3 trail (behind what swims), 4 bullet of an enemy, 5 fish, 6 enemy submarine, 7 gauge of oxygen, 8 gauge of divers, 9 diver |
//! | Reward | 1 for each enemy shot; when surfacing with six divers, 1 for each cell of the oxygen gauge |
//! | Start | the submarine in column 5 of the first row, the surface, facing left, with oxygen for 200 frames |
//! | Terminated | an enemy or its bullet meets the front, oxygen is used up, or the submarine surfaces without a diver |
//! | Difficulty | with each surfacing, enemies come one frame sooner, and with every second one they move one frame sooner, at most every 3 |
//!
//! Enemies enter from either side of rows 1 to 8, every 20 frames at first: submarines one time in three, else fish. None
//! enters a row where another goes the other way. They move every 6 frames at first; submarines shoot every 11. Divers
//! enter every 30 frames and move every 6. Up to six are taken aboard by touch. To surface costs a diver and fills the tank; to
//! surface with six delivers them all, and one more: the package counts on from -1, and below 0 surfacing is free.

mod dynamics;

use serde::{Deserialize, Serialize};

use self::dynamics::{Body, Swimmer};
use super::board::{LAST, Planes, SIDE, on_grid};
use super::game::{Heading, MinAtarAction, MinAtarGame};
use crate::{Generator, Rgba, Step};

const FRONT: usize = 0;
const BACK: usize = 1;
const BULLET: usize = 2;
const TRAIL: usize = 3;
const ENEMY_BULLET: usize = 4;
const FISH: usize = 5;
const SUBMARINE: usize = 6;
const OXYGEN: usize = 7;
const DIVERS: usize = 8;
const DIVER: usize = 9;

/// More than there can be of a kind at once, so that lists never grow: enemies come at most every frame and are gone
/// after 60.
const CROWD: usize = 64;

/// The state of Seaquest; see the module's table in the source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seaquest {
    player: Body,
    is_surfaced: bool,
    shot_timer: u8,
    oxygen: i16,
    /// Divers aboard; below 0 after a delivery.
    aboard: i32,
    bullets: Vec<Body>,
    enemy_bullets: Vec<Body>,
    fish: Vec<Swimmer>,
    submarines: Vec<Swimmer>,
    divers: Vec<Swimmer>,
    spawn_interval: u8,
    spawn_timer: u8,
    diver_timer: u8,
    /// Frames that an enemy waits between moves.
    move_interval: u8,
    ramps: u8,
}

impl MinAtarGame for Seaquest {
    const COLORS: &'static [Rgba] = &[
        Rgba::rgb(250, 220, 80),
        Rgba::rgb(200, 160, 50),
        Rgba::rgb(250, 250, 250),
        Rgba::rgb(60, 75, 100),
        Rgba::rgb(250, 110, 90),
        Rgba::rgb(240, 150, 70),
        Rgba::rgb(200, 60, 90),
        Rgba::rgb(90, 200, 240),
        Rgba::rgb(110, 220, 130),
        Rgba::rgb(110, 220, 130),
    ];

    const ACTIONS: &'static [MinAtarAction] = &MinAtarAction::ALL;

    fn reset(&mut self, _rng: &mut Generator) {
        for list in [&mut self.fish, &mut self.submarines, &mut self.divers] {
            list.clear();
            list.reserve(CROWD);
        }
        for list in [&mut self.bullets, &mut self.enemy_bullets] {
            list.clear();
            list.reserve(CROWD);
        }
        self.player = Body { x: 5, y: 0, heading: Heading::Left };
        self.is_surfaced = true;
        self.shot_timer = 0;
        self.oxygen = dynamics::TANK;
        self.aboard = 0;
        self.spawn_interval = dynamics::SPAWN_INTERVAL;
        self.spawn_timer = dynamics::SPAWN_INTERVAL;
        self.diver_timer = dynamics::DIVER_INTERVAL;
        self.move_interval = dynamics::MOVE_INTERVAL;
        self.ramps = 0;
    }

    fn step(&mut self, action: MinAtarAction, ramping: bool, rng: &mut Generator) -> Step {
        self.spawn(rng);
        self.steer(action);
        let mut reward = self.move_bullets();
        self.move_divers();
        let (shot, rammed) = self.move_submarines();
        reward += shot;
        let hit = self.move_enemy_bullets();
        let (shot, bitten) = self.move_fish();
        reward += shot;
        self.count_down();
        let (delivered, drowned) = self.breathe(ramping);
        reward += delivered;
        Step { reward, terminated: rammed || hit || bitten || drowned, truncated: false }
    }

    fn observe(&self, planes: &mut Planes<'_>) {
        planes.set(FRONT, self.player.x, self.player.y);
        planes.set(BACK, self.player.behind(), self.player.y);
        // Where oxygen has fallen below 0, the package counts cells from the end of the row.
        let full = self.oxygen_cells();
        (0..if full < 0 { SIDE + full } else { full }).for_each(|x| planes.set(OXYGEN, x, LAST));
        (LAST - self.aboard.max(0) as i8..LAST).for_each(|x| planes.set(DIVERS, x, LAST));
        self.bullets.iter().for_each(|bullet| planes.set(BULLET, bullet.x, bullet.y));
        self.enemy_bullets.iter().for_each(|bullet| planes.set(ENEMY_BULLET, bullet.x, bullet.y));
        for (channel, swimmers) in [(FISH, &self.fish), (SUBMARINE, &self.submarines), (DIVER, &self.divers)] {
            for Swimmer { body, .. } in swimmers {
                planes.set(channel, body.x, body.y);
                planes.set(TRAIL, body.behind(), body.y);
            }
        }
    }

    fn is_possible(&self) -> bool {
        let swimmers = self.fish.iter().chain(&self.submarines).chain(&self.divers).map(|swimmer| &swimmer.body);
        let mut bodies = swimmers.chain(&self.bullets).chain(&self.enemy_bullets).chain([&self.player]);
        bodies.all(|body| on_grid(body.x) && on_grid(body.y))
            && (0..=dynamics::TANK).contains(&self.oxygen)
            && self.aboard <= dynamics::MOST_DIVERS
            && self.ramps < u8::MAX
    }
}
