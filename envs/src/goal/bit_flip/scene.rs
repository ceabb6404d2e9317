//! How the bits look: a row of lamps of width 1, those asked for above them.

use crate::{Rgba, Scene, Style};

const GROUND: Rgba = Rgba::rgb(38, 50, 70);
const OFF: Rgba = Rgba::rgb(70, 84, 108);
const ON: Rgba = Rgba::rgb(245, 200, 80);
const RIGHT: Rgba = Rgba::rgb(92, 170, 96);
const INK: Rgba = Rgba::rgb(190, 200, 216);

pub(super) fn draw(n_bits: usize, bits: u64, goal: u64, scene: &mut Scene) {
    let width = n_bits.max(6) as f32;
    let left = 0.5 * (width - n_bits as f32);
    scene.bounds([-0.2, 0.0], [width + 0.2, 4.2]);
    scene.background = GROUND;
    scene.label([0.5 * width, 3.85], 0.35, "goal", INK);
    for i in 0..n_bits {
        let x = left + i as f32 + 0.5;
        let lit = |word: u64| word >> i & 1 == 1;
        let color = |word: u64| if lit(word) { ON } else { OFF };
        scene.rect([x - 0.4, 2.7], [x + 0.4, 3.5], Style::fill(color(goal)));
        scene.circle([x, 1.6], 0.42, Style::fill(color(bits)));
        if lit(bits) == lit(goal) {
            scene.line([x - 0.35, 0.95], [x + 0.35, 0.95], 0.1, RIGHT);
        }
        scene.label([x, 0.5], 0.35, i.to_string(), INK);
    }
}
