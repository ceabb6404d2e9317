//! A person at a game, and beside them a run's policy at the same one. Nothing here paints.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cartwheel_envs::{EnvBuilder, Environment, Frame, Game, Key, Pace, Phase, PlayedEpisode, Rasterizer, Scene, Step};

use crate::recording::{Recorded, Recording};
use crate::source::{Checkpoint, Moment, Sandbox, settings};
use crate::text;

/// Steps a second of who plays on alone where the environment knows no time, and of its recordings.
const TURNS: u32 = 4;
/// The most frames a second of a recording.
const FPS: u32 = 50;
/// A recorded picture's size, in pixels.
const SIZE: (u32, u32) = (480, 320);

/// What is played.
#[derive(Clone, Debug)]
pub struct PlayOptions {
    /// The environment.
    pub env: EnvBuilder,
    /// Steps a second, in place of the environment's own.
    pub fps: Option<u32>,
    /// Episode i is reset with seed + i.
    pub seed: u64,
    /// The folder of a run whose best policy plays the same beside.
    pub against: Option<PathBuf>,
    /// A .gif or .mp4 file of what is played.
    pub record: Option<PathBuf>,
}

/// What was played.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The episodes that were played to their end.
    pub episodes: Vec<PlayedEpisode>,
    /// The policy's episodes, from the same seeds; the last may not have ended.
    pub against: Vec<PlayedEpisode>,
    /// The recording.
    pub recorded: Option<Recorded>,
}

/// Why the game stands still.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Menu {
    /// Esc was pressed.
    Paused,
    /// The episode ended with this step.
    Over(Step),
    /// The environment failed.
    Failed(String),
}

/// See the module's documentation.
pub(super) struct Table {
    game: Game,
    id: String,
    /// Of the present episode.
    seed: u64,
    rival: Option<Rival>,
    rivals: Vec<PlayedEpisode>,
    paused: bool,
    failure: Option<String>,
    camera: Option<Camera>,
}

impl Table {
    /// Sets up an environment that has keys.
    ///
    /// # Errors
    /// In words for people.
    pub(super) fn new(options: &PlayOptions) -> Result<Self, String> {
        let env = options.env.clone().drawable().make().map_err(|error| error.to_string())?;
        let id = env.spec().id.clone();
        let mut bindings = env.key_bindings();
        if bindings.keys.is_empty() {
            return Err(text::nothing_to_play(&id));
        }
        match (&mut bindings.pace, options.fps) {
            (Pace::RealTime { fps, .. }, Some(wanted)) => *fps = wanted.max(1),
            (Pace::TurnBased, Some(_)) => return Err(text::turn_based(&id)),
            (_, None) => {}
        }
        let rival = options.against.as_ref().map(|run| Rival::new(run, &env, options.seed)).transpose()?;
        let game = Game::new(env, bindings, options.seed).map_err(|error| error.to_string())?;
        let mut table = Self {
            game,
            id,
            seed: options.seed,
            rival,
            rivals: Vec::new(),
            paused: false,
            failure: None,
            camera: None,
        };
        if let Some(path) = &options.record {
            let cannot = |error: cartwheel_envs::EnvError| error.to_string();
            let recording = Recording::begin(path, table.fps().min(FPS))?;
            let rasterizer = Rasterizer::new(SIZE.0, SIZE.1).map_err(cannot)?;
            table.camera = Some(Camera { rasterizer, recording });
            table.shoot();
        }
        Ok(table)
    }

    /// The environment's id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The game.
    pub(super) fn game(&self) -> &Game {
        &self.game
    }

    /// The policy beside, if there is one.
    pub(super) fn rival(&self) -> Option<&Rival> {
        self.rival.as_ref()
    }

    /// The present episode's seed.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether it is being recorded.
    pub(super) fn is_recorded(&self) -> bool {
        self.camera.is_some()
    }

    /// Why the game stands still, if it does.
    pub(super) fn menu(&self) -> Option<Menu> {
        match (&self.failure, self.game.phase()) {
            (Some(failure), _) => Some(Menu::Failed(failure.clone())),
            (None, Phase::Over(step)) => Some(Menu::Over(step)),
            (None, _) if self.paused => Some(Menu::Paused),
            (None, _) => None,
        }
    }

    /// A key goes down. False if it means nothing here.
    pub(super) fn press(&mut self, key: Key, now: Duration) -> bool {
        self.menu().is_none() && self.game.press(key, now)
    }

    /// A key goes up.
    pub(super) fn release(&mut self, key: Key) {
        self.game.release(key);
    }

    /// Opens the menu and stops the clock, or closes it: the next key goes on.
    pub(super) fn toggle_menu(&mut self, now: Duration) {
        self.paused = !self.paused && self.menu().is_none();
        if self.game.phase() == Phase::Running {
            self.game.toggle_pause(now);
        }
    }

    /// Begins another episode, with the next seed. One that is not over is abandoned.
    pub(super) fn restart(&mut self) {
        self.paused = false;
        self.seed = self.seed.wrapping_add(1);
        self.failure = self.game.restart().err().map(|error| error.to_string());
        if let Some(rival) = &mut self.rival {
            self.rivals.push(rival.played);
            self.failure = self.failure.take().or(rival.restart(self.seed).err());
        }
        self.shoot();
    }

    /// Makes the steps that are due now; whether there was one.
    pub(super) fn advance(&mut self, now: Duration) -> bool {
        if self.failure.is_some() || self.paused {
            return false;
        }
        let stepped = self.game.advance(now).map_err(|error| error.to_string());
        let period = Duration::from_secs(1) / self.fps();
        let over = matches!(self.game.phase(), Phase::Over(_));
        let moved = match (stepped, &mut self.rival) {
            (Err(failure), _) => Err(failure),
            (Ok(step), None) => Ok(step.is_some()),
            (Ok(Some(_)), Some(rival)) => {
                rival.due = over.then_some(now + period);
                rival.step().map(|_| true)
            }
            // Who is left plays on by the clock.
            (Ok(None), Some(rival)) if rival.due.is_some_and(|due| due <= now) && !rival.over => {
                rival.due = Some(now + period);
                rival.step()
            }
            (Ok(None), Some(_)) => Ok(false),
        };
        match moved {
            Err(failure) => {
                self.failure = Some(failure);
                true
            }
            Ok(moved) => {
                if moved {
                    self.shoot();
                }
                moved
            }
        }
    }

    /// How long until a step is due though no key is pressed; `None` if the game waits for one.
    pub(super) fn time_left(&self, now: Duration) -> Option<Duration> {
        if self.failure.is_some() || self.paused {
            return None;
        }
        let rival = self.rival.as_ref().filter(|rival| !rival.over).and_then(|rival| rival.due);
        self.game.time_left(now).or(rival.map(|due| due.saturating_sub(now)))
    }

    /// Ends it all, and answers what was played.
    ///
    /// # Errors
    /// In words for people, if the recording could not be written.
    pub(super) fn finish(mut self) -> Result<Played, String> {
        self.rivals.extend(self.rival.as_ref().map(|rival| rival.played).filter(|played| played.length > 0));
        let recorded = self.camera.map(|camera| camera.recording.finish()).transpose()?;
        Ok(Played { episodes: self.game.episodes().to_vec(), against: self.rivals, recorded })
    }

    fn fps(&self) -> u32 {
        match self.game.bindings().pace {
            Pace::RealTime { fps, .. } => fps.max(1),
            Pace::TurnBased => TURNS,
        }
    }

    fn shoot(&mut self) {
        if let Some(camera) = &mut self.camera {
            let own = self.game.env().draw();
            let scenes = [Some(&own), self.rival.as_ref().map(Rival::scene)];
            camera.shoot(scenes.into_iter().flatten());
        }
    }
}

/// A run's policy, which plays the same episodes.
pub(super) struct Rival {
    sandbox: Sandbox,
    name: String,
    now: Moment,
    played: PlayedEpisode,
    over: bool,
    /// When it steps though the person does not.
    due: Option<Duration>,
}

impl Rival {
    fn new(run: &Path, env: &Environment, seed: u64) -> Result<Self, String> {
        let settings = settings(run)?;
        let name = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if settings.env.id != env.spec().id {
            return Err(text::other_rival(&name, &settings.env.id, &env.spec().id));
        }
        let policy = Checkpoint::Best.load(run)?.ok_or_else(|| text::no_weights(&name))?;
        let mut sandbox = Sandbox::new(&settings, Some(policy))?;
        let now = sandbox.reset(sandbox.seeded(seed)).map_err(|error| error.to_string())?;
        let played = PlayedEpisode { episode_return: 0.0, length: 0 };
        Ok(Self { sandbox, name, now, played, over: false, due: None })
    }

    /// The run's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it sees.
    pub(super) fn scene(&self) -> &Scene {
        &self.now.scene
    }

    /// Its episode so far.
    pub(super) fn played(&self) -> PlayedEpisode {
        self.played
    }

    /// Whether its episode has ended.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    fn restart(&mut self, seed: u64) -> Result<(), String> {
        self.now = self.sandbox.reset(self.sandbox.seeded(seed)).map_err(|error| error.to_string())?;
        (self.played, self.over, self.due) = (PlayedEpisode { episode_return: 0.0, length: 0 }, false, None);
        Ok(())
    }

    /// Takes the best action; false if its episode is over.
    fn step(&mut self) -> Result<bool, String> {
        let Some(action) = self.sandbox.greedy().filter(|_| !self.over) else { return Ok(false) };
        let mut moments = vec![self.now.clone()];
        let stepped = self.sandbox.play(&action, &mut moments).map_err(|error| error.to_string())?;
        self.now = moments.pop().unwrap_or_else(|| self.now.clone());
        self.played = PlayedEpisode { episode_return: self.now.return_, length: self.played.length + 1 };
        self.over = stepped.ended();
        Ok(true)
    }
}

/// Records what is on the table, side by side.
struct Camera {
    rasterizer: Rasterizer,
    recording: Recording,
}

impl Camera {
    fn shoot<'a>(&mut self, scenes: impl Iterator<Item = &'a Scene>) {
        let frames: Vec<_> = scenes.map(|scene| self.rasterizer.draw(scene)).collect();
        let width = frames.iter().map(|frame| frame.width).sum();
        let row = |y: usize| {
            frames.iter().flat_map(move |frame| {
                let bytes = 3 * frame.width as usize;
                frame.rgb[y * bytes..(y + 1) * bytes].iter().copied()
            })
        };
        self.recording.add(Frame { width, height: SIZE.1, rgb: (0..SIZE.1 as usize).flat_map(row).collect() });
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
pub(super) mod tests;
