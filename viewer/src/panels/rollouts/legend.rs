//! What the colors of actions mean, under the pictures.

use eframe::egui::{Color32, Label, RichText, Sense, Stroke, StrokeKind, Ui, vec2};

use crate::text;
use crate::theme::Theme;

/// Its height with the space above it, in points.
const HEIGHT: f32 = 22.0;
/// Where there is less height than this for pictures, they need it more.
const ROOM: f32 = 170.0;
/// Side of a square of color, and height of the letters, in points.
const SQUARE: f32 = 8.0;
const LETTERS: f32 = 11.0;

/// Whose actions are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// A live run's, of which it is known who chose them.
    Run,
    /// Those of an episode that is shown again: nobody knows any more who chose them, but weights judge them.
    Film,
}

/// The height that it takes of so much.
pub(super) fn height(room: f32) -> f32 {
    if room < ROOM { 0.0 } else { HEIGHT }
}

/// Shows it.
pub(super) fn show(ui: &mut Ui, of: Of) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for (color, filled, words) in meanings(of, theme) {
            let (square, _) = ui.allocate_exact_size(vec2(SQUARE, SQUARE), Sense::hover());
            if filled {
                ui.painter().rect_filled(square, 1.0, color);
            } else {
                ui.painter().rect_stroke(square, 1.0, Stroke::new(1.5, color), StrokeKind::Inside);
            }
            ui.add(Label::new(RichText::new(words).size(LETTERS).color(theme.weak)).extend());
            ui.add_space(6.0);
        }
    });
}

/// Colors, whether they fill what they mark, and what they say.
fn meanings(of: Of, theme: &Theme) -> Vec<(Color32, bool, &'static str)> {
    let passed = (theme.chosen, false, text::PASSED);
    match of {
        Of::Run => vec![
            (theme.chosen, true, text::CHOSEN),
            (theme.explored, true, text::EXPLORED),
            (theme.person, true, text::BY_PERSON),
            passed,
        ],
        Of::Film => vec![(theme.chosen, true, text::AGREES), (theme.explored, true, text::DISAGREES), passed],
    }
}
