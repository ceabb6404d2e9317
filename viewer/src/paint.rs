//! Scenes as shapes of egui.
