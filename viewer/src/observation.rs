//! Observations as people read them: each number with its name and its bounds, or a picture.

use cartwheel_envs::{Dtype, Row, Space};
use cartwheel_trainer::watch::Observation;
use eframe::egui::ecolor::Hsva;
use eframe::egui::{Color32, ColorImage};

/// The numbers of an observation.
pub fn row(observation: &Observation) -> Row<'_> {
    match observation {
        Observation::F32(numbers) => Row::F32(numbers),
        Observation::U8(bytes) => Row::U8(bytes),
        Observation::I32(numbers) => Row::I32(numbers),
    }
}

/// One number of an observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name of its part, and its place there, such as `position[1]`.
    pub name: String,
    /// Its least and its greatest value; infinite where it is unbounded.
    pub bounds: [f32; 2],
}

/// The numbers of a space's elements, in the order of the row, by the names that the environment gives them if these are
/// as many.
pub fn fields(space: &Space, names: &[&str]) -> Vec<Field> {
    let mut fields = Vec::with_capacity(space.width());
    for leaf in space.leaves() {
        for (i, bounds) in bounds(leaf.space).into_iter().enumerate() {
            let name = match (leaf.name.as_str(), leaf.range.len()) {
                ("", 1) => "state".to_owned(),
                (name, 1) => name.to_owned(),
                (name, _) => format!("{name}[{}]", place(leaf.space.shape(), i)),
            };
            fields.push(Field { name, bounds });
        }
    }
    if names.len() == fields.len() {
        fields.iter_mut().zip(names).for_each(|(field, name)| field.name = (*name).to_owned());
    } else if let Space::Box { shape, .. } = space
        && let [_, each] = shape[..]
        && names.len() == each
    {
        // Observations that were stacked.
        for (i, field) in fields.iter_mut().enumerate() {
            field.name = format!("{}[{}]", names[i % each], i / each);
        }
    }
    fields
}

/// Names by number alone, for an observation whose space is not known.
pub fn unnamed(count: usize) -> Vec<Field> {
    (0..count).map(|i| Field { name: format!("[{i}]"), bounds: [f32::NEG_INFINITY, f32::INFINITY] }).collect()
}

fn bounds(space: &Space) -> Vec<[f32; 2]> {
    let integers = |n: i32, start: i32| [start as f32, (f64::from(start) + f64::from(n) - 1.0) as f32];
    match space {
        Space::Box { low, high, .. } => low.iter().zip(high).map(|(low, high)| [*low, *high]).collect(),
        Space::Discrete { n, start } => vec![integers(*n, *start)],
        Space::MultiDiscrete { nvec, start } => nvec.iter().zip(start).map(|(n, s)| integers(*n, *s)).collect(),
        Space::MultiBinary { n } => vec![[0.0, 1.0]; *n],
        _ => Vec::new(),
    }
}

/// Place `i` of an array as its indices: `1,3`.
fn place(shape: &[usize], i: usize) -> String {
    if shape.len() < 2 {
        return i.to_string();
    }
    let mut rest = i;
    let mut indices: Vec<_> = shape
        .iter()
        .rev()
        .map(|&n| {
            let index = rest % n.max(1);
            rest /= n.max(1);
            index.to_string()
        })
        .collect();
    indices.reverse();
    indices.join(",")
}

/// How the bytes of an image lie in an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Bytes from a pixel's first channel to the next pixel's.
    pixel: usize,
    /// Bytes from one channel to the next.
    channel: usize,
    /// The first channel that is shown, and how many are: of frames that are stacked, the newest.
    first: usize,
    channels: usize,
    /// The value that is brightest.
    brightest: u8,
}

/// The layout of an image-shaped space: bytes in two axes, with channels or stacked frames behind or before them.
pub fn layout(space: &Space) -> Option<Layout> {
    let Space::Box { shape, high, dtype: Dtype::U8, .. } = space else { return None };
    let brightest = high.iter().copied().fold(1.0, f32::max) as u8;
    let planes =
        |height, width, channels| Layout { height, width, pixel: channels, channel: 1, first: 0, channels, brightest };
    match **shape {
        [height, width] if height > 1 && width > 1 => Some(planes(height, width, 1)),
        // Frames or channels come first if that makes them fewer.
        [frames, height, width] if frames < width && frames < height => Some(Layout {
            pixel: 1,
            channel: height * width,
            first: (frames - 1) * height * width,
            channels: 1,
            ..planes(height, width, 1)
        }),
        [height, width, channels] if channels <= 16 => Some(planes(height, width, channels)),
        [frames, height, width, channels] if channels <= 16 => {
            Some(Layout { first: (frames.max(1) - 1) * height * width * channels, ..planes(height, width, channels) })
        }
        _ => None,
    }
}

impl Layout {
    /// The image in an observation: gray, colored, or a color for each plane. None if there are too few bytes.
    pub fn image(&self, bytes: &[u8]) -> Option<ColorImage> {
        let size = [self.width, self.height];
        let pixels = (0..self.width * self.height).map(|pixel| {
            let channel = |c: usize| bytes.get(self.at(pixel, c)).copied();
            Some(match self.channels {
                1 => Color32::from_gray(self.bright(channel(0)?)),
                3 => Color32::from_rgb(self.bright(channel(0)?), self.bright(channel(1)?), self.bright(channel(2)?)),
                _ => {
                    let planes = (0..self.channels).map(channel).collect::<Option<Vec<_>>>()?;
                    // The topmost plane that has something there.
                    planes.iter().rposition(|value| *value > 0).map_or(Color32::BLACK, |plane| self.plane_color(plane))
                }
            })
        });
        Some(ColorImage::new(size, pixels.collect::<Option<Vec<_>>>()?))
    }

    /// For each pixel, the greatest of `values` over its channels: what belongs to the numbers of an observation, laid
    /// over its picture. None if there are too few.
    pub fn over(&self, values: &[f32]) -> Option<Vec<f32>> {
        let greatest = |pixel| {
            let channels = (0..self.channels).map(|c| values.get(self.at(pixel, c)).copied());
            channels.reduce(|a, b| Some(a?.max(b?)))?
        };
        (0..self.width * self.height).map(greatest).collect()
    }

    fn at(&self, pixel: usize, channel: usize) -> usize {
        self.first + pixel * self.pixel + channel * self.channel
    }

    fn bright(&self, value: u8) -> u8 {
        (u32::from(value) * 255 / u32::from(self.brightest.max(1))).min(255) as u8
    }

    fn plane_color(&self, plane: usize) -> Color32 {
        Hsva::new(plane as f32 / self.channels as f32, 0.7, 1.0, 1.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_of_their_parts() {
        let space = Space::dict([
            ("goal", Space::box_f32(vec![-1.0, -2.0], vec![1.0, f32::INFINITY])),
            ("gear", Space::Discrete { n: 3, start: -1 }),
            ("view", Space::image_u8(&[1, 2])),
        ]);
        let named: Vec<_> = fields(&space, &[]).into_iter().map(|field| (field.name, field.bounds)).collect();
        let expected = [
            ("gear", [-1.0, 1.0]),
            ("goal[0]", [-1.0, 1.0]),
            ("goal[1]", [-2.0, f32::INFINITY]),
            ("view[0,0]", [0.0, 255.0]),
            ("view[0,1]", [0.0, 255.0]),
        ];
        assert_eq!(named, expected.map(|(name, bounds)| (name.to_owned(), bounds)));
        assert_eq!(fields(&Space::discrete(5), &[])[0].name, "state");
        assert_eq!(fields(&Space::multi_binary(2), &[])[1].name, "[1]");
        assert_eq!(unnamed(2)[1].name, "[1]");
    }

    #[test]
    fn environments_name_their_numbers() {
        let called = |space: &Space, names: &[&str]| fields(space, names).into_iter().map(|field| field.name).collect();
        let pair = Space::box_f32(vec![0.0; 2], vec![1.0; 2]);
        let names: Vec<String> = called(&pair, &["position", "velocity"]);
        assert_eq!(names, ["position", "velocity"]);
        let wrong: Vec<String> = called(&pair, &["position"]);
        assert_eq!(wrong, ["[0]", "[1]"], "names that are not as many are somebody else's");
        let stacked = Space::Box { low: vec![0.0; 4], high: vec![1.0; 4], shape: vec![2, 2], dtype: Dtype::F32 };
        let stacked: Vec<String> = called(&stacked, &["position", "velocity"]);
        assert_eq!(stacked, ["position[0]", "velocity[0]", "position[1]", "velocity[1]"]);
    }

    #[test]
    fn images_are_told_by_their_shape() {
        let size = |shape: &[usize]| layout(&Space::image_u8(shape)).map(|l| (l.width, l.height, l.channels, l.first));
        assert_eq!(size(&[84, 80]), Some((80, 84, 1, 0)));
        assert_eq!(size(&[210, 160, 3]), Some((160, 210, 3, 0)));
        assert_eq!(size(&[4, 84, 80]), Some((80, 84, 1, 3 * 84 * 80)));
        assert_eq!(size(&[2, 8, 9, 3]), Some((9, 8, 3, 8 * 9 * 3)));
        assert_eq!(size(&[128]), None);
        assert_eq!(layout(&Space::box_f32(vec![0.0; 4], vec![1.0; 4])), None);
    }

    #[test]
    fn pixels_are_found() {
        let gray = layout(&Space::image_u8(&[2, 3])).unwrap();
        let image = gray.image(&[0, 10, 20, 30, 40, 50]).unwrap();
        assert_eq!((image.size, image.pixels[4]), ([3, 2], Color32::from_gray(40)));
        assert_eq!(gray.image(&[0; 5]), None);
        let stacked = layout(&Space::image_u8(&[2, 3, 3])).unwrap();
        let bytes: Vec<u8> = (0..18).collect();
        assert_eq!(stacked.image(&bytes).unwrap().pixels[0], Color32::from_gray(9));
        // Planes of zeros and ones, as MinAtar's.
        let (low, high, shape) = (vec![0.0; 16], vec![1.0; 16], vec![2, 2, 4]);
        let planes = layout(&Space::Box { low, high, shape, dtype: Dtype::U8 }).unwrap();
        let mut bytes = [0; 16];
        bytes[4 + 2] = 1;
        let pixels = planes.image(&bytes).unwrap().pixels;
        assert_eq!(pixels[0], Color32::BLACK);
        assert_eq!(pixels[1], planes.plane_color(2));
        let values: Vec<f32> = (0..16).map(|i| i as f32).collect();
        assert_eq!(planes.over(&values).unwrap(), [3.0, 7.0, 11.0, 15.0]);
    }
}
