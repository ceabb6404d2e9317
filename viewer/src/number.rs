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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 45.0, -0.31, 95.1234, 1234.5, 2.5e7, 4e-5, f64::NAN].map(short);
        assert_eq!(shown, ["0", "45", "-0.310", "95.12", "1234", "2.50e7", "4.00e-5", "NaN"]);
        assert_eq!([0, 1023, 2048, 5 << 30].map(bytes), ["0 B", "1023 B", "2.0 KiB", "5.0 GiB"]);
    }
}
