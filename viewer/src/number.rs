//! Numbers as people read them.

/// A number in a few characters: three digits behind the point at most, or powers of ten where it is large or small.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !value.is_finite() {
        value.to_string()
    } else if !(1e-3..1e6).contains(&size) {
        format!("{value:.2e}")
    } else if size >= 1000.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// Bytes in the unit that suits them.
pub(crate) fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// A number for an axis, by its four first digits: `0.001`, `-12.5`, `15k`, `20M`.
pub(crate) fn compact(value: f64) -> String {
    compact_by(value, f64::NAN)
}

/// As [`compact`], but with as many digits as tell it from others that are `step` apart.
pub(crate) fn compact_by(value: f64, step: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e15).contains(&size) {
        return format!("{value:.1e}");
    }
    let units = [(1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"), (0.0, 1.0, "")];
    let (_, unit, suffix) = units.into_iter().find(|(from, ..)| size >= *from).unwrap_or((0.0, 1.0, ""));
    let digits = |resolution: f64| (-(resolution / unit).log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize;
    let four = 10_f64.powf(size.log10().floor() - 3.0);
    let decimals = digits(if step > 0.0 { step } else { four });
    let text = format!("{:.decimals$}", value / unit);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

/// Seconds by their three first digits: `12.5 s`, `3 min`, `2.5 h`.
pub(crate) fn seconds(seconds: f64) -> String {
    let (unit, _) = time_unit(seconds);
    seconds_by(seconds, 10_f64.powf((seconds.abs() / unit).log10().floor() - 2.0) * unit)
}

/// A time that is not known well: `40 s`, `3 min`, `2.5 h`.
pub(crate) fn about(seconds: f64) -> String {
    let (unit, name) = time_unit(seconds);
    let digits = usize::from(unit > 60.0);
    format!("{:.digits$} {name}", seconds / unit)
}

fn time_unit(seconds: f64) -> (f64, &'static str) {
    match seconds.abs() {
        size if size < 120.0 => (1.0, "s"),
        size if size < 7200.0 => (60.0, "min"),
        _ => (3600.0, "h"),
    }
}

/// As [`seconds`], but with as many digits as tell them from others that are `step` apart.
pub(crate) fn seconds_by(seconds: f64, step: f64) -> String {
    let (unit, name) = time_unit(seconds);
    format!("{} {name}", compact_by(seconds / unit, step / unit))
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
    fn numbers_are_short() {
        let shown = [0.0, 45.0, -0.31, 95.1234, 1234.5, 2.5e7, 4e-5, f64::NAN].map(short);
        assert_eq!(shown, ["0", "45", "-0.310", "95.12", "1234", "2.50e7", "4.00e-5", "NaN"]);
        assert_eq!([0, 1023, 2048, 5 << 30].map(bytes), ["0 B", "1023 B", "2.0 KiB", "5.0 GiB"]);
    }

    #[test]
    fn axes_have_four_digits_and_a_unit() {
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
            assert_eq!(compact(value), text);
        }
        assert_eq!([12.5, 180.0, 9000.0].map(seconds), ["12.5 s", "3 min", "2.5 h"]);
        assert_eq!([0.110_3, 123.4, 0.0].map(seconds), ["0.11 s", "2.06 min", "0 s"]);
        assert_eq!([12.4, 200.0, 9000.0].map(about), ["12 s", "3 min", "2.5 h"]);
        assert_eq!([0, 999, 1_234_567].map(count), ["0", "999", "1\u{202f}234\u{202f}567"]);
    }
}
