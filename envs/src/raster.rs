//! Scenes as pixels: Gymnasium's `rgb_array`, and PNG files.

use std::fs;
use std::path::Path;

use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Stroke, Transform};

use crate::{EnvError, Fit, Point, Result, Rgba, Scene, Shape, Style, font};

/// An image: red, green and blue of each pixel, row-major, top row first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `3 * width * height` bytes.
    pub rgb: Vec<u8>,
}

impl Frame {
    /// Writes the image as a PNG file.
    ///
    /// # Errors
    /// [`EnvError::File`].
    pub fn write_png(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let file_error = |message: String| EnvError::File { path: path.display().to_string(), message };
        let mut pixmap = Pixmap::new(self.width, self.height)
            .ok_or_else(|| file_error(format!("an image of {} by {} pixels", self.width, self.height)))?;
        for (to, from) in pixmap.data_mut().as_chunks_mut().0.iter_mut().zip(self.rgb.as_chunks().0) {
            let [red, green, blue] = *from;
            *to = [red, green, blue, 255];
        }
        let png = pixmap.encode_png().map_err(|error| file_error(error.to_string()))?;
        fs::write(path, png).map_err(|error| file_error(error.to_string()))
    }
}

/// Paints scenes with tiny-skia into frames of one size. It keeps its canvas from frame to frame.
///
/// Labels are painted in a built-in 5 by 7 font of printable ASCII.
#[derive(Debug)]
pub struct Rasterizer {
    canvas: Pixmap,
}

impl Rasterizer {
    /// Frames of `width` by `height` pixels.
    ///
    /// # Errors
    /// [`EnvError::Failed`] if a side is zero or too large to paint.
    pub fn new(width: u32, height: u32) -> Result<Self> {
        let canvas = Pixmap::new(width, height)
            .ok_or_else(|| EnvError::failed(format!("cannot paint a frame of {width} by {height} pixels")))?;
        Ok(Self { canvas })
    }

    /// Paints `scene`, centered and as large as fits.
    pub fn draw(&mut self, scene: &Scene) -> Frame {
        let (width, height) = (self.canvas.width(), self.canvas.height());
        let fit = Fit::new(scene, [0.0; 2], [width as f32, height as f32]);
        self.canvas.fill(color(scene.background));
        for shape in &scene.shapes {
            match shape {
                Shape::Circle { center, radius, style } => {
                    let [x, y] = fit.point(*center);
                    let mut path = PathBuilder::new();
                    path.push_circle(x, y, radius * fit.scale);
                    self.paint(path, *style, fit.scale);
                }
                Shape::Path { points, closed, style } => {
                    self.paint(polygon(points.iter().map(|&p| fit.point(p)), *closed), *style, fit.scale);
                }
                Shape::Image { min, max, width, rgb } => {
                    self.image(fit.point(*min), fit.point(*max), *width as usize, rgb);
                }
                Shape::Label { center, height, text, color } => {
                    let mut path = PathBuilder::new();
                    for square in font::squares(text, fit.point(*center), height * fit.scale) {
                        path.push_rect(square);
                    }
                    self.paint(path, Style::fill(*color), fit.scale);
                }
            }
        }
        let rgb = self.canvas.data().chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect();
        Frame { width, height, rgb }
    }

    fn paint(&mut self, path: PathBuilder, style: Style, scale: f32) {
        // None for a path without area or points: nothing to see.
        let Some(path) = path.finish() else { return };
        let mut paint = Paint::default();
        if let Some(fill) = style.fill {
            paint.set_color(color(fill));
            self.canvas.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
        }
        if let Some((width, stroke)) = style.stroke {
            paint.set_color(color(stroke));
            // Thinner than a pixel would fade away.
            let stroke = Stroke { width: (width * scale).max(1.0), ..Stroke::default() };
            self.canvas.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
        }
    }

    /// Copies the nearest image pixel to each canvas pixel whose middle is between the corners.
    fn image(&mut self, [left, bottom]: Point, [right, top]: Point, columns: usize, rgb: &[u8]) {
        let (pixels, _) = rgb.as_chunks::<3>();
        let rows = pixels.len().checked_div(columns).unwrap_or(0);
        if rows == 0 {
            return;
        }
        let (width, height) = (self.canvas.width() as usize, self.canvas.height() as usize);
        // First pixel with its middle at or past an edge; casts from below zero give zero.
        let pixel_at = |edge: f32, limit: usize| ((edge - 0.5).ceil() as usize).min(limit);
        let along = |pixel: usize, from: f32, to: f32, count: usize| {
            let part = (pixel as f32 + 0.5 - from) / (to - from);
            ((part * count as f32) as usize).min(count - 1)
        };
        let canvas = self.canvas.data_mut().as_chunks_mut::<4>().0;
        for y in pixel_at(top, height)..pixel_at(bottom, height) {
            let row = along(y, top, bottom, rows);
            for x in pixel_at(left, width)..pixel_at(right, width) {
                let [red, green, blue] = pixels[row * columns + along(x, left, right, columns)];
                canvas[y * width + x] = [red, green, blue, 255];
            }
        }
    }
}

fn color(Rgba([red, green, blue, alpha]): Rgba) -> Color {
    Color::from_rgba8(red, green, blue, alpha)
}

fn polygon(mut points: impl Iterator<Item = Point>, closed: bool) -> PathBuilder {
    let mut path = PathBuilder::new();
    if let Some([x, y]) = points.next() {
        path.move_to(x, y);
    }
    points.for_each(|[x, y]| path.line_to(x, y));
    if closed {
        path.close();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Rgba = Rgba::rgb(255, 0, 0);

    fn pixel(frame: &Frame, x: usize, y: usize) -> [u8; 3] {
        frame.rgb.as_chunks().0[y * frame.width as usize + x]
    }

    #[test]
    fn shapes_are_where_they_should_be() {
        let mut scene = Scene::default();
        scene.rect([-1.0, 0.0], [0.0, 1.0], Style::fill(RED));
        let frame = Rasterizer::new(20, 20).unwrap().draw(&scene);
        assert_eq!(pixel(&frame, 2, 2), [255, 0, 0], "y grows upwards");
        assert_eq!(pixel(&frame, 2, 17), [250, 250, 248]);
        assert_eq!(pixel(&frame, 17, 2), [250, 250, 248]);
    }

    #[test]
    fn images_keep_their_pixels() {
        let mut scene = Scene::default();
        let rgb: Vec<u8> = (1..=12).collect();
        scene.image([-1.0, -1.0], [1.0, 1.0], 2, rgb.clone());
        assert_eq!(Rasterizer::new(2, 2).unwrap().draw(&scene).rgb, rgb);
        let frame = Rasterizer::new(8, 8).unwrap().draw(&scene);
        assert_eq!([pixel(&frame, 3, 3), pixel(&frame, 4, 4)], [[1, 2, 3], [10, 11, 12]]);
    }

    #[test]
    fn labels_leave_ink() {
        let mut scene = Scene::default();
        scene.label([0.0, 0.0], 1.0, "42", RED);
        let frame = Rasterizer::new(64, 64).unwrap().draw(&scene);
        let ink = frame.rgb.as_chunks::<3>().0.iter().filter(|pixel| **pixel == [255, 0, 0]).count();
        assert!((100..1000).contains(&ink), "{ink}");
    }

    #[test]
    fn png_files_hold_the_frame() {
        let mut scene = Scene::default();
        scene.circle([0.3, 0.1], 0.4, Style::stroke(0.1, RED));
        let frame = Rasterizer::new(30, 20).unwrap().draw(&scene);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frame.png");
        frame.write_png(&path).unwrap();
        let read = Pixmap::load_png(&path).unwrap();
        assert_eq!(read.data().as_chunks::<4>().0.len(), frame.rgb.len() / 3);
        for (read, kept) in read.data().as_chunks::<4>().0.iter().zip(frame.rgb.as_chunks::<3>().0) {
            assert_eq!(read[..3], kept[..]);
        }
        assert!(frame.write_png("/nonexistent/frame.png").is_err());
    }
}
