//! What the window was made to look like, from one session to the next: a small file of the user's.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cartwheel_trainer::run::write_atomic;
use eframe::egui::{Context, Theme};
use serde::{Deserialize, Serialize};

/// See the module's documentation. What was never chosen goes by the window and the system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Habits {
    /// Dark, or light.
    pub(super) dark: Option<bool>,
    /// How many times as large as the system asks for everything is.
    zoom: Option<f32>,
    /// Whether what is on the left, and on the right, is shown.
    pub(super) sides: [Option<bool>; 2],
    /// The widths and heights that panels were dragged to, in points, by their names.
    pub(super) sizes: BTreeMap<String, f32>,
}

/// Habits and their file.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    /// What is in the file.
    written: Habits,
    /// Whether the context was told.
    told: bool,
}

impl Habits {
    /// Where they are kept: `cartwheel/viewer.json` in the user's configuration (`XDG_CONFIG_HOME`, or `.config` at home).
    pub(super) fn file() -> Option<PathBuf> {
        let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
        Some(config.join("cartwheel").join("viewer.json"))
    }
}

impl Kept {
    /// Reads a file. One that is not there or not readable is as if nothing had been chosen.
    pub(super) fn read(path: PathBuf) -> (Self, Habits) {
        let text = fs::read_to_string(&path).ok();
        let mut habits: Habits = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let sound = |number: &f32, most: f32| number.is_finite() && (0.2..=most).contains(number);
        habits.zoom = habits.zoom.filter(|zoom| sound(zoom, 5.0));
        habits.sizes.retain(|_, size| sound(size, 10_000.0));
        (Self { path, written: habits.clone(), told: false }, habits)
    }

    /// Tells the context of them at first, and keeps what has changed since.
    pub(super) fn follow(&mut self, habits: &mut Habits, ctx: &Context) {
        if !std::mem::replace(&mut self.told, true) {
            if let Some(dark) = habits.dark {
                ctx.set_theme(if dark { Theme::Dark } else { Theme::Light });
            }
            if let Some(zoom) = habits.zoom {
                ctx.set_zoom_factor(zoom);
            }
            return;
        }
        habits.zoom = Some(ctx.zoom_factor()).filter(|zoom| *zoom != 1.0);
        if *habits != self.written {
            self.written = habits.clone();
            if let Err(error) = write(&self.path, habits) {
                tracing::warn!("how the window looks is not kept: {}: {error}", self.path.display());
            }
        }
    }
}

fn write(path: &Path, habits: &Habits) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    write_atomic(path, |file| file.write_all(&serde_json::to_vec_pretty(habits)?)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cartwheel/viewer.json");
        let (mut kept, mut habits) = Kept::read(path.clone());
        assert_eq!(habits, Habits::default(), "there is no file yet");
        let ctx = Context::default();
        kept.follow(&mut habits, &ctx);
        kept.follow(&mut habits, &ctx);
        assert!(!path.exists(), "nothing was chosen");
        (habits.dark, habits.sides) = (Some(true), [Some(false), None]);
        habits.sizes.insert("bottom".into(), 222.5);
        kept.follow(&mut habits, &ctx);
        let (mut again, mut read) = Kept::read(path.clone());
        assert_eq!(read, habits);
        let ctx = Context::default();
        again.follow(&mut read, &ctx);
        assert_eq!(ctx.theme(), Theme::Dark);
    }

    #[test]
    fn nonsense_is_as_if_nothing_was_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("viewer.json");
        for text in ["", "[1, 2", r#"{"sizes": 3}"#, r#"{"zoom": 1e30, "sizes": {"left": -4.0}, "unknown": 1}"#] {
            fs::write(&path, text).unwrap();
            assert_eq!(Kept::read(path.clone()).1, Habits::default(), "{text}");
        }
        // A folder in the file's place: nothing is written, and nothing fails.
        let (mut kept, mut habits) = Kept::read(folder.path().to_owned());
        let ctx = Context::default();
        kept.follow(&mut habits, &ctx);
        habits.dark = Some(false);
        kept.follow(&mut habits, &ctx);
    }
}
