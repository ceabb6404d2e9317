//! Learning curves as pictures.

use std::ops::Range;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// One line of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// The line's points, x ascending. Points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// A shaded band behind the line, as `(x, low, high)`: the lowest and highest of several seeds, say.
    pub band: Option<Vec<(f64, f64, f64)>>,
    /// Whether the points are drawn as dots instead of a line.
    pub dots: bool,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// No series has a finite point.
    #[error("there is nothing to draw in \"{title}\": no series has a point yet")]
    Empty {
        /// The picture's title.
        title: String,
    },
    /// The drawing library failed.
    #[error("could not draw \"{title}\": {reason}; please report this as a bug")]
    Drawing {
        /// The picture's title.
        title: String,
        /// What the library says.
        reason: String,
    },
}

const SIZE: (u32, u32) = (880, 500);
/// A line of the legend.
const LEGEND_LINE: i32 = 18;
/// Above the left end of the plot.
const HEADING_LEFT: i32 = 68;
const FONT: &str = "Helvetica, Arial, sans-serif";
const INK: RGBColor = RGBColor(0x26, 0x2b, 0x33);
const MUTED: RGBColor = RGBColor(0x6b, 0x72, 0x80);
const RULE: RGBColor = RGBColor(0xe5, 0xe7, 0xeb);
/// Okabe and Ito's colours without yellow and black: told apart by people who do not see all colours.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xe6, 0x9f, 0x00),
];

/// Draws series over steps as an SVG picture, with a dashed line at `threshold` (the return at which a task counts as
/// solved).
pub fn learning_curve_svg(
    series: &[Series],
    title: &str,
    x_label: &str,
    y_label: &str,
    threshold: Option<f64>,
) -> Result<String, PlotError> {
    let threshold = threshold.filter(|y| y.is_finite());
    let series: Vec<Series> = series.iter().map(finite).collect();
    let Some((xs, ys)) = ranges(&series, threshold) else {
        return Err(PlotError::Empty { title: title.to_owned() });
    };
    let mut svg = String::new();
    draw(&mut svg, &series, [title, x_label, y_label], threshold, xs, ys)
        .map_err(|error| PlotError::Drawing { title: title.to_owned(), reason: error.to_string() })?;
    Ok(svg)
}

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

fn draw(
    svg: &mut String,
    series: &[Series],
    [title, x_label, y_label]: [&str; 3],
    threshold: Option<f64>,
    xs: Range<f64>,
    ys: Range<f64>,
) -> Drawn {
    // The legend stands beside the title, where no curve can run under it, or where it is too long for that, below.
    let beside = series.len() <= 2 && series.iter().all(|series| series.name.chars().count() <= 22);
    let below = if beside { 0 } else { LEGEND_LINE * series.len() as i32 };
    let root = SVGBackend::with_string(svg, (SIZE.0, SIZE.1 + below as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let heading = (FONT, 19, FontStyle::Bold).into_font().color(&INK);
    root.draw(&Text::new(title, (HEADING_LEFT, 20), heading))?;
    let mut chart = ChartBuilder::on(&root)
        .margin_top(58)
        .margin_right(28)
        .margin_bottom(10 + below)
        .margin_left(8)
        .x_label_area_size(46)
        .y_label_area_size(60)
        .build_cartesian_2d(xs.clone(), ys)?;
    let label = (FONT, 13).into_font().color(&MUTED);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RULE)
        .axis_style(RULE)
        .x_labels(8)
        .y_labels(7)
        .x_label_formatter(&short)
        .y_label_formatter(&short)
        .label_style(label)
        .axis_desc_style((FONT, 14).into_font().color(&INK))
        .x_desc(x_label)
        .y_desc(y_label)
        .draw()?;

    // All bands lie behind all lines.
    for (series, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let band = series.band.as_deref().unwrap_or_default();
        // Some readers of SVG stop at a polygon without corners.
        if band.is_empty() {
            continue;
        }
        let low = band.iter().map(|(x, low, _)| (*x, *low));
        let high = band.iter().rev().map(|(x, _, high)| (*x, *high));
        chart.draw_series([Polygon::new(low.chain(high).collect::<Vec<_>>(), colour.mix(0.16))])?;
    }
    if let Some(y) = threshold {
        let line = [(xs.start, y), (xs.end, y)];
        let style = MUTED.stroke_width(1);
        chart.draw_series(DashedLineSeries::new(line, 6, 4, style))?;
        let written = (FONT, 12).into_font().color(&MUTED).pos(Pos::new(HPos::Left, VPos::Bottom));
        let text = format!("threshold {}", short(&y));
        chart.draw_series([EmptyElement::at((xs.start, y)) + Text::new(text, (6, -4), written)])?;
    }
    for (series, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let points = series.points.iter().copied();
        if series.dots {
            chart.draw_series(points.map(|point| Circle::new(point, 3, colour.mix(0.6).filled())))?;
        } else {
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        }
    }
    let corner = if beside { (SIZE.0 as i32 - 190, 20) } else { (HEADING_LEFT, SIZE.1 as i32 - 2 + LEGEND_LINE / 2) };
    for (i, (series, colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let (x, y) = (corner.0, corner.1 + LEGEND_LINE * i as i32);
        if series.dots {
            root.draw(&Circle::new((x + 9, y), 3, colour.filled()))?;
        } else {
            root.draw(&PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)))?;
        }
        let written = (FONT, 13).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        root.draw(&Text::new(series.name.as_str(), (x + 26, y), written))?;
    }
    root.present()
}

fn finite(series: &Series) -> Series {
    let point = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
    let slice = |(x, low, high): &(f64, f64, f64)| x.is_finite() && low.is_finite() && high.is_finite();
    Series {
        name: series.name.clone(),
        points: series.points.iter().copied().filter(point).collect(),
        band: series.band.as_ref().map(|band| band.iter().copied().filter(slice).collect()),
        dots: series.dots,
    }
}

/// The axes: all that is drawn with some air above and below; none where there is no point.
fn ranges(series: &[Series], threshold: Option<f64>) -> Option<(Range<f64>, Range<f64>)> {
    let points = || series.iter().flat_map(|series| series.points.iter().copied());
    points().next()?;
    let band = || series.iter().filter_map(|series| series.band.as_ref()).flatten();
    let xs = points().map(|(x, _)| x).chain(band().map(|(x, _, _)| *x));
    let ys = points().map(|(_, y)| y).chain(band().flat_map(|(_, low, high)| [*low, *high]));
    // Steps are counted from zero.
    let (left, right) = extent(xs);
    let (bottom, top) = extent(ys.chain(threshold));
    let air = 0.06 * (top - bottom);
    Some((left.min(0.0)..right, bottom - air..top + air))
}

/// Least and greatest, made to differ.
fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let least = 1e-9 * low.abs().max(high.abs()).max(1e-3);
    if high - low > least { (low, high) } else { (low - 1.0_f64.max(least), high + 1.0_f64.max(least)) }
}

/// `250k`, `1.5M`, `0.25`: a number as one reads it on an axis.
fn short(value: &f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (*value, ""),
    };
    let digits = if scaled.abs() < 0.1 { 4 } else { 2 };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    // Rounding leaves "-0" of numbers just below zero.
    format!("{}{unit}", if text == "-0" { "0" } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learning(name: &str, speed: f64) -> Series {
        let curve = |x: f64| 500.0 * (1.0 - (-x * speed / 40_000.0).exp()) + 9.0 * (x / 1_300.0).sin();
        let xs = || (0..=100).map(|i| f64::from(i) * 1_000.0);
        Series {
            name: name.to_owned(),
            points: xs().map(|x| (x, curve(x))).collect(),
            band: Some(xs().map(|x| (x, curve(x) - 30.0 - x / 4_000.0, curve(x) + 30.0)).collect()),
            dots: false,
        }
    }

    #[test]
    fn a_picture_has_all_its_parts() {
        let series = [learning("dqn, 5 seeds", 1.0), learning("ppo <5 seeds>", 2.5)];
        let svg = learning_curve_svg(&series, "CartPole-v1", "steps", "return", Some(475.0)).unwrap();
        if let Some(path) = std::env::var_os("CARTWHEEL_TEST_PLOT") {
            std::fs::write(path, &svg).unwrap();
        }
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for part in ["CartPole-v1", "steps", "return", "dqn, 5 seeds", "ppo &lt;5 seeds&gt;", "threshold 475", "100k"] {
            assert!(svg.contains(part), "{part}");
        }
        assert_eq!(svg.matches("<polygon").count(), 2);
    }

    #[test]
    fn a_long_legend_has_room_of_its_own_and_dots_are_dots() {
        let mut series: Vec<_> = (0..5).map(|i| learning(&format!("dqn learning_rate={i}"), 1.0)).collect();
        series[4].dots = true;
        let svg = learning_curve_svg(&series, "CartPole-v1", "steps", "return", None).unwrap();
        series[3].band = None;
        assert!(svg.contains("height=\"590\""), "{}", &svg[..120]);
        assert_eq!(svg.matches("<circle").count(), 102);
        let svg = learning_curve_svg(&series, "CartPole-v1", "steps", "return", None).unwrap();
        assert_eq!(svg.matches("<polygon").count(), 4);
    }

    #[test]
    fn odd_series_are_drawn() {
        let line = |points: &[(f64, f64)]| Series { points: points.to_vec(), ..Series::default() };
        for series in [
            line(&[(0.0, 1.0)]),
            line(&[(5.0, 0.0), (9.0, 0.0)]),
            line(&[(0.0, f64::NAN), (1.0, -1e12), (2.0, f64::INFINITY), (3.0, -1e12)]),
            line(&[(-3.0, 1e-9), (3.0, 2e-9)]),
        ] {
            learning_curve_svg(&[series, line(&[])], "", "", "", None).unwrap();
        }
    }

    #[test]
    fn nothing_is_told() {
        let nan = Series { points: vec![(0.0, f64::NAN)], ..Series::default() };
        for series in [&[][..], &[nan]] {
            let error = learning_curve_svg(series, "empty", "x", "y", Some(1.0)).unwrap_err();
            assert!(error.to_string().contains("empty"));
        }
    }

    #[test]
    fn short_numbers() {
        for (value, text) in [
            (0.0, "0"),
            (-0.00001, "0"),
            (0.05, "0.05"),
            (0.0005, "0.0005"),
            (475.0, "475"),
            (1_500.0, "1500"),
            (250_000.0, "250k"),
            (-1_500_000.0, "-1.5M"),
            (2e9, "2G"),
        ] {
            assert_eq!(short(&value), text);
        }
    }
}
