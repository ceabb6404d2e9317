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

    /// A mark's text on the axis of x.
    pub(super) fn x_mark(self, x: f64) -> String {
        let x = self.x_from(x);
        if self.axis == Axis::WallTime { number::seconds(x) } else { number::compact(x) }
    }

    /// A mark's text on the axis of values.
    pub(super) fn y_mark(self, y: f64) -> String {
        number::compact(if self.log_y { 10_f64.powf(y) } else { y })
    }
}

/// Marks of a logarithmic axis: the decades, and between them 2 to 9 where there are few; within less than a decade,
/// even ones.
pub(super) fn log_marks(input: &GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let width = high - low;
    if !width.is_finite() || width <= 0.0 {
        return Vec::new();
    }
    if width < 1.0 {
        return (0..=5).map(|i| GridMark { value: low + width * f64::from(i) / 5.0, step_size: width / 5.0 }).collect();
    }
    let every = (width / 12.0).ceil();
    let decades =
        (0..).map(|i| (low / every).floor() * every + f64::from(i) * every).take_while(|decade| *decade <= high);
    let marks = decades.flat_map(|decade| {
        let between = if width < 4.0 { 9 } else { 1 };
        (1..=between).map(move |digit| GridMark {
            value: decade + f64::from(digit).log10(),
            step_size: if digit == 1 { every } else { 0.1 },
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
            log_marks(&input).into_iter().map(|mark| (10_f64.powf(mark.value) * 1e6).round() / 1e6).collect()
        };
        assert_eq!(marks(0.0, 1.0), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        assert_eq!(marks(-1.0, 4.0), [0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(marks(0.0, 0.5).len(), 6);
        assert!(marks(-100.0, 100.0).len() <= 13);
        assert!(marks(f64::NEG_INFINITY, 1.0).is_empty());
    }
}
