//! One environment: its picture, what the policy makes of it, and a line of words.

use cartwheel_trainer::watch::ChosenBy;
use eframe::egui::{Align2, FontId, Id, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use super::undrawn;
use crate::number::short;
use crate::overlays::{self, Scale};
use crate::paint::{self, Detail};
use crate::panels::subject::Subject;
use crate::spaces::Spaces;
use crate::text;
use crate::theme::Theme;

/// The height of the line of words, in points.
pub(super) const CAPTION: f32 = 15.0;
/// Cells lower than this have no words.
const LEAST_HEIGHT: f32 = 60.0;
/// Cells narrower than the first have no step, and than the second numbers alone.
const WORDS_FROM: [f32; 2] = [190.0, 84.0];

/// See the module's documentation.
pub(super) struct Cell<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) spaces: Option<&'a Spaces>,
    pub(super) scale: Scale,
    pub(super) detail: Detail,
    /// Whether it is looked at alone; its words are then above it.
    pub(super) selected: bool,
}

impl Cell<'_> {
    /// Paints it into `place`. It is a button named after the environment.
    pub(super) fn ui(&self, ui: &Ui, place: Rect) -> Response {
        let place = place.shrink(1.5);
        let id = ui.scope_id().with(("environment", self.subject.env));
        let response = ui.interact(place, id, Sense::click());
        let name = || format!("{} {}", text::ENVIRONMENT, self.subject.env);
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, self.selected, name()));
        if !ui.is_rect_visible(place) {
            return response;
        }
        let theme = Theme::of(ui);
        let worded = !self.selected && self.detail == Detail::Full && place.height() >= LEAST_HEIGHT;
        let mut picture = place;
        if worded {
            picture.max.y -= CAPTION;
            self.caption(ui, Rect::from_min_max(picture.left_bottom(), place.max), theme);
        }
        self.picture(ui, id, picture, theme);
        let painter = ui.painter();
        if self.subject.verdict.chosen_by == ChosenBy::Person {
            painter.rect_stroke(place, 2.0, Stroke::new(2.0, theme.person), StrokeKind::Inside);
        } else if response.hovered() || response.has_focus() {
            painter.rect_stroke(place, 2.0, Stroke::new(1.5, theme.selected), StrokeKind::Inside);
        }
        if worded { response } else { response.on_hover_text(self.words()) }
    }

    /// The picture with the overlay, without words.
    pub(super) fn picture(&self, ui: &Ui, id: Id, place: Rect, theme: &Theme) {
        let painter = ui.painter_at(place);
        painter.rect_filled(place, 2.0, theme.well);
        let mut picture = place;
        // Nothing is covered.
        picture.max.x -= overlays::room(self.subject.verdict.judgement, place.width());
        if self.subject.scene.shapes.is_empty() {
            undrawn::paint(&painter, id, picture, self.subject.observation, self.spaces, theme);
        } else if self.subject.scene.is_finite() {
            paint::paint(&painter, id, picture, self.subject.scene, self.detail);
        } else {
            undrawn::words(&painter, picture, text::BROKEN_DRAWING, theme);
        }
        overlays::paint(&painter, place, self.subject.verdict, self.scale, self.selected, theme);
    }

    fn caption(&self, ui: &Ui, line: Rect, theme: &Theme) {
        let painter = ui.painter_at(line);
        let font = FontId::proportional(11.0);
        let return_ = short(self.subject.return_);
        let words = match line.width() {
            width if width >= WORDS_FROM[0] => self.words(),
            width if width >= WORDS_FROM[1] => format!("{}: {} {return_}", self.subject.env, text::RETURN),
            _ => format!("{}: {return_}", self.subject.env),
        };
        painter.text(line.left_center() + vec2(3.0, 0.0), Align2::LEFT_CENTER, words, font, theme.weak);
    }

    /// All there is to say of it, in a line.
    pub(super) fn words(&self) -> String {
        let Subject { env, return_, step, .. } = self.subject;
        let (environment, of_return, of_step) = (text::ENVIRONMENT, text::RETURN, text::STEP);
        format!("{environment} {env}   {of_return} {}   {of_step} {step}", short(return_))
    }
}
