//! Whether observations lie in their space, checked at every step.

use crate::{Dtype, Row, Rows, Space};

/// The bounds of each number of a row.
pub(super) struct Bounds {
    low: Rows,
    high: Rows,
}

impl Bounds {
    /// `None` if there is nothing to check: bytes from 0 to 255, and integers, which the worker checks as it narrows
    /// them.
    pub(super) fn new(space: &Space) -> Option<Self> {
        let mut low = Rows::for_space(space, 1);
        let mut high = low.clone();
        for leaf in space.leaves() {
            for (i, at) in leaf.range.enumerate() {
                let (least, greatest) = match leaf.space {
                    Space::Box { low, high, .. } => (f64::from(low[i]), f64::from(high[i])),
                    _ if space.dtype() == Dtype::U8 => (0.0, 255.0),
                    _ => (f64::NEG_INFINITY, f64::INFINITY),
                };
                low.row_mut(0).set_number(at, least);
                high.row_mut(0).set_number(at, greatest);
            }
        }
        let checked = match (low.row(0), high.row(0)) {
            // Also where unbounded, as NaN is in no space.
            (Row::F32(_), _) => true,
            (Row::U8(low), Row::U8(high)) => low.iter().any(|x| *x > 0) || high.iter().any(|x| *x < 255),
            _ => false,
        };
        checked.then_some(Self { low, high })
    }

    /// Says which number of `row`, of `space`, is the first out of bounds, if one is.
    pub(super) fn check(&self, space: &Space, row: Row<'_>) -> Result<(), String> {
        self.first_outside(row).map_or(Ok(()), |at| Err(describe(space, row, at)))
    }

    fn first_outside(&self, row: Row<'_>) -> Option<usize> {
        match (row, self.low.row(0), self.high.row(0)) {
            (Row::F32(row), Row::F32(low), Row::F32(high)) => outside(row, low, high),
            (Row::U8(row), Row::U8(low), Row::U8(high)) => outside(row, low, high),
            _ => None,
        }
    }
}

fn outside<T: PartialOrd + Copy>(row: &[T], low: &[T], high: &[T]) -> Option<usize> {
    let within = |i: usize| row[i] >= low[i] && row[i] <= high[i];
    let (low, high) = (&low[..row.len()], &high[..row.len()]);
    // One pass without branches, so that it vectorises; the culprit is looked for only if there is one.
    let all = row.iter().zip(low).zip(high).fold(true, |all, ((x, low), high)| all & (x >= low) & (x <= high));
    if all { None } else { (0..row.len()).find(|i| !within(*i)) }
}

/// What to say of number `at` of `row`, which is outside of its space.
fn describe(space: &Space, row: Row<'_>, at: usize) -> String {
    let leaves = space.leaves();
    let leaf = leaves.iter().find(|leaf| leaf.range.contains(&at));
    let (name, from, part) = leaf.map_or(("", 0, space), |leaf| (leaf.name.as_str(), leaf.range.start, leaf.space));
    let mut rest = at - from;
    let mut place: Vec<_> = part
        .shape()
        .iter()
        .rev()
        .map(|length| {
            let i = rest % length;
            rest /= length;
            i.to_string()
        })
        .collect();
    place.reverse();
    let of = if name.is_empty() { String::new() } else { format!(" `{name}`") };
    let range = match part {
        Space::Box { low, high, .. } => format!("from {} to {}", low[at - from], high[at - from]),
        _ => format!("of {part}"),
    };
    format!("element [{}] of the observation{of} is {}; its space is {range}", place.join(", "), row.number(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_culprit_is_named() {
        let image = Space::Box { low: vec![0.0; 6], high: vec![1.0; 6], shape: vec![2, 3], dtype: Dtype::U8 };
        let space = Space::dict([("a", Space::box_f32(vec![-1.0, f32::NEG_INFINITY], vec![1.0; 2])), ("b", image)]);
        let bounds = Bounds::new(&space).unwrap();
        let mut row = [1.0_f32, -9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        assert_eq!(bounds.first_outside(Row::F32(&row)), None);
        row[6] = 2.0;
        assert_eq!(bounds.first_outside(Row::F32(&row)), Some(6));
        assert_eq!(
            describe(&space, Row::F32(&row), 6),
            "element [1, 1] of the observation `b` is 2; its space is from 0 to 1"
        );
        row[1] = f32::NAN;
        assert_eq!(bounds.first_outside(Row::F32(&row)), Some(1));
    }

    #[test]
    fn images_and_integers_need_no_check() {
        assert!(Bounds::new(&Space::image_u8(&[4, 4, 3])).is_none());
        assert!(Bounds::new(&Space::discrete(3)).is_none());
        assert!(Bounds::new(&Space::box_f32(vec![f32::NEG_INFINITY], vec![f32::INFINITY])).is_some());
    }
}
