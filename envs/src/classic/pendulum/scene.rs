//! How Pendulum looks: in metres, the axle at the origin, with Gymnasium's colours.

use super::dynamics::{MAX_TORQUE, PendulumState};
use crate::{Rgba, Scene, Style};

const ROD: Rgba = Rgba::rgb(204, 77, 77);
const AXLE: Rgba = Rgba::rgb(38, 50, 70);
const TORQUE: Rgba = Rgba::rgb(70, 110, 180);

/// The pendulum, and the torque as an arrow around the axle.
pub(super) fn draw(state: &PendulumState, torque: f32, scene: &mut Scene) {
    scene.bounds([-1.4; 2], [1.4; 2]);
    let (sin, cos) = state.theta.sin_cos();
    let (sin, cos) = (sin as f32, cos as f32);
    let half_width = 0.1;
    // Upright is up, and the angle grows counterclockwise.
    let on_rod = |along: f32, across: f32| [-along * sin + across * cos, along * cos + across * sin];
    let corners =
        vec![on_rod(0.0, -half_width), on_rod(1.0, -half_width), on_rod(1.0, half_width), on_rod(0.0, half_width)];
    scene.path(corners, true, Style::fill(ROD));
    for along in [0.0, 1.0] {
        scene.circle(on_rod(along, 0.0), half_width, Style::fill(ROD));
    }
    scene.circle([0.0; 2], 0.05, Style::fill(AXLE));
    draw_torque(torque / MAX_TORQUE, scene);
}

/// An arc of at most three quarters of a turn with a head, from the right of the axle; `part` is of the
/// greatest torque.
fn draw_torque(part: f32, scene: &mut Scene) {
    if part == 0.0 {
        return;
    }
    let radius = 0.3;
    let point = |turn: f32, radius: f32| {
        let (sin, cos) = turn.sin_cos();
        [radius * cos, radius * sin]
    };
    let end = part * 0.75 * std::f32::consts::TAU;
    let arc = (0..=24_u8).map(|i| point(end * f32::from(i) / 24.0, radius)).collect();
    scene.path(arc, false, Style::stroke(0.025, TORQUE));
    let tip = end + 0.35_f32.copysign(part);
    scene.path(
        vec![point(end, radius - 0.06), point(tip, radius), point(end, radius + 0.06)],
        true,
        Style::fill(TORQUE),
    );
}
