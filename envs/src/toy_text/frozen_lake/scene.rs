//! How the lake looks: cells of size 1, the map's last row on y = 0.

use super::FrozenLakeMap;
use crate::{Rgba, Scene, Style};

const ICE: Rgba = Rgba::rgb(214, 236, 247);
const EDGE: Rgba = Rgba::rgb(170, 205, 224);
const WATER: Rgba = Rgba::rgb(38, 84, 124);
const START: Rgba = Rgba::rgb(120, 160, 185);
const POLE: Rgba = Rgba::rgb(90, 70, 50);
const FLAG: Rgba = Rgba::rgb(200, 60, 60);
const COAT: Rgba = Rgba::rgb(60, 140, 80);
const FACE: Rgba = Rgba::rgb(240, 205, 170);

pub(super) fn draw(map: &FrozenLakeMap, state: i32, scene: &mut Scene) {
    let grid = map.grid();
    scene.bounds([-0.1, -0.1], [grid.columns as f32 + 0.1, grid.rows as f32 + 0.1]);
    for cell in 0..grid.len() {
        let [x, y] = grid.center(cell);
        let style = Style { stroke: Some((0.04, EDGE)), ..Style::fill(ICE) };
        scene.rect([x - 0.5, y - 0.5], [x + 0.5, y + 0.5], style);
        match map.tile(cell) {
            b'H' => {
                scene.circle([x, y], 0.38, Style::fill(WATER));
            }
            b'S' => {
                scene.label([x, y], 0.5, "S", START);
            }
            b'G' => {
                scene.line([x - 0.2, y - 0.35], [x - 0.2, y + 0.38], 0.05, POLE);
                let flag = vec![[x - 0.2, y + 0.38], [x + 0.28, y + 0.2], [x - 0.2, y + 0.02]];
                scene.path(flag, true, Style::fill(FLAG));
            }
            _ => {}
        }
    }
    let [x, y] = grid.center(state);
    scene.path(vec![[x - 0.22, y - 0.3], [x + 0.22, y - 0.3], [x, y + 0.2]], true, Style::fill(COAT));
    scene.circle([x, y + 0.14], 0.14, Style::fill(FACE));
}
