//! How the games look: an image of one pixel a cell.

use super::board::SIDE;
use crate::{Rgba, Scene};

const EMPTY: Rgba = Rgba::rgb(16, 18, 28);

/// Draws an observation. Each cell takes the color of the last channel that is set there.
pub(super) fn draw(planes: &[u8], colors: &[Rgba], scene: &mut Scene) {
    let size = [f32::from(SIDE); 2];
    let pixel = |cell: &[u8]| {
        let Rgba([red, green, blue, _]) =
            cell.iter().rposition(|set| *set == 1).map_or(EMPTY, |channel| colors[channel]);
        [red, green, blue]
    };
    let rgb = planes.chunks_exact(colors.len()).flat_map(pixel).collect();
    scene.bounds([0.0; 2], size).image([0.0; 2], size, SIDE as u32, rgb);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn the_last_channel_is_on_top() {
        let (red, blue) = (Rgba::rgb(255, 0, 0), Rgba::rgb(0, 0, 255));
        let mut planes = [0; 200];
        planes[2..6].copy_from_slice(&[1, 0, 1, 1]);
        let mut scene = Scene::default();
        draw(&planes, &[red, blue], &mut scene);
        let [Shape::Image { rgb, width: 10, .. }] = &scene.shapes[..] else { panic!("one image: {scene:?}") };
        assert_eq!(rgb[..9], [16, 18, 28, 255, 0, 0, 0, 0, 255]);
        assert_eq!(rgb.len(), 300);
    }
}
