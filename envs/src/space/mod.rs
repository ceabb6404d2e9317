//! Spaces: what observations and actions look like.

mod bounds;
mod display;
mod sample;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Action, Dtype, Row};

/// A set of observations or actions, as Gymnasium's `spaces`.
///
/// An element is a flat row of numbers of one type. A composite's row is the rows of its parts, one after the other in
/// the order of the parts; [`leaves`](Self::leaves) tells where each begins and what it is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Space {
    /// Arrays of `shape` with each element in its own closed interval (`spaces.Box`).
    Box {
        /// Least value of each element, row-major; `-inf` if unbounded.
        #[serde(with = "bounds::low")]
        low: Vec<f32>,
        /// Greatest value of each element, row-major; `inf` if unbounded.
        #[serde(with = "bounds::high")]
        high: Vec<f32>,
        /// Length along each axis.
        shape: Vec<usize>,
        /// The number type.
        dtype: Dtype,
    },
    /// The integers `start..start + n` (`spaces.Discrete`): one `i32`.
    Discrete {
        /// How many there are; at least one.
        n: i32,
        /// The least of them.
        start: i32,
    },
    /// An integer of each of several ranges (`spaces.MultiDiscrete`): element `i` is in `start[i]..start[i] + nvec[i]`.
    MultiDiscrete {
        /// How many there are in each range; at least one.
        nvec: Vec<i32>,
        /// The least of each range.
        start: Vec<i32>,
    },
    /// `n` zeros and ones (`spaces.MultiBinary`).
    MultiBinary {
        /// How many.
        n: usize,
    },
    /// An element of each of several spaces (`spaces.Tuple`).
    Tuple(Vec<Space>),
    /// The same with a name for each part (`spaces.Dict`), in this order.
    Dict(Vec<(String, Space)>),
}

/// An elementary part of a space: see [`Space::leaves`].
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf<'a> {
    /// Names and places on the way to it, joined by points, as `image` or `0.position`; empty for a space that is no
    /// composite.
    pub name: String,
    /// Where its numbers are in the row.
    pub range: Range<usize>,
    /// The part itself: no composite.
    pub space: &'a Space,
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

    /// An integer of each of the ranges `0..n`.
    pub fn multi_discrete(nvec: Vec<i32>) -> Self {
        Self::MultiDiscrete { start: vec![0; nvec.len()], nvec }
    }

    /// `n` zeros and ones.
    pub fn multi_binary(n: usize) -> Self {
        Self::MultiBinary { n }
    }

    /// Named parts, sorted by name as Gymnasium sorts them.
    pub fn dict<'a>(parts: impl IntoIterator<Item = (&'a str, Space)>) -> Self {
        let mut parts: Vec<_> = parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect();
        parts.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self::Dict(parts)
    }

    /// The number type of an element. A composite's is the narrowest that holds every part: its parts' own if they
    /// agree; bytes if some part is of bytes and all others are integers that fit; else floats.
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::Box { dtype, .. } => *dtype,
            Self::Discrete { .. } | Self::MultiDiscrete { .. } | Self::MultiBinary { .. } => Dtype::I32,
            Self::Tuple(_) | Self::Dict(_) => {
                if self.every(&|leaf| leaf.dtype() == Dtype::I32) {
                    Dtype::I32
                } else if self.every(&Self::fits_bytes) {
                    Dtype::U8
                } else {
                    Dtype::F32
                }
            }
        }
    }

    /// Whether every element of a part consists of integers from 0 to 255.
    fn fits_bytes(&self) -> bool {
        let fits = |n: i32, start: i32| start >= 0 && i64::from(start) + i64::from(n) <= 256;
        match self {
            Self::Box { dtype: Dtype::F32, .. } => false,
            Self::Box { low, high, .. } => low.iter().all(|x| *x >= 0.0) && high.iter().all(|x| *x <= 255.0),
            Self::Discrete { n, start } => fits(*n, *start),
            Self::MultiDiscrete { nvec, start } => nvec.iter().zip(start).all(|(n, start)| fits(*n, *start)),
            Self::MultiBinary { .. } => true,
            Self::Tuple(_) | Self::Dict(_) => false,
        }
    }

    /// Length along each axis; empty for a discrete space and for a composite, which has none in Gymnasium.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Box { shape, .. } => shape,
            Self::MultiBinary { n } => std::slice::from_ref(n),
            Self::Discrete { .. } | Self::MultiDiscrete { .. } | Self::Tuple(_) | Self::Dict(_) => &[],
        }
    }

    /// Numbers in a row: the product of the shape, or the sum over a composite's parts.
    pub fn width(&self) -> usize {
        match self {
            Self::Box { shape, .. } => shape.iter().product(),
            Self::Discrete { .. } => 1,
            Self::MultiDiscrete { nvec, .. } => nvec.len(),
            Self::MultiBinary { n } => *n,
            Self::Tuple(parts) => parts.iter().map(Self::width).sum(),
            Self::Dict(parts) => parts.iter().map(|(_, part)| part.width()).sum(),
        }
    }

    /// The elementary parts in the order of the row: the space itself unless it is a composite.
    pub fn leaves(&self) -> Vec<Leaf<'_>> {
        let mut leaves = Vec::new();
        self.gather_leaves(String::new(), 0, &mut leaves);
        leaves
    }

    fn gather_leaves<'a>(&'a self, name: String, at: usize, leaves: &mut Vec<Leaf<'a>>) {
        let under = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
        let mut at = at;
        match self {
            Self::Tuple(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    part.gather_leaves(under(&i.to_string()), at, leaves);
                    at += part.width();
                }
            }
            Self::Dict(parts) => {
                for (key, part) in parts {
                    part.gather_leaves(under(key), at, leaves);
                    at += part.width();
                }
            }
            space => leaves.push(Leaf { name, range: at..at + space.width(), space }),
        }
    }

    /// The part of a `Dict` with this name, and where its numbers are in the row.
    pub fn part(&self, name: &str) -> Option<(Range<usize>, &Space)> {
        let Self::Dict(parts) = self else { return None };
        let mut at = 0;
        for (key, part) in parts {
            let range = at..at + part.width();
            if key == name {
                return Some((range, part));
            }
            at = range.end;
        }
        None
    }

    /// Whether `row` is an element: type, length and bounds. NaN never is.
    pub fn contains(&self, row: Row<'_>) -> bool {
        row.dtype() == self.dtype() && row.len() == self.width() && self.holds(row)
    }

    /// Whether the numbers of a row of the right length are within bounds, whatever their type: a composite's row may
    /// be of a wider type than a part.
    fn holds(&self, row: Row<'_>) -> bool {
        let within = |i: usize, low: f64, high: f64| (low..=high).contains(&row.number(i));
        let whole = |i: usize| row.number(i).fract() == 0.0;
        match self {
            Self::Box { low, high, dtype, .. } => {
                (0..low.len()).all(|i| within(i, low[i].into(), high[i].into()) && (*dtype == Dtype::F32 || whole(i)))
            }
            Self::Discrete { n, start } => whole(0) && within(0, f64::from(*start), last(*n, *start)),
            Self::MultiDiscrete { nvec, start } => nvec
                .iter()
                .zip(start)
                .enumerate()
                .all(|(i, (n, start))| whole(i) && within(i, f64::from(*start), last(*n, *start))),
            Self::MultiBinary { n } => (0..*n).all(|i| row.number(i) == 0.0 || row.number(i) == 1.0),
            Self::Tuple(parts) => hold(parts.iter(), row),
            Self::Dict(parts) => hold(parts.iter().map(|(_, part)| part), row),
        }
    }

    /// Whether all elementary parts pass `test`.
    fn every(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        match self {
            Self::Tuple(parts) => parts.iter().all(|part| part.every(test)),
            Self::Dict(parts) => parts.iter().all(|(_, part)| part.every(test)),
            leaf => test(leaf),
        }
    }

    /// Whether an environment with this action space can be stepped with `action`.
    ///
    /// A continuous action may lie outside the bounds: environments clip it or not, as Gymnasium's do.
    #[inline]
    pub fn accepts(&self, action: Action<'_>) -> bool {
        match (self, action) {
            (Self::Discrete { n, start }, Action::Discrete(i)) => {
                // In i64: start + n may pass i32::MAX.
                (0..i64::from(*n)).contains(&(i64::from(i) - i64::from(*start)))
            }
            (Self::MultiDiscrete { .. } | Self::MultiBinary { .. }, Action::Multi(row)) => self.contains(Row::I32(row)),
            (Self::Box { low, dtype: Dtype::F32, .. }, Action::Continuous(row)) => {
                row.len() == low.len() && !row.iter().any(|x| x.is_nan())
            }
            _ => false,
        }
    }

    /// What `row` is as an action; `None` if environments take no actions from this space: composites and bytes.
    pub fn action<'a>(&self, row: Row<'a>) -> Option<Action<'a>> {
        match (self, row) {
            (Self::Discrete { .. }, Row::I32(&[i])) => Some(Action::Discrete(i)),
            (Self::MultiDiscrete { .. } | Self::MultiBinary { .. }, Row::I32(row)) => Some(Action::Multi(row)),
            (Self::Box { .. }, Row::F32(row)) => Some(Action::Continuous(row)),
            _ => None,
        }
    }
}

/// Whether the parts of a composite hold their shares of its row.
fn hold<'a>(mut parts: impl Iterator<Item = &'a Space>, row: Row<'_>) -> bool {
    let mut at = 0;
    parts.all(|part| {
        let range = at..at + part.width();
        at = range.end;
        part.holds(row.part(range))
    })
}

/// The last of `n` integers from `start` on.
fn last(n: i32, start: i32) -> f64 {
    f64::from(start) + f64::from(n) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Generator, Rows};

    const INF: f32 = f32::INFINITY;

    fn mixed() -> Space {
        Space::box_f32(vec![-1.0, 0.0, -INF, -INF], vec![1.0, INF, 0.0, INF])
    }

    fn dict() -> Space {
        let inner = Space::dict([("view", Space::image_u8(&[1, 2])), ("flags", Space::multi_binary(2))]);
        Space::dict([("where", inner), ("move", Space::multi_discrete(vec![2, 3])), ("facing", Space::discrete(4))])
    }

    fn pair() -> Space {
        Space::Tuple(vec![Space::discrete(2), Space::Discrete { n: 3, start: -1 }])
    }

    #[test]
    fn samples_are_elements_and_vary() {
        let late = Space::Discrete { n: 2, start: i32::MAX - 1 };
        let spaces = [mixed(), Space::image_u8(&[2, 3]), Space::discrete(3), late, pair(), dict()];
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
        assert_eq!(
            dict().to_string(),
            "Dict('facing': Discrete(4), 'move': MultiDiscrete([2 3]), 'where': Dict('flags': MultiBinary(2), \
             'view': Box(0, 255, (1, 2), uint8)))"
        );
    }

    #[test]
    fn spaces_are_kept_with_infinite_bounds() {
        for space in [mixed(), pair(), dict()] {
            let text = serde_json::to_string(&space).unwrap();
            assert_eq!(serde_json::from_str::<Space>(&text).unwrap(), space);
            let bytes = postcard::to_stdvec(&space).unwrap();
            assert_eq!(postcard::from_bytes::<Space>(&bytes).unwrap(), space);
        }
    }

    #[test]
    fn a_composites_row_is_its_parts_in_order() {
        let leaves: Vec<_> = dict().leaves().into_iter().map(|leaf| (leaf.name, leaf.range)).collect();
        let expected = [("facing", 0..1), ("move", 1..3), ("where.flags", 3..5), ("where.view", 5..7)];
        assert_eq!(leaves, expected.map(|(name, range)| (name.to_owned(), range)));
        assert_eq!((dict().width(), dict().dtype()), (7, Dtype::U8));
        assert_eq!(dict().part("where").map(|(range, _)| range), Some(3..7));
        assert!(dict().contains(Row::U8(&[3, 1, 2, 0, 1, 255, 0])));
        for (i, wrong) in [(0, 4), (1, 2), (2, 3), (3, 2)] {
            let mut row = [3, 1, 2, 0, 1, 255, 0];
            row[i] = wrong;
            assert!(!dict().contains(Row::U8(&row)), "{row:?}");
        }
    }

    #[test]
    fn a_composites_numbers_are_as_narrow_as_its_parts_allow() {
        let of = |parts: Vec<Space>| Space::Tuple(parts).dtype();
        let image = || Space::image_u8(&[2]);
        assert_eq!(of(vec![Space::discrete(300), Space::multi_binary(3)]), Dtype::I32);
        assert_eq!(of(vec![image(), Space::discrete(256)]), Dtype::U8);
        assert_eq!(of(vec![image(), Space::discrete(257)]), Dtype::F32);
        assert_eq!(of(vec![image(), Space::Discrete { n: 2, start: -1 }]), Dtype::F32);
        assert_eq!(of(vec![Space::discrete(2), mixed()]), Dtype::F32);
        let wide = Space::Tuple(vec![image(), Space::discrete(257)]);
        assert!(wide.contains(Row::F32(&[1.0, 255.0, 256.0])));
        assert!(!wide.contains(Row::F32(&[1.5, 255.0, 256.0])) && !wide.contains(Row::F32(&[1.0, 255.0, 0.5])));
    }

    #[test]
    fn actions_of_several_integers_are_taken() {
        let space = Space::multi_discrete(vec![2, 3]);
        assert!(space.accepts(Action::Multi(&[1, 2])) && !space.accepts(Action::Multi(&[2, 0])));
        assert!(!space.accepts(Action::Multi(&[1])) && !space.accepts(Action::Discrete(1)));
        assert_eq!(space.action(Row::I32(&[1, 2])), Some(Action::Multi(&[1, 2])));
        assert!(Space::multi_binary(2).accepts(Action::Multi(&[0, 1])));
        assert_eq!(dict().action(Row::U8(&[0; 7])), None);
    }
}
