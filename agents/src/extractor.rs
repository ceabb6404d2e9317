//! What sees an observation before hidden layers do.

use std::fmt;
use std::str::FromStr;

use crate::config::{UnknownChoice, Value, support, toml_edit};
use crate::features::{Features, Picture};
use crate::nn::{Cnn, Image, Inputs};

/// What sees an observation before hidden layers do, as Stable-Baselines3's `features_extractor_class`. What a `Dict` or `Tuple`
/// has beside an image, hidden layers read beside what convolutions make of that, as of its `CombinedExtractor`.
///
/// In a configuration file a word, or a table that says of each convolution the channels, the pixels of its kernel's side and its
/// stride, as RLlib's `conv_filters`, and how many units read the last one, as Stable-Baselines3's `features_dim`:
///
/// ```
/// use cartwheel_agents::{FeaturesExtractor, nn::Cnn};
///
/// let own = "{ conv_filters = [[16, 4, 2], [32, 3, 1]], features_dim = 256 }";
/// let cnn = Cnn { conv_filters: vec![[16, 4, 2], [32, 3, 1]], features_dim: 256 };
/// assert_eq!(own.parse(), Ok(FeaturesExtractor::Cnn(cnn)));
/// assert_eq!("nature_cnn".parse(), Ok(FeaturesExtractor::NatureCnn));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FeaturesExtractor {
    /// Of bytes that are an image "nature_cnn" where it is large enough and otherwise "minatar_cnn"; of all else "flatten".
    #[default]
    Auto,
    /// Hidden layers read the numbers as they are.
    Flatten,
    /// The three convolutions and 512 units of Mnih et al. 2015.
    NatureCnn,
    /// The one convolution and 128 units of MinAtar's agents (Young & Tian 2019).
    MinatarCnn,
    /// Convolutions of one's own.
    Cnn(Cnn),
}

/// Those that have a name.
const NAMED: [(&str, FeaturesExtractor); 4] = [
    ("auto", FeaturesExtractor::Auto),
    ("flatten", FeaturesExtractor::Flatten),
    ("nature_cnn", FeaturesExtractor::NatureCnn),
    ("minatar_cnn", FeaturesExtractor::MinatarCnn),
];

/// How one of one's own is written.
const EXAMPLE: &str = "{ conv_filters = [[32, 3, 1]], features_dim = 128 }";

/// The most of anything that is counted in a network of one's own: what is larger is a slip.
const MOST: usize = 4096;

impl FeaturesExtractor {
    /// What a network reads of such features.
    ///
    /// # Errors
    /// Why this extractor does not see such an observation, and what to do.
    pub fn inputs(&self, features: &Features) -> Result<Inputs, String> {
        let flat = Inputs::from(features.width());
        let seen = |cnn: Cnn, image: Image| {
            let beside = features.width() - image.height * image.width * image.channels;
            Inputs::picture(cnn, image).beside(beside)
        };
        let cnn = match (self, features.picture()) {
            (Self::Flatten, _) | (Self::Auto, None | Some(Picture { is_bytes: false, .. })) => return Ok(flat),
            (Self::Auto, Some(Picture { image, .. })) => {
                let fitting = [Cnn::nature(), Cnn::minatar()].into_iter().find(|cnn| cnn.fits(*image));
                return Ok(fitting.map_or(flat, |cnn| seen(cnn, *image)));
            }
            (Self::NatureCnn, _) => Cnn::nature(),
            (Self::MinatarCnn, _) => Cnn::minatar(),
            (Self::Cnn(cnn), _) => cnn.clone(),
        };
        let Some(&Picture { image, .. }) = features.picture() else {
            return Err(format!(
                "features_extractor = {} sees images, a Box of the shape (height, width, channels) or (channels, height, width), or stacked ones, \
                 that is an observation or one part of it, and these observations have none, or several: \"flatten\" takes them \
                 as they are",
                self.to_toml()
            ));
        };
        if cnn.fits(image) {
            return Ok(seen(cnn, image));
        }
        let (Image { height, width, .. }, side) = (image, cnn.smallest_side());
        let other = match self {
            Self::NatureCnn => "\"minatar_cnn\" sees smaller ones",
            Self::Cnn(_) => "smaller kernels or strides see smaller ones",
            _ => "\"flatten\" takes any",
        };
        Err(format!(
            "features_extractor = {} sees images of {side}×{side} pixels or more, as its convolutions have no place in smaller \
             ones, and these are of {height}×{width}: {other}",
            self.to_toml()
        ))
    }

    /// That of a network which reads these.
    pub(crate) fn of(inputs: &Inputs) -> Self {
        match inputs.cnn() {
            None => Self::Flatten,
            Some(cnn) if *cnn == Cnn::nature() => Self::NatureCnn,
            Some(cnn) if *cnn == Cnn::minatar() => Self::MinatarCnn,
            Some(cnn) => Self::Cnn(cnn.clone()),
        }
    }
}

/// As in a configuration file, without quotes.
impl fmt::Display for FeaturesExtractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::config::plain(&self.to_toml()))
    }
}

/// As [`Display`](fmt::Display) writes it.
impl FromStr for FeaturesExtractor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<toml_edit::Value>() {
            Ok(table) if table.is_inline_table() => Self::from_toml(&table),
            _ => Self::from_toml(&text.into()),
        }
    }
}

impl Value for FeaturesExtractor {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        if value.is_inline_table() {
            return own(value).map(Self::Cnn);
        }
        let word = value.as_str().unwrap_or_default();
        NAMED.into_iter().find(|(name, _)| *name == word).map(|(_, named)| named).ok_or_else(|| {
            let UnknownChoice { expected, .. } = support::unknown_choice(word, &NAMED.map(|(name, _)| name));
            format!("{expected}, or a table as {EXAMPLE}")
        })
    }

    fn to_toml(&self) -> toml_edit::Value {
        if let Self::Cnn(Cnn { conv_filters, features_dim }) = self {
            let filters: Vec<_> = conv_filters.iter().map(|filter| filter.to_vec()).collect();
            return [("conv_filters", filters.to_toml()), ("features_dim", features_dim.to_toml())]
                .into_iter()
                .collect::<toml_edit::InlineTable>()
                .into();
        }
        NAMED.iter().find(|(_, named)| named == self).map_or("", |(name, _)| name).into()
    }
}

/// Convolutions of one's own, of a table.
fn own(value: &toml_edit::Value) -> Result<Cnn, String> {
    let expected = || format!("a table of the keys conv_filters and features_dim, as {EXAMPLE}");
    let table = value.as_inline_table().ok_or_else(expected)?;
    if let Some((other, _)) = table.iter().find(|(key, _)| !["conv_filters", "features_dim"].contains(key)) {
        return Err(format!("{} (not {other:?})", expected()));
    }
    let filters = Vec::<Vec<usize>>::from_toml(table.get("conv_filters").ok_or_else(expected)?);
    let filters = filters.unwrap_or_default();
    let conv_filters: Vec<[usize; 3]> = filters.iter().filter_map(|filter| filter.as_slice().try_into().ok()).collect();
    let in_range = |number: &usize| (1..=MOST).contains(number);
    if conv_filters.is_empty() || conv_filters.len() < filters.len() || !conv_filters.iter().flatten().all(in_range) {
        return Err(format!(
            "conv_filters to be a list of one or more [channels, kernel, stride], whole numbers from 1 to {MOST}, as {EXAMPLE}"
        ));
    }
    let features_dim = table.get("features_dim").map_or(Ok(512), usize::from_toml).ok().filter(in_range);
    let features_dim = features_dim.ok_or_else(|| format!("features_dim to be a whole number from 1 to {MOST}"))?;
    Ok(Cnn { conv_filters, features_dim })
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
        let auto = |space| of(FeaturesExtractor::Auto, &space).expect("any space has one").cnn().cloned();
        assert_eq!(auto(Space::image_u8(&[84, 84, 4])), Some(Cnn::nature()));
        assert_eq!(auto(Space::image_u8(&[4, 84, 84])), Some(Cnn::nature()));
        assert_eq!(auto(Space::image_u8(&[10, 10, 10])), Some(Cnn::minatar()));
        // Too small for any, of four dimensions, of floats, and no image.
        assert_eq!(auto(Space::image_u8(&[2, 10, 10])), Some(Cnn::minatar()));
        assert_eq!(auto(Space::image_u8(&[10, 2, 3])), None);
        assert_eq!(auto(Space::image_u8(&[4, 84, 84, 3])), Some(Cnn::nature()));
        assert_eq!(auto(Space::image_u8(&[4, 1, 84, 84])), Some(Cnn::nature()));
        assert_eq!(auto(Space::image_u8(&[4, 84, 84, 7])), None);
        assert_eq!(auto(Space::image_u8(&[84, 84])), None);
        let (shape, low, high) = (vec![40, 40, 3], vec![0.0; 4800], vec![1.0; 4800]);
        let floats = Space::Box { low, high, shape, dtype: Dtype::F32 };
        assert_eq!(of(FeaturesExtractor::NatureCnn, &floats).expect("asked for").cnn(), Some(&Cnn::nature()));
        assert_eq!(auto(floats), None);
        assert_eq!(auto(Space::discrete(4)), None);
    }

    #[test]
    fn what_is_beside_a_picture_is_read_beside_it() {
        let (camera, speed) = (Space::image_u8(&[4, 10, 10]), Space::box_f32(vec![-1.0; 2], vec![1.0; 2]));
        let car = Space::dict([("camera", camera.clone()), ("speed", speed.clone())]);
        let picture = Image { height: 10, width: 10, channels: 4, planes: 4 };
        let inputs = of(FeaturesExtractor::Auto, &car).expect("an image");
        assert_eq!(inputs, Inputs::picture(Cnn::minatar(), picture).beside(2));
        // Nobody knows which of two is meant; of bytes and floats it is the bytes.
        let both = Space::dict([("left", camera.clone()), ("right", camera.clone())]);
        assert_eq!(of(FeaturesExtractor::Auto, &both), Ok(Inputs::from(800)));
        let refused = of(FeaturesExtractor::MinatarCnn, &both).expect_err("two images");
        assert!(refused.contains("or several"), "{refused}");
        let (shape, low, high) = (vec![3, 3, 2], vec![0.0; 18], vec![1.0; 18]);
        let depth = Space::Box { low, high, shape, dtype: Dtype::F32 };
        let mixed = Space::dict([("camera", camera), ("a depth", depth)]);
        assert_eq!(of(FeaturesExtractor::Auto, &mixed), Ok(Inputs::picture(Cnn::minatar(), picture).beside(18)));
    }

    #[test]
    fn convolutions_of_ones_own_are_read_and_written() {
        let text = "{ conv_filters = [[8, 3, 2], [12, 2, 1]], features_dim = 20 }";
        let own: FeaturesExtractor = text.parse().expect("a table");
        assert_eq!(own, FeaturesExtractor::Cnn(Cnn { conv_filters: vec![[8, 3, 2], [12, 2, 1]], features_dim: 20 }));
        assert_eq!((own.to_string().as_str(), own.to_string().parse()), (text, Ok(own.clone())));
        assert_eq!(NAMED.map(|(name, named)| named.to_string() == name && name.parse() == Ok(named)), [true; 4]);
        let small = of(own.clone(), &Space::image_u8(&[5, 4, 2])).expect_err("4 pixels are too few");
        assert!(small.contains("[8, 3, 2]") && small.contains("5×5") && small.contains("5×4"), "{small}");
        assert!(of(own, &Space::image_u8(&[5, 5, 2])).is_ok());
        for (wrong, told) in [
            ("{ conv_filters = [] }", "one or more"),
            ("{ conv_filters = [[8, 3]] }", "[channels, kernel, stride]"),
            ("{ conv_filters = [[8, 3, 0]] }", "from 1"),
            ("{ conv_filters = [[8, 3, 1e30]] }", "from 1"),
            ("{ conv_filters = [[8, 3, 1]], features_dim = -1 }", "features_dim"),
            ("{ features_dim = 1 }", "conv_filters"),
            ("{ conv_filters = [[8, 3, 1]], dim = 1 }", "dim"),
            ("natur_cnn", "nearest: \"nature_cnn\""),
            ("cnn", "conv_filters"),
        ] {
            let error = wrong.parse::<FeaturesExtractor>().expect_err(wrong);
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let small = of(FeaturesExtractor::NatureCnn, &Space::image_u8(&[10, 10, 4])).expect_err("too small");
        assert!(small.contains("36×36") && small.contains("10×10") && small.contains("minatar_cnn"), "{small}");
        let none = of(FeaturesExtractor::MinatarCnn, &Space::discrete(4)).expect_err("no image");
        assert!(none.contains("none") && none.contains("flatten"), "{none}");
        assert!(of(FeaturesExtractor::MinatarCnn, &Space::image_u8(&[84, 84, 4])).is_ok());
    }
}
