//! Says which view the keys of a player drive, and gives them to another.

use eframe::egui::{Role, Ui, WidgetInfo};

use crate::command::{Command, Commands};
use crate::model::{Driven, Model};
use crate::text;

/// Whether the keys drive `view`, which is called `name`, or a button for that.
pub(super) fn show(ui: &mut Ui, model: &Model, (view, name): (Driven, &str), commands: &mut Commands) {
    if model.driven() == view {
        ui.weak(text::HAS_KEYS).on_hover_text(text::HAS_KEYS_HINT);
        return;
    }
    let button = ui.small_button(text::GIVE_KEYS);
    button.widget_info(|| WidgetInfo::labeled(Role::Button, true, text::give_keys(name)));
    if button.on_hover_text(text::HAS_KEYS_HINT).clicked() {
        commands.push(Command::Drive(view));
    }
}
