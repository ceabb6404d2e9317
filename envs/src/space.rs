//! Spaces: what observations and actions look like.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Action, Dtype, Generator, Row, RowMut};

/// A set of observations or actions, as Gymnasium's `spaces`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Space {
    /// Arrays of `shape` with each element in its own closed interval (`spaces.Box`).
    Box {
        /// Least value of each element, row-major; `-inf` if unbounded.
        #[serde(with = "low_bounds")]
        low: Vec<f32>,
        /// Greatest value of each element, row-major; `inf` if unbounded.
        #[serde(with = "high_bounds")]
        high: Vec<f32>,
        /// Length along each axis.
        shape: Vec<usize>,
        /// [`Dtype::F32`] or [`Dtype::U8`].
        dtype: Dtype,
    },
    /// The integers `start..start + n` (`spaces.Discrete`): one `i32`.
    Discrete {
        /// How many there are; at least one.
        n: i32,
        /// The least of them.
        start: i32,
    },
    /// An element of each of several [`Space::Discrete`] (`spaces.Tuple`): one `i32` for each, in order.
    Tuple(Vec<Space>),
}

impl Space {
    /// Vectors of `low.len()` floats between `low` and `high`.
    ///
    /// # Panics
    /// If `low` and `high` differ in length.
    pub fn box_f32(low: Vec<f32>, high: Vec<f32>) -> Self {
        assert_eq!(low.len(), high.len(), "a box has one low and one high bound for each element");
        Self::Box { shape: vec![low.len()], low, high, dtype: Dtype::F32 }
    }

    /// Bytes from 0 to 255 in an array of `shape`, usually (height, width, channels).
    pub fn image_u8(shape: &[usize]) -> Self {
        let width = shape.iter().product();
        Self::Box { low: vec![0.0; width], high: vec![255.0; width], shape: shape.to_vec(), dtype: Dtype::U8 }
    }

    /// The integers `0..n`.
    pub fn discrete(n: i32) -> Self {
        Self::Discrete { n, start: 0 }
    }

    /// The number type of an element.
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::Box { dtype, .. } => *dtype,
            Self::Discrete { .. } | Self::Tuple(_) => Dtype::I32,
        }
    }

    /// Length along each axis; empty for a discrete space and for a tuple, which has none in Gymnasium.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Box { shape, .. } => shape,
            Self::Discrete { .. } | Self::Tuple(_) => &[],
        }
    }

    /// Numbers in a row: the product of the shape, or a tuple's length.
    pub fn width(&self) -> usize {
        match self {
            Self::Tuple(parts) => parts.len(),
            Self::Box { .. } | Self::Discrete { .. } => self.shape().iter().product(),
        }
    }

    /// Whether `row` is an element: type, length and bounds. NaN never is.
    pub fn contains(&self, row: Row<'_>) -> bool {
        match (self, row) {
            (Self::Box { low, high, dtype: Dtype::F32, .. }, Row::F32(row)) => {
                row.len() == low.len() && within(row.iter().copied(), low, high)
            }
            (Self::Box { low, high, dtype: Dtype::U8, .. }, Row::U8(row)) => {
                row.len() == low.len() && within(row.iter().map(|&x| f32::from(x)), low, high)
            }
            (Self::Discrete { n, start }, Row::I32(&[i])) => discrete_contains(*n, *start, i),
            (Self::Tuple(parts), Row::I32(row)) => {
                row.len() == parts.len() && parts.iter().zip(row.chunks(1)).all(|(part, i)| part.contains(Row::I32(i)))
            }
            _ => false,
        }
    }

    /// Whether an environment with this action space can be stepped with `action`.
    ///
    /// A continuous action may lie outside the bounds: environments clip it or not, as Gymnasium's do.
    #[inline]
    pub fn accepts(&self, action: Action<'_>) -> bool {
        match (self, action) {
            (Self::Discrete { n, start }, Action::Discrete(i)) => discrete_contains(*n, *start, i),
            (Self::Box { low, .. }, Action::Continuous(row)) => {
                row.len() == low.len() && !row.iter().any(|x| x.is_nan())
            }
            _ => false,
        }
    }

    /// Writes a random element to `row`, by Gymnasium's rule for each interval: uniform if bounded,
    /// exponential from the bound if bounded on one side, standard normal if unbounded.
    ///
    /// The draws are not NumPy's: no environment's own stream depends on them.
    ///
    /// # Panics
    /// If `row` is not a row of this space.
    pub fn sample(&self, rng: &mut Generator, mut row: RowMut<'_>) {
        match (self, &mut row) {
            (Self::Box { low, high, dtype: Dtype::F32, .. }, RowMut::F32(row)) if row.len() == low.len() => {
                for ((x, &low), &high) in row.iter_mut().zip(low).zip(high) {
                    *x = sample_interval(rng, low, high);
                }
            }
            (Self::Box { low, high, dtype: Dtype::U8, .. }, RowMut::U8(row)) if row.len() == low.len() => {
                for ((x, &low), &high) in row.iter_mut().zip(low).zip(high) {
                    *x = low as u8 + rng.below((high - low) as u64 + 1) as u8;
                }
            }
            (Self::Discrete { n, start }, RowMut::I32([x])) => {
                *x = start + rng.below(u64::from(n.unsigned_abs())) as i32;
            }
            (Self::Tuple(parts), RowMut::I32(row)) if row.len() == parts.len() => {
                for (part, x) in parts.iter().zip(row.chunks_mut(1)) {
                    part.sample(rng, RowMut::I32(x));
                }
            }
            _ => panic!("a row of {} {} is no element of {self}", row.as_row().len(), row.as_row().dtype()),
        }
    }
}

fn within(row: impl Iterator<Item = f32>, low: &[f32], high: &[f32]) -> bool {
    row.zip(low).zip(high).all(|((x, &low), &high)| low <= x && x <= high)
}

#[inline]
fn discrete_contains(n: i32, start: i32, i: i32) -> bool {
    // In i64: start + n may pass i32::MAX.
    (0..i64::from(n)).contains(&(i64::from(i) - i64::from(start)))
}

fn sample_interval(rng: &mut Generator, low: f32, high: f32) -> f32 {
    // 1 - random() is in (0, 1], where the logarithm is finite.
    let exponential = |rng: &mut Generator| -(1.0 - rng.random()).ln();
    let x = match (low.is_finite(), high.is_finite()) {
        (true, true) => rng.uniform(f64::from(low), f64::from(high)),
        (true, false) => f64::from(low) + exponential(rng),
        (false, true) => f64::from(high) - exponential(rng),
        // Box and Muller: one of the pair is enough.
        (false, false) => (2.0 * exponential(rng)).sqrt() * (std::f64::consts::TAU * rng.random()).cos(),
    };
    // Rounding to f32 may step over a bound.
    (x as f32).clamp(low, high)
}

impl fmt::Display for Space {
    /// Gymnasium's `repr`, without NumPy's column padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Box { low, high, shape, dtype } => {
                f.write_str("Box(")?;
                write_bounds(f, low, *dtype)?;
                f.write_str(", ")?;
                write_bounds(f, high, *dtype)?;
                match shape.as_slice() {
                    [length] => write!(f, ", ({length},), {dtype})"),
                    shape => {
                        let lengths: Vec<_> = shape.iter().map(usize::to_string).collect();
                        write!(f, ", ({}), {dtype})", lengths.join(", "))
                    }
                }
            }
            Self::Discrete { n, start: 0 } => write!(f, "Discrete({n})"),
            Self::Discrete { n, start } => write!(f, "Discrete({n}, start={start})"),
            Self::Tuple(parts) => {
                let parts: Vec<_> = parts.iter().map(Self::to_string).collect();
                write!(f, "Tuple({})", parts.join(", "))
            }
        }
    }
}

/// One number if all bounds are the same, else the list.
fn write_bounds(f: &mut fmt::Formatter<'_>, bounds: &[f32], dtype: Dtype) -> fmt::Result {
    let text = |x: f32| match dtype {
        Dtype::F32 if x.is_finite() => format!("{x:?}"),
        _ => format!("{x}"),
    };
    match bounds {
        [first, rest @ ..] if rest.iter().all(|x| x == first) => f.write_str(&text(*first)),
        _ => write!(f, "[{}]", bounds.iter().map(|&x| text(x)).collect::<Vec<_>>().join(" ")),
    }
}

/// Infinite bounds travel as `null`: JSON has no infinity.
macro_rules! bounds_serde {
    ($name:ident, $unbounded:expr) => {
        mod $name {
            use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

            pub(super) fn serialize<S: Serializer>(bounds: &[f32], to: S) -> Result<S::Ok, S::Error> {
                let finite: Vec<_> = bounds.iter().map(|x| x.is_finite().then_some(*x)).collect();
                finite.serialize(to)
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
                let finite = Vec::<Option<f32>>::deserialize(from)?;
                Ok(finite.into_iter().map(|x| x.unwrap_or($unbounded)).collect())
            }
        }
    };
}
bounds_serde!(low_bounds, f32::NEG_INFINITY);
bounds_serde!(high_bounds, f32::INFINITY);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::Rows;

    const INF: f32 = f32::INFINITY;

    fn mixed() -> Space {
        Space::box_f32(vec![-1.0, 0.0, -INF, -INF], vec![1.0, INF, 0.0, INF])
    }

    fn pair() -> Space {
        Space::Tuple(vec![Space::discrete(2), Space::Discrete { n: 3, start: -1 }])
    }

    #[test]
    fn samples_are_elements_and_vary() {
        let late = Space::Discrete { n: 2, start: i32::MAX - 1 };
        let spaces = [mixed(), Space::image_u8(&[2, 3]), Space::discrete(3), late, pair()];
        let mut rng = Generator::new(0);
        for space in spaces {
            let mut rows = Rows::for_space(&space, 50);
            (0..50).for_each(|i| space.sample(&mut rng, rows.row_mut(i)));
            assert!((0..50).all(|i| space.contains(rows.row(i))), "{space}");
            assert!((1..50).any(|i| rows.row(i) != rows.row(0)), "{space}");
        }
    }

    #[test]
    fn strangers_are_no_elements() {
        assert!(!mixed().contains(Row::F32(&[0.0, 0.0, 0.0])));
        assert!(!mixed().contains(Row::F32(&[0.0, -1.0, 0.0, 0.0])));
        assert!(!mixed().contains(Row::F32(&[0.0, 0.0, 0.0, f32::NAN])));
        assert!(!mixed().contains(Row::U8(&[0; 4])));
        assert!(!Space::discrete(2).contains(Row::I32(&[2])));
        assert!(!pair().contains(Row::I32(&[2, 0])) && !pair().contains(Row::I32(&[0, 2])));
        assert!(!pair().contains(Row::I32(&[0])) && pair().contains(Row::I32(&[1, -1])));
        assert!(!Space::discrete(2).accepts(Action::Discrete(-1)));
        assert!(!Space::discrete(2).accepts(Action::Continuous(&[0.0])));
        assert!(Space::box_f32(vec![-1.0], vec![1.0]).accepts(Action::Continuous(&[3.0])));
    }

    #[test]
    fn written_as_gymnasium_does() {
        // str(gym.make("CartPole-v1").observation_space), but for runs of spaces
        let low = vec![-4.8, -INF, -0.41887903, -INF];
        let space = Space::box_f32(low.clone(), low.iter().map(|x| -x).collect());
        assert_eq!(space.to_string(), "Box([-4.8 -inf -0.41887903 -inf], [4.8 inf 0.41887903 inf], (4,), float32)");
        assert_eq!(Space::box_f32(vec![-1.0], vec![1.0]).to_string(), "Box(-1.0, 1.0, (1,), float32)");
        assert_eq!(Space::image_u8(&[84, 84]).to_string(), "Box(0, 255, (84, 84), uint8)");
        assert_eq!(Space::Discrete { n: 3, start: 1 }.to_string(), "Discrete(3, start=1)");
        assert_eq!(pair().to_string(), "Tuple(Discrete(2), Discrete(3, start=-1))");
    }

    #[test]
    fn spaces_are_kept_with_infinite_bounds() {
        for space in [mixed(), pair()] {
            let text = serde_json::to_string(&space).unwrap();
            assert_eq!(serde_json::from_str::<Space>(&text).unwrap(), space);
            let bytes = postcard::to_stdvec(&space).unwrap();
            assert_eq!(postcard::from_bytes::<Space>(&bytes).unwrap(), space);
        }
    }
}
