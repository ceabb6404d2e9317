//! A histogram for each action: how likely each return is after it.

use eframe::egui::{Align2, FontId, Painter, Rect, Stroke, pos2};

use super::Verdict;
use crate::number::short;
use crate::theme::Theme;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Histograms<'a> {
    /// The mean of each.
    pub(super) values: &'a [f32],
    /// The heights of their bars, those of one histogram after the other.
    pub(super) chances: &'a [f32],
    /// The returns that the first and the last bar are of.
    pub(super) range: [f32; 2],
}

/// The share of a picture's width that histograms take, and in points: from here on they get no wider.
const WIDTH: (f32, f32) = (0.3, 200.0);
/// The share of its height.
const HEIGHT: f32 = 0.9;
/// The height of a histogram, in points, and what lies between two.
const TRACK: f32 = 48.0;
const GAP: f32 = 2.0;
/// The height of the line of the least and the greatest return, in points.
const RANGE: f32 = 13.0;

/// Bars of a histogram that is made of quantiles.
const BINS: usize = 40;

/// The share of the quantiles of each of so many `actions` that lie in each part of `range`, beyond it in the first or last.
pub(super) fn chances_of_quantiles(quantiles: &[f32], actions: usize, [low, high]: [f32; 2]) -> Vec<f32> {
    let mut chances = vec![0.0; actions * BINS];
    let of_each = (quantiles.len() / actions.max(1)).max(1);
    for (quantiles, chances) in quantiles.chunks(of_each).zip(chances.chunks_mut(BINS)) {
        for quantile in quantiles.iter().filter(|quantile| quantile.is_finite()) {
            let share = if high > low { (quantile - low) / (high - low) } else { 0.5 };
            // The first and the last bar are centred on the ends.
            let bin = (share * (BINS - 1) as f32).round().clamp(0.0, (BINS - 1) as f32) as usize;
            chances[bin] += 1.0 / of_each as f32;
        }
    }
    chances
}

/// The width of histograms on a picture of this width, with what is around them.
pub(super) fn width(picture: f32) -> f32 {
    (WIDTH.0 * picture).min(WIDTH.1) + 2.0 * GAP
}

/// Histograms in the lower right corner of a picture, one an action, the first at the top, over one line of returns. That
/// of the action that was taken is in the color of who chose it. A line is at the mean.
pub(super) fn paint(painter: &Painter, picture: Rect, histograms: Histograms<'_>, verdict: Verdict<'_>, theme: &Theme) {
    let Histograms { values, chances, range } = histograms;
    let bins = (chances.len() / values.len().max(1)).max(1);
    let highest = chances.iter().copied().filter(|chance| chance.is_finite()).fold(0.0, f32::max);
    let of_actions = chances.chunks(bins).zip(values).enumerate();
    for (track, (i, (chances, value))) in tracks(picture, values.len()).into_iter().zip(of_actions) {
        painter.rect_filled(track, 2.0, theme.well.gamma_multiply(0.75));
        let color = if verdict.action == Some(i) { verdict.color(theme) } else { theme.value };
        for bar in bars(track, chances, highest) {
            painter.rect_filled(bar, 0.0, color);
        }
        painter.hline(track.x_range(), track.bottom(), Stroke::new(1.0, theme.weak.gamma_multiply(0.5)));
        // An action that is not valid has no returns.
        if value.is_nan() {
            continue;
        }
        painter.vline(mean(track, *value, range, bins), track.y_range(), Stroke::new(1.5, theme.text));
    }
    let line = Rect::from_min_max(
        pos2(picture.right() - width(picture.width()) + GAP, picture.bottom() - RANGE),
        pos2(picture.right() - GAP, picture.bottom()),
    );
    let ends = [(line.left_center(), Align2::LEFT_CENTER), (line.right_center(), Align2::RIGHT_CENTER)];
    for ((at, align), value) in ends.into_iter().zip(range) {
        painter.text(at, align, short(value.into()), FontId::proportional(10.0), theme.weak);
    }
}

fn tracks(picture: Rect, count: usize) -> Vec<Rect> {
    let room = HEIGHT * picture.height() - RANGE;
    let height = TRACK.min(room / count.max(1) as f32 - GAP).max(0.5);
    let (left, right) = (picture.right() - width(picture.width()) + GAP, picture.right() - GAP);
    let top = |i: usize| picture.bottom() - RANGE - (count - i) as f32 * (height + GAP);
    (0..count).map(|i| Rect::from_min_max(pos2(left, top(i)), pos2(right, top(i) + height))).collect()
}

/// A bar for each return that has a chance to be seen, as high as it is likely.
fn bars(track: Rect, chances: &[f32], highest: f32) -> Vec<Rect> {
    let width = track.width() / chances.len().max(1) as f32;
    let bar = |(i, chance): (usize, &f32)| {
        let share = chance / highest;
        let left = track.left() + i as f32 * width;
        let top = track.bottom() - share * track.height();
        (share > 0.01).then(|| Rect::from_min_max(pos2(left, top), pos2(left + width, track.bottom())))
    };
    chances.iter().enumerate().filter_map(bar).collect()
}

/// Where the mean is: in the middle of the bar of a return that has one.
fn mean(track: Rect, value: f32, [low, high]: [f32; 2], bins: usize) -> f32 {
    let share = if high > low { (value - low) / (high - low) } else { 0.5 };
    let half = 0.5 / bins as f32;
    track.left() + track.width() * (half + share.clamp(0.0, 1.0) * (1.0 - 2.0 * half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_become_bars_where_they_are() {
        let chances = chances_of_quantiles(&[0.0, 39.0, 39.4, 100.0, 7.0, 7.0, -5.0, f32::NAN], 2, [0.0, 39.0]);
        let (first, second) = chances.split_at(BINS);
        assert_eq!((first[0], first[BINS - 1], first.iter().sum::<f32>()), (0.25, 0.75, 1.0));
        assert_eq!((second[0], second[7]), (0.25, 0.5));
        assert!(chances_of_quantiles(&[], 0, [0.0, 0.0]).is_empty());
    }

    #[test]
    fn histograms_lie_beside_the_picture_and_their_means_among_the_bars() {
        let picture = Rect { min: pos2(10.0, 20.0), max: pos2(210.0, 120.0) };
        let beside = Rect { min: pos2(picture.right() - width(picture.width()), 20.0), max: picture.max };
        for count in [1, 2, 6, 16] {
            let tracks = tracks(picture, count);
            assert!(tracks.iter().all(|track| beside.contains_rect(*track)), "{count}: {tracks:?}");
            assert!(tracks.windows(2).all(|pair| pair[0].bottom() <= pair[1].top()), "{tracks:?}");
        }
        let track = tracks(picture, 1)[0];
        let bars = bars(track, &[0.0, 0.25, 0.5, 0.25, f32::NAN], 0.5);
        assert_eq!(bars.len(), 3, "what has no chance has no bar");
        assert_eq!((bars[1].top(), bars[1].bottom()), (track.top(), track.bottom()));
        assert_eq!(bars[0].height(), track.height() / 2.0);
        assert!((mean(track, 0.0, [-2.0, 2.0], 5) - bars[1].center().x).abs() < 1e-3);
        assert!((mean(track, -1.0, [-2.0, 2.0], 5) - bars[0].center().x).abs() < 1e-3);
    }
}
