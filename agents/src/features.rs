//! What a network sees of an observation.

use cartwheel_envs::{Row, Space};

/// Turns observations of a space into rows of floats: boxes of floats as they are, bytes divided by 255,
/// discrete observations as one-hot rows. This is `preprocess_obs` of Stable-Baselines3.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    width: usize,
    start: i32,
}

impl Features {
    /// For observations of `space`.
    ///
    /// # Errors
    /// The space in words, if it has no encoding yet.
    pub fn new(space: &Space) -> Result<Self, String> {
        match space {
            Space::Box { .. } => Ok(Self { width: space.width(), start: 0 }),
            Space::Discrete { n, start } => Ok(Self { width: *n as usize, start: *start }),
            other => Err(other.to_string()),
        }
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
            Row::I32(index) => {
                to.fill(0.0);
                // One outside the space is nothing that the network knows; actors refuse it by name.
                if let Some(hot) = to.get_mut(index[0].wrapping_sub(self.start) as usize) {
                    *hot = 1.0;
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
        let image = Features::new(&Space::image_u8(&[1, 3])).expect("a known space");
        image.encode(Row::U8(&[0, 51, 255]), &mut row);
        assert_eq!(row, [0.0, 0.2, 1.0]);
    }
}
