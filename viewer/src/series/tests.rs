//! What holds for any series and any view of it.

use proptest::prelude::*;

use super::{Average, Axis, Point, Series, View, average};

/// Points whose steps go on by `stride` and may also go back, with values that may be no numbers.
fn points(back: bool) -> impl Strategy<Value = Vec<Point>> {
    let value =
        prop_oneof![20 => -50.0..50.0_f64, 1 => Just(f64::NAN), 1 => Just(0.0), 1 => Just(-1e9), 1 => Just(1e9)];
    let stride = prop_oneof![20 => 0..4_i64, 1 => 50..100_i64, 1 => if back { -300..0_i64 } else { 0..1_i64 }];
    prop::collection::vec((stride, value), 0..3000).prop_map(|all| {
        let mut step = 0;
        let all = all.into_iter().map(|(stride, value)| {
            step = (step + stride).max(0);
            Point { step: step as u64, episodes: step as u64 / 3, wall_s: step as f64 / 7.0, value }
        });
        all.collect()
    })
}

fn series(points: &[Point]) -> Series {
    let mut series = Series::default();
    points.iter().for_each(|point| series.push(*point));
    series
}

fn view() -> impl Strategy<Value = View> {
    let axis = prop::sample::select(&Axis::ALL[..]);
    (axis, 0.0..3000.0_f64, 0.0..3000.0_f64, 1..200_usize, any::<bool>(), any::<bool>()).prop_map(
        |(axis, from, width, pixels, log_x, log_y)| {
            let from = if log_x { from.max(0.5) } else { from };
            View { axis, range: (from, from + width), pixels, log_x, log_y }
        },
    )
}

/// Where in a view's columns a point is, found the slow way; none for what is not shown.
fn place(view: &View, point: &Point) -> Option<f64> {
    let x = point.x(view.axis);
    let shown = point.value.is_finite() && (!view.log_x || x > 0.0) && (!view.log_y || point.value > 0.0);
    let inside = x >= view.range.0 && x <= view.range.1;
    let scale = |x: f64| if view.log_x { x.log10() } else { x };
    let (from, to) = (scale(view.range.0), scale(view.range.1));
    let share = if to > from { (scale(x) - from) / (to - from) } else { 0.0 };
    (shown && inside).then_some(share * view.pixels as f64)
}

proptest! {
    #[test]
    fn no_spike_is_lost(points in points(true), view in view()) {
        let series = series(&points);
        let placed = |points: &mut dyn Iterator<Item = Point>| -> Vec<(f64, f64)> {
            points.filter_map(|point| Some((place(&view, &point)?, point.value))).collect()
        };
        let shown = placed(&mut view.points(&series).into_iter().map(|at| series.points()[at as usize]));
        for (at, value) in placed(&mut points.iter().copied()) {
            // Within its column and an eighth.
            let near = || shown.iter().filter(|(other, _)| (other - at).abs() <= 1.126).map(|(_, value)| *value);
            prop_assert!(near().any(|other| other >= value) && near().any(|other| other <= value), "{value} at {at}");
        }
    }

    #[test]
    fn a_picture_has_two_points_a_pixel(points in points(false), view in view()) {
        let series = series(&points);
        let shown = view.points(&series);
        // And the neighbours on both sides.
        prop_assert!(shown.len() <= 2 * view.pixels + 2, "{} on {}", shown.len(), view.pixels);
        prop_assert!(shown.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn few_points_are_all_shown(points in points(true), view in view()) {
        let series = series(&points);
        let inside: Vec<_> = (0..series.points().len() as u32)
            .filter(|at| place(&view, &series.points()[*at as usize]).is_some())
            .collect();
        let x = |at: u32| series.points()[at as usize].x(view.axis);
        let in_range = (0..series.points().len() as u32).filter(|at| x(*at) >= view.range.0 && x(*at) <= view.range.1);
        prop_assume!(in_range.count() <= 2 * view.pixels);
        let shown = view.points(&series);
        let shown: Vec<_> = shown.into_iter().filter(|at| inside.contains(at)).collect();
        prop_assert_eq!(shown, inside);
    }

    #[test]
    fn means_are_of_all_points(points in points(true), view in view()) {
        let view = View { log_y: false, ..view };
        let series = series(&points);
        let placed: Vec<_> = series.points().iter().filter_map(|p| Some((place(&view, p)?, p.value))).collect();
        let columns = view.columns(&series);
        let counted: Vec<_> = columns.iter().flatten().filter(|column| column.count > 0).collect();
        prop_assert_eq!(counted.iter().map(|column| column.count).sum::<usize>(), placed.len());
        let sum: f64 = counted.iter().map(|column| column.mean * column.count as f64).sum();
        let expected: f64 = placed.iter().map(|(_, value)| value).sum();
        prop_assert!((sum - expected).abs() < 1e-3, "{sum}, not {expected}");
        for (number, column) in columns.iter().enumerate() {
            let Some(column) = column.filter(|column| column.count > 0) else { continue };
            let here = |at: f64| at >= number as f64 - 0.126 && at <= number as f64 + 1.126;
            let values = || placed.iter().filter(|(at, _)| here(*at)).map(|(_, value)| *value);
            let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
            prop_assert!(column.mean >= low - 1e-3 && column.mean <= high + 1e-3);
        }
    }

    #[test]
    fn thinning_halves_and_keeps_what_stands_out(points in points(false)) {
        let mut series = series(&points);
        let before = series.points().to_vec();
        let (extremes, extent) = (series.extremes(), series.extent(Axis::Steps, false));
        let version = series.version();
        series.thin();
        let after = series.points();
        prop_assert!(after.len() <= before.len() / 2 + 3, "{} of {}", after.len(), before.len());
        prop_assert_eq!(series.extremes(), extremes);
        let recent = before.len() / 4;
        prop_assert_eq!(&after[after.len() - recent..], &before[before.len() - recent..]);
        prop_assert!(after.iter().all(|point| before.contains(point)));
        prop_assert_eq!(series.extent(Axis::Steps, false), extent);
        prop_assert!(before.len() < 4 || series.version() != version);
    }

    #[test]
    fn counts_and_ends_are_those_of_the_points(points in points(true)) {
        let series = series(&points);
        let finite: Vec<_> = points.iter().filter(|point| point.value.is_finite()).collect();
        let ends = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(None, |ends: Option<(f64, f64)>, x| {
                Some(ends.map_or((x, x), |(low, high)| (low.min(x), high.max(x))))
            })
        };
        prop_assert_eq!(series.extremes(), ends(&mut finite.iter().map(|point| point.value)));
        for axis in Axis::ALL {
            let x = |point: &&Point| point.x(axis);
            prop_assert_eq!(series.extent(axis, false), ends(&mut finite.iter().map(x)));
            prop_assert_eq!(series.extent(axis, true), ends(&mut finite.iter().map(x).filter(|x| *x > 0.0)));
            let no_numbers = points.len() - finite.len();
            prop_assert_eq!(series.left_out(axis, false, false), no_numbers);
            let not_positive = finite.iter().filter(|point| point.value <= 0.0).count();
            prop_assert_eq!(series.left_out(axis, false, true), no_numbers + not_positive);
        }
    }
}

fn line(steps: impl Iterator<Item = u64>, value: impl Fn(u64) -> f64) -> Series {
    let points: Vec<_> =
        steps.map(|step| Point { step, episodes: step, wall_s: step as f64, value: value(step) }).collect();
    series(&points)
}

#[test]
fn lines_lead_out_of_the_view_and_across_it() {
    let series = line((0..100).map(|i| i * 10), |step| step as f64);
    let shown = |range| View::new(range, 50).points(&series);
    assert_eq!(shown((95.0, 121.0)), [9, 10, 11, 12, 13]);
    assert_eq!(shown((101.0, 109.0)), [10, 11]);
    assert!(shown((-50.0, -10.0)).is_empty());
    assert_eq!(shown((985.0, 2000.0)), [98, 99]);
    assert!(shown((2000.0, 3000.0)).is_empty());
}

#[test]
fn the_mean_and_the_band_of_runs() {
    let (low, high) = (line((0..1000).map(|i| i * 3), |_| 1.0), line((0..500).map(|i| i * 3), |_| 4.0));
    let late = line([2000, 4000].into_iter(), |_| 10.0);
    let view = View::new((0.0, 4000.0), 4);
    let at = |x, mean, low, high, runs| Average { x, mean, low, high, runs };
    assert_eq!(
        average(&view, &[&low, &high, &late]),
        [
            at(500.0, 2.5, 1.0, 4.0, 2),
            at(1500.0, 2.5, 1.0, 4.0, 2),
            at(2500.0, 5.5, 1.0, 10.0, 2),
            at(3500.0, 10.0, 10.0, 10.0, 1),
        ]
    );
    assert!(average(&view, &[&Series::default()]).is_empty());
}

#[test]
fn columns_between_points_are_on_the_line() {
    let series = line([0, 100, 200].into_iter(), |step| step as f64);
    let view = View::new((50.0, 150.0), 10);
    let means: Vec<_> = view.columns(&series).into_iter().map(|column| column.expect("inside the run").mean).collect();
    for (column, mean) in means.iter().enumerate() {
        let middle = view.middle(column);
        assert!((mean - middle).abs() <= 5.0, "{mean} at {middle}");
    }
}

/// So many points a column that a bucket is in several: each is looked at by itself, and none is lost.
#[test]
fn a_zoom_into_a_few_points_a_column_keeps_every_extreme() {
    let value = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 8);
    let series = Series::of((0..100_000).map(value));
    for (range, pixels) in [((40_003.0, 47_777.0), 1000), ((0.0, 6000.0), 700), ((99_000.0, 99_999.0), 100)] {
        let view = View::new(range, pixels);
        let places = view.points(&series);
        let per_x = pixels as f64 / (range.1 - range.0);
        let mut columns = vec![(f64::INFINITY, f64::NEG_INFINITY, 0.0, 0); pixels];
        for i in range.0 as u32..=range.1 as u32 {
            let column = &mut columns[(((f64::from(i) - range.0) * per_x) as usize).min(pixels - 1)];
            *column = (column.0.min(value(i)), column.1.max(value(i)), column.2 + value(i), column.3 + 1);
        }
        let values: std::collections::BTreeSet<_> = places.iter().map(|at| value(*at) as u64).collect();
        for (low, high, ..) in &columns {
            assert!(values.contains(&(*low as u64)) && values.contains(&(*high as u64)), "{range:?}");
        }
        assert!(places.len() <= 2 * pixels + 2, "{} places", places.len());
        let means = view.columns(&series);
        for (column, (_, _, sum, count)) in means.iter().zip(&columns) {
            let column = column.expect("there are points in each");
            assert_eq!(column.count, *count);
            assert!((column.mean - sum / *count as f64).abs() < 1e-6 * column.mean.abs());
        }
    }
}
