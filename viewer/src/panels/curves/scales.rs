//! From curves' units to those of a plot and back, and how both are written.

use egui_plot::{GridInput, GridMark};

use crate::number;
use crate::series::{Axis, Point};

/// How a plot's axes measure. A logarithmic one holds decimal logarithms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scales {
    pub(super) axis: Axis,
    pub(super) log_x: bool,
    pub(super) log_y: bool,
}

impl Scales {
    pub(super) fn place(self, point: &Point) -> [f64; 2] {
        [self.x(point.x(self.axis)), self.y(point.value)]
    }

    pub(super) fn x(self, x: f64) -> f64 {
        if self.log_x { x.log10() } else { x }
    }

    pub(super) fn y(self, y: f64) -> f64 {
        if self.log_y { y.log10() } else { y }
    }

    /// What a plot's x means.
    pub(super) fn x_from(self, x: f64) -> f64 {
        if self.log_x { 10_f64.powf(x) } else { x }
    }

    /// What a plot's y means.
    pub(super) fn y_from(self, y: f64) -> f64 {
        if self.log_y { 10_f64.powf(y) } else { y }
    }

    /// A mark's text on the axis of x.
    pub(super) fn x_mark(self, mark: GridMark) -> String {
        let step = if self.log_x { f64::NAN } else { mark.step_size };
        let x = self.x_from(mark.value);
        if self.axis == Axis::WallTime { number::seconds_by(x, step) } else { number::compact_by(x, step) }
    }

    /// A mark's text on the axis of values.
    pub(super) fn y_mark(self, mark: GridMark) -> String {
        let step = if self.log_y { f64::NAN } else { mark.step_size };
        number::compact_by(self.y_from(mark.value), step)
    }

    /// At most about so many marks on the axis of x.
    pub(super) fn x_marks(self, input: &GridInput, most: f64) -> Vec<GridMark> {
        match (self.log_x, self.axis) {
            (true, _) => log_marks(input, most),
            (false, Axis::WallTime) => {
                // Whole minutes and hours.
                let step = (input.bounds.1 - input.bounds.0) / most;
                even_marks(
                    input,
                    most,
                    if step < 60.0 {
                        1.0
                    } else if step < 3600.0 {
                        60.0
                    } else {
                        3600.0
                    },
                )
            }
            (false, _) => even_marks(input, most, 1.0),
        }
    }

    /// At most about so many marks on the axis of values.
    pub(super) fn y_marks(self, input: &GridInput, most: f64) -> Vec<GridMark> {
        if self.log_y { log_marks(input, most) } else { even_marks(input, most, 1.0) }
    }
}

/// Marks a 1, 2 or 5 apart, times a power of ten, in a unit.
fn even_marks(input: &GridInput, most: f64, unit: f64) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let rough = (high - low) / most / unit;
    if !rough.is_normal() || rough < 0.0 {
        return Vec::new();
    }
    let power = 10_f64.powf(rough.log10().floor());
    let digit = [1.0, 2.0, 5.0, 10.0].into_iter().find(|digit| digit * power >= rough).unwrap_or(10.0);
    let step = digit * power * unit;
    let first = (low / step).ceil();
    let count = ((high / step).floor() - first + 1.0).clamp(0.0, 1000.0) as usize;
    (0..count).map(|i| GridMark { value: (first + i as f64) * step, step_size: step }).collect()
}

/// Marks of a logarithmic axis: the decades, and between them 2 to 9 where there are few; within less than a decade,
/// round ones. There are at most about so many decades or even ones.
fn log_marks(input: &GridInput, most: f64) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let width = high - low;
    if !width.is_finite() || width <= 0.0 {
        return Vec::new();
    }
    if width < 1.0 {
        let bounds = (10_f64.powf(low), 10_f64.powf(high));
        let even = even_marks(&GridInput { bounds, ..*input }, most.clamp(1.0, 5.0), 1.0);
        let places: Vec<f64> = even.iter().map(|mark| mark.value.log10()).collect();
        // Marks get nearer to each other upwards.
        let least = places.windows(2).map(|pair| pair[1] - pair[0]).fold(width, f64::min);
        return places.into_iter().map(|value| GridMark { value, step_size: least }).collect();
    }
    let every = (width / most.clamp(1.0, 12.0)).ceil();
    let decades =
        (0..).map(|i| (low / every).floor() * every + f64::from(i) * every).take_while(|decade| *decade <= high);
    let marks = decades.flat_map(|decade| {
        let between = if width < 4.0 { 9 } else { 1 };
        (1..=between).map(move |digit| GridMark {
            value: decade + f64::from(digit).log10(),
            // As far apart as they are from the next that is as prominent: 2 and 5 are told where there is room, the others
            // are lines alone.
            step_size: match digit {
                1 => every,
                2 | 5 => 0.3,
                _ => 0.01,
            },
        })
    });
    marks.filter(|mark| mark.value >= low && mark.value <= high).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_logarithmic_axes() {
        let marks = |low, high| -> Vec<f64> {
            let input = GridInput { bounds: (low, high), base_step_size: 0.1 };
            log_marks(&input, 12.0).into_iter().map(|mark| (10_f64.powf(mark.value) * 1e6).round() / 1e6).collect()
        };
        assert_eq!(marks(0.0, 1.0), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        assert_eq!(marks(-1.0, 4.0), [0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(marks(0.0, 0.5), [1.0, 1.5, 2.0, 2.5, 3.0]);
        assert_eq!(marks(1.8, 2.7), [100.0, 200.0, 300.0, 400.0, 500.0]);
        assert!(marks(-100.0, 100.0).len() <= 13);
        assert!(marks(f64::NEG_INFINITY, 1.0).is_empty());
    }

    #[test]
    fn marks_are_round_and_tell_each_other_apart() {
        let marks = |scales: Scales, low, high| -> Vec<String> {
            let input = GridInput { bounds: (low, high), base_step_size: 0.1 };
            scales.x_marks(&input, 4.0).into_iter().map(|mark| scales.x_mark(mark)).collect()
        };
        let steps = Scales::default();
        assert_eq!(marks(steps, -3.0, 103.0), ["0", "50", "100"]);
        assert_eq!(marks(steps, 0.0, 1.5e6), ["0", "500k", "1M", "1.5M"]);
        assert_eq!(marks(steps, 4_000_000.0, 4_000_100.0), ["4M", "4.00005M", "4.0001M"]);
        assert_eq!(marks(steps, 0.013, 0.0135), ["0.013", "0.0132", "0.0134"]);
        let time = Scales { axis: Axis::WallTime, ..steps };
        assert_eq!(marks(time, 0.0, 900.0), ["0 s", "5 min", "10 min", "15 min"]);
        assert_eq!(marks(time, 0.0, 40_000.0), ["0 s", "5 h", "10 h"]);
        assert!(marks(steps, 1.0, 1.0).is_empty());
        assert!(marks(steps, f64::NEG_INFINITY, 1.0).is_empty());
    }
}
