//! What happens to one image: its numbers, how they are drawn, and the matrix they make.

use cartwheel_envs::Generator;

use super::super::Image;
use super::{AugmentConfig, Compat, Shift};

/// The parameters of one change, by the names of Keras' `apply_transform`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// Degrees of the turn.
    pub theta: f64,
    /// Columns moved; above 0 the image moves to the left. (With [`Compat::Keras3`] too, where the setting for the height
    /// says how far.)
    pub tx: f64,
    /// Rows moved; above 0 the image moves up.
    pub ty: f64,
    /// Degrees of the shear.
    pub shear: f64,
    /// Columns of the image under one of the result.
    pub zx: f64,
    /// Rows of the image under one of the result.
    pub zy: f64,
    /// Left becomes right.
    pub flip_horizontal: bool,
    /// Top becomes bottom.
    pub flip_vertical: bool,
    /// Added to all values.
    pub channel_shift_intensity: Option<f64>,
    /// Values are multiplied by it.
    pub brightness: Option<f64>,
}

impl Default for Transform {
    /// Nothing happens.
    fn default() -> Self {
        Self {
            theta: 0.0,
            tx: 0.0,
            ty: 0.0,
            shear: 0.0,
            zx: 1.0,
            zy: 1.0,
            flip_horizontal: false,
            flip_vertical: false,
            channel_shift_intensity: None,
            brightness: None,
        }
    }
}

type Matrix = [[f64; 3]; 3];

impl Transform {
    pub(super) fn draw(config: &AugmentConfig, width: usize, height: usize, random: &mut Generator) -> Self {
        let either_way = |range: f64, random: &mut Generator| match range {
            0.0 => 0.0,
            _ => random.uniform(-range, range),
        };
        let theta = either_way(config.rotation_range, random);
        let sideways = config.width_shift_range.draw(width, random);
        let upright = config.height_shift_range.draw(height, random);
        let (tx, ty) = match config.compat {
            Compat::Fixed => (sideways, upright),
            Compat::Keras3 => (upright, sideways),
        };
        let shear = either_way(config.shear_range, random);
        let [low, high] = config.zoom_range.0;
        let (zx, zy) = match low == 1.0 && high == 1.0 {
            true => (1.0, 1.0),
            false => (random.uniform(low, high), random.uniform(low, high)),
        };
        // Drawn in any case, so that switching one on leaves the other as it was.
        let (across, down) = (random.random() < 0.5, random.random() < 0.5);
        let range = config.channel_shift_range;
        Self {
            theta,
            tx,
            ty,
            shear,
            zx,
            zy,
            flip_horizontal: across && config.horizontal_flip,
            flip_vertical: down && config.vertical_flip,
            channel_shift_intensity: (range != 0.0).then(|| random.uniform(-range, range)),
            brightness: config.brightness_range.as_ref().map(|range| random.uniform(range[0], range[1])),
        }
    }

    /// Whether at most the places of pixels change, and only by flips.
    pub(crate) fn keeps_bytes(&self) -> bool {
        Self { flip_horizontal: false, flip_vertical: false, ..*self } == Self::default()
    }

    /// Does the flips.
    pub(crate) fn flip(&self, image: &mut Image) {
        if self.flip_horizontal {
            image.flip_horizontal();
        }
        if self.flip_vertical {
            image.flip_vertical();
        }
    }

    /// The matrix from (row, column) of the result to (row, column) of the image, two rows of three; nothing where it would
    /// change nothing.
    pub(super) fn matrix(&self, width: usize, height: usize, compat: Compat) -> Option<[[f64; 3]; 2]> {
        let (sin, cos) = self.theta.to_radians().sin_cos();
        let (shear_sin, shear_cos) = self.shear.to_radians().sin_cos();
        // In (x, y). What changes nothing is left out, as Keras does: a product with it could round.
        let factors: [(bool, Matrix); 4] = [
            (self.theta != 0.0, [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]),
            (self.tx != 0.0 || self.ty != 0.0, moved(self.tx, self.ty)),
            (self.shear != 0.0, [[1.0, -shear_sin, 0.0], [0.0, shear_cos, 0.0], [0.0, 0.0, 1.0]]),
            (self.zx != 1.0 || self.zy != 1.0, [[self.zx, 0.0, 0.0], [0.0, self.zy, 0.0], [0.0, 0.0, 1.0]]),
        ];
        let product = factors.iter().filter(|(used, _)| *used).map(|(_, matrix)| *matrix).reduce(|a, b| dot(&a, &b))?;
        let (x, y) = match compat {
            Compat::Fixed => (width, height),
            // It takes the middle of the rows for that of x.
            Compat::Keras3 => (height, width),
        };
        let (x, y) = (x as f64 / 2.0 - 0.5, y as f64 / 2.0 - 0.5);
        let [[a, b, c], [d, e, f], _] = dot(&dot(&moved(x, y), &product), &moved(-x, -y));
        // From (x, y) to (row, column).
        Some([[e, d, f], [b, a, c]])
    }
}

fn moved(x: f64, y: f64) -> Matrix {
    [[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]]
}

/// `np.dot`, which sums from the first on with fused multiply-adds.
fn dot(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| {
        std::array::from_fn(|j| (1..3).fold(a[i][0] * b[0][j], |sum, k| a[i][k].mul_add(b[k][j], sum)))
    })
}

impl Shift {
    /// Pixels of a move along a side of this length.
    fn draw(&self, side: usize, random: &mut Generator) -> f64 {
        let sign = |random: &mut Generator| if random.random() < 0.5 { -1.0 } else { 1.0 };
        let (moved, share) = match self {
            Shift::Upto(0.0) => (0.0, false),
            Shift::Upto(range) => (random.uniform(-range, *range), *range < 1.0),
            Shift::Pixels(pixels) => (random.below((*pixels).into()) as f64 * sign(random), false),
            Shift::OneOf(items) => {
                let item = items[random.below(items.len() as u64) as usize];
                (item * sign(random), items.iter().all(|item| *item < 1.0))
            }
        };
        if share { moved * side as f64 } else { moved }
    }
}
