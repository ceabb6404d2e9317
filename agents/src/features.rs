//! What a network sees of an observation.

use cartwheel_envs::{Row, Space};

/// Turns observations of a space into rows of floats: boxes of floats as they are, bytes divided by 255,
/// discrete observations as one-hot rows, tuples of them as one such row after the other. This is
/// `preprocess_obs` of Stable-Baselines3.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    width: usize,
    /// Of each discrete part, the place of the one that stands for 0: outside the row if it starts elsewhere.
    zeros: Vec<i64>,
}

impl Features {
    /// For observations of `space`.
    ///
    /// # Errors
    /// The space in words, if it has no encoding yet.
    pub fn new(space: &Space) -> Result<Self, String> {
        let parts = match space {
            Space::Box { .. } => return Ok(Self { width: space.width(), zeros: Vec::new() }),
            Space::Tuple(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let mut features = Self { width: 0, zeros: Vec::new() };
        for part in parts {
            let Space::Discrete { n, start } = part else { return Err(space.to_string()) };
            features.zeros.push(features.width as i64 - i64::from(*start));
            features.width += *n as usize;
        }
        Ok(features)
    }

    /// Floats in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Writes what the network sees of `observation` to `to`, [`width`](Self::width) floats.
    #[inline]
    pub fn encode(&self, observation: Row<'_>, to: &mut [f32]) {
        match observation {
            Row::F32(values) => to.copy_from_slice(values),
            Row::U8(bytes) => to.iter_mut().zip(bytes).for_each(|(to, byte)| *to = f32::from(*byte) / 255.0),
            Row::I32(numbers) => {
                to.fill(0.0);
                // One outside the space is nothing that the network knows; actors refuse it by name.
                for (number, zero) in numbers.iter().zip(&self.zeros) {
                    let place = usize::try_from(zero + i64::from(*number)).ok();
                    if let Some(hot) = place.and_then(|place| to.get_mut(place)) {
                        *hot = 1.0;
                    }
                }
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
    }
}
