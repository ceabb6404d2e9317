//! Pictures, each with the class that it was taken for.

use cartwheel_trainer::supervised::{Answer, Given, Picture, Sample};
use eframe::egui::{Align2, Color32, ColorImage, FontId, Painter, Rect, Role, Sense, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::paint::paint_image;
use crate::text;
use crate::theme::Theme;

/// The least and the greatest side of a picture, and the height of the words under it, in points.
const SIDE: (f32, f32) = (64.0, 128.0);
const WORDS: f32 = 30.0;
/// Between pictures, in points.
const GAP: f32 = 8.0;
/// The height of the bar that is as long as the class is likely, in points.
const BAR: f32 = 3.0;
/// Letters of a class that are shown; all are told to who points at it.
const LETTERS: usize = 12;

/// Shows all of them, as large as there is room for in `height`.
pub(super) fn show(ui: &mut Ui, height: f32, samples: &[Sample], answers: &[Vec<Answer>]) {
    let side = side(samples.len(), vec2(ui.available_width(), height));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(GAP, GAP);
        for (sample, answers) in samples.iter().zip(answers) {
            if let Given::Picture(picture) = &sample.given {
                one(ui, side, picture, sample, answers);
            }
        }
    });
}

/// The greatest side with which so many pictures fit into the room, or else the least.
fn side(count: usize, room: Vec2) -> f32 {
    let fits = |side: &f32| {
        let columns = ((room.x + GAP) / (side + GAP)).floor().max(1.0);
        (count as f32 / columns).ceil() * (side + BAR + WORDS + GAP) <= room.y + GAP
    };
    (SIDE.0 as u32..=SIDE.1 as u32).rev().map(|side| side as f32).find(fits).unwrap_or(SIDE.0)
}

fn one(ui: &mut Ui, side: f32, picture: &Picture, sample: &Sample, answers: &[Answer]) {
    let (rect, response) = ui.allocate_exact_size(vec2(side, side + BAR + WORDS), Sense::hover());
    let theme = Theme::of(ui);
    let place = Rect::from_min_size(rect.min, Vec2::splat(side));
    ui.painter().rect_filled(place, 0.0, theme.well);
    let image = image(picture);
    let size = vec2(image.size[0] as f32, image.size[1] as f32);
    let shown = Rect::from_center_size(place.center(), size * (side / size.max_elem()));
    paint_image(ui.painter(), response.id.with("picture"), shown, image);
    let likely = |answer: &Answer| answer.score.map_or(String::new(), text::percent);
    let Some(best) = answers.first() else { return };
    let right = sample.is_right(answers);
    let color = if right { theme.gain } else { theme.problem };
    let share = best.score.unwrap_or_default();
    let bar = Rect::from_min_size(place.left_bottom(), vec2(side * share.clamp(0.0, 1.0), BAR));
    ui.painter().rect_filled(bar, 0.0, color);
    let below = Rect::from_min_max(pos2(rect.left(), place.bottom() + BAR), rect.max);
    let first = format!("{} \u{b7} {}", text::elided(&best.text, LETTERS), likely(best));
    line(ui.painter(), below, 0, first, color);
    if !right {
        line(ui.painter(), below, 1, text::is_class(&text::elided(&sample.expected, LETTERS)), theme.text);
    }
    let said = format!("{}, {}", text::taken_for(&best.text, &sample.expected), likely(best));
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &said));
    response.on_hover_ui(|ui| {
        ui.strong(text::is_class(&sample.expected));
        for answer in answers {
            ui.label(format!("{} {}", answer.text, likely(answer)));
        }
    });
}

/// A line of words, in the middle of the room below a picture.
fn line(painter: &Painter, below: Rect, number: usize, words: String, color: Color32) {
    let top = below.top() + number as f32 * 0.5 * WORDS;
    painter.text(pos2(below.center().x, top), Align2::CENTER_TOP, words, FontId::proportional(11.0), color);
}

fn image(Picture { width, channels, pixels }: &Picture) -> ColorImage {
    let colors: Vec<Color32> = match channels {
        1 => pixels.iter().map(|grey| Color32::from_gray(*grey)).collect(),
        _ => {
            pixels.as_chunks::<3>().0.iter().map(|[red, green, blue]| Color32::from_rgb(*red, *green, *blue)).collect()
        }
    };
    let width = *width as usize;
    ColorImage::new([width, colors.len() / width], colors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_as_large_as_fits() {
        let rows = |side: f32, room: Vec2| (16.0 / ((room.x + GAP) / (side + GAP)).floor()).ceil();
        for room in [vec2(560.0, 330.0), vec2(750.0, 430.0), vec2(900.0, 500.0)] {
            let side = side(16, room);
            let height = rows(side, room) * (side + BAR + WORDS + GAP) - GAP;
            let more = side + 1.0;
            assert!(height <= room.y, "{side} in {room}");
            assert!(side == SIDE.1 || rows(more, room) * (more + BAR + WORDS + GAP) - GAP > room.y, "{side} in {room}");
        }
        assert_eq!((side(16, vec2(200.0, 100.0)), side(2, vec2(900.0, 500.0))), (SIDE.0, SIDE.1));
    }

    #[test]
    fn grey_and_coloured_pictures_have_their_pixels() {
        let grey = image(&Picture { width: 2, channels: 1, pixels: vec![0, 10, 20, 30, 40, 50] });
        assert_eq!((grey.size, grey.pixels[3]), ([2, 3], Color32::from_gray(30)));
        let coloured = image(&Picture { width: 1, channels: 3, pixels: vec![1, 2, 3, 4, 5, 6] });
        assert_eq!((coloured.size, coloured.pixels[1]), ([1, 2], Color32::from_rgb(4, 5, 6)));
    }
}
