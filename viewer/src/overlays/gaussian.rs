//! A bell for each number of an action: its mean, what is within a standard deviation, and what was drawn.

use cartwheel_envs::OwnedAction;
use eframe::egui::{Painter, Rect, Stroke, pos2};

use super::{Scale, Verdict};
use crate::theme::Theme;

/// The share of a picture that the bells may cover, across and up.
const SHARE: [f32; 2] = [0.4, 0.4];
/// The height of a bell's track, as a share of the picture and in points, and what lies between two.
const TRACK: (f32, f32) = (0.12, 10.0);
const GAP: f32 = 2.0;

/// Tracks in the lower right corner of a picture, one a number, the first at the top: a line at the mean, a band of a
/// standard deviation to either side, and a mark, in the color of who chose it, at what was done.
pub(super) fn paint(
    painter: &Painter,
    picture: Rect,
    (mean, std): (&[f32], &[f32]),
    verdict: Verdict<'_>,
    scale: Scale,
    theme: &Theme,
) {
    let scale = Scale { low: scale.low.min(-1.0), high: scale.high.max(1.0) };
    let done = match verdict.taken {
        Some(OwnedAction::Continuous(values)) => values.as_slice(),
        _ => &[],
    };
    for (i, track) in tracks(picture, mean.len()).into_iter().enumerate() {
        let x = |value: f32| track.left() + track.width() * scale.share(value);
        painter.rect_filled(track, 2.0, theme.well.gamma_multiply(0.75));
        let (mean, std) = (mean[i], std.get(i).copied().unwrap_or(0.0));
        let band =
            Rect::from_min_max(pos2(x(mean - std), track.top() + 2.0), pos2(x(mean + std), track.bottom() - 2.0));
        painter.rect_filled(band, 1.0, theme.value.gamma_multiply(0.5));
        painter.vline(x(mean), track.y_range(), Stroke::new(1.5, theme.value));
        if let Some(done) = done.get(i) {
            painter.vline(x(*done), track.y_range(), Stroke::new(2.5, verdict.color(theme)));
        }
    }
}

fn tracks(picture: Rect, count: usize) -> Vec<Rect> {
    let highest = TRACK.1.min(TRACK.0 * picture.height());
    let height = highest.min(SHARE[1] * picture.height() / count.max(1) as f32 - GAP).max(0.5);
    let (right, width) = (picture.right() - GAP, SHARE[0] * picture.width());
    let top = |i: usize| picture.bottom() - (count - i) as f32 * (height + GAP);
    (0..count).map(|i| Rect::from_min_max(pos2(right - width, top(i)), pos2(right, top(i) + height))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in a grid of hundreds, where they hid half of what there was to see.
    #[test]
    fn little_of_a_small_picture_is_covered() {
        let picture = Rect { min: pos2(0.0, 0.0), max: pos2(28.0, 28.0) };
        let covered: f32 = tracks(picture, 1).iter().map(Rect::area).sum();
        assert!(covered < 0.05 * picture.area(), "{covered}");
    }

    #[test]
    fn tracks_lie_within_the_picture_one_under_the_other() {
        let picture = Rect { min: pos2(10.0, 20.0), max: pos2(210.0, 120.0) };
        for count in [1, 2, 6, 16] {
            let tracks = tracks(picture, count);
            assert!(tracks.iter().all(|track| picture.contains_rect(*track)), "{count}: {tracks:?}");
            assert!(tracks.windows(2).all(|pair| pair[0].bottom() <= pair[1].top()), "{tracks:?}");
        }
        assert!(tracks(picture, 0).is_empty());
    }
}
