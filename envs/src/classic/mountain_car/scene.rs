//! How the mountain cars look: position across, height up, with Gymnasium's proportions.

use super::dynamics::POSITION_LIMITS;
use crate::{Point, Rgba, Scene, Style};

const HILL: Rgba = Rgba::rgb(150, 150, 150);
const CAR: Rgba = Rgba::rgb(38, 50, 70);
const WHEEL: Rgba = Rgba::rgb(129, 132, 203);
const POLE: Rgba = Rgba::rgb(90, 90, 90);
const FLAG: Rgba = Rgba::rgb(214, 170, 60);

/// Straight pieces that the hill is drawn of.
const PIECES: u16 = 90;

/// The valley with a flag at `goal` and the car at `position`.
pub(crate) fn draw(position: f64, goal: f64, scene: &mut Scene) {
    let [left, right] = POSITION_LIMITS.map(|x| x as f32);
    scene.bounds([left, 0.0], [right, 1.2]);
    let along = |i| left + (right - left) * f32::from(i) / f32::from(PIECES);
    let hill = (0..=PIECES).map(|i| [along(i), height(along(i))]).collect();
    scene.path(hill, false, Style::stroke(0.008, HILL));

    let goal = goal as f32;
    let foot = height(goal);
    let top = foot + 0.15;
    scene.line([goal, foot], [goal, top], 0.008, POLE);
    scene.path(vec![[goal, top], [goal, top - 0.04], [goal + 0.075, top - 0.02]], true, Style::fill(FLAG));

    let x = position as f32;
    // Tilted as the picture's slope is: 1.35 cos(3x), the derivative of the height.
    let (sin, cos) = (1.35 * (3.0 * x).cos()).atan().sin_cos();
    // A point so far ahead of the car's middle and so far above the ground.
    let on_car =
        |ahead: f32, above: f32| -> Point { [x + ahead * cos - above * sin, height(x) + ahead * sin + above * cos] };
    let body = vec![on_car(-0.06, 0.03), on_car(0.06, 0.03), on_car(0.06, 0.09), on_car(-0.06, 0.09)];
    scene.path(body, true, Style::fill(CAR));
    for ahead in [-0.035, 0.035] {
        scene.circle(on_car(ahead, 0.028), 0.024, Style::fill(WHEEL));
    }
}

fn height(x: f32) -> f32 {
    (3.0 * x).sin() * 0.45 + 0.55
}
