//! The window: takes in updates, carries out commands, and lays out the panels.

mod camera;
mod clicks;
mod execute;
mod keys;
mod layout;
mod overlays;
mod preferences;
mod toolbar;
mod waker;

pub(crate) use keys::env_key;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cartwheel_trainer::watch::{self, Reply, Request};
use crossbeam::channel::{Receiver, Sender};
use eframe::egui::{Context, RawInput, Ui, ViewportCommand};

use crate::asked_speed::AskedSpeed;
use crate::command::{Command, Commands};
use crate::model::{Mirrored, Model, Update};
use crate::opening::Opening;
use crate::panels::{self, Panel, Place};
use crate::source::Order;
use crate::state::State;
use crate::{memory, text};
use camera::Camera;
use clicks::Clicks;
use preferences::{Preferences, PreferencesFile};

/// How long updates are taken in before a picture is due again: the rest waits for the next.
const INTAKE: Duration = Duration::from_millis(5);
/// Messages of a live run that are taken in before a picture, however long that takes: small ones.
const PRESENT: usize = 512;
/// Between pictures while something moves; a software renderer would be busy with nothing else.
const FRAME: Duration = Duration::from_micros(16_667);
const SOFTWARE_FRAME: Duration = Duration::from_millis(50);
/// Between looks at this process's memory.
const WEIGH: Duration = Duration::from_secs(1);
/// The most time that passes from one picture to the next: a window that slept does not jump.
const LONGEST: Duration = Duration::from_millis(250);

/// See the module's documentation.
pub struct App {
    /// What is known.
    pub model: Model,
    /// What is chosen.
    pub state: State,
    panels: Vec<Box<dyn Panel>>,
    /// The panel in front at each place with tabs.
    front: [(Place, &'static str); 2],
    preferences: Preferences,
    /// Where they are stored.
    preferences_file: Option<PreferencesFile>,
    commands: Commands,
    /// One of each source.
    updates: Vec<Receiver<Update>>,
    orders: Sender<Order>,
    camera: Camera,
    clicks: Clicks,
    /// The window's title.
    title: String,
    /// When this process's memory was last looked at.
    weighed: Option<Instant>,
    /// When the last picture was begun.
    last: Option<Instant>,
    /// Seconds that the last picture took to build, averaged.
    build_s: f32,
    /// The renderer's name if it is software.
    software: Option<String>,
    /// An episode of the first run, to be opened once it is known.
    opening: Option<Opening>,
    /// What a live run is told of its speed whenever it is attached to.
    speed: AskedSpeed,
    /// Whether the thread that wakes the window is still to be started.
    unwoken: bool,
}

impl App {
    /// An app that learns of runs from `updates` and asks for things with `orders`.
    pub fn new(updates: Vec<Receiver<Update>>, orders: Sender<Order>) -> Self {
        Self {
            model: Model::default(),
            state: State::default(),
            panels: panels::all(),
            front: [(Place::Bottom, ""), (Place::Right, "")],
            preferences: Preferences::default(),
            preferences_file: None,
            commands: Commands::new(),
            updates,
            orders,
            camera: Camera::default(),
            clicks: Clicks::default(),
            title: String::new(),
            weighed: None,
            last: None,
            build_s: 0.0,
            software: None,
            opening: None,
            speed: AskedSpeed::default(),
            unwoken: false,
        }
    }

    /// Names the renderer, which is then asked for fewer pictures.
    pub fn with_software_renderer(mut self, name: Option<String>) -> Self {
        self.software = name;
        self
    }

    /// Knows that a run is a copy of one on another machine.
    pub fn mirroring(mut self, mirrored: Option<Mirrored>) -> Self {
        self.model = Model::mirroring(mirrored);
        self
    }

    /// Opens this episode of the first run, by its place, at this step, as soon as it is known.
    pub fn opening(mut self, episode: Option<(usize, u32)>) -> Self {
        self.opening = episode.map(Opening::new);
        self
    }

    /// Slows the first live run down to so many vector steps a second.
    pub fn slowing(mut self, speed: Option<f32>) -> Self {
        self.speed = AskedSpeed::of_first(speed);
        self
    }

    /// Is woken by what is new from its second picture on; else somebody has to ask it for pictures.
    pub fn woken(mut self) -> Self {
        self.unwoken = true;
        self
    }

    /// Looks as it was left in the last session, and is kept as it is left in this one.
    pub fn remembering(self) -> Self {
        match Preferences::file() {
            Some(file) => self.remembering_in(file),
            None => self,
        }
    }

    /// The same with preferences in another file.
    pub fn remembering_in(mut self, file: PathBuf) -> Self {
        let (file, preferences) = PreferencesFile::read(file);
        self.state.metrics = preferences.metrics.clone();
        (self.preferences_file, self.preferences) = (Some(file), preferences);
        self
    }

    /// Gives a command to be carried out before the next picture.
    pub fn give(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// Takes in updates, keys and commands, and lets time pass for what is being played.
    pub fn logic(&mut self, ctx: &Context) {
        let now = Instant::now();
        while now.elapsed() < INTAKE {
            let waiting: Vec<_> = self.updates.iter().filter_map(|source| source.try_recv().ok()).collect();
            if waiting.is_empty() {
                break;
            }
            waiting.into_iter().for_each(|update| self.take_in(update));
        }
        // Where a machine has no time for this, it passes all the same: what is of the present is taken in whole, or the
        // window would show what was.
        let sources = self.updates.clone();
        for update in sources.iter().skip(1).flat_map(|source| source.try_iter().take(PRESENT)) {
            self.take_in(update);
        }
        self.keys(ctx);
        for command in std::mem::take(&mut self.commands) {
            self.execute(ctx, command);
        }
        if let Some(told) = self.camera.develop(ctx) {
            self.state.notice = Some(told);
        }
        self.entitle(ctx);
        if self.weighed.is_none_or(|weighed| now - weighed > WEIGH) {
            self.weighed = Some(now);
            self.model.own_memory = memory::of_this_process();
            self.keep(ctx);
        }
        if self.unwoken {
            // There has been a picture already, or there is another soon.
            ctx.request_repaint_after(FRAME);
            if self.last.is_some() {
                self.unwoken = false;
                waker::start(self.updates.clone(), ctx.clone(), self.pace());
            }
        }
        let passed = self.last.replace(now).map_or(Duration::ZERO, |last| now - last);
        self.model.pass(passed.min(LONGEST));
        if let Some(pause) = self.pause() {
            ctx.request_repaint_after(pause);
        }
    }

    /// Says in the window's title what is shown.
    fn entitle(&mut self, ctx: &Context) {
        let run = self.state.run.and_then(|run| self.model.runs.get(run)).map(|run| run.name.as_str());
        let shown = match (&self.model.film, self.state.env) {
            (Some(film), _) if self.model.playing => Some(format!("{} {}", text::EPISODE, film.episode)),
            (Some(film), _) => {
                Some(format!("{} {}, {} {}", text::EPISODE, film.episode, text::STEP, self.model.cursor))
            }
            (None, Some(env)) => Some(format!("{} {env}", text::ENVIRONMENT)),
            (None, None) => None,
        };
        let parts = [run, shown.as_deref(), Some(text::TITLE)];
        let title = parts.into_iter().flatten().collect::<Vec<_>>().join(" - ");
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    fn take_in(&mut self, update: Update) {
        if let Some(told) = update.told() {
            self.state.notice = Some(told.to_owned());
        }
        if matches!(update, Update::Detached(_)) {
            self.state.taking_over = None;
        }
        let welcomed = matches!(update, Update::Reply(Reply::Welcome(_)));
        let opened = matches!(update, Update::Opened(_));
        self.model.apply(update);
        if let Some(run) = self.model.runs.last_mut().filter(|_| opened) {
            run.shown = self.preferences.shows(&run.path).unwrap_or(run.shown);
        }
        if welcomed {
            // Such as that the connection had ended.
            self.state.notice = None;
            // Before anything is asked for: a run that waits for its viewer goes on when it is.
            let speed = self.model.live.as_ref().and_then(|live| self.speed.of(live.run));
            if let Some(speed) = speed {
                let command = watch::Command::Speed(Some(speed));
                self.order(Order::Send(Request::Command { id: 0, command }));
            }
            self.watch();
        }
        if self.state.run.is_none() && !self.model.runs.is_empty() && !self.commands.contains(&Command::SelectRun(0)) {
            self.commands.push(Command::SelectRun(0));
        }
        if let Some((opening, run)) = self.opening.as_mut().zip(self.model.runs.first()) {
            let (commands, done) = opening.pursue(0, run);
            self.commands.extend(commands);
            self.opening = self.opening.take().filter(|_| !done);
        }
    }

    /// How long until the next picture; none is due while nothing moves: what comes in wakes the window.
    fn pause(&self) -> Option<Duration> {
        let moving = self.model.is_moving() || self.camera.is_recording();
        moving.then_some(self.pace())
    }

    /// Between two pictures.
    fn pace(&self) -> Duration {
        if self.software.is_some() { SOFTWARE_FRAME } else { FRAME }
    }

    /// Paints everything.
    pub fn ui(&mut self, ui: &mut Ui) {
        let begin = Instant::now();
        self.lay_out(ui);
        self.build_s += 0.05 * (begin.elapsed().as_secs_f32() - self.build_s);
        if !self.commands.is_empty() {
            ui.ctx().request_repaint();
        }
    }

    /// Stores the user's preferences now.
    pub fn keep(&mut self, ctx: &Context) {
        if let Some(file) = &mut self.preferences_file {
            file.follow(&mut self.preferences, ctx);
        }
    }

    fn order(&self, order: Order) {
        // The sources only end with the window.
        let _ = self.orders.send(order);
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        App::logic(self, ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        if ui.ctx().input(|input| input.viewport().close_requested()) {
            self.keep(&ui.ctx().clone());
        }
        App::ui(self, ui);
    }

    fn raw_input_hook(&mut self, ctx: &Context, input: &mut RawInput) {
        self.clicks.part(ctx, input);
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        for told in self.camera.finish() {
            // There is no window any more to say it in.
            tracing::warn!("{told}");
        }
        self.order(Order::End);
    }
}

/// Closes the window.
fn close(ctx: &Context) {
    ctx.send_viewport_cmd(ViewportCommand::Close);
}
