//! When a step was made.

use std::collections::VecDeque;

/// Rows that are remembered: episodes are told soon after the rows around them.
const ROWS: usize = 1 << 16;

/// The seconds that were trained by a step, between the rows of metrics, which know both.
#[derive(Debug, Default)]
pub struct Clock {
    /// Steps and seconds, both rising.
    rows: VecDeque<(u64, f64)>,
}

impl Clock {
    /// Notes that so many seconds were trained by this step. Steps come in their order; one that is there already is no
    /// news.
    pub fn note(&mut self, step: u64, wall_s: f64) {
        if self.rows.back().is_none_or(|(last, _)| step > *last) {
            if self.rows.len() == ROWS {
                self.rows.pop_front();
            }
            self.rows.push_back((step, wall_s));
        }
    }

    /// The seconds by a step. Past the last row, and before any, time goes on as before it.
    pub fn at(&self, step: u64) -> f64 {
        let behind = self.rows.partition_point(|(noted, _)| *noted < step);
        let row = |at: usize| self.rows.get(at).copied();
        let before = behind.checked_sub(1).and_then(row);
        match (before, row(behind)) {
            (Some((a, from)), Some((b, to))) => from + (to - from) * (step - a) as f64 / (b - a) as f64,
            // A run begins at 0 in both.
            (None, Some((b, to))) => to * step as f64 / b.max(1) as f64,
            (Some((a, from)), None) => from * step as f64 / a.max(1) as f64,
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_and_past_the_rows() {
        let mut clock = Clock::default();
        assert_eq!(clock.at(5), 0.0);
        for (step, wall) in [(10, 1.0), (20, 3.0), (20, 4.0)] {
            clock.note(step, wall);
        }
        let at: Vec<_> = [0, 5, 10, 15, 20, 40].map(|step| clock.at(step)).into();
        assert_eq!(at, [0.0, 0.5, 1.0, 2.0, 3.0, 6.0]);
    }
}
