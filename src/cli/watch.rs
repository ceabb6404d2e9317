//! `cartwheel watch`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::trainer::watch::MIN_SPEED;
use crate::viewer::{Watch, watch};

use super::Result;
use super::output::Failure;

#[derive(clap::Args)]
#[command(
    after_help = "A run on another machine: forward its port, which its watch.json names, with `ssh -L`, and give \
    the forwarded --address and its --token. Closing the window never touches a run."
)]
pub(crate) struct Args {
    /// A run's folder, or a folder of runs.
    #[arg(default_value = "runs")]
    what: PathBuf,
    /// Opens this episode of the run: its place among them, from 0.
    #[arg(long, value_name = "N")]
    episode: Option<usize>,
    /// At this step of it.
    #[arg(long, value_name = "N", requires = "episode", default_value_t = 0)]
    step: u32,
    /// Slows a live run down to so many vector steps a second. It goes on at full speed once the window is closed.
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f32>,
    /// In this terminal instead of a window.
    #[arg(long)]
    tui: bool,
    /// Attaches to a run without its folder.
    #[arg(long, value_name = "HOST:PORT", requires = "token", conflicts_with = "what")]
    address: Option<SocketAddr>,
    /// The token of its watch.json.
    #[arg(long, value_name = "HEX", requires = "address")]
    token: Option<String>,
}

/// A speed that a run takes.
fn speed(text: &str) -> std::result::Result<f32, String> {
    let fits = |speed: &f32| speed.is_finite() && *speed >= MIN_SPEED;
    let speed = text.parse().ok().filter(fits);
    speed.ok_or_else(|| format!("give vector steps a second, {MIN_SPEED} or more"))
}

pub(crate) fn run(args: Args) -> Result {
    let remote = args.address.zip(args.token);
    let episode = args.episode.map(|number| (number, args.step));
    let view = Watch { what: args.what, remote, episode, speed: args.speed, tui: args.tui };
    watch(view).map_err(Failure::from)?;
    Ok(ExitCode::SUCCESS)
}
