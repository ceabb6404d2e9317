//! What people look at: runs as they train and as they were, in a window or in a terminal.
//!
//! | module | holds |
//! |---|---|
//! | `app` | the window: takes in updates, carries out commands, lays out the panels |
//! | `model` | what is known of runs, filled by updates and read by panels |
//! | `state` | what the user has chosen to see |
//! | `command` | what panels can ask for, with its keys and names |
//! | `source` | threads that turn runs into updates: files, live connections, episodes played again |
//! | `series` | curves: millions of points, smoothed and thinned honestly |
//! | `configurations`, `search` | configurations of runs, filtered and grouped; what is typed to find runs and metrics |
//! | `judge` | a run's policy: the values of actions, what they depend on, and maps of them |
//! | `observation` | observations as people read them: names and bounds of numbers, or a picture |
//! | `spaces` | what a run's environment looks like from outside |
//! | `panels` | one file a panel |
//! | `overlays` | what a policy makes of a state, painted over its picture: one file a kind |
//! | `paint`, `theme`, `text`, `number` | scenes as shapes, colors, words, numbers in words |
//! | `history`, `playback`, `transport` | stepping back through a live run, playing episodes, and the keys of both |
//! | `recording`, `table` | pictures, films and CSV files of what is shown |
//! | `watch`, `opening`, `window`, `link` | from `cartwheel watch` to an open window and its episode, and the command that opens the view again |
//! | `play` | the window in which a person plays |
//! | `tui` | the same in a terminal |
//! | `memory` | how much memory runs may take |
//!
//! Nothing here holds up training: a run is read from its folder, and what it sends live may be dropped.

pub mod judge;
pub mod observation;
pub mod overlays;
pub mod paint;
pub mod panels;
pub mod recording;
pub mod series;
pub mod spaces;

mod app;
mod asked_speed;
mod command;
mod configurations;
mod csv_export;
mod history;
mod memory;
mod model;
mod number;
mod opening;
mod play;
mod playback;
mod search;
mod source;
mod state;
mod text;
mod theme;
mod transport;
mod tui;
mod watch;
mod watch_command;
mod window;

pub use app::App;
pub use command::{Action, Command, Commands};
pub use history::History;
pub use model::{Driven, Mirrored, Model, RunId, Update};
pub use play::{PlayOptions, Played, play};
pub use playback::Reel;
pub use search::Search;
pub use source::{Branch, Checkpoint, Contender, Contest, Film, Moment, Move, Order, Question, Side};
pub use state::{Reins, State};
pub use theme::Theme;
pub use watch::{Watch, watch};
pub use watch_command::watch_command;
pub use window::{ViewerError, check_display};
