//! How the cliff looks: cells of size 1, the edge of the cliff along y = 0.

use super::dynamics::{GOAL, GRID, START, is_cliff};
use crate::{Rgba, Scene, Style};

const GRASS: Rgba = Rgba::rgb(186, 214, 150);
const SEAM: Rgba = Rgba::rgb(160, 192, 124);
const ABYSS: Rgba = Rgba::rgb(58, 48, 54);
const ROCK: Rgba = Rgba::rgb(120, 96, 84);
const INK: Rgba = Rgba::rgb(84, 112, 60);
const POLE: Rgba = Rgba::rgb(90, 70, 50);
const FLAG: Rgba = Rgba::rgb(200, 60, 60);
const COAT: Rgba = Rgba::rgb(50, 90, 160);
const FACE: Rgba = Rgba::rgb(240, 205, 170);

pub(super) fn draw(state: i32, scene: &mut Scene) {
    scene.bounds([-0.1, -0.1], [GRID.columns as f32 + 0.1, GRID.rows as f32 + 0.1]);
    for cell in (0..GRID.len()).filter(|cell| !is_cliff(*cell)) {
        let [x, y] = GRID.center(cell);
        let style = Style { stroke: Some((0.04, SEAM)), ..Style::fill(GRASS) };
        scene.rect([x - 0.5, y - 0.5], [x + 0.5, y + 0.5], style);
    }
    let right = GRID.columns as f32 - 1.0;
    scene.rect([1.0, 0.0], [right, 1.0], Style::fill(ABYSS));
    scene.rect([1.0, 0.85], [right, 1.0], Style::fill(ROCK));
    let start = GRID.center(START);
    scene.label(start, 0.5, "S", INK);
    let [x, y] = GRID.center(GOAL);
    scene.line([x - 0.2, y - 0.35], [x - 0.2, y + 0.38], 0.05, POLE);
    let flag = vec![[x - 0.2, y + 0.38], [x + 0.28, y + 0.2], [x - 0.2, y + 0.02]];
    scene.path(flag, true, Style::fill(FLAG));

    let [x, y] = GRID.center(state);
    scene.path(vec![[x - 0.22, y - 0.3], [x + 0.22, y - 0.3], [x, y + 0.2]], true, Style::fill(COAT));
    scene.circle([x, y + 0.14], 0.14, Style::fill(FACE));
}
