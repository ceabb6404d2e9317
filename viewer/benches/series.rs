//! What a curve of a million points costs: a point more, a picture, a smoothing.

use std::hint::black_box;

use cartwheel_viewer::series::{Axis, Point, Series, Smoothed, View, average};
use criterion::{Criterion, criterion_group, criterion_main};

const POINTS: u64 = 1_000_000;

fn point(i: u64) -> Point {
    let noise = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64;
    Point { step: i * 10, episodes: i / 5, wall_s: i as f64 * 1e-3, value: (i as f64 * 1e-5).sin() + noise * 1e-8 }
}

fn series() -> Series {
    let mut series = Series::default();
    (0..POINTS).for_each(|i| series.push(point(i)));
    series
}

fn benches(c: &mut Criterion) {
    let million = series();
    let whole = View::new((0.0, POINTS as f64 * 10.0), 1000);
    c.bench_function("query 1e6 points, whole", |b| b.iter(|| black_box(whole.points(&million))));
    let log = View { range: (10.0, POINTS as f64 * 10.0), log_x: true, log_y: true, ..whole };
    c.bench_function("query 1e6 points, log axes", |b| b.iter(|| black_box(log.points(&million))));
    let part = View { range: (4.0e6, 4.1e6), ..whole };
    c.bench_function("query 1e6 points, zoomed", |b| b.iter(|| black_box(part.points(&million))));
    // As many points a pixel as are still looked at one by one, in all curves that a window may show.
    let curves: Vec<Series> = (0..12).map(|_| series()).collect();
    c.bench_function("query 12 curves of 1e6 points, zoomed", |b| {
        b.iter(|| curves.iter().map(|curve| black_box(part.points(curve)).len()).sum::<usize>());
    });
    let seeds = [series(), series(), series(), series(), series()];
    let seeds: Vec<&Series> = seeds.iter().collect();
    c.bench_function("average 5 runs of 1e6 points", |b| b.iter(|| black_box(average(&whole, &seeds))));
    c.bench_function("push 1e6 points", |b| b.iter(|| black_box(series())));
    c.bench_function("smooth 1e6 points", |b| {
        b.iter(|| {
            let mut smoothed = Smoothed::default();
            black_box(smoothed.follow(&million, Axis::Steps, 1e4, &mut { usize::MAX }))
        });
    });
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(10);
    targets = benches
}
criterion_main!(all);
