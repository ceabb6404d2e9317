//! Clicks that come between two pictures: to what is dragged, as the handle of a slider is, egui tells nothing of a press whose
//! release comes with it.

use eframe::egui::{Context, Event, PointerButton, RawInput};

/// Events that wait for the next picture, in their order.
#[derive(Debug, Default)]
pub(super) struct Clicks {
    waiting: Vec<Event>,
}

impl Clicks {
    /// Leaves in `input` no release of the button that was pressed in it: this and what follows come with the next picture,
    /// which is asked for.
    pub(super) fn part(&mut self, ctx: &Context, input: &mut RawInput) {
        let mut events = std::mem::take(&mut self.waiting);
        events.append(&mut input.events);
        let is = |event: &Event, wanted: bool| matches!(event, Event::PointerButton { button: PointerButton::Primary, pressed, .. } if *pressed == wanted);
        let press = events.iter().position(|event| is(event, true));
        let release = press.and_then(|at| Some(at + events[at..].iter().position(|event| is(event, false))?));
        if let Some(at) = release {
            self.waiting = events.split_off(at);
            ctx.request_repaint();
        }
        input.events = events;
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Modifiers, Pos2, Rect, Slider, vec2};

    use super::*;

    fn click(pos: Pos2) -> [Event; 3] {
        let button =
            |pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE };
        [Event::PointerMoved(pos), button(true), button(false)]
    }

    #[test]
    fn a_click_between_two_pictures_moves_a_slider() {
        let (ctx, mut clicks) = (Context::default(), Clicks::default());
        let (mut value, mut rect) = (5, Rect::NOTHING);
        let mut picture = |events: Vec<Event>| {
            let mut input = RawInput { events, ..RawInput::default() };
            clicks.part(&ctx, &mut input);
            let slider = |ui: &mut eframe::egui::Ui| {
                rect = ui.add(Slider::new(&mut value, 0..=10).show_value(false)).rect;
            };
            drop(ctx.run_ui(input, slider));
            (value, rect, clicks.waiting.len())
        };
        // What is under the pointer is known from the picture before.
        let (_, rect, _) = picture(Vec::new());
        let [left, right] = [rect.left_center() + vec2(2.0, 0.0), rect.right_center() - vec2(2.0, 0.0)];
        let all = [click(right), click(left)].concat();
        let seen: Vec<_> = [all, Vec::new(), Vec::new()].into_iter().map(picture).collect();
        assert_eq!((seen[0].0, seen[2].0), (10, 0), "both clicks, one after the other");
        assert_eq!(seen.iter().map(|(.., waiting)| *waiting).collect::<Vec<_>>(), [4, 1, 0]);
    }
}
