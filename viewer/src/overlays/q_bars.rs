//! A bar for the value of each action.

use cartwheel_agents::argmax;
use eframe::egui::{Painter, Rect, Stroke, StrokeKind, pos2};

use super::{Scale, Verdict};
use crate::theme::Theme;

/// A bar.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bar {
    /// From the line of 0 to the value.
    rect: Rect,
    /// Whether its action was taken.
    taken: bool,
    /// Whether its action is the best and was not taken.
    passed: bool,
    /// Whether its action is not valid.
    pale: bool,
}

/// The share of a picture that bars may cover: across and up.
const SHARE: [f32; 2] = [0.4, 0.6];
/// The widest bar, as a share of the picture and in points.
const WIDEST: (f32, f32) = (0.045, 22.0);
/// How much is left of the color of an action that is not valid.
const PALE: f32 = 0.4;
/// Between bars and around them, in points.
const GAP: f32 = 2.0;

/// Bars in the lower right corner of a picture. The action that was taken is lit in the color of who chose it; the best
/// one is outlined if another was taken. One that is not valid, whose value is not a number, is pale.
pub(super) fn paint(
    painter: &Painter,
    picture: Rect,
    values: &[f32],
    verdict: Verdict<'_>,
    scale: Scale,
    theme: &Theme,
) {
    let bars = bars(picture, values, verdict.action, scale);
    let Some(all) = bars.iter().map(|bar| bar.rect).reduce(Rect::union) else { return };
    let top = picture.bottom() - GAP - SHARE[1] * picture.height();
    let behind = Rect::from_min_max(pos2(all.left(), top), pos2(all.right(), picture.bottom() - GAP));
    painter.rect_filled(behind.expand(GAP), 2.0, theme.well.gamma_multiply(0.75));
    for bar in bars {
        let color = if bar.taken { verdict.color(theme) } else { theme.value };
        painter.rect_filled(bar.rect, 0.0, if bar.pale { theme.weak.gamma_multiply(PALE) } else { color });
        if bar.passed {
            let line = (0.3 * bar.rect.width()).min(1.5);
            painter.rect_stroke(bar.rect, 0.0, Stroke::new(line, theme.chosen), StrokeKind::Outside);
        }
    }
}

/// The width of so many bars on a picture of this width, with what is around them.
pub(super) fn width(count: usize, picture: f32) -> f32 {
    count as f32 * (bar_width(count, picture) + GAP) + 2.0 * GAP
}

fn bar_width(count: usize, picture: f32) -> f32 {
    let room = SHARE[0] * picture / count as f32 - GAP;
    room.min(WIDEST.0 * picture).min(WIDEST.1).max(1.0)
}

fn bars(picture: Rect, values: &[f32], taken: Option<usize>, scale: Scale) -> Vec<Bar> {
    let width = bar_width(values.len(), picture.width());
    let height = SHARE[1] * picture.height();
    let bottom = picture.bottom() - GAP;
    let up = |value: f32| bottom - height * scale.share(value);
    let best = argmax(values);
    let bar = |(i, shown): (usize, &f32)| {
        let left = picture.right() - GAP - (values.len() - i) as f32 * (width + GAP) + GAP;
        let (value, zero) = (up(if shown.is_nan() { 0.0 } else { *shown }), up(0.0));
        // A value of 0 is still an action.
        let (top, foot) = (value.min(zero - 1.0), value.max(zero));
        let rect = Rect::from_min_max(pos2(left, top), pos2(left + width, foot));
        let pale = shown.is_nan();
        Bar { rect, taken: taken == Some(i), pale, passed: i == best && taken.is_some_and(|taken| taken != best) }
    };
    values.iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: Rect = Rect { min: pos2(10.0, 20.0), max: pos2(210.0, 120.0) };

    #[test]
    fn bars_stand_on_zero_within_the_picture() {
        let scale = Scale { low: -5.0, high: 10.0 };
        let bars = bars(PICTURE, &[10.0, 0.0, -5.0, f32::NAN], Some(1), scale);
        let zero = 118.0 - 60.0 / 3.0;
        for (bar, [top, bottom]) in bars.iter().zip([[58.0, zero], [zero - 1.0, zero], [zero - 1.0, 118.0]]) {
            assert!((bar.rect.top() - top).abs() < 1e-3 && (bar.rect.bottom() - bottom).abs() < 1e-3, "{bar:?}");
        }
        assert!(bars.iter().all(|bar| PICTURE.contains_rect(bar.rect)), "{bars:?}");
        assert!(bars.windows(2).all(|pair| pair[0].rect.right() < pair[1].rect.left()), "{bars:?}");
        let marks: Vec<_> = bars.iter().map(|bar| (bar.taken, bar.passed)).collect();
        assert_eq!(marks, [(false, true), (true, false), (false, false), (false, false)]);
        assert_eq!(bars.iter().map(|bar| bar.pale).collect::<Vec<_>>(), [false, false, false, true]);
    }

    #[test]
    fn the_best_action_is_not_passed_when_it_is_taken_or_nothing_is() {
        let scale = Scale { low: 0.0, high: 1.0 };
        assert!(bars(PICTURE, &[1.0, 0.0], Some(0), scale).iter().all(|bar| !bar.passed));
        assert!(bars(PICTURE, &[1.0, 0.0], None, scale).iter().all(|bar| !bar.passed && !bar.taken));
    }

    #[test]
    fn many_actions_are_narrow() {
        let bars = bars(PICTURE, &[0.5; 60], None, Scale { low: 0.0, high: 1.0 });
        assert!(bars.iter().all(|bar| PICTURE.contains_rect(bar.rect)), "{:?}", bars[0]);
        assert!(super::bars(PICTURE, &[], None, Scale::default()).is_empty());
    }
}
