//! What a network reads, and what of it is seen by convolutions before there are hidden layers.

use std::sync::Arc;

use super::layer::{Layer, Linear, add_layer};
use crate::nn::kernels::conv::Conv2d;
use crate::nn::kernels::matmul::pad;

/// An image as it lies in a row of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// Images that lie one after the other, each pixel by pixel with its share of the channels: 1 is (H, W, C), as many as
    /// channels (C, H, W), and what stacks n images (n, H, W, C).
    pub planes: usize,
}

/// A network for images: convolutions without padding, and behind them a layer that reads what they make of all places; a ReLU
/// follows each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cnn {
    /// Of each convolution the channels, the pixels of the kernel's side, and the pixels from one place of it to the next.
    pub conv_filters: Vec<[usize; 3]>,
    /// Units of the layer behind them.
    pub features_dim: usize,
}

/// What a network reads: a row of numbers, of which an image may be seen by convolutions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    width: usize,
    cnn: Option<(Cnn, Image)>,
    /// Numbers behind the image.
    beside: usize,
}

impl Cnn {
    /// Three convolutions and 512 units, for images of 36×36 pixels or more: 32 channels of 8×8 every 4 pixels, 64 of 4×4
    /// every 2, 64 of 3×3 (Mnih et al. 2015).
    pub fn nature() -> Self {
        Self { conv_filters: vec![[32, 8, 4], [64, 4, 2], [64, 3, 1]], features_dim: 512 }
    }

    /// One convolution, of 16 channels of 3×3, and 128 units (Young & Tian 2019).
    pub fn minatar() -> Self {
        Self { conv_filters: vec![[16, 3, 1]], features_dim: 128 }
    }

    /// Pixels of the smallest side of an image whose convolutions all have a place.
    pub fn smallest_side(&self) -> usize {
        self.conv_filters
            .iter()
            .rev()
            .fold(1, |side: usize, [_, kernel, stride]| (side - 1).saturating_mul(*stride).saturating_add(*kernel))
    }

    /// Whether all convolutions have a place in `image`.
    pub fn fits(&self, image: Image) -> bool {
        image.height.min(image.width) >= self.smallest_side()
    }
}

impl From<usize> for Inputs {
    /// So many numbers, that hidden layers read.
    fn from(width: usize) -> Self {
        Self { width, cnn: None, beside: 0 }
    }
}

impl From<&Inputs> for Inputs {
    fn from(inputs: &Inputs) -> Self {
        inputs.clone()
    }
}

impl Inputs {
    /// An image.
    ///
    /// # Panics
    /// If it is too small for the network: see [`Cnn::fits`].
    pub fn picture(cnn: Cnn, image: Image) -> Self {
        assert!(cnn.fits(image), "{image:?} is too small for {cnn:?}");
        Self { width: image.height * image.width * image.channels, cnn: Some((cnn, image)), beside: 0 }
    }

    /// The same with so many more numbers behind, which the first hidden layer reads beside what convolutions make of the
    /// image: the other parts of an observation, the action of which a value is asked.
    pub fn beside(&self, numbers: usize) -> Self {
        let beside = if self.cnn.is_some() { self.beside + numbers } else { 0 };
        Self { width: self.width + numbers, beside, cnn: self.cnn.clone() }
    }

    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Which network sees the image, if any does.
    pub fn cnn(&self) -> Option<&Cnn> {
        self.cnn.as_ref().map(|(cnn, _)| cnn)
    }

    /// The layers before hidden ones, by the names of Stable-Baselines3's `NatureCNN`, and how many numbers they leave.
    pub(crate) fn layers(&self) -> (Vec<Layer>, usize) {
        let mut layers: Vec<Layer> = Vec::new();
        let Some((cnn, image)) = &self.cnn else { return (layers, self.width) };
        let &Image { mut height, mut width, channels, planes } = image;
        let (mut planes, mut depth, mut read) = (planes, channels / planes, channels);
        for (number, &[outputs, kernel, stride]) in cnn.conv_filters.iter().enumerate() {
            let conv = Conv2d { planes, depth, height, width, outputs, kernel, stride, padding: 0 };
            let name = format!("features_extractor.cnn.{}", 2 * number);
            // Channels behind these are padding of the convolution before.
            let rows: Arc<[usize]> = conv.weight_rows().take(read * kernel * kernel).collect();
            let linear = Linear::new(name, 0..rows.len(), 0..outputs);
            let linear = Linear { rows: Some(rows), ..linear };
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
            (planes, depth, read) = (1, pad(outputs), outputs);
            (height, width) = conv.output_size();
        }
        // PyTorch flattens channel by channel what lies pixel by pixel here.
        let channels = layers.last().map_or(0, |layer| layer.used);
        let rows: Arc<[usize]> =
            (0..channels).flat_map(|c| (0..height * width).map(move |at| at * depth + c)).collect();
        let linear = Linear::new("features_extractor.linear.0".into(), 0..rows.len(), 0..cnn.features_dim);
        let linear = Linear { rows: Some(rows), ..linear };
        add_layer(&mut layers, self.width, vec![linear]);
        if let Some(last) = layers.last_mut() {
            last.beside = self.width - self.beside..self.width;
            last.outputs = pad(last.used + self.beside);
        }
        (layers, cnn.features_dim + self.beside)
    }

    /// The numbers of a row that are the image's; none without convolutions.
    pub(crate) fn picture_len(&self) -> usize {
        if self.cnn.is_some() { self.width - self.beside } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_large_enough_or_not() {
        let of = |height, width| Image { height, width, channels: 4, planes: 4 };
        let (nature, minatar) = (Cnn::nature(), Cnn::minatar());
        assert_eq!((nature.smallest_side(), minatar.smallest_side()), (36, 3));
        assert!(nature.fits(of(36, 84)) && !nature.fits(of(84, 35)));
        assert!(minatar.fits(of(3, 10)) && !minatar.fits(of(10, 2)));
    }

    /// The sizes that PyTorch has for `NatureCNN` on 4×84×84.
    #[test]
    fn layers_are_of_the_sizes_that_are_known() {
        let image = Image { height: 84, width: 84, channels: 4, planes: 4 };
        let (layers, width) = Inputs::picture(Cnn::nature(), image).beside(3).layers();
        let sizes: Vec<_> = layers.iter().map(|layer| (layer.inputs, layer.outputs)).collect();
        assert_eq!(sizes, [(28_227, 400 * 32), (400 * 32, 81 * 64), (81 * 64, 49 * 64), (49 * 64, 512 + 16)]);
        assert_eq!(width, 515);
    }
}
