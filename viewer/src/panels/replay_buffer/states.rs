//! What the replay buffer holds of each state, where a state is a number.

use cartwheel_trainer::watch::ReplayMap;
use eframe::egui::{Sense, Stroke, StrokeKind, Ui};

use super::{colored, under};
use crate::observation::row;
use crate::panels::Context;
use crate::panels::heat;
use crate::panels::states::{Board, Cells};
use crate::panels::subject::Subject;
use crate::spaces::States;
use crate::text;
use crate::theme::Theme;

/// The map is at most so high, in points: transitions are listed under it.
const HEIGHT: f32 = 300.0;

/// Shows the map of a query with a column for each state, and answers the state that was clicked.
pub(super) fn map(
    ui: &mut Ui,
    map: &ReplayMap,
    states: States,
    context: Context<'_>,
    selected: Option<usize>,
    range: [f32; 2],
) -> Option<usize> {
    let theme = Theme::of(ui);
    let (cells, values) = (Cells::all(states), colored(map));
    let board = Board::place(ui, &cells, HEIGHT);
    let color = |cell: usize| theme.heat(heat::share(values.get(cell).copied().unwrap_or(f32::NAN), range));
    let (response, painter) = board.paint(ui, text::REPLAY_MAP, Sense::click(), color);
    for cell in 0..cells.len() {
        let count = map.counts.get(cell).copied().unwrap_or_default();
        board.write(&painter, cell, false, &count.to_string(), theme);
        board.write(&painter, cell, true, &(states.first + cell as i32).to_string(), theme);
    }
    let frame = |state: usize, color| {
        painter.rect_stroke(board.cell(state), 1.0, Stroke::new(2.0, color), StrokeKind::Inside);
    };
    let now = Subject::of(context).and_then(|subject| states.place(row(subject.observation?)));
    if let Some(now) = now {
        frame(now, theme.cursor);
    }
    if let Some(selected) = selected.filter(|state| *state < states.count) {
        frame(selected, theme.selected);
    }
    let clicked = response.interact_pointer_pos().filter(|_| response.clicked()).and_then(|at| board.at(at));
    if let Some(cell) = response.hover_pos().and_then(|at| board.at(at)) {
        let state = text::state(states.first + cell as i32);
        response.on_hover_text_at_pointer(format!("{state}\n{}", under(map, cell)));
    }
    clicked
}
