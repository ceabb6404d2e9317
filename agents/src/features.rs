//! What a network sees of an observation.

use std::ops::Range;

use cartwheel_envs::{ACTION_MASK, Dtype, Row, Space, read_action_mask};

use crate::nn::Image;

/// Turns observations of a space into rows of floats: boxes of floats as they are, bytes divided by their
/// highest bound (255 of an image, 1 of planes),
/// discrete observations as one-hot rows, several integers as one such row after the other, zeros and ones as they
/// are, and composites part by part, but for an image, which is the first of a row. The part `action_mask` of a `Dict` is not
/// seen: it tells which actions are valid. This is `preprocess_obs` of Stable-Baselines3, with the parts of a `Dict` in one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    width: usize,
    /// In the order of the observation, with its place in a row.
    parts: Vec<(Part, usize)>,
    /// Where an observation tells which actions are valid, if it does.
    mask: Option<Range<usize>>,
    picture: Option<Picture>,
}

/// The image that an observation is or has.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Its size.
    pub image: Image,
    /// Which numbers of an observation are its own.
    pub range: Range<usize>,
    /// Whether it is of bytes.
    pub is_bytes: bool,
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
        let mut pictures = Vec::new();
        let one_hot = |n: i32, start: i32| Part::OneHot { n: n as usize, start: start.into() };
        let mask = match space.part(ACTION_MASK) {
            Some((range, Space::MultiBinary { .. } | Space::Box { dtype: Dtype::U8 | Dtype::I32, .. })) => Some(range),
            _ => None,
        };
        for leaf in space.leaves() {
            if mask.as_ref() == Some(&leaf.range) {
                parts.push(Part::Hidden(leaf.range.len()));
                continue;
            }
            pictures.extend(picture(leaf.space, &leaf.range).map(|picture| (picture, parts.len())));
            match leaf.space {
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
        // Bytes are images before other numbers are; of several nobody knows which one is meant.
        if pictures.iter().any(|(picture, _)| picture.is_bytes) {
            pictures.retain(|(picture, _)| picture.is_bytes);
        }
        let (picture, first) = match <[_; 1]>::try_from(pictures) {
            Ok([(picture, part)]) => (Some(picture), part),
            Err(_) => (None, 0),
        };
        let mut places = vec![0; parts.len()];
        let mut width = 0;
        let others = (0..parts.len()).filter(|part| *part != first);
        for part in parts.first().map(|_| first).into_iter().chain(others) {
            places[part] = width;
            width += parts[part].width();
        }
        Ok(Self { width, parts: parts.into_iter().zip(places).collect(), mask, picture })
    }

    /// The image among them, which is the first of a row, if there is one and no other: three dimensions, of which the channels
    /// are the last, or the first if that is the smaller one, or several such images stacked. Where there are bytes of such a
    /// shape, other numbers are no images.
    pub fn picture(&self) -> Option<&Picture> {
        self.picture.as_ref()
    }

    /// Floats in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The first and the number of the states, where an observation is the number of one.
    pub fn states(&self) -> Option<(i64, usize)> {
        if let [(Part::OneHot { n, start }, _)] = self.parts[..] { Some((start, n)) } else { None }
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

    /// How much depends on each number of an observation: the magnitudes of `grads`, which are by the numbers of the `row` that it is
    /// [encoded](Self::encode) as; of one that is the place of a 1, the most that another place would change; of one that is not
    /// seen, nothing.
    pub fn saliency(&self, row: &[f32], grads: &[f32]) -> Vec<f32> {
        let mut all = Vec::new();
        for (part, at) in &self.parts {
            let (row, grads) = (&row[*at..*at + part.width()], &grads[*at..*at + part.width()]);
            match part {
                Part::Scaled(..) => all.extend(grads.iter().map(|grad| grad.abs())),
                Part::Hidden(len) => all.resize(all.len() + len, 0.0),
                Part::OneHot { .. } => {
                    let here = row.iter().position(|x| *x == 1.0).map_or(0.0, |hot| grads[hot]);
                    all.push(grads.iter().map(|grad| (grad - here).abs()).fold(0.0, f32::max));
                }
            }
        }
        all
    }

    /// Writes what the network sees of `observation` to `to`, [`width`](Self::width) floats.
    #[inline]
    pub fn encode(&self, observation: Row<'_>, to: &mut [f32]) {
        match (observation, self.parts.as_slice()) {
            (Row::F32(values), [(Part::Scaled(..), _)]) => to.copy_from_slice(values),
            (Row::F32(values), parts) => encode_parts(parts, values, to, |x| x, |x| x as i64),
            (Row::U8(values), parts) => encode_parts(parts, values, to, f32::from, i64::from),
            (Row::I32(values), parts) => encode_parts(parts, values, to, |x| x as f32, i64::from),
        }
    }
}

impl Part {
    /// Floats in a row.
    fn width(&self) -> usize {
        match *self {
            Self::Scaled(len, _) => len,
            Self::Hidden(_) => 0,
            Self::OneHot { n, .. } => n,
        }
    }
}

/// The image that a part of an observation is, if its shape is one's.
fn picture(space: &Space, range: &Range<usize>) -> Option<Picture> {
    let Space::Box { dtype, shape, .. } = space else { return None };
    // Channels of images that are stacked are those of gray ones, of colors, or of colors that may be seen through.
    let is_color = |channels: usize| [1, 3, 4].contains(&channels);
    let image = match *shape.as_slice() {
        [channels, height, width] if channels < width => Image { height, width, channels, planes: channels },
        [height, width, channels] => Image { height, width, channels, planes: 1 },
        [n, height, width, channels] if is_color(channels) => {
            Image { height, width, channels: n * channels, planes: n }
        }
        [n, channels, height, width] if is_color(channels) => {
            Image { height, width, channels: n * channels, planes: n * channels }
        }
        _ => return None,
    };
    Some(Picture { image, range: range.clone(), is_bytes: *dtype == Dtype::U8 })
}

#[inline]
fn encode_parts<T: Copy>(
    parts: &[(Part, usize)],
    values: &[T],
    to: &mut [f32],
    float: impl Fn(T) -> f32,
    integer: impl Fn(T) -> i64,
) {
    let mut values = values;
    for (part, at) in parts {
        let place = &mut to[*at..*at + part.width()];
        match *part {
            Part::Scaled(len, divisor) => {
                let (own, rest) = values.split_at(len);
                place.iter_mut().zip(own).for_each(|(to, value)| *to = float(*value) / divisor);
                values = rest;
            }
            Part::Hidden(len) => values = &values[len..],
            Part::OneHot { start, .. } => {
                place.fill(0.0);
                // One outside the space is nothing that the network knows; actors refuse it by name.
                let hot = usize::try_from(integer(values[0]) - start).ok();
                if let Some(hot) = hot.and_then(|hot| place.get_mut(hot)) {
                    *hot = 1.0;
                }
                values = &values[1..];
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
    fn saliency_is_of_the_numbers_of_an_observation() {
        let of = |space: &Space, observation: Row<'_>, grads: &[f32]| {
            let features = Features::new(space).expect("a known space");
            let mut row = vec![9.0; features.width()];
            features.encode(observation, &mut row);
            features.saliency(&row, grads)
        };
        assert_eq!(of(&Space::discrete(3), Row::I32(&[1]), &[1.0, 3.0, 8.0]), [5.0]);
        // The image is the first of a row, and the mask is not there.
        let space = Space::dict([
            ("a_speed", Space::discrete(2)),
            (ACTION_MASK, Space::multi_binary(2)),
            ("camera", Space::image_u8(&[1, 1, 2])),
        ]);
        assert_eq!(of(&space, Row::U8(&[0, 1, 1, 7, 9]), &[-3.0, 4.0, 0.5, -1.0]), [1.5, 0.0, 0.0, 3.0, 4.0]);
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
