//! What an environment looks like, whoever paints it.
//!
//! An environment draws itself once, as a list of shapes in world units. The viewer paints the list, the
//! [`Rasterizer`](crate::Rasterizer) turns it into pixels, and it travels as plain data.

use serde::{Deserialize, Serialize};

/// A point in world units, \[x, y\]; y grows upwards.
pub type Point = [f32; 2];

/// A color: red, green, blue and opacity, 0 to 255 each, not premultiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rgba(pub [u8; 4]);

impl Rgba {
    /// An opaque color.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue, 255])
    }

    /// The same color with this opacity.
    #[must_use]
    pub const fn alpha(self, alpha: u8) -> Self {
        let [red, green, blue, _] = self.0;
        Self([red, green, blue, alpha])
    }
}

/// How a shape is filled and outlined; either may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Style {
    /// The color inside.
    pub fill: Option<Rgba>,
    /// The outline's width, in world units, and its color.
    pub stroke: Option<(f32, Rgba)>,
}

impl Style {
    /// Filled, without an outline.
    pub const fn fill(color: Rgba) -> Self {
        Self { fill: Some(color), stroke: None }
    }

    /// An outline alone.
    pub const fn stroke(width: f32, color: Rgba) -> Self {
        Self { fill: None, stroke: Some((width, color)) }
    }
}

/// One thing to paint. All positions and sizes are in world units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Shape {
    /// A disc or ring.
    Circle {
        /// Its center.
        center: Point,
        /// Its radius.
        radius: f32,
        /// Fill and outline.
        style: Style,
    },
    /// Straight lines from point to point.
    Path {
        /// The corners, in order.
        points: Vec<Point>,
        /// Whether the last is joined to the first.
        closed: bool,
        /// Fill and outline. Only a convex path may be filled: not every painter can do others.
        style: Style,
    },
    /// An image stretched over a rectangle without smoothing: for pixel and grid environments.
    Image {
        /// Lower left corner.
        min: Point,
        /// Upper right corner.
        max: Point,
        /// Pixels in a row.
        width: u32,
        /// Red, green and blue of each pixel, row-major, top row first.
        rgb: Vec<u8>,
    },
    /// A line of text.
    Label {
        /// The middle of the text.
        center: Point,
        /// The height of a line.
        height: f32,
        /// The text; painters need know printable ASCII alone.
        text: String,
        /// Its color.
        color: Rgba,
    },
}

/// A part of the world and the shapes in it, painted in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Lower left corner of what is to be seen.
    pub min: Point,
    /// Upper right corner of what is to be seen.
    pub max: Point,
    /// The color behind everything.
    pub background: Rgba,
    /// What to paint, the undermost first.
    pub shapes: Vec<Shape>,
}

impl Default for Scene {
    /// Nothing, from (-1, -1) to (1, 1), on near-white.
    fn default() -> Self {
        Self { min: [-1.0; 2], max: [1.0; 2], background: Rgba::rgb(250, 250, 248), shapes: Vec::new() }
    }
}

impl Scene {
    /// Forgets the shapes but keeps their memory, to draw the next frame.
    pub fn clear(&mut self) {
        self.shapes.clear();
    }

    /// Sets what is to be seen: the corners with the least and the greatest coordinates.
    pub fn bounds(&mut self, min: Point, max: Point) -> &mut Self {
        (self.min, self.max) = (min, max);
        self
    }

    /// Adds a disc or ring.
    pub fn circle(&mut self, center: Point, radius: f32, style: Style) -> &mut Self {
        self.push(Shape::Circle { center, radius, style })
    }

    /// Adds a line of this width.
    pub fn line(&mut self, from: Point, to: Point, width: f32, color: Rgba) -> &mut Self {
        self.path(vec![from, to], false, Style::stroke(width, color))
    }

    /// Adds a rectangle with sides along the axes.
    pub fn rect(&mut self, min: Point, max: Point, style: Style) -> &mut Self {
        self.path(vec![min, [max[0], min[1]], max, [min[0], max[1]]], true, style)
    }

    /// Adds straight lines from point to point. See [`Shape::Path`].
    pub fn path(&mut self, points: Vec<Point>, closed: bool, style: Style) -> &mut Self {
        self.push(Shape::Path { points, closed, style })
    }

    /// Adds an image with rows of `width` pixels. See [`Shape::Image`].
    pub fn image(&mut self, min: Point, max: Point, width: u32, rgb: Vec<u8>) -> &mut Self {
        self.push(Shape::Image { min, max, width, rgb })
    }

    /// Adds a line of text. See [`Shape::Label`].
    pub fn label(&mut self, center: Point, height: f32, text: impl Into<String>, color: Rgba) -> &mut Self {
        self.push(Shape::Label { center, height, text: text.into(), color })
    }

    fn push(&mut self, shape: Shape) -> &mut Self {
        self.shapes.push(shape);
        self
    }

    /// Whether there is something to see: bounds with an area, and no number infinite or NaN.
    pub fn is_finite(&self) -> bool {
        let finite = |p: &Point| p[0].is_finite() && p[1].is_finite();
        let style_finite = |style: &Style| style.stroke.is_none_or(|(width, _)| width.is_finite());
        let bounded = finite(&self.min) && finite(&self.max) && self.min[0] < self.max[0] && self.min[1] < self.max[1];
        bounded
            && self.shapes.iter().all(|shape| match shape {
                Shape::Circle { center, radius, style } => finite(center) && radius.is_finite() && style_finite(style),
                Shape::Path { points, style, .. } => points.iter().all(finite) && style_finite(style),
                Shape::Image { min, max, .. } => finite(min) && finite(max),
                Shape::Label { center, height, .. } => finite(center) && height.is_finite(),
            })
    }
}

/// The map from world units to pixels: one scale for both axes, the scene centered, y turned downwards.
/// Painters share it, so that their pictures agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Pixels to a world unit.
    pub scale: f32,
    /// Where the world's origin falls, in pixels.
    pub origin: Point,
}

impl Fit {
    /// Fits `scene` into the rectangle of `size` pixels whose upper left corner is at `corner`.
    pub fn new(scene: &Scene, corner: Point, size: Point) -> Self {
        let world = [scene.max[0] - scene.min[0], scene.max[1] - scene.min[1]];
        let scale = (size[0] / world[0]).min(size[1] / world[1]);
        let middle = [0.5 * (scene.min[0] + scene.max[0]), 0.5 * (scene.min[1] + scene.max[1])];
        Self {
            scale,
            origin: [corner[0] + 0.5 * size[0] - middle[0] * scale, corner[1] + 0.5 * size[1] + middle[1] * scale],
        }
    }

    /// A point of the world in pixels.
    pub fn point(&self, [x, y]: Point) -> Point {
        [self.origin[0] + x * self.scale, self.origin[1] - y * self.scale]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_centered_and_upright() {
        let mut scene = Scene::default();
        scene.bounds([0.0, 0.0], [4.0, 1.0]);
        let fit = Fit::new(&scene, [10.0, 20.0], [100.0, 100.0]);
        assert_eq!(fit.scale, 25.0);
        assert_eq!(fit.point([0.0, 0.0]), [10.0, 82.5]);
        assert_eq!(fit.point([4.0, 1.0]), [110.0, 57.5]);
    }

    #[test]
    fn infinite_numbers_are_found() {
        let style = Style::fill(Rgba::rgb(0, 0, 0));
        assert!(Scene::default().circle([0.0; 2], 1.0, style).is_finite());
        assert!(!Scene::default().circle([0.0; 2], f32::NAN, style).is_finite());
        assert!(!Scene::default().line([0.0; 2], [f32::INFINITY, 0.0], 1.0, Rgba::rgb(0, 0, 0)).is_finite());
        assert!(!Scene::default().bounds([0.0; 2], [0.0; 2]).is_finite());
    }

    #[test]
    fn travels_as_json() {
        let mut scene = Scene::default();
        scene.label([0.5, 0.25], 0.1, "score", Rgba::rgb(1, 2, 3).alpha(4)).image([0.0; 2], [1.0; 2], 1, vec![5, 6, 7]);
        let text = serde_json::to_string(&scene).unwrap();
        assert_eq!(serde_json::from_str::<Scene>(&text).unwrap(), scene);
    }
}
