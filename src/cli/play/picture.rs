//! Scenes as characters: each shows two pixels, one above the other.

use std::fmt::Write as _;

use crate::envs::{EnvError, Fit, Frame, Rasterizer, Scene, Shape};

use super::terminal::{Colors, Size};

type Rgb = [u8; 3];

/// Labels lower than this many pixels are written in the terminal's own letters: the rasterizer's are 7 pixels high.
const LEGIBLE: f32 = 7.0;

/// One character of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    glyph: char,
    foreground: Rgb,
    background: Rgb,
}

/// The scene in `size` characters, as lines with escape codes for colors.
pub(super) fn lines(scene: &Scene, size: Size, colors: Colors) -> Result<Vec<String>, EnvError> {
    let cells = cells(scene, size)?;
    Ok(cells.chunks(size.columns).map(|row| encode(row, colors)).collect())
}

fn cells(scene: &Scene, Size { columns, rows }: Size) -> Result<Vec<Cell>, EnvError> {
    let (width, height) = (columns as u32, 2 * rows as u32);
    let mut rasterizer = Rasterizer::new(width, height)?;
    let fit = Fit::new(scene, [0.0; 2], [width as f32, height as f32]);
    let (letters, painted): (Vec<_>, Vec<_>) = scene
        .shapes
        .iter()
        .enumerate()
        .partition(|(_, shape)| matches!(shape, Shape::Label { height, .. } if height * fit.scale < LEGIBLE));
    let mut without_letters = scene.clone();
    let mut paint_before = |place: usize| {
        let before = painted.iter().take_while(|(i, _)| *i < place);
        without_letters.shapes = before.map(|(_, shape)| (*shape).clone()).collect();
        rasterizer.draw(&without_letters)
    };
    let frame = paint_before(scene.shapes.len());
    let mut cells: Vec<_> = (0..columns * rows)
        .map(|cell| {
            let [x, y] = [cell % columns, 2 * (cell / columns)];
            Cell { glyph: '▀', foreground: pixel(&frame, x, y), background: pixel(&frame, x, y + 1) }
        })
        .collect();
    for (place, label) in letters {
        let Shape::Label { center, text, color, .. } = label else { continue };
        let [x, y] = fit.point(*center);
        let [row, middle] = [(y / 2.0).floor(), x.floor()];
        if !(0.0..rows as f32).contains(&row) || !(0.0..columns as f32).contains(&middle) {
            continue;
        }
        let (row, middle) = (row as usize, middle as usize);
        // What is painted over a label hides it.
        let under = paint_before(place);
        if [2 * row, 2 * row + 1].iter().any(|&y| pixel(&under, middle, y) != pixel(&frame, middle, y)) {
            continue;
        }
        let first = (x - 0.5 * text.chars().count() as f32).round().max(0.0) as usize;
        for (column, glyph) in (first..columns).zip(text.chars()) {
            let cell = &mut cells[row * columns + column];
            let [red, green, blue, _] = color.0;
            let background = std::array::from_fn(|i| cell.foreground[i].midpoint(cell.background[i]));
            *cell = Cell { glyph, foreground: [red, green, blue], background };
        }
    }
    Ok(cells)
}

fn pixel(frame: &Frame, x: usize, y: usize) -> Rgb {
    frame.rgb.as_chunks().0[y * frame.width as usize + x]
}

/// Characters with the codes that color them, which are repeated only where colors change.
fn encode(row: &[Cell], colors: Colors) -> String {
    let mut line = String::new();
    let mut last = None;
    for cell in row {
        let pair = (cell.foreground, cell.background);
        if last != Some(pair) {
            // Writing to a string cannot fail.
            let _ = match colors {
                Colors::True => {
                    let ([r, g, b], [s, h, c]) = pair;
                    write!(line, "\x1b[38;2;{r};{g};{b};48;2;{s};{h};{c}m")
                }
                Colors::Indexed => write!(line, "\x1b[38;5;{};48;5;{}m", indexed(pair.0), indexed(pair.1)),
            };
            last = Some(pair);
        }
        line.push(cell.glyph);
    }
    line
}

/// The nearest of the 256 colors that xterm has, leaving out the first 16, which people choose for themselves.
fn indexed(color: Rgb) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance = |other: Rgb| -> u32 { color.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let nearest = color.map(|x| (0..6).min_by_key(|&i| LEVELS[usize::from(i)].abs_diff(x)).unwrap_or(0));
    let cube = nearest.map(|i: u8| LEVELS[usize::from(i)]);
    let mean = color.iter().map(|x| u32::from(*x)).sum::<u32>() / 3;
    let step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let gray = [8 + 10 * step; 3];
    if distance(gray) < distance(cube) { 232 + step } else { 16 + 36 * nearest[0] + 6 * nearest[1] + nearest[2] }
}

#[cfg(test)]
mod tests {
    use crate::envs::{Rgba, Style};

    use super::*;

    const SIZE: Size = Size { columns: 20, rows: 10 };
    const RED: Rgba = Rgba::rgb(255, 0, 0);

    fn text(cells: &[Cell]) -> Vec<String> {
        cells.chunks(SIZE.columns).map(|row| row.iter().map(|cell| cell.glyph).collect()).collect()
    }

    #[test]
    fn a_character_is_two_pixels() {
        let mut scene = Scene::default();
        scene.rect([-1.0, 0.9], [1.0, 1.0], Style::fill(RED));
        let cells = cells(&scene, SIZE).unwrap();
        assert_eq!((cells[0].glyph, cells[0].foreground), ('▀', [255, 0, 0]));
        assert_eq!(cells[0].background, [250, 250, 248]);
        let line = &lines(&scene, SIZE, Colors::True).unwrap()[0];
        let codes = "\x1b[38;2;255;0;0;48;2;250;250;248m";
        assert_eq!(*line, format!("{codes}{}", "▀".repeat(20)));
    }

    #[test]
    fn small_labels_are_letters_and_hidden_ones_are_not_there() {
        let mut scene = Scene::default();
        scene.label([0.0, 0.5], 0.2, "17", RED).label([0.0, -0.5], 0.2, "under", RED);
        scene.circle([0.0, -0.5], 0.3, Style::fill(RED));
        let rows = text(&cells(&scene, SIZE).unwrap());
        assert_eq!(rows[2], format!("{}17{}", "▀".repeat(9), "▀".repeat(9)));
        assert!(rows.iter().enumerate().all(|(i, row)| i == 2 || !row.contains(|c: char| c.is_alphanumeric())));
        // Large ones are painted.
        let mut scene = Scene::default();
        scene.label([0.0, 0.0], 1.6, "8", RED);
        let cells = cells(&scene, SIZE).unwrap();
        assert!(cells.iter().all(|cell| cell.glyph == '▀') && cells.iter().any(|cell| cell.foreground == [255, 0, 0]));
    }

    #[test]
    fn few_colors_are_the_nearest() {
        for (color, index) in [
            ([0, 0, 0], 16),
            ([255, 255, 255], 231),
            ([255, 0, 0], 196),
            ([95, 135, 175], 67),
            ([128, 128, 128], 244),
            ([250, 250, 248], 231),
            ([38, 50, 70], 236),
        ] {
            assert_eq!(indexed(color), index, "{color:?}");
        }
    }
}
