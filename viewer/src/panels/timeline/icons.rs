//! The signs on a player's buttons, painted: fonts do not have them all.

use eframe::egui::{Color32, Painter, Rect, Shape, Stroke, pos2, vec2};

/// A sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Icon {
    /// A triangle to the right.
    Play,
    /// Two bars.
    Pause,
    /// A bar and a triangle, to the right or to the left.
    Step { forward: bool },
    /// Two triangles, to the right or to the left.
    Skip { forward: bool },
}

/// Paints a sign into the middle of `rect`.
pub(super) fn paint(painter: &Painter, rect: Rect, icon: Icon, color: Color32) {
    let square = Rect::from_center_size(rect.center(), vec2(10.0, 10.0));
    // From 0 to 1 from the left, or from the right if it points to the left.
    let along = |x: f32, forward: bool| {
        let x = if forward { x } else { 1.0 - x };
        square.left() + x * square.width()
    };
    let triangle = |from: f32, to: f32, forward: bool| {
        let (from, to) = (along(from, forward), along(to, forward));
        let corners = vec![pos2(from, square.top()), pos2(to, square.center().y), pos2(from, square.bottom())];
        painter.add(Shape::convex_polygon(corners, color, Stroke::NONE));
    };
    let bar = |x: f32, forward: bool| {
        let x = along(x, forward);
        painter.vline(x, square.y_range(), (2.5, color));
    };
    match icon {
        Icon::Play => triangle(0.05, 1.0, true),
        Icon::Pause => [0.25, 0.75].into_iter().for_each(|x| bar(x, true)),
        Icon::Step { forward } => {
            bar(0.12, forward);
            triangle(0.35, 1.0, forward);
        }
        Icon::Skip { forward } => {
            triangle(0.0, 0.5, forward);
            triangle(0.5, 1.0, forward);
        }
    }
}
