//! What a network sees of an observation.

use std::ops::Range;

use cartwheel_envs::{ACTION_MASK, Dtype, Row, Space, read_action_mask};

use crate::nn::Image;

/// Turns observations of a space into rows of floats: boxes of floats as they are, bytes divided by their
/// highest bound (255 of an image, 1 of planes),
/// discrete observations as one-hot rows, several integers as one such row after the other, zeros and ones as they
/// are, and composites part by part. The part `action_mask` of a `Dict` is not seen: it tells which actions are valid. This is `preprocess_obs` of Stable-Baselines3, with the parts of a `Dict` in one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    width: usize,
    parts: Vec<Part>,
    /// Where an observation tells which actions are valid, if it does.
    mask: Option<Range<usize>>,
    image: Option<Image>,
}

/// Some numbers of an observation, and what is done with them.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// So many of them are divided by this.
    Scaled(usize, f32),
    /// So many of them are not seen.
    Hidden(usize),
    /// One of them is the place of a 1 among `n` zeros, where `start` is the first.
    OneHot { n: usize, start: i64 },
}

impl Features {
    /// For observations of `space`.
    ///
    /// # Errors
    /// The space in words, if it has no encoding yet.
    pub fn new(space: &Space) -> Result<Self, String> {
        let mut parts = Vec::new();
        let one_hot = |n: i32, start: i32| Part::OneHot { n: n as usize, start: start.into() };
        let mask = match space.part(ACTION_MASK) {
            Some((range, Space::MultiBinary { .. } | Space::Box { dtype: Dtype::U8 | Dtype::I32, .. })) => Some(range),
            _ => None,
        };
        for leaf in space.leaves() {
            match leaf.space {
                _ if mask.as_ref() == Some(&leaf.range) => parts.push(Part::Hidden(leaf.range.len())),
                Space::Box { dtype: Dtype::U8, high, .. } => {
                    let highest = high.iter().copied().fold(1.0, f32::max);
                    parts.push(Part::Scaled(leaf.range.len(), highest));
                }
                Space::Box { .. } | Space::MultiBinary { .. } => parts.push(Part::Scaled(leaf.range.len(), 1.0)),
                Space::Discrete { n, start } => parts.push(one_hot(*n, *start)),
                Space::MultiDiscrete { nvec, start } => {
                    parts.extend(nvec.iter().zip(start).map(|(n, start)| one_hot(*n, *start)));
                }
                _ => return Err(space.to_string()),
            }
        }
        let width = |part: &Part| match part {
            Part::Scaled(len, _) => *len,
            Part::Hidden(_) => 0,
            Part::OneHot { n, .. } => *n,
        };
        Ok(Self { width: parts.iter().map(width).sum(), parts, mask, image: image(space) })
    }

    /// The picture that they are, if they are one: bytes of three dimensions, of which the channels are the last, or the first
    /// if that is the smaller one.
    pub fn image(&self) -> Option<Image> {
        self.image
    }

    /// Floats in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The first and the number of the states, where an observation is the number of one.
    pub fn states(&self) -> Option<(i64, usize)> {
        if let [Part::OneHot { n, start }] = self.parts[..] { Some((start, n)) } else { None }
    }

    /// Of how many actions an observation tells whether they are valid: none, where all always are.
    pub fn masked(&self) -> usize {
        self.mask.as_ref().map_or(0, Range::len)
    }

    /// Writes which actions are valid by `observation` to `valid`, as many flags as [`masked`](Self::masked) says.
    #[inline]
    pub fn write_mask(&self, observation: Row<'_>, valid: &mut [bool]) {
        if let Some(range) = &self.mask {
            read_action_mask(observation.part(range.clone()), valid);
        }
    }

    /// Writes what the network sees of `observation` to `to`, [`width`](Self::width) floats.
    #[inline]
    pub fn encode(&self, observation: Row<'_>, to: &mut [f32]) {
        match (observation, self.parts.as_slice()) {
            (Row::F32(values), [Part::Scaled(..)]) => to.copy_from_slice(values),
            (Row::F32(values), parts) => encode_parts(parts, values, to, |x| x, |x| x as i64),
            (Row::U8(values), parts) => encode_parts(parts, values, to, f32::from, i64::from),
            (Row::I32(values), parts) => encode_parts(parts, values, to, |x| x as f32, i64::from),
        }
    }
}

fn image(space: &Space) -> Option<Image> {
    let Space::Box { dtype: Dtype::U8, shape, .. } = space else { return None };
    let &[first, second, third] = shape.as_slice() else { return None };
    Some(match first < third {
        true => Image { height: second, width: third, channels: first, channels_first: true },
        false => Image { height: first, width: second, channels: third, channels_first: false },
    })
}

#[inline]
fn encode_parts<T: Copy>(
    parts: &[Part],
    values: &[T],
    to: &mut [f32],
    float: impl Fn(T) -> f32,
    integer: impl Fn(T) -> i64,
) {
    let (mut values, mut to) = (values, to);
    for part in parts {
        match *part {
            Part::Scaled(len, divisor) => {
                let (own, rest) = values.split_at(len);
                let (place, after) = to.split_at_mut(len);
                place.iter_mut().zip(own).for_each(|(to, value)| *to = float(*value) / divisor);
                (values, to) = (rest, after);
            }
            Part::Hidden(len) => values = &values[len..],
            Part::OneHot { n, start } => {
                let (place, after) = to.split_at_mut(n);
                place.fill(0.0);
                // One outside the space is nothing that the network knows; actors refuse it by name.
                let hot = usize::try_from(integer(values[0]) - start).ok();
                if let Some(hot) = hot.and_then(|hot| place.get_mut(hot)) {
                    *hot = 1.0;
                }
                (values, to) = (&values[1..], after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_observation_is_encoded() {
        let mut row = [9.0; 3];
        let discrete = Features::new(&Space::Discrete { n: 3, start: 5 }).expect("a known space");
        discrete.encode(Row::I32(&[6]), &mut row);
        assert_eq!(row, [0.0, 1.0, 0.0]);
        let pair = Space::Tuple(vec![Space::discrete(2), Space::Discrete { n: 3, start: -1 }]);
        let tuple = Features::new(&pair).expect("a known space");
        let mut long = [9.0; 5];
        assert_eq!(tuple.width(), long.len());
        tuple.encode(Row::I32(&[1, -1]), &mut long);
        assert_eq!(long, [0.0, 1.0, 1.0, 0.0, 0.0]);
        let image = Features::new(&Space::image_u8(&[1, 3])).expect("a known space");
        image.encode(Row::U8(&[0, 51, 255]), &mut row);
        assert_eq!(row, [0.0, 0.2, 1.0]);
        let shape = vec![3];
        let planes = Space::Box { low: vec![0.0; 3], high: vec![1.0; 3], shape, dtype: Dtype::U8 };
        Features::new(&planes).expect("a known space").encode(Row::U8(&[0, 1, 1]), &mut row);
        assert_eq!(row, [0.0, 1.0, 1.0]);
    }

    #[test]
    fn composites_are_encoded_part_by_part() {
        let space = Space::dict([
            ("facing", Space::discrete(3)),
            ("flags", Space::multi_binary(2)),
            ("moves", Space::MultiDiscrete { nvec: vec![2, 2], start: vec![0, 1] }),
            ("view", Space::image_u8(&[2])),
        ]);
        let features = Features::new(&space).expect("a known space");
        let mut row = [9.0; 11];
        assert_eq!(features.width(), row.len());
        features.encode(Row::U8(&[2, 1, 0, 0, 2, 51, 255]), &mut row);
        assert_eq!(row, [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 51.0 / 255.0, 1.0]);
        let mixed = Space::dict([("speed", Space::box_f32(vec![-1.0], vec![1.0])), ("gear", Space::discrete(2))]);
        let features = Features::new(&mixed).expect("a known space");
        let mut row = [9.0; 3];
        features.encode(Row::F32(&[1.0, -0.5]), &mut row);
        assert_eq!(row, [0.0, 1.0, -0.5]);
    }
}
