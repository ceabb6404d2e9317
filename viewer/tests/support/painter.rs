//! Paints egui's triangles on the processor: pictures in tests need neither a display nor a driver, and are the same on
//! every machine.

use std::collections::BTreeMap;

use eframe::egui::epaint::{ClippedPrimitive, ImageData, Mesh, Primitive, Vertex};
use eframe::egui::{Color32, ColorImage, Context, FullOutput, Pos2, Rect, TextureFilter, TextureId, TexturesDelta};
use egui_kittest::TestRenderer;
use image::{Rgba, RgbaImage};

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Painter {
    textures: BTreeMap<TextureKey, Texture>,
}

/// Texture ids have no order.
type TextureKey = (bool, u64);

struct Texture {
    image: ColorImage,
    nearest: bool,
}

/// Red, green, blue and opacity, premultiplied, 0 to 1.
type Color = [f32; 4];

impl TestRenderer for Painter {
    #[allow(clippy::iter_over_hash_type, reason = "each texture is changed by itself, in whatever order")]
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        for (id, images) in delta.set.drain() {
            for delta in images {
                let ImageData::Color(patch) = delta.image;
                let nearest = delta.options.magnification == TextureFilter::Nearest;
                match delta.pos {
                    None => {
                        self.textures.insert(key(id), Texture { image: (*patch).clone(), nearest });
                    }
                    Some([left, top]) => {
                        let Some(texture) = self.textures.get_mut(&key(id)) else { continue };
                        let width = texture.image.size[0];
                        for (y, row) in patch.pixels.chunks_exact(patch.size[0]).enumerate() {
                            let start = (top + y) * width + left;
                            texture.image.pixels[start..start + row.len()].copy_from_slice(row);
                        }
                    }
                }
            }
        }
        for id in delta.free.drain() {
            self.textures.remove(&key(id));
        }
    }

    fn render(&mut self, ctx: &Context, output: &FullOutput) -> Result<RgbaImage, String> {
        let scale = output.pixels_per_point;
        let size = ctx.content_rect().size() * scale;
        let mut canvas = Canvas::new(size.x.round() as usize, size.y.round() as usize);
        for ClippedPrimitive { clip_rect, primitive } in ctx.tessellate(output.shapes.clone(), scale) {
            let Primitive::Mesh(mesh) = primitive else { return Err("a paint callback".into()) };
            let texture = self.textures.get(&key(mesh.texture_id)).ok_or("an unknown texture")?;
            canvas.mesh(&mesh, texture, clip_rect * scale, scale);
        }
        Ok(canvas.image())
    }
}

fn key(id: TextureId) -> TextureKey {
    match id {
        TextureId::Managed(id) => (false, id),
        TextureId::User(id) => (true, id),
    }
}

impl Texture {
    fn color(&self, uv: [f32; 2]) -> Color {
        let [width, height] = self.image.size;
        let pixel = |x: f32, y: f32| {
            let (x, y) = (x.clamp(0.0, width as f32 - 1.0) as usize, y.clamp(0.0, height as f32 - 1.0) as usize);
            unit(self.image.pixels[y * width + x])
        };
        let (x, y) = (uv[0] * width as f32, uv[1] * height as f32);
        if self.nearest {
            return pixel(x.floor(), y.floor());
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let mix = |a: Color, b: Color, t: f32| std::array::from_fn(|i| a[i] + t * (b[i] - a[i]));
        let upper = mix(pixel(left, top), pixel(left + 1.0, top), x - left);
        let lower = mix(pixel(left, top + 1.0), pixel(left + 1.0, top + 1.0), x - left);
        mix(upper, lower, y - top)
    }
}

fn unit(color: Color32) -> Color {
    color.to_array().map(|byte| f32::from(byte) / 255.0)
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Color>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[0.0, 0.0, 0.0, 1.0]; width * height] }
    }

    fn mesh(&mut self, mesh: &Mesh, texture: &Texture, clip: Rect, scale: f32) {
        for corners in mesh.indices.chunks_exact(3) {
            let corners = std::array::from_fn(|i| mesh.vertices[corners[i] as usize]);
            self.triangle(&corners, texture, clip, scale);
        }
    }

    /// Colours each pixel whose middle is inside. One on an edge that two triangles share belongs to one of them.
    fn triangle(&mut self, corners: &[Vertex; 3], texture: &Texture, clip: Rect, scale: f32) {
        let points = corners.map(|corner| corner.pos * scale);
        let area = cross(points[0], points[1], points[2]);
        if area == 0.0 || !area.is_finite() {
            return;
        }
        let bounds = Rect::from_points(&points).intersect(clip);
        let range = |low: f32, high: f32, limit: usize| {
            (low.floor().max(0.0) as usize)..(high.ceil().clamp(0.0, limit as f32) as usize)
        };
        let colors = corners.map(|corner| unit(corner.color));
        for y in range(bounds.min.y, bounds.max.y, self.height) {
            for x in range(bounds.min.x, bounds.max.x, self.width) {
                let middle = Pos2::new(x as f32 + 0.5, y as f32 + 0.5);
                if !clip.contains(middle) {
                    continue;
                }
                let weights: [f32; 3] =
                    std::array::from_fn(|i| cross(points[(i + 1) % 3], points[(i + 2) % 3], middle) / area);
                let inside = (0..3).all(|i| {
                    let (from, to) = (points[(i + 1) % 3], points[(i + 2) % 3]);
                    weights[i] > 0.0 || (weights[i] == 0.0 && owns(from, to, area))
                });
                if !inside {
                    continue;
                }
                let blend = |of: &dyn Fn(usize) -> f32| (0..3).map(|i| weights[i] * of(i)).sum::<f32>();
                let sampled = texture.color([blend(&|i| corners[i].uv.x), blend(&|i| corners[i].uv.y)]);
                let color: Color = std::array::from_fn(|c| sampled[c] * blend(&|i| colors[i][c]));
                let under = &mut self.pixels[y * self.width + x];
                for (under, over) in under.iter_mut().zip(color) {
                    *under = over + *under * (1.0 - color[3]);
                }
            }
        }
    }

    fn image(&self) -> RgbaImage {
        RgbaImage::from_fn(self.width as u32, self.height as u32, |x, y| {
            let pixel = self.pixels[y as usize * self.width + x as usize];
            Rgba(pixel.map(|value| (value * 255.0 + 0.5) as u8))
        })
    }
}

/// Twice the area of the triangle, signed.
fn cross(a: Pos2, b: Pos2, c: Pos2) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

/// Whether this edge of a triangle keeps the pixels on it.
fn owns(from: Pos2, to: Pos2, area: f32) -> bool {
    let (dx, dy) = ((to.x - from.x) * area.signum(), (to.y - from.y) * area.signum());
    dy > 0.0 || (dy == 0.0 && dx < 0.0)
}
