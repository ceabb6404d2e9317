//! Opening windows: what can go wrong before there is one, and what paints it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use eframe::egui::{IconData, ViewportBuilder};
use eframe::glow::{self, HasContext as _};
use eframe::{CreationContext, NativeOptions};

use crate::theme::Theme;

/// What windows need of a system with X11 or Wayland, by the names of Debian's packages.
const LIBRARIES: &str = "libgl1 libegl1 libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2";

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewerError {
    /// Nothing to show it on.
    #[error(
        "there is no display to open a window on (neither WAYLAND_DISPLAY nor DISPLAY is set): run it where there is one, or in the terminal with --tui"
    )]
    NoDisplay,
    /// The display or its driver refused.
    #[error("the window could not be opened: {0}; in the terminal the same is there with --tui")]
    Window(#[from] eframe::Error),
    /// The system lacks a library that windows need.
    #[error(
        "the window could not be opened: {0}; install what windows need (Debian's names: {LIBRARIES}), or see the same in the terminal with --tui"
    )]
    Library(String),
    /// The terminal refused.
    #[error("the terminal: {0}")]
    Terminal(#[from] std::io::Error),
    /// What was asked to be shown is not there.
    #[error("{0}")]
    Nothing(String),
}

impl ViewerError {
    /// Whether what was asked is wrong, and not what happened.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoDisplay | Self::Nothing(_))
    }
}

/// Whether there is a display to open windows on.
///
/// # Errors
/// [`ViewerError::NoDisplay`] if there is none.
pub fn check_display() -> Result<(), ViewerError> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(all(unix, not(target_os = "macos"))) && !set("WAYLAND_DISPLAY") && !set("DISPLAY") {
        return Err(ViewerError::NoDisplay);
    }
    Ok(())
}

/// Opens a window of this size and shows what `make` makes until it is closed. `make` is told the renderer's name if it is
/// software.
///
/// # Errors
/// If there is no display, or it refuses.
pub(crate) fn open<A: eframe::App + 'static>(
    title: &str,
    size: [f32; 2],
    make: impl FnOnce(&CreationContext<'_>, Option<String>) -> A,
) -> Result<(), ViewerError> {
    check_display()?;
    let viewport = ViewportBuilder::default()
        .with_title(title)
        .with_app_id("cartwheel")
        .with_inner_size(size)
        .with_min_inner_size([480.0, 320.0])
        .with_icon(IconData::default());
    let options = NativeOptions { viewport, ..NativeOptions::default() };
    let make = |context: &CreationContext<'_>| {
        Theme::dress(&context.egui_ctx);
        let software = context.gl.as_deref().and_then(software_renderer);
        Ok(Box::new(make(context, software)) as Box<dyn eframe::App>)
    };
    match catch_unwind(AssertUnwindSafe(|| eframe::run_native(title, options, Box::new(make)))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(missing_library(&error.to_string()).unwrap_or_else(|| error.into())),
        // Some libraries are told of by a panic.
        Err(panic) => {
            let told = panic.downcast_ref::<String>().and_then(|message| missing_library(message));
            Err(told.unwrap_or_else(|| resume_unwind(panic)))
        }
    }
}

/// A library that is not there, if that is what a message is about.
fn missing_library(message: &str) -> Option<ViewerError> {
    let is_one = ["could not be loaded", "shared libraries"].iter().any(|words| message.contains(words));
    // Where in whose source that happened says nothing to a user.
    let told = message.rsplit(": ").next().unwrap_or(message).trim_end_matches('.');
    is_one.then(|| ViewerError::Library(told.to_owned()))
}

/// The renderer's name, if it paints on the processor.
#[allow(unsafe_code, reason = "the only way to ask OpenGL anything")]
fn software_renderer(gl: &glow::Context) -> Option<String> {
    // SAFETY: the context is current while an app is created.
    let name = unsafe { gl.get_parameter_string(glow::RENDERER) };
    let software = ["llvmpipe", "softpipe", "swiftshader", "software"];
    let lower = name.to_lowercase();
    software.iter().any(|part| lower.contains(part)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As winit says it.
    #[test]
    fn a_library_that_is_missing_is_named_and_where_to_get_it() {
        let of_x11 =
            "winit EventLoopError: os error at /a/linux/mod.rs:788: Failed to load one of xlib's shared libraries";
        for message in ["Library libxkbcommon-x11.so could not be loaded.", of_x11] {
            let told = missing_library(message).map_or(String::new(), |error| error.to_string());
            let library = message.rsplit(": ").next().unwrap_or_default().trim_end_matches('.');
            assert!(told.contains(&format!("{library}; install")) && told.contains("libxkbcommon-x11-0"), "{told}");
            assert!(!told.contains("mod.rs"), "{told}");
        }
        assert!(missing_library("the driver refused").is_none());
    }
}
