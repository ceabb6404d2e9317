//! What the user has set the window to look like, stored from one session to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cartwheel_trainer::run::write_atomic;
use eframe::egui::{Context, Theme};
use serde::{Deserialize, Serialize};

/// Runs whose visibility is remembered.
const RUNS: usize = 200;

/// See the module's documentation. What was never chosen goes by the window and the system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Preferences {
    /// Dark, or light.
    pub(super) dark: Option<bool>,
    /// How many times as large as the system asks for everything is.
    zoom: Option<f32>,
    /// Whether what is on the left, and on the right, is shown.
    pub(super) sides: [Option<bool>; 2],
    /// The widths and heights that panels were dragged to, in points, by their names.
    pub(super) sizes: BTreeMap<String, f32>,
    /// The metrics that are plotted.
    pub(super) metrics: Option<BTreeSet<String>>,
    /// The runs whose curves were shown or hidden, by their folders, in that order: the last [`RUNS`].
    runs: Vec<(String, bool)>,
}

/// The file that preferences are stored in.
#[derive(Debug)]
pub(super) struct PreferencesFile {
    path: PathBuf,
    /// What is in the file.
    written: Preferences,
    /// Whether the context was told.
    told: bool,
}

impl Preferences {
    /// Where they are kept: `cartwheel/viewer.json` in the user's configuration (`XDG_CONFIG_HOME`, or `.config` at home).
    pub(super) fn file() -> Option<PathBuf> {
        let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
        Some(config.join("cartwheel").join("viewer.json"))
    }

    /// Whether a run's curves are shown, if the user has said so.
    pub(super) fn shows(&self, run: &Path) -> Option<bool> {
        let run = absolute(run);
        self.runs.iter().find(|(folder, _)| *folder == run).map(|(_, shown)| *shown)
    }

    /// The user shows or hides a run's curves.
    pub(super) fn show(&mut self, run: &Path, shown: bool) {
        let run = absolute(run);
        self.runs.retain(|(folder, _)| *folder != run);
        let excess = (self.runs.len() + 1).saturating_sub(RUNS);
        self.runs.drain(..excess);
        self.runs.push((run, shown));
    }
}

impl PreferencesFile {
    /// Reads a file. One that is not there or not readable is as if nothing had been chosen.
    pub(super) fn read(path: PathBuf) -> (Self, Preferences) {
        let text = fs::read_to_string(&path).ok();
        let mut preferences: Preferences = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let sound = |number: &f32, most: f32| number.is_finite() && (0.2..=most).contains(number);
        preferences.zoom = preferences.zoom.filter(|zoom| sound(zoom, 5.0));
        preferences.sizes.retain(|_, size| sound(size, 10_000.0));
        (Self { path, written: preferences.clone(), told: false }, preferences)
    }

    /// Tells the context of them at first, and keeps what has changed since.
    pub(super) fn follow(&mut self, preferences: &mut Preferences, ctx: &Context) {
        if !std::mem::replace(&mut self.told, true) {
            if let Some(dark) = preferences.dark {
                ctx.set_theme(if dark { Theme::Dark } else { Theme::Light });
            }
            if let Some(zoom) = preferences.zoom {
                ctx.set_zoom_factor(zoom);
            }
            return;
        }
        preferences.zoom = Some(ctx.zoom_factor()).filter(|zoom| *zoom != 1.0);
        if *preferences != self.written {
            self.written = preferences.clone();
            if let Err(error) = write(&self.path, preferences) {
                tracing::warn!("how the window looks is not kept: {}: {error}", self.path.display());
            }
        }
    }
}

/// A folder's name that is the same from wherever the viewer is started.
fn absolute(folder: &Path) -> String {
    std::path::absolute(folder).as_deref().unwrap_or(folder).display().to_string()
}

fn write(path: &Path, preferences: &Preferences) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    write_atomic(path, |file| file.write_all(&serde_json::to_vec_pretty(preferences)?)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cartwheel/viewer.json");
        let (mut file, mut preferences) = PreferencesFile::read(path.clone());
        assert_eq!(preferences, Preferences::default(), "there is no file yet");
        let ctx = Context::default();
        file.follow(&mut preferences, &ctx);
        file.follow(&mut preferences, &ctx);
        assert!(!path.exists(), "nothing was chosen");
        (preferences.dark, preferences.sides) = (Some(true), [Some(false), None]);
        preferences.sizes.insert("bottom".into(), 222.5);
        preferences.metrics = Some(["train/loss".to_owned()].into());
        preferences.show(Path::new("runs/a"), false);
        file.follow(&mut preferences, &ctx);
        let (mut again, mut read) = PreferencesFile::read(path.clone());
        assert_eq!(read, preferences);
        let ctx = Context::default();
        again.follow(&mut read, &ctx);
        assert_eq!(ctx.theme(), Theme::Dark);
        let here = std::env::current_dir().unwrap();
        assert_eq!(read.shows(&here.join("runs/a")), Some(false), "by the folder, not by how it was named");
    }

    #[test]
    fn the_runs_that_were_shown_or_hidden_last_are_remembered() {
        let mut preferences = Preferences::default();
        (0..RUNS + 2).for_each(|i| preferences.show(&PathBuf::from(format!("runs/{i}")), false));
        preferences.show(Path::new("runs/2"), true);
        preferences.show(Path::new("runs/new"), true);
        assert_eq!(preferences.runs.len(), RUNS);
        let shows = |run: &str| preferences.shows(Path::new(run));
        assert_eq!([shows("runs/1"), shows("runs/2"), shows("runs/3")], [None, Some(true), None]);
        assert_eq!([shows("runs/4"), shows("runs/new")], [Some(false), Some(true)]);
    }

    #[test]
    fn nonsense_is_as_if_nothing_was_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("viewer.json");
        for text in ["", "[1, 2", r#"{"sizes": 3}"#, r#"{"zoom": 1e30, "sizes": {"left": -4.0}, "unknown": 1}"#] {
            fs::write(&path, text).unwrap();
            assert_eq!(PreferencesFile::read(path.clone()).1, Preferences::default(), "{text}");
        }
        // A folder in the file's place: nothing is written, and nothing fails.
        let (mut file, mut preferences) = PreferencesFile::read(folder.path().to_owned());
        let ctx = Context::default();
        file.follow(&mut preferences, &ctx);
        preferences.dark = Some(false);
        file.follow(&mut preferences, &ctx);
    }
}
