//! What the user can ask for. Panels and keys make commands, and the app carries them out before it paints again: so
//! that nothing changes in the middle of a picture, and a test can say what a click meant.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cartwheel_trainer::watch;
use eframe::egui::{Key, KeyboardShortcut, ModifierNames, Modifiers, Rect};

use crate::model::{Driven, RunId};
use crate::source::{Checkpoint, Contender, Question};
use crate::text;

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// What has a key and a name.
    Do(Action),
    /// Opens a run's folder, and looks at it.
    Open(PathBuf),
    /// Looks at this one of the open runs.
    SelectRun(RunId),
    /// Shows or hides a run's curves.
    ShowCurves(RunId, bool),
    /// Plots these metrics, or those of the start.
    PlotMetrics(Option<BTreeSet<String>>),
    /// Lists and plots the runs alone that fit.
    Filter(String),
    /// Looks at one environment of the run alone, or at all.
    SelectEnv(Option<u32>),
    /// Something for the live run.
    Run(watch::Command),
    /// A question to the live run, such as for its replay buffer.
    Ask(watch::Request),
    /// Shows an episode again from this step on: its place among the run's.
    OpenEpisode(RunId, usize, u32),
    /// Learns what the environment told of these episodes of a run, by their places among its own.
    ReadInfos(RunId, Vec<usize>),
    /// Goes to a step of the episode that is shown.
    Seek(u32),
    /// Gives the keys of a player to a view.
    Drive(Driven),
    /// Goes to a step of a view, which gets the keys.
    SeekIn(Driven, u32),
    /// Does what a player's key would to a view, which gets the keys.
    ActIn(Driven, Action),
    /// Looks at the frames of this step of the live run, as far as they were just seen.
    LookBack(u64),
    /// Lets these weights judge the episode that is shown.
    JudgeBy(Checkpoint),
    /// Plays an episode otherwise than it went.
    WhatIf(Question),
    /// Looks at a branch, by its number.
    LookAtBranch(u32),
    /// Forgets a branch, by its number.
    Prune(u32),
    /// Plays two policies from one seed.
    Compare([Contender; 2], u64),
    /// Plays episodes at so many steps a second.
    PlaybackSpeed(f32),
    /// Tells the user something in the status bar.
    Notice(String),
    /// Puts text into the clipboard.
    Copy(String),
    /// Saves this part of the picture as a PNG.
    SavePart(Rect),
    /// Saves these metrics of these runs as a CSV file.
    SaveTable(Vec<RunId>, Vec<String>),
}

/// What panels ask for.
pub type Commands = Vec<Command>;

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $name:ident = $text:ident, $modifiers:ident $key:ident;)*) => {
        /// Commands with a key and a name: keys, the palette and the help come from this table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action {
            $($(#[doc = $doc])* $name,)*
        }

        impl Action {
            /// All of them, in the order of the help.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What it is called.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => text::$text,)* }
            }

            /// Its key.
            pub fn shortcut(self) -> KeyboardShortcut {
                match self { $(Self::$name => KeyboardShortcut::new(Modifiers::$modifiers, Key::$key),)* }
            }
        }
    };
}

actions! {
    /// Stops and goes on: the episode that is shown, or else the live run.
    PlayPause = PLAY_PAUSE, NONE Space;
    /// One step on.
    StepForward = STEP_FORWARD, NONE ArrowRight;
    /// One step back.
    StepBack = STEP_BACK, NONE ArrowLeft;
    /// The first step of the episode that is shown.
    ToStart = TO_START, NONE Home;
    /// Its last step.
    ToEnd = TO_END, NONE End;
    /// The episode after this one of the same environment.
    NextEpisode = NEXT_EPISODE, SHIFT ArrowRight;
    /// The episode before this one of the same environment.
    PreviousEpisode = PREVIOUS_EPISODE, SHIFT ArrowLeft;
    /// Twice as fast.
    Faster = FASTER, NONE Plus;
    /// Half as fast.
    Slower = SLOWER, NONE Minus;
    /// As fast as it goes.
    FlatOut = FLAT_OUT, NONE Num0;
    /// From the episode that is shown back to the live run.
    GoLive = GO_LIVE, NONE L;
    /// All environments, or the selected one.
    Grid = GRID, NONE G;
    /// Holds the reins of the selected environment, or gives them back.
    TakeOver = TAKE_OVER, NONE T;
    /// Saves the picture as a PNG.
    Screenshot = SCREENSHOT, NONE S;
    /// Begins or ends a recording of the picture.
    Record = RECORD, NONE R;
    /// Copies the command that opens this very view.
    CopyLink = COPY_LINK, NONE C;
    /// Shows or hides what is on the left: the runs.
    LeftSide = LEFT_SIDE, NONE OpenBracket;
    /// Shows or hides the panels on the right.
    RightSide = RIGHT_SIDE, NONE CloseBracket;
    /// Light or dark.
    Theme = THEME, NONE D;
    /// All commands, to be typed.
    Palette = PALETTE, COMMAND K;
    /// The keys.
    Help = HELP, NONE F1;
    /// Closes the window. A run goes on.
    Quit = QUIT, COMMAND Q;
}

impl Action {
    /// Its key as it is written on keyboards: `Ctrl+K`, `[`.
    pub(crate) fn keys(self) -> String {
        let KeyboardShortcut { modifiers, logical_key } = self.shortcut();
        let key = match logical_key {
            Key::OpenBracket => "[",
            Key::CloseBracket => "]",
            Key::Plus => "+",
            Key::Minus => "-",
            key => key.name(),
        };
        let with = ModifierNames::NAMES.format(&modifiers, cfg!(target_os = "macos"));
        if with.is_empty() { key.to_owned() } else { format!("{with}+{key}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_called_as_they_are_on_keyboards() {
        let called = [Action::LeftSide, Action::Faster, Action::Slower, Action::FlatOut, Action::PreviousEpisode];
        assert_eq!(called.map(Action::keys), ["[", "+", "-", "0", "Shift+Left"]);
        assert!(Action::Palette.keys().ends_with("+K"), "{}", Action::Palette.keys());
    }
}
