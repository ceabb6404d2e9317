//! What is shown of an environment that draws nothing: its observation, as a picture or as numbers.

use cartwheel_trainer::watch::Observation;
use eframe::egui::{Align2, FontId, Id, Painter, Rect, vec2};

use crate::number::short;
use crate::observation::{Field, row, unnamed};
use crate::paint::paint_image;
use crate::spaces::Spaces;
use crate::text;
use crate::theme::Theme;

/// A line of the table, in points.
const LINE: f32 = 15.0;
/// The narrowest column of the table.
const COLUMN: f32 = 150.0;

/// Paints an observation into `place`.
pub(super) fn paint(
    painter: &Painter,
    id: Id,
    place: Rect,
    observation: Option<&Observation>,
    spaces: Option<&Spaces>,
    theme: &Theme,
) {
    let Some(observation) = observation else {
        let hint = format!("{}\n{}", text::NO_DRAWING, text::SELECT_TO_SEE);
        return words(painter, place, if place.height() < 40.0 { text::NO_DRAWING } else { &hint }, theme);
    };
    let layout = spaces.and_then(|spaces| spaces.layout);
    if let (Some(layout), Observation::U8(bytes)) = (layout, observation)
        && let Some(image) = layout.image(bytes)
    {
        let size = vec2(layout.width as f32, layout.height as f32);
        let scale = (place.width() / size.x).min(place.height() / size.y);
        return paint_image(painter, id, Rect::from_center_size(place.center(), size * scale), image);
    }
    let numbers = row(observation);
    let own: Vec<Field>;
    let fields = match spaces {
        Some(spaces) if spaces.fields.len() == numbers.len() => &spaces.fields,
        _ => {
            own = unnamed(numbers.len());
            &own
        }
    };
    let lines = fields.iter().enumerate().map(|(i, field)| (field.name.as_str(), numbers.number(i)));
    table(painter, place, lines, fields.len(), theme);
}

/// Names and values in as many columns as fit; the last line tells how many did not.
fn table<'a>(painter: &Painter, place: Rect, lines: impl Iterator<Item = (&'a str, f64)>, count: usize, theme: &Theme) {
    let place = place.shrink(6.0);
    let rows = ((place.height() / LINE) as usize).max(1);
    let columns = ((place.width() / COLUMN) as usize).max(1);
    let room = if count > rows * columns { rows * columns - 1 } else { count };
    let font = FontId::monospace(11.0);
    let corner = |i: usize| place.min + vec2((i / rows) as f32 * COLUMN, (i % rows) as f32 * LINE);
    for (i, (name, value)) in lines.take(room).enumerate() {
        painter.text(corner(i), Align2::LEFT_TOP, name, font.clone(), theme.weak);
        let end = corner(i) + vec2(COLUMN.min(place.width()) - 12.0, 0.0);
        painter.text(end, Align2::RIGHT_TOP, short(value), font.clone(), theme.text);
    }
    if room < count {
        let rest = format!("{} {}", count - room, text::AND_MORE);
        painter.text(corner(room), Align2::LEFT_TOP, rest, font, theme.weak);
    }
}

/// Paints words in the middle of `place`.
pub(super) fn words(painter: &Painter, place: Rect, words: &str, theme: &Theme) {
    let galley = painter.layout(words.to_owned(), FontId::proportional(11.0), theme.weak, place.width() - 4.0);
    painter.galley(place.center() - galley.size() / 2.0, galley, theme.weak);
}
