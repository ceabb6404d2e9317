//! The ranges of the numbers that were observed.

use std::sync::{Arc, Weak};

use cartwheel_envs::Row;

use crate::model::RunId;
use crate::observation::{Field, row};
use crate::source::Film;

/// The least and the greatest value so far of each number of a run's observations.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    run: RunId,
    ranges: Vec<[f32; 2]>,
    /// The last film that was taken in.
    film: Weak<Film>,
}

impl Seen {
    /// Takes in all of an episode, once.
    pub(super) fn follow_film(&mut self, film: &Arc<Film>) {
        if !Weak::ptr_eq(&self.film, &Arc::downgrade(film)) {
            film.moments.iter().for_each(|moment| self.follow(film.run, row(&moment.observation)));
            self.film = Arc::downgrade(film);
        }
    }

    /// Takes in an observation; one of another run or another length begins anew.
    pub(super) fn follow(&mut self, run: RunId, observation: Row<'_>) {
        if (self.run, self.ranges.len()) != (run, observation.len()) {
            let nothing = [f32::INFINITY, f32::NEG_INFINITY];
            *self = Self { run, ranges: vec![nothing; observation.len()], film: Weak::new() };
        }
        for (i, range) in self.ranges.iter_mut().enumerate() {
            let value = observation.number(i) as f32;
            if value.is_finite() {
                *range = [range[0].min(value), range[1].max(value)];
            }
        }
    }

    /// The range of a number, if it was seen.
    pub(super) fn range(&self, i: usize) -> Option<[f32; 2]> {
        self.ranges.get(i).copied().filter(|[low, high]| low <= high)
    }

    /// The range over which a map of a number reaches: what was seen, up to round numbers and within its bounds. It is at
    /// least an eighth of the bounds, or 1 where there are none, so that it means something from the first state on.
    pub(super) fn axis(&self, i: usize, field: &Field) -> [f32; 2] {
        let [low, high] = field.bounds;
        let bounded = low.is_finite() && high.is_finite();
        let least = if bounded { (high - low) / 8.0 } else { 1.0 };
        let within = |[from, to]: [f32; 2]| {
            let more = (0.5 * (least - (to - from))).max(0.0);
            let [from, to] = round([from - more, to + more]);
            [from.max(low), to.min(high)]
        };
        match self.range(i).map(within).filter(|[from, to]| from < to) {
            Some(range) => range,
            None if bounded => field.bounds,
            None => [-1.0, 1.0],
        }
    }
}

/// A range widened to whole steps of 1, 2 or 5 times a power of ten, about four in it.
fn round([low, high]: [f32; 2]) -> [f32; 2] {
    let least = 1e-3 * low.abs().max(high.abs()).max(1e-3);
    let rough = (high - low).max(least) / 4.0;
    let power = 10.0_f32.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let from = (low / step).floor() * step;
    [from, ((high / step).ceil() * step).max(from + step)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::fixture;

    fn field(low: f32, high: f32) -> Field {
        Field { name: "x".into(), bounds: [low, high] }
    }

    #[test]
    fn ranges_grow_and_begin_anew_for_another_run() {
        let mut seen = Seen::default();
        assert_eq!(seen.range(0), None);
        for row in [[1.0, 5.0], [-2.0, f32::NAN]] {
            seen.follow(0, Row::F32(&row));
        }
        assert_eq!((seen.range(0), seen.range(1), seen.range(2)), (Some([-2.0, 1.0]), Some([5.0, 5.0]), None));
        seen.follow(1, Row::F32(&[3.0, 4.0]));
        assert_eq!(seen.range(0), Some([3.0, 3.0]));
        seen.follow(1, Row::U8(&[200]));
        assert_eq!(seen.range(0), Some([200.0, 200.0]));
    }

    #[test]
    fn an_episode_is_taken_in_whole() {
        let film = Arc::new(fixture::film(9));
        let mut seen = Seen::default();
        seen.follow_film(&film);
        seen.follow_film(&film);
        assert_eq!(seen.range(0), Some([0.0, 9.0]));
    }

    #[test]
    fn axes_reach_to_round_numbers_within_bounds() {
        let mut seen = Seen::default();
        assert_eq!(seen.axis(0, &field(-4.0, 4.0)), [-4.0, 4.0]);
        assert_eq!(seen.axis(0, &field(f32::NEG_INFINITY, 4.0)), [-1.0, 1.0]);
        for value in [-1.7, 2.3] {
            seen.follow(0, Row::F32(&[value]));
        }
        assert_eq!(seen.axis(0, &field(f32::NEG_INFINITY, f32::INFINITY)), [-2.0, 3.0]);
        assert_eq!(seen.axis(0, &field(-1.5, 2.5)), [-1.5, 2.5]);
        let mut first = Seen::default();
        first.follow(0, Row::F32(&[0.3]));
        let wide = |field: &Field| {
            let [from, to] = first.axis(0, field);
            (to - from, from < 0.3 && 0.3 < to)
        };
        assert!(wide(&field(f32::NEG_INFINITY, f32::INFINITY)).0 >= 1.0 && wide(&field(-4.0, 4.0)).0 >= 1.0);
        assert!(wide(&field(-4.0, 4.0)).1 && wide(&field(0.0, 1.0)).1);
        let [low, high] = round([0.5, 0.5]);
        assert!(low <= 0.5 && 0.5 <= high && low < high, "{low} {high}");
        let [low, high] = round([0.0, 0.0]);
        assert!(low < high, "{low} {high}");
    }
}
