//! The value of every state, where a state is a number: a grid with the greedy action in each cell, or all states in a
//! row.

use eframe::egui::{Align2, FontId, Painter, Pos2, Sense, Stroke, StrokeKind, Ui};

use super::{Context, direction};
use crate::judge::Judge;
use crate::number::short;
use crate::observation::row;
use crate::panels::heat;
use crate::panels::states::{Board, Cells, MOST};
use crate::panels::subject::Subject;
use crate::panels::trail::Trail;
use crate::spaces::{Spaces, States};
use crate::text;
use crate::theme::Theme;

/// The value of the best action and that action, for each cell.
#[derive(Debug, Default)]
pub(super) struct StateValues {
    /// Whose weights, and which cells.
    of: Option<(usize, u64, Cells)>,
    values: Vec<(f32, u32)>,
}

/// What the map is of.
#[derive(Clone, Copy)]
pub(super) struct Looked<'a> {
    pub(super) context: Context<'a>,
    pub(super) subject: Subject<'a>,
    pub(super) spaces: &'a Spaces,
    pub(super) states: States,
    pub(super) trail: &'a Trail,
}

impl StateValues {
    /// Shows them by these weights, which are another's if the number is another.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        looked: Looked<'_>,
        judge: &mut Judge,
        generation: u64,
    ) -> Result<(), String> {
        let Looked { subject, spaces, states, .. } = looked;
        let observation = subject.observation.ok_or(text::NO_OBSERVATION)?;
        let now = states.place(row(observation)).ok_or(text::NO_OBSERVATION)?;
        let cells = Cells::around(states, now);
        if cells.len() > MOST {
            return Err(text::too_many_states(cells.len()));
        }
        let of = Some((subject.run, generation, cells.clone()));
        if self.of != of {
            let all: Vec<_> = (0..cells.len()).map(|cell| states.first + cells.state(cell) as i32).collect();
            self.values = judge.state_values(&all)?;
            self.of = of;
        }
        let range = heat::range(self.values.iter().map(|(value, _)| *value)).unwrap_or_default();
        ui.horizontal_wrapped(|ui| heat::legend(ui, text::BEST_VALUE, range));
        ui.label(self.describe(&cells, cells.cell(now), spaces, states));
        if states.to_a_cell() > 1 {
            ui.weak(text::OTHERWISE_AS_NOW);
        }
        self.board(ui, looked, &cells, now, range);
        Ok(())
    }

    fn board(&self, ui: &mut Ui, looked: Looked<'_>, cells: &Cells, now: usize, range: [f32; 2]) {
        let (theme, Looked { spaces, states, .. }) = (Theme::of(ui), looked);
        let board = Board::place(ui, cells, f32::INFINITY);
        let color = |cell: usize| theme.heat(heat::share(self.values[cell].0, range));
        let (response, painter) = board.paint(ui, text::STATE_VALUES, Sense::hover(), color);
        for (cell, (value, action)) in self.values.iter().enumerate() {
            self.mark(&painter, board, cell, &spaces.action_name(*action as usize), theme);
            board.write(&painter, cell, false, &short((*value).into()), theme);
            if !cells.grid {
                let number = (states.first + cells.state(cell) as i32).to_string();
                board.write(&painter, cell, true, &number, theme);
            }
        }
        if cells.grid {
            painter.line(way(looked, cells, board), Stroke::new(1.5, theme.cursor));
        }
        let here = board.cell(cells.cell(now));
        painter.rect_stroke(here, 1.0, Stroke::new(2.0, theme.cursor), StrokeKind::Inside);
        if let Some(cell) = response.hover_pos().and_then(|at| board.at(at)) {
            response.on_hover_text_at_pointer(self.describe(cells, cell, spaces, states));
        }
    }

    /// The greedy action: an arrow where it is a direction, else its name.
    fn mark(&self, painter: &Painter, board: Board, cell: usize, name: &str, theme: &Theme) {
        let middle = board.cell(cell).center();
        match direction(name) {
            Some(way) => {
                let length = 0.22 * board.side;
                painter.arrow(middle - way * length, way * 2.0 * length, Stroke::new(1.5, theme.arrow));
            }
            None if board.side >= crate::panels::states::WORDS_FROM => {
                painter.text(middle, Align2::CENTER_CENTER, name, FontId::proportional(9.5), theme.arrow);
            }
            None => {}
        }
    }

    /// `state 14: 0.591, right`
    fn describe(&self, cells: &Cells, cell: usize, spaces: &Spaces, states: States) -> String {
        let number = states.first + cells.state(cell) as i32;
        let Some((value, action)) = self.values.get(cell) else { return text::state(number) };
        format!("{}: {}, {}", text::state(number), short((*value).into()), spaces.action_name(*action as usize))
    }
}

/// The cells of the present episode, in the order in which it came to them.
fn way(looked: Looked<'_>, cells: &Cells, board: Board) -> Vec<Pos2> {
    let place = |state: usize| board.cell(cells.cell(state)).center();
    match &looked.context.model.film {
        Some(film) => {
            let states = film.moments.iter().filter_map(|moment| looked.states.place(row(&moment.observation)));
            states.map(place).collect()
        }
        None => {
            let states = looked.trail.over([0, 0]).map(|[state, _]| state as i64 - i64::from(looked.states.first));
            let known = states.filter_map(|state| usize::try_from(state).ok().filter(|at| *at < looked.states.count));
            known.map(place).collect()
        }
    }
}
