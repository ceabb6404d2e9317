//! Scenes in braille: each character is two dots wide and four high, with one color.

use cartwheel_envs::{EnvError, Rasterizer, Scene};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

/// A pixel is a dot if it differs from the background by more than this, summed over red, green and blue.
const VISIBLE: u32 = 60;

/// The dots of a character, by column and row: the bits of Unicode's braille patterns.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// The scene in so many columns and rows of characters.
///
/// # Errors
/// If there is no room for a single character.
pub(super) fn lines(scene: &Scene, columns: u16, rows: u16) -> Result<Vec<Line<'static>>, EnvError> {
    let (width, height) = (2 * u32::from(columns), 4 * u32::from(rows));
    let frame = Rasterizer::new(width, height)?.draw(scene);
    let [red, green, blue, _] = scene.background.0;
    let pixel = |x: u32, y: u32| {
        let at = 3 * (y * width + x) as usize;
        [frame.rgb[at], frame.rgb[at + 1], frame.rgb[at + 2]]
    };
    let differs = |color: [u8; 3]| {
        color.iter().zip([red, green, blue]).map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>() > VISIBLE
    };
    let cell = |column: u32, row: u32| {
        let (mut bits, mut sum, mut lit) = (0, [0_u32; 3], 0);
        for (x, dots) in DOTS.iter().enumerate() {
            for (y, dot) in dots.iter().enumerate() {
                let color = pixel(2 * column + x as u32, 4 * row + y as u32);
                if differs(color) {
                    bits |= dot;
                    lit += 1;
                    sum.iter_mut().zip(color).for_each(|(sum, part)| *sum += u32::from(part));
                }
            }
        }
        let glyph = char::from_u32(0x2800 + bits).unwrap_or(' ');
        let style =
            if lit == 0 { Style::default() } else { Style::default().fg(legible(sum.map(|part| (part / lit) as u8))) };
        Span::styled(glyph.to_string(), style)
    };
    Ok((0..u32::from(rows)).map(|row| (0..u32::from(columns)).map(|column| cell(column, row)).collect()).collect())
}

/// Scenes are drawn for light paper: on a dark terminal their blacks become light.
fn legible([red, green, blue]: [u8; 3]) -> Color {
    let lightness = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if lightness < 80_000 { Color::Reset } else { Color::Rgb(red, green, blue) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::{Rgba, Style as Brush};

    #[test]
    fn a_filled_half_is_full_characters() {
        let mut scene = Scene::default();
        scene.bounds([0.0, 0.0], [4.0, 4.0]).rect([0.0, 0.0], [2.0, 4.0], Brush::fill(Rgba::rgb(200, 30, 30)));
        let lines = lines(&scene, 4, 2).unwrap();
        let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["⣿⣿⠀⠀", "⣿⣿⠀⠀"]);
        assert_eq!(lines[0].spans[0].style.fg, Some(Color::Rgb(200, 30, 30)));
    }
}
