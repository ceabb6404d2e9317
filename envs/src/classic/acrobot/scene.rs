//! How Acrobot looks: in metres, the fixed end at the origin, with Gymnasium's colours.

use super::dynamics::AcrobotState;
use crate::{Point, Rgba, Scene, Style};

const BAR: Rgba = Rgba::rgb(150, 150, 150);
const LINK: Rgba = Rgba::rgb(60, 170, 180);
const JOINT: Rgba = Rgba::rgb(214, 170, 60);

pub(super) fn draw(state: &AcrobotState, scene: &mut Scene) {
    scene.bounds([-2.2; 2], [2.2; 2]);
    scene.line([-2.2, 1.0], [2.2, 1.0], 0.02, BAR);
    let elbow = draw_link([0.0; 2], state.theta1 as f32, scene);
    draw_link(elbow, (state.theta1 + state.theta2) as f32, scene);
    for joint in [[0.0; 2], elbow] {
        scene.circle(joint, 0.1, Style::fill(JOINT));
    }
}

/// Draws a link whose upper end is at `from`, turned from hanging by `angle`, and returns the lower end.
fn draw_link(from: Point, angle: f32, scene: &mut Scene) -> Point {
    let (sin, cos) = angle.sin_cos();
    let on_link =
        |along: f32, across: f32| [from[0] + along * sin + across * cos, from[1] - along * cos + across * sin];
    let corners = vec![on_link(0.0, -0.1), on_link(1.0, -0.1), on_link(1.0, 0.1), on_link(0.0, 0.1)];
    scene.path(corners, true, Style::fill(LINK));
    on_link(1.0, 0.0)
}
