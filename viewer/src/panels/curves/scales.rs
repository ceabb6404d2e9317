//! From curves' units to those of a plot and back, and how both are written.

use egui_plot::{GridInput, GridMark};

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
        if self.axis == Axis::WallTime { time(x) } else { number(x) }
    }

    /// A mark's text on the axis of values.
    pub(super) fn y_mark(self, y: f64) -> String {
        number(if self.log_y { 10_f64.powf(y) } else { y })
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

/// A number in few characters: `0.001`, `-12.5`, `1.5k`, `20M`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e15).contains(&size) {
        return format!("{value:.1e}");
    }
    let (unit, suffix) = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")]
        .into_iter()
        .find(|(unit, _)| size >= *unit)
        .map_or((1.0, ""), |(unit, suffix)| (if suffix == "k" { 1e3 } else { unit }, suffix));
    let scaled = value / unit;
    // Four digits that count.
    let decimals = (3 - scaled.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{scaled:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

/// Seconds in few characters: `12.5 s`, `3 min`, `2.5 h`.
pub(crate) fn time(seconds: f64) -> String {
    match seconds.abs() {
        size if size < 120.0 => format!("{} s", number(seconds)),
        size if size < 7200.0 => format!("{} min", number(seconds / 60.0)),
        _ => format!("{} h", number(seconds / 3600.0)),
    }
}

/// A count with its digits in threes.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            // Narrow and never broken.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-12.5, "-12.5"),
            (0.001, "0.001"),
            (0.12345, "0.1235"),
            (499.97, "500"),
            (1500.0, "1500"),
            (15_000.0, "15k"),
            (123_456.0, "123.5k"),
            (20_000_000.0, "20M"),
            (1.5e-7, "1.5e-7"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!([time(12.5), time(180.0), time(9000.0)], ["12.5 s", "3 min", "2.5 h"]);
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1\u{202f}234\u{202f}567"]);
    }

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
