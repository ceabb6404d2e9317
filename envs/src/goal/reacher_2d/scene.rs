//! How the arm looks: in metres, the shoulder at the origin.

use super::DISTANCE_THRESHOLD;
use super::dynamics::{LINK, Reacher2DState};
use crate::{Rgba, Scene, Style};

const TABLE: Rgba = Rgba::rgb(236, 236, 230);
const EDGE: Rgba = Rgba::rgb(190, 190, 182);
const LINKS: Rgba = Rgba::rgb(38, 50, 70);
const JOINT: Rgba = Rgba::rgb(129, 132, 203);
const GOAL: Rgba = Rgba::rgb(204, 77, 77);
const REACHED: Rgba = Rgba::rgb(92, 170, 96);

/// The arm, what it can reach, and the goal, in green where it is reached.
pub(super) fn draw(state: &Reacher2DState, reached: bool, scene: &mut Scene) {
    let reach = 2.0 * LINK as f32;
    scene.bounds([-1.1 * reach; 2], [1.1 * reach; 2]);
    scene.circle([0.0; 2], reach, Style { stroke: Some((0.01, EDGE)), ..Style::fill(TABLE) });
    let [elbow, tip, goal] = [state.elbow(), state.tip(), state.goal].map(|point| point.map(|x| x as f32));
    let threshold = DISTANCE_THRESHOLD as f32;
    scene.circle(goal, 1.6 * threshold, Style::fill(if reached { REACHED } else { GOAL }));
    scene.line([0.0; 2], elbow, 0.07, LINKS);
    scene.line(elbow, tip, 0.05, LINKS);
    for joint in [[0.0; 2], elbow] {
        scene.circle(joint, 0.06, Style::fill(JOINT));
    }
    // As large as the tolerance: where the discs' middles meet, the goal is reached.
    scene.circle(tip, 0.6 * threshold, Style { stroke: Some((0.01, TABLE)), ..Style::fill(LINKS) });
}
