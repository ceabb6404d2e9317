//! What sees an observation before hidden layers do.

use crate::features::Features;
use crate::nn::{Cnn, Image, Inputs};

crate::config_enum! {
    /// What sees an observation before hidden layers do, as Stable-Baselines3's `features_extractor_class`.
    pub enum FeaturesExtractor {
        /// Of a picture "nature_cnn" where it is large enough and otherwise "minatar_cnn"; of all else "flatten".
        Auto = "auto",
        /// Hidden layers read the numbers as they are.
        Flatten = "flatten",
        /// The three convolutions and 512 units of Mnih et al. 2015.
        NatureCnn = "nature_cnn",
        /// The one convolution and 128 units of MinAtar's agents (Young & Tian 2019).
        MinatarCnn = "minatar_cnn",
    }
}

impl FeaturesExtractor {
    /// What a network reads of such features.
    ///
    /// # Errors
    /// Why this extractor does not see such an observation, and what to do.
    pub fn inputs(self, features: &Features) -> Result<Inputs, String> {
        let flat = Inputs::from(features.width());
        let cnn = match (self, features.image()) {
            (Self::Flatten, _) | (Self::Auto, None) => return Ok(flat),
            (Self::Auto, Some(image)) => {
                let fitting = [Cnn::Nature, Cnn::MinAtar].into_iter().find(|cnn| cnn.fits(image));
                return Ok(fitting.map_or(flat, |cnn| Inputs::picture(cnn, image)));
            }
            (Self::NatureCnn, _) => Cnn::Nature,
            (Self::MinatarCnn, _) => Cnn::MinAtar,
        };
        let Some(image) = features.image() else {
            return Err(format!(
                "features_extractor = \"{self}\" sees pictures, a Box of bytes of the shape (height, width, channels) or \
                 (channels, height, width), and these observations are none: \"flatten\" takes them as they are"
            ));
        };
        if cnn.fits(image) {
            return Ok(Inputs::picture(cnn, image));
        }
        let (Image { height, width, .. }, side) = (image, cnn.smallest_side());
        let other = if cnn == Cnn::Nature { "\"minatar_cnn\" sees smaller ones" } else { "\"flatten\" takes any" };
        Err(format!(
            "features_extractor = \"{self}\" sees pictures of {side}×{side} pixels or more, as its convolutions have no place \
             in smaller ones, and these are of {height}×{width}: {other}"
        ))
    }

    /// That of a network which reads these.
    pub(crate) fn of(inputs: Inputs) -> Self {
        match inputs.cnn() {
            Some(Cnn::Nature) => Self::NatureCnn,
            Some(Cnn::MinAtar) => Self::MinatarCnn,
            None => Self::Flatten,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::{Dtype, Space};

    fn of(extractor: FeaturesExtractor, space: &Space) -> Result<Inputs, String> {
        extractor.inputs(&Features::new(space).expect("a known space"))
    }

    #[test]
    fn the_space_chooses_the_network() {
        let auto = |space| of(FeaturesExtractor::Auto, &space).expect("any space has one").cnn();
        assert_eq!(auto(Space::image_u8(&[84, 84, 4])), Some(Cnn::Nature));
        assert_eq!(auto(Space::image_u8(&[4, 84, 84])), Some(Cnn::Nature));
        assert_eq!(auto(Space::image_u8(&[10, 10, 10])), Some(Cnn::MinAtar));
        // Too small for any, of four dimensions, of floats, and no picture.
        assert_eq!(auto(Space::image_u8(&[2, 10, 10])), Some(Cnn::MinAtar));
        assert_eq!(auto(Space::image_u8(&[10, 2, 3])), None);
        assert_eq!(auto(Space::image_u8(&[4, 84, 84, 3])), None);
        let (shape, low, high) = (vec![40, 40, 3], vec![0.0; 4800], vec![1.0; 4800]);
        assert_eq!(auto(Space::Box { low, high, shape, dtype: Dtype::F32 }), None);
        assert_eq!(auto(Space::discrete(4)), None);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let small = of(FeaturesExtractor::NatureCnn, &Space::image_u8(&[10, 10, 4])).expect_err("too small");
        assert!(small.contains("36×36") && small.contains("10×10") && small.contains("minatar_cnn"), "{small}");
        let none = of(FeaturesExtractor::MinatarCnn, &Space::discrete(4)).expect_err("no picture");
        assert!(none.contains("none") && none.contains("flatten"), "{none}");
        assert!(of(FeaturesExtractor::MinatarCnn, &Space::image_u8(&[84, 84, 4])).is_ok());
    }
}
