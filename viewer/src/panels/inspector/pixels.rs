//! An observation that is an image: the picture, what the choice depends on laid over it, and the strongest pixels.

use eframe::egui::{Color32, ColorImage, Rect, Role, Sense, Ui, WidgetInfo, vec2};

use crate::number::short;
use crate::observation::{Field, Layout};
use crate::paint::paint_image;
use crate::text;
use crate::theme::Theme;

/// Pixels that are listed.
const LISTED: usize = 8;
/// The largest side of the picture, in points.
const LARGEST: f32 = 320.0;

/// Paints the image with its saliency, which may be empty.
pub(super) fn ui(ui: &mut Ui, layout: Layout, bytes: &[u8], fields: &[Field], saliency: &[f32]) {
    let theme = Theme::of(ui);
    let Some(image) = layout.image(bytes) else { return };
    let size = vec2(layout.width as f32, layout.height as f32);
    let scale = (ui.available_width().min(LARGEST) / size.x).min(LARGEST / size.y);
    let (rect, response) = ui.allocate_exact_size(size * scale, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, text::OBSERVATION));
    paint_image(ui.painter(), response.id.with("image"), rect, image);
    if let Some(over) = layout.over(saliency) {
        overlay(ui, response.id.with("saliency"), rect, layout, &over, theme);
    }
    if saliency.is_empty() {
        return;
    }
    ui.weak(text::STRONGEST);
    for (i, strength) in strongest(saliency, LISTED) {
        let name = fields.get(i).map_or("", |field| &field.name);
        ui.monospace(format!("{name} {}", short(strength.into())));
    }
}

/// Lays saliency over the picture: the more, the more opaque.
fn overlay(ui: &Ui, id: eframe::egui::Id, rect: Rect, layout: Layout, over: &[f32], theme: &Theme) {
    let greatest = over.iter().copied().filter(|value| value.is_finite()).fold(0.0, f32::max);
    if greatest <= 0.0 {
        return;
    }
    let color = |value: &f32| {
        let share = value / greatest;
        if share.is_finite() { theme.heat(share).gamma_multiply(0.8 * share) } else { Color32::TRANSPARENT }
    };
    let image = ColorImage::new([layout.width, layout.height], over.iter().map(color).collect());
    paint_image(ui.painter(), id, rect, image);
}

/// The places of the greatest values, and these, the greatest first.
fn strongest(values: &[f32], count: usize) -> Vec<(usize, f32)> {
    let mut all: Vec<_> = values.iter().copied().enumerate().filter(|(_, value)| !value.is_nan()).collect();
    let greater = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1);
    if all.len() > count {
        all.select_nth_unstable_by(count, greater);
        all.truncate(count);
    }
    all.sort_by(greater);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_come_first() {
        assert_eq!(strongest(&[1.0, f32::NAN, 5.0, 3.0, 4.0], 2), [(2, 5.0), (4, 4.0)]);
        assert_eq!(strongest(&[1.0], 2), [(0, 1.0)]);
    }
}
