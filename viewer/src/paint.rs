//! Scenes as egui's shapes.

use cartwheel_envs::{Fit, Point, Rgba, Scene, Shape, Style};
use eframe::egui::epaint::{CircleShape, PathShape, PathStroke};
use eframe::egui::{
    self, Align2, Color32, ColorImage, FontId, Id, Painter, Pos2, Rect, Stroke, TextureOptions, pos2, vec2,
};

/// How much of a scene is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    Full,
    /// For small pictures: no text, and no outlines of what is filled.
    Low,
}

/// Text smaller than this is a smudge, in points.
const LEAST_TEXT: f32 = 5.0;

/// Paints `scene` centered and as large as fits into `rect`, and nothing beyond. `id` is of this picture alone: its
/// images are kept under it, and uploaded only when they change. A scene without an area or with numbers that are not
/// finite leaves the rectangle empty.
pub fn paint(painter: &Painter, id: Id, rect: Rect, scene: &Scene, detail: Detail) {
    if !scene.is_finite() || rect.width() <= 0.0 || rect.height() <= 0.0 {
        return;
    }
    let fit = Fit::new(scene, [rect.left(), rect.top()], [rect.width(), rect.height()]);
    let seen = Rect::from_two_pos(at(&fit, scene.min), at(&fit, scene.max));
    let painter = painter.with_clip_rect(seen.intersect(rect).intersect(painter.clip_rect()));
    painter.rect_filled(seen, 0.0, color(scene.background));
    let pixel = 1.0 / painter.pixels_per_point();
    for (i, shape) in scene.shapes.iter().enumerate() {
        match shape {
            Shape::Image { min, max, width, rgb } => {
                let place = Rect::from_two_pos(at(&fit, *min), at(&fit, *max));
                let most = painter.ctx().input(|input| input.max_texture_side);
                if let Some(image) = image(*width, rgb, most) {
                    paint_image(&painter, id.with(i), place, image);
                }
            }
            Shape::Label { center, height, text, color: ink } => {
                // Whole sizes: each is drawn into the font's texture once.
                let size = (height * fit.scale * 0.85).round();
                if detail == Detail::Full && size >= LEAST_TEXT {
                    let font = FontId::proportional(size);
                    painter.text(at(&fit, *center), Align2::CENTER_CENTER, text, font, color(*ink));
                }
            }
            shape => painter.extend(outline(shape, &fit, detail, pixel)),
        }
    }
}

/// Paints an image without smoothing, kept under `id`.
pub fn paint_image(painter: &Painter, id: Id, rect: Rect, image: ColorImage) {
    let texture = painter.ctx().load_texture_cached("image", id, image, TextureOptions::NEAREST);
    let whole = Rect::from_min_size(Pos2::ZERO, vec2(1.0, 1.0));
    painter.image(texture.id(), rect, whole, Color32::WHITE);
}

/// A circle or a path in place; `pixel` is the least width of a line, in points.
fn outline(shape: &Shape, fit: &Fit, detail: Detail, pixel: f32) -> Option<egui::Shape> {
    match shape {
        Shape::Circle { center, radius, style } => {
            let (fill, stroke) = ink(*style, fit, detail, pixel);
            let center = at(fit, *center);
            Some(egui::Shape::Circle(CircleShape { center, radius: radius * fit.scale, fill, stroke }))
        }
        Shape::Path { points, closed, style } => {
            let (fill, stroke) = ink(*style, fit, detail, pixel);
            let points: Vec<_> = points.iter().map(|point| at(fit, *point)).collect();
            // A fill closes its path; an open one with a fill has its line apart.
            let area = fill != Color32::TRANSPARENT && points.len() > 2;
            Some(match (area, *closed) {
                (true, true) => egui::Shape::convex_polygon(points, fill, stroke),
                (true, false) => egui::Shape::Vec(vec![
                    egui::Shape::convex_polygon(points.clone(), fill, Stroke::NONE),
                    egui::Shape::line(points, stroke),
                ]),
                (false, closed) => {
                    let stroke = PathStroke::from(stroke);
                    egui::Shape::Path(PathShape { points, closed, fill: Color32::TRANSPARENT, stroke })
                }
            })
        }
        _ => None,
    }
}

fn ink(style: Style, fit: &Fit, detail: Detail, pixel: f32) -> (Color32, Stroke) {
    let fill = style.fill.map_or(Color32::TRANSPARENT, color);
    let outlined = detail == Detail::Full || style.fill.is_none();
    let stroke = style.stroke.filter(|_| outlined);
    // Thinner than a pixel would fade away.
    let stroke = stroke.map_or(Stroke::NONE, |(width, ink)| Stroke::new((width * fit.scale).max(pixel), color(ink)));
    (fill, stroke)
}

/// The pixels of a scene's image, every other left out until no side is longer than `most`. None if it is empty.
fn image(width: u32, rgb: &[u8], most: usize) -> Option<ColorImage> {
    let (pixels, _) = rgb.as_chunks::<3>();
    let width = width as usize;
    let height = pixels.len().checked_div(width).filter(|height| *height > 0)?;
    let step = width.max(height).div_ceil(most.max(1));
    let opaque = |&[red, green, blue]: &[u8; 3]| Color32::from_rgb(red, green, blue);
    let rows = pixels.chunks_exact(width).step_by(step);
    let kept = rows.flat_map(|row| row.iter().step_by(step).map(opaque)).collect();
    Some(ColorImage::new([width.div_ceil(step), height.div_ceil(step)], kept))
}

fn at(fit: &Fit, point: Point) -> Pos2 {
    let [x, y] = fit.point(point);
    pos2(x, y)
}

fn color(Rgba([red, green, blue, alpha]): Rgba) -> Color32 {
    Color32::from_rgba_unmultiplied(red, green, blue, alpha)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::Rasterizer;

    const RED: Rgba = Rgba::rgb(255, 0, 0);

    /// The bounding boxes of what is red in the rasterizer's picture, and of egui's shape.
    fn both(scene: &Scene) -> [Rect; 2] {
        let frame = Rasterizer::new(200, 120).unwrap().draw(scene);
        let mut raster = Rect::NOTHING;
        for (i, pixel) in frame.rgb.as_chunks::<3>().0.iter().enumerate() {
            if pixel[1] < 128 {
                let corner = pos2((i % 200) as f32, (i / 200) as f32);
                raster = raster.union(Rect::from_min_size(corner, vec2(1.0, 1.0)));
            }
        }
        let fit = Fit::new(scene, [0.0; 2], [200.0, 120.0]);
        let shape = outline(&scene.shapes[0], &fit, Detail::Full, 1.0).unwrap();
        [raster, shape.visual_bounding_rect()]
    }

    #[test]
    fn shapes_are_where_the_rasterizer_has_them() {
        let mut circle = Scene::default();
        circle.circle([0.3, -0.2], 0.4, Style::fill(RED));
        let mut rect = Scene::default();
        rect.rect([-0.8, -0.5], [0.1, 0.6], Style { fill: Some(RED), stroke: Some((0.1, RED)) });
        let mut line = Scene::default();
        line.bounds([0.0, 0.0], [4.0, 1.0]).line([1.0, 0.5], [3.0, 0.5], 0.001, RED);
        for scene in [circle, rect, line] {
            let [raster, egui] = both(&scene);
            let far = [raster.min - egui.min, raster.max - egui.max].map(|far| far.abs().max_elem());
            assert!(far.iter().all(|far| *far < 1.6), "{scene:?}: {raster:?} {egui:?}");
        }
    }

    #[test]
    fn small_pictures_have_no_outlines_but_keep_their_lines() {
        let fit = Fit { scale: 10.0, origin: [0.0; 2] };
        let both = Style { fill: Some(RED), stroke: Some((0.5, RED)) };
        assert_eq!(ink(both, &fit, Detail::Full, 1.0).1.width, 5.0);
        assert_eq!(ink(both, &fit, Detail::Low, 1.0).1, Stroke::NONE);
        assert_eq!(ink(Style::stroke(0.01, RED), &fit, Detail::Low, 0.5).1.width, 0.5);
    }

    #[test]
    fn images_of_any_length_are_safe() {
        assert_eq!(image(0, &[1, 2, 3], 100), None);
        assert_eq!(image(2, &[1, 2, 3], 100), None);
        assert_eq!(image(1, &[1, 2, 3, 4], 100).unwrap().size, [1, 1]);
        let large = image(6, &[7; 6 * 5 * 3], 3).unwrap();
        assert_eq!((large.size, large.pixels.len()), ([3, 3], 9));
    }
}
