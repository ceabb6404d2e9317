//! How CartPole looks: in metres, the track at height 0, with Gymnasium's colours.

use super::dynamics::{CartPoleState, HALF_LENGTH, POSITION_LIMIT};
use crate::{Rgba, Scene, Style};

const TRACK: Rgba = Rgba::rgb(150, 150, 150);
const LIMIT: Rgba = Rgba::rgb(200, 60, 60);
const CART: Rgba = Rgba::rgb(38, 50, 70);
const POLE: Rgba = Rgba::rgb(202, 152, 101);
const AXLE: Rgba = Rgba::rgb(129, 132, 203);

pub(super) fn draw(state: &CartPoleState, scene: &mut Scene) {
    let limit = POSITION_LIMIT as f32;
    scene.bounds([-limit - 0.2, -0.4], [limit + 0.2, 1.4]);
    scene.line([-limit, -0.15], [limit, -0.15], 0.02, TRACK);
    for end in [-limit, limit] {
        scene.line([end, -0.27], [end, -0.03], 0.03, LIMIT);
    }
    let x = state.x as f32;
    scene.rect([x - 0.25, -0.15], [x + 0.25, 0.15], Style::fill(CART));

    let (sin, cos) = (state.theta as f32).sin_cos();
    let length = 2.0 * HALF_LENGTH as f32;
    let half_width = 0.05;
    // A point so far along the pole from the axle and so far to its right.
    let on_pole = |along: f32, across: f32| [x + along * sin + across * cos, along * cos - across * sin];
    let corners = [
        on_pole(-half_width, -half_width),
        on_pole(length, -half_width),
        on_pole(length, half_width),
        on_pole(-half_width, half_width),
    ];
    scene.path(corners.to_vec(), true, Style::fill(POLE));
    scene.circle([x, 0.0], half_width, Style::fill(AXLE));
}
