//! How the town looks: cells of size 1, the last row on y = 0.

use super::dynamics::{GRID, IN_TAXI, STOPS, Town, WALLS};
use crate::{Rgba, Scene, Style};

const ROAD: Rgba = Rgba::rgb(226, 226, 220);
const SEAM: Rgba = Rgba::rgb(205, 205, 198);
const WALL: Rgba = Rgba::rgb(80, 76, 72);
const TAXI: Rgba = Rgba::rgb(245, 190, 30);
const INK: Rgba = Rgba::rgb(38, 50, 70);
const FACE: Rgba = Rgba::rgb(150, 80, 160);
const COLORS: [Rgba; 4] =
    [Rgba::rgb(214, 84, 76), Rgba::rgb(92, 170, 96), Rgba::rgb(226, 200, 80), Rgba::rgb(84, 126, 206)];
const LETTERS: [&str; 4] = ["R", "G", "Y", "B"];

pub(super) fn draw(town: Town, scene: &mut Scene) {
    let side = GRID.rows as f32;
    scene.bounds([-0.15, -0.15], [side + 0.15, side + 0.15]);
    for cell in 0..GRID.len() {
        let [x, y] = GRID.center(cell);
        scene.rect([x - 0.5, y - 0.5], [x + 0.5, y + 0.5], Style { stroke: Some((0.03, SEAM)), ..Style::fill(ROAD) });
    }
    for (stop, cell) in STOPS.into_iter().enumerate() {
        let [x, y] = GRID.center(cell);
        scene.rect([x - 0.48, y - 0.48], [x + 0.48, y + 0.48], Style::fill(COLORS[stop]));
        scene.label([x - 0.27, y + 0.25], 0.24, LETTERS[stop], INK);
    }
    let [x, y] = GRID.center(STOPS[town.destination as usize]);
    scene.rect([x - 0.46, y - 0.46], [x + 0.46, y + 0.46], Style::stroke(0.08, FACE));
    for cell in WALLS {
        let [x, y] = GRID.center(cell);
        scene.line([x + 0.5, y - 0.5], [x + 0.5, y + 0.5], 0.1, WALL);
    }
    scene.rect([0.0, 0.0], [side, side], Style::stroke(0.1, WALL));

    let [x, y] = GRID.center(town.taxi);
    scene.rect([x - 0.36, y - 0.22], [x + 0.36, y + 0.06], Style::fill(TAXI));
    scene.rect([x - 0.2, y + 0.06], [x + 0.2, y + 0.24], Style::fill(TAXI));
    for wheel in [x - 0.2, x + 0.2] {
        scene.circle([wheel, y - 0.22], 0.09, Style::fill(INK));
    }
    // In the taxi's window, or waiting in a corner that the taxi leaves free.
    let [x, y] = match STOPS.get(town.passenger as usize) {
        Some(stop) if town.passenger != IN_TAXI => {
            let [x, y] = GRID.center(*stop);
            [x + 0.3, y + 0.32]
        }
        _ => [x, y + 0.12],
    };
    scene.circle([x, y], 0.1, Style::fill(FACE));
}
