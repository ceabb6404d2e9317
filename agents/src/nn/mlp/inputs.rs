//! What a network reads, and what of it is seen by convolutions before there are hidden layers.

use std::sync::Arc;

use super::layer::{Layer, Linear, add_layer};
use crate::nn::kernels::conv::Conv2d;
use crate::nn::kernels::matmul::pad;

/// A picture as it lies in a row of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// Whether it lies channel by channel (C, H, W); otherwise pixel by pixel (H, W, C).
    pub channels_first: bool,
}

/// A network for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cnn {
    /// Three convolutions and 512 units, for pictures of 36×36 pixels or more: 32 channels of 8×8 every 4 pixels, 64 of 4×4
    /// every 2, 64 of 3×3 (Mnih et al. 2015).
    Nature,
    /// One convolution, of 16 channels of 3×3, and 128 units (Young & Tian 2019).
    MinAtar,
}

/// What a network reads: a row of numbers, of which a picture may be seen by convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    width: usize,
    cnn: Option<(Cnn, Image)>,
    /// Numbers behind the picture.
    beside: usize,
}

impl Cnn {
    /// Channels, pixels of the kernel's side, and pixels from one place of it to the next, of each convolution.
    fn convolutions(self) -> &'static [[usize; 3]] {
        match self {
            Self::Nature => &[[32, 8, 4], [64, 4, 2], [64, 3, 1]],
            Self::MinAtar => &[[16, 3, 1]],
        }
    }

    /// Units of the layer behind them.
    fn features_dim(self) -> usize {
        match self {
            Self::Nature => 512,
            Self::MinAtar => 128,
        }
    }

    /// Pixels of the smallest side of a picture whose convolutions all have a place.
    pub fn smallest_side(self) -> usize {
        self.convolutions().iter().rev().fold(1, |side, [_, kernel, stride]| (side - 1) * stride + kernel)
    }

    /// Whether all convolutions have a place in `image`.
    pub fn fits(self, image: Image) -> bool {
        image.height.min(image.width) >= self.smallest_side()
    }
}

impl From<usize> for Inputs {
    /// So many numbers, that hidden layers read.
    fn from(width: usize) -> Self {
        Self { width, cnn: None, beside: 0 }
    }
}

impl Inputs {
    /// A picture.
    ///
    /// # Panics
    /// If it is too small for the network: see [`Cnn::fits`].
    pub fn picture(cnn: Cnn, image: Image) -> Self {
        assert!(cnn.fits(image), "{image:?} is too small for {cnn:?}");
        Self { width: image.height * image.width * image.channels, cnn: Some((cnn, image)), beside: 0 }
    }

    /// The same with so many more numbers behind, which the first hidden layer reads beside what convolutions make of the
    /// picture: the action of which a value is asked.
    pub fn beside(self, numbers: usize) -> Self {
        let beside = if self.cnn.is_some() { self.beside + numbers } else { 0 };
        Self { width: self.width + numbers, beside, ..self }
    }

    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Which network sees the picture, if any does.
    pub fn cnn(&self) -> Option<Cnn> {
        self.cnn.map(|(cnn, _)| cnn)
    }

    /// The layers before hidden ones, by the names of Stable-Baselines3's `NatureCNN`, and how many numbers they leave.
    pub(in crate::nn) fn layers(&self) -> (Vec<Layer>, usize) {
        let mut layers: Vec<Layer> = Vec::new();
        let Some((cnn, image)) = self.cnn else { return (layers, self.width) };
        let Image { mut height, mut width, channels, channels_first } = image;
        let (mut planes, mut depth) = if channels_first { (channels, 1) } else { (1, channels) };
        for (number, &[outputs, kernel, stride]) in cnn.convolutions().iter().enumerate() {
            let conv = Conv2d { planes, depth, height, width, outputs, kernel, stride, padding: 0 };
            let name = format!("features_extractor.cnn.{}", 2 * number);
            let rows = Some(conv.weight_rows().collect());
            let linear = Linear { rows, ..Linear::new(name, 0..conv.patch_len(), 0..outputs) };
            let (inputs, weight) = layers.last().map_or((self.width, 0), |below| (below.outputs, below.end()));
            layers.push(Layer {
                inputs,
                outputs: conv.output_len(),
                columns: conv.columns(),
                used: outputs,
                weight,
                bias: weight + conv.patch_len() * conv.columns(),
                behind: 0,
                linears: vec![linear],
                mask: None,
                bands: Vec::new(),
                transposed_bands: Vec::new(),
                norm: false,
                conv: Some(conv),
                beside: 0..0,
            });
            (planes, depth) = (1, pad(outputs));
            (height, width) = conv.output_size();
        }
        // PyTorch flattens channel by channel what lies pixel by pixel here.
        let channels = layers.last().map_or(0, |layer| layer.used);
        let rows: Arc<[usize]> =
            (0..channels).flat_map(|c| (0..height * width).map(move |at| at * depth + c)).collect();
        let linear = Linear::new("features_extractor.linear.0".into(), 0..rows.len(), 0..cnn.features_dim());
        let linear = Linear { rows: Some(rows), ..linear };
        add_layer(&mut layers, self.width, vec![linear]);
        if let Some(last) = layers.last_mut() {
            last.beside = self.width - self.beside..self.width;
            last.outputs += pad(self.beside);
        }
        (layers, cnn.features_dim() + self.beside)
    }

    /// The numbers of a row that are the picture's; none without convolutions.
    pub(in crate::nn) fn picture_len(&self) -> usize {
        if self.cnn.is_some() { self.width - self.beside } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_large_enough_or_not() {
        let of = |height, width| Image { height, width, channels: 4, channels_first: true };
        assert_eq!((Cnn::Nature.smallest_side(), Cnn::MinAtar.smallest_side()), (36, 3));
        assert!(Cnn::Nature.fits(of(36, 84)) && !Cnn::Nature.fits(of(84, 35)));
        assert!(Cnn::MinAtar.fits(of(3, 10)) && !Cnn::MinAtar.fits(of(10, 2)));
    }

    /// The sizes that PyTorch has for `NatureCNN` on 4×84×84.
    #[test]
    fn layers_are_of_the_sizes_that_are_known() {
        let image = Image { height: 84, width: 84, channels: 4, channels_first: true };
        let (layers, width) = Inputs::picture(Cnn::Nature, image).beside(3).layers();
        let sizes: Vec<_> = layers.iter().map(|layer| (layer.inputs, layer.outputs)).collect();
        assert_eq!(sizes, [(28_227, 400 * 32), (400 * 32, 81 * 64), (81 * 64, 49 * 64), (49 * 64, 512 + 16)]);
        assert_eq!(width, 515);
    }
}
