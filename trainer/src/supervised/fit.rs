//! A fit: settings that become a run on disk. The front door.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cartwheel_agents::models::Ranks;
use cartwheel_agents::nn::{Device, Isa, prepare_thread, set_threads};

use super::classification::Classification;
use super::classification::transfer::OtherModel;
use super::config::Family;
use super::events::FitEvent;
use super::export::model_folder;
use super::freeze::freeze;
use super::loaded::saved::ranks_of;
use super::parallel::{Hello, Meeting, Mesh, World};
use super::recommendation::RecommendationTask;
use super::session::checkpoint::Checkpoint;
use super::session::step::steps_of_an_epoch;
use super::session::{End, Listener, Session};
use super::settings::FitSettings;
use super::summary::FitSummary;
use super::task::{Parallelism, Part, Purpose, Task};
use super::texts::Texts;
use super::{curve, is_fit};
use crate::TrainError;
use crate::experiment::check_extension;
use crate::run::{Checkpoints, ExtraLogs, Manifest, OwnedRun, RunDir, RunError, RunWriter, finished};
use crate::watch::Server;

/// Settings, and who listens to the run that they become.
pub struct Fit<'a> {
    settings: FitSettings,
    resume: Option<RunDir>,
    /// The configuration of a run that is to go on for longer than it was to.
    extended: Option<String>,
    listeners: Vec<Listener<'a>>,
    stop: Arc<AtomicBool>,
    git_revision: Option<String>,
    processes: Processes,
    stages: usize,
}

/// The processes that train together.
enum Processes {
    /// This one is at a place among some.
    Of(World),
    /// This one, and more that it starts: so many in all, the program and its arguments.
    Start(usize, PathBuf, Vec<OsString>),
}

impl<'a> Fit<'a> {
    /// A new run with `settings`.
    pub fn new(settings: FitSettings) -> Self {
        Self {
            settings,
            resume: None,
            extended: None,
            listeners: Vec::new(),
            stop: Arc::default(),
            git_revision: None,
            processes: Processes::Of(World::alone()),
            stages: 1,
        }
    }

    /// The run in the folder `path`, gone on with from its last checkpoint; a finished run is left as it is.
    ///
    /// # Errors
    /// If the folder is not a run's of supervised training or its configuration cannot be read.
    pub fn resume(path: &Path) -> Result<Self, TrainError> {
        let run = RunDir::open(path)?;
        if !is_fit(&run.config()) {
            return Err(TrainError::Unfit(format!(
                "{} is a run of an agent: go on with it by `cartwheel train --resume`",
                path.display()
            )));
        }
        let settings = FitSettings::from_file(&run.config())?;
        Ok(Self { resume: Some(run), ..Self::new(settings) })
    }

    /// The run in the folder `path`, gone on with from its last checkpoint until it has learnt for `epochs` in all, whether it was
    /// finished or not: Keras' `fit` with `initial_epoch`. Schedules are those of a run of that length from there on, and
    /// `fit.early_stopping` has as much patience again.
    ///
    /// # Errors
    /// As [`resume`](Self::resume); [`run`](Self::run) fails if the run has done as many epochs already or has no checkpoint.
    pub fn extend(path: &Path, epochs: u64) -> Result<Self, TrainError> {
        let mut fit = Self::resume(path)?;
        fit.settings.fit.epochs = epochs;
        fit.extended = Some(fit.settings.to_toml(true));
        Ok(fit)
    }

    /// The settings, to be changed before the run.
    pub fn settings_mut(&mut self) -> &mut FitSettings {
        &mut self.settings
    }

    /// Adds a listener.
    #[must_use]
    pub fn listener(mut self, listener: impl FnMut(&FitEvent<'_>) + 'a) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Ends the run in order (with a checkpoint) soon after `stop` becomes true.
    #[must_use]
    pub fn stop_when(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// Notes in run.json which git revision was built.
    #[must_use]
    pub fn git_revision(mut self, revision: Option<&str>) -> Self {
        self.git_revision = revision.map(str::to_string);
        self
    }

    /// Trains as one of several processes, each of which does the same at its place: [`run`](Self::run) in that of rank 0, and
    /// [`help`](Self::help) in the others.
    #[must_use]
    pub fn at(mut self, world: World) -> Self {
        self.processes = Processes::Of(world);
        self
    }

    /// Trains in `size` processes of this machine: beside this one `program` is started with `args` for each, in whose environment
    /// [`World::from_env`] finds its place.
    #[must_use]
    pub fn in_processes(mut self, size: usize, program: PathBuf, args: Vec<OsString>) -> Self {
        self.processes = Processes::Start(size, program, args);
        self
    }

    /// Cuts the model into stages, each of which a process has: pipeline parallelism (Huang et al. 2019). The processes are as many models as they
    /// are a multiple of `stages`. A step's `fit.gradient_accumulation` batches go through the stages one after the other.
    #[must_use]
    pub fn stages(mut self, stages: usize) -> Self {
        self.stages = stages;
        self
    }

    /// Trains. When training has got anywhere before it fails, a checkpoint is written before the error is returned, unless the
    /// weights are what failed, or other processes have stages of them.
    ///
    /// # Errors
    /// Settings and data that do not fit, before anything is written; later, what stopped training, in this process or another.
    pub fn run(mut self) -> Result<FitSummary, TrainError> {
        if let Processes::Of(World { rank: 1.., .. }) = self.processes {
            return Err(TrainError::Unfit("only the process of rank 0 owns a run: the others are to help".into()));
        }
        self.prepare()?;
        if self.extended.is_none()
            && let Some(run) = &self.resume
            && let Some(summary) = finished::<FitSummary>(run)?
        {
            let notice = FitEvent::Notice(
                "this run is finished, and is left as it is: --epochs says for how long to train it further",
            );
            self.listeners.iter_mut().for_each(|listener| listener(&notice));
            // It may lie elsewhere by now.
            return Ok(FitSummary { run: run.path().to_owned(), ..summary });
        }
        let (task, mesh) = self.meet()?;
        self.own(task, &mesh).inspect_err(|error| mesh.all.fail(error))
    }

    /// Trains with others, of which that of rank 0 owns the run: nothing is written here.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn help(mut self) -> Result<(), TrainError> {
        self.prepare()?;
        if self.extended.is_none()
            && let Some(run) = &self.resume
            && finished::<FitSummary>(run)?.is_some()
        {
            return Ok(());
        }
        let (task, mesh) = self.meet()?;
        let run = self.resume.take().unwrap_or_else(|| RunDir::of_another(PathBuf::from(&self.settings.run.dir)));
        let files = (run.clone(), RunWriter::of_another(&run), Checkpoints::new(run.checkpoints(), 1));
        let result = mesh.all.share::<Option<Checkpoint>>(&()).map_err(TrainError::from).and_then(|checkpoint| {
            let checkpoint = checkpoint.flatten();
            let mut session =
                Session::new(&self.settings, &mesh, task, files, checkpoint, Vec::new(), self.stop.clone())?;
            let end = session.learn()?;
            session.finish(end).map(drop)
        });
        result.inspect_err(|error| mesh.all.fail(error))
    }

    /// Checks the settings, and shares out what this machine has among its processes.
    fn prepare(&mut self) -> Result<(), TrainError> {
        prepare_thread();
        if self.stages == 0 {
            return Err(TrainError::Unfit("a model has a stage or more: take 1 to leave it whole".into()));
        }
        self.settings.settle();
        let (local_rank, local_size) = self.place();
        if let Device::Cuda(number) = &mut self.settings.fit.device
            && local_size > 1
        {
            if *number != 0 {
                return Err(TrainError::Unfit(format!(
                    "fit.device = \"cuda:{number}\" is one GPU, and there are {local_size} processes on this machine: \"cuda\" gives each its own"
                )));
            }
            *number = local_rank;
        }
        self.settings.check()?;
        set_threads(self.settings.fit.threads.unwrap_or_else(|| self.share_of_cores()));
        Ok(())
    }

    /// This process's number among those of its machine, and how many those are.
    fn place(&self) -> (usize, usize) {
        match &self.processes {
            Processes::Of(world) => (world.local_rank, world.local_size),
            Processes::Start(size, ..) => (0, *size),
        }
    }

    /// Cores of this machine for each of its processes.
    fn share_of_cores(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (cores / self.place().1).max(1)
    }

    /// Makes the model with its data, and meets the other processes.
    fn meet(&mut self) -> Result<(Box<dyn Task>, Mesh), TrainError> {
        let world = match &self.processes {
            Processes::Of(world) => world.clone(),
            Processes::Start(size, ..) => World::local(*size),
        };
        let mut meeting = Meeting::of(world, self.stop.clone())?;
        let mut task = self.task()?;
        freeze(task.parameters_mut(), &self.settings.fit.freeze)?;
        self.settings.check_validation(task.samples(Part::Validation))?;
        self.check_stages(task.as_ref(), meeting.world().size)?;
        let (samples, replicas) = (task.samples(Part::Train), meeting.world().size / self.stages);
        // Seen before anything is written.
        let steps = steps_of_an_epoch(&self.settings, samples, replicas);
        let pruning = self.settings.prune.pruning(steps.saturating_mul(self.settings.fit.epochs))?;
        if pruning.is_some() && self.stages > 1 {
            return Err(TrainError::Unfit(
                "[prune] looks at all weights together, which no process has of a model in stages: leave prune.final_sparsity and \
                prune.keep_zeros out, or make the model smaller afterwards by `cartwheel compress`"
                    .into(),
            ));
        }
        if samples < replicas {
            return Err(TrainError::Unfit(format!(
                "there are {samples} samples to learn from, and {replicas} processes: take {samples} or fewer"
            )));
        }
        if let Processes::Start(_, program, args) = &self.processes {
            meeting.start(program, args)?;
        }
        let hello = Hello::new(meeting.world(), self.stages, &self.settings, task.as_ref());
        let mesh = Mesh::new(meeting.meet(&hello)?, self.stages);
        self.begin_alike(task.as_mut(), &mesh).inspect_err(|error| mesh.all.fail(error))?;
        Ok((task, mesh))
    }

    /// Takes over the parameters and buffers of the process that leads, and keeps this process's stage of them. Buffers are not sent
    /// again: nothing that is learnt depends on them, and they are saved of one replica.
    fn begin_alike(&mut self, task: &mut dyn Task, mesh: &Mesh) -> Result<(), TrainError> {
        if mesh.all.size() > 1 {
            for parameter in task.parameters_mut().iter_mut() {
                mesh.all.broadcast(parameter.values_mut())?;
            }
        }
        task.enter(mesh.stages.clone());
        Ok(())
    }

    /// Checks that the model can be cut into so many stages, and `processes` into replicas of them.
    fn check_stages(&self, task: &dyn Task, processes: usize) -> Result<(), TrainError> {
        let (stages, pieces) = (self.stages, task.pieces().len());
        let model = self.settings.fit.model;
        let problem = match () {
            () if stages == 1 => return Ok(()),
            () if !processes.is_multiple_of(stages) => format!(
                "WORLD_SIZE or --nproc is {processes}, and there are {stages} stages: take a multiple of {stages} processes"
            ),
            () if pieces == 0 => format!("{model} cannot be cut into stages yet: mlp and the residual networks can"),
            () if pieces < stages => {
                format!(
                    "{model} can be cut into at most {pieces} stages, and there are {stages}: take {pieces} or fewer"
                )
            }
            () => return Ok(()),
        };
        Err(TrainError::Unfit(problem))
    }

    /// Makes the run's folder, or opens it again, and trains in it.
    fn own(mut self, task: Box<dyn Task>, mesh: &Mesh) -> Result<FitSummary, TrainError> {
        let mut run = match self.resume.take() {
            None => self.create()?,
            Some(run) => OwnedRun::reopen(run)?,
        };
        // Viewers are served until the folder says how the run ended, and not once somebody else may have it.
        let mut server = None;
        let result = self.train(task, mesh, &mut run, &mut server).map_err(|error| mesh.all.explain(error));
        run.end(&result, |summary| summary.interrupted);
        drop(server);
        result
    }

    /// Trains in the run's folder. What serves viewers meanwhile is left in `server`.
    fn train(
        &mut self,
        task: Box<dyn Task>,
        mesh: &Mesh,
        run: &mut OwnedRun,
        server: &mut Option<Server>,
    ) -> Result<FitSummary, TrainError> {
        let checkpoints = Checkpoints::new(run.dir.checkpoints(), self.settings.run.keep_checkpoints);
        let mut checkpoint = checkpoints.load_latest::<Checkpoint>()?.map(|(_, checkpoint)| checkpoint);
        let done = checkpoint.as_ref().map(|checkpoint| checkpoint.counters.epochs);
        if self.extended.is_some() {
            check_extension(&run.dir, "epochs", done, self.settings.fit.epochs)?;
            if let Some(checkpoint) = checkpoint.as_mut().filter(|checkpoint| checkpoint.counters.waited > 0) {
                // Patience begins anew, also where the run is killed before its next checkpoint.
                checkpoint.counters.waited = 0;
                checkpoints.save(checkpoint.counters.steps, checkpoint)?;
            }
        }
        let (listeners, settings) = (std::mem::take(&mut self.listeners), &self.settings);
        let wandb = settings.run.wandb.then_some(settings.run.wandb_project.as_str());
        let logs = ExtraLogs::of(&run.dir, settings.run.csv, wandb, &settings.to_toml(false))?;
        let writer = match &checkpoint {
            None => RunWriter::start(&run.dir, &logs)?,
            Some(checkpoint) => RunWriter::resume(&run.dir, checkpoint.counters.steps, checkpoint.logs, &logs)?,
        };
        let files = (run.dir.clone(), writer, checkpoints);
        mesh.all.share::<Option<Checkpoint>>(&checkpoint)?;
        let session = Session::new(settings, mesh, task, files, checkpoint, listeners, self.stop.clone())?;
        // A run that cannot go on is left as it is.
        session.task.keep_beside(&run.dir)?;
        if let (Some(config), Some(done)) = (&self.extended, done) {
            run.extend(done, config)?;
        }
        run.begin(done.is_some())?;
        train(session, settings, server)
    }

    /// The model with its data.
    fn task(&self) -> Result<Box<dyn Task>, TrainError> {
        // A run with a checkpoint has weights of its own; without one it begins anew.
        let begun = self.resume.as_ref().filter(|run| run.has_checkpoint());
        self.settings.check_data(self.resume.is_some())?;
        let purpose = Purpose::Learning(Parallelism { processes: self.place().1, stages: self.stages });
        let mut settings = self.settings.clone();
        if settings.images.num_workers == 0 {
            settings.images.num_workers = self.share_of_cores();
        }
        match settings.fit.model.family() {
            Family::Mlp | Family::ResNet => {
                let other = match (begun, settings.init()) {
                    // A run has layers as it began with.
                    (Some(run), _) => return Ok(Box::new(Classification::new(&settings, ranks_of(run), purpose)?)),
                    (None, None) => return Ok(Box::new(Classification::new(&settings, Ranks::new(), purpose)?)),
                    (None, Some((key, path))) => OtherModel::open(key, Path::new(path))?,
                };
                let mut task = Classification::new(&settings, other.ranks(), purpose)?;
                task.begin_with(&other)?;
                Ok(Box::new(task))
            }
            Family::T5 => {
                let before = begun.map(|run| model_folder(run.path()));
                Ok(Box::new(Texts::new(&settings, before.as_deref(), purpose)?))
            }
            Family::Recommender => Ok(Box::new(RecommendationTask::new(&settings, purpose)?)),
        }
    }

    /// Makes the run's folder with its configuration.
    fn create(&self) -> Result<OwnedRun, RunError> {
        let FitSettings { fit, run, .. } = &self.settings;
        let data = Path::new(self.settings.data_path());
        let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
        let data = data.file_name().map_or("data".into(), |name| name.to_string_lossy().into_owned());
        let mut manifest = Manifest::start(&data, &fit.model.to_string(), fit.seed, &Isa::detect().to_string());
        manifest.git_revision.clone_from(&self.git_revision);
        OwnedRun::create(Path::new(&run.dir), run.name.as_deref(), manifest, &self.settings.to_toml(true))
    }
}

/// Trains to the end, leaves the last checkpoint, and says what it came to.
fn train(
    mut session: Session<'_>,
    settings: &FitSettings,
    server: &mut Option<Server>,
) -> Result<FitSummary, TrainError> {
    if settings.fit.device == Device::Auto && cfg!(feature = "cuda") {
        session.tell(&FitEvent::Notice(
            "device: cpu: how fast GPUs are was not measured yet, `--device cuda` asks for one",
        ));
    }
    *server = session.serve();
    let learnt = session.learn();
    session.watch.open();
    let end = match learnt {
        Ok(end) => end,
        Err(error) => {
            // Weights that diverged are no use to anybody: the checkpoint before them stays the newest, and the curve shows how.
            match error {
                TrainError::LossNotFinite { .. } => session.window_row(),
                // What other stages have is out of reach.
                _ if session.counters.steps > 0 && session.mesh.stages.size() == 1 => session.checkpoint()?,
                _ => {}
            }
            return Err(error);
        }
    };
    let report = session.finish(end)?;
    session.note_skipped();
    let (counters, cost, score) = (session.counters.clone(), session.task.cost(), session.task.score());
    let parameters = session.task.parameters().count() as u64;
    session.tell(&FitEvent::Ended);
    let run = session.run.clone();
    if let Err(error) = session.writer.finish() {
        session.listeners.iter_mut().for_each(|listener| listener(&FitEvent::Warning(&error.to_string())));
    }
    if end != End::Stopped {
        curve::draw(&run, &format!("{}, {}", cost.model, run.name()), score)?;
    }
    Ok(FitSummary {
        model: cost.model,
        parameters,
        epochs: counters.epochs,
        best_epoch: counters.best.map(|(epoch, _)| epoch),
        steps: counters.steps,
        samples: counters.samples,
        report,
        skipped: counters.skipped.into_iter().collect(),
        wall_s: counters.wall_s,
        samples_per_s: counters.samples as f64 / counters.wall_s.max(1e-9),
        processes: session.mesh.all.size(),
        stages: session.mesh.stages.size(),
        run: run.path().to_owned(),
        seed: settings.fit.seed,
        early_stopped: end == End::EarlyStopped,
        interrupted: end == End::Stopped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_a_stage() {
        let told = Fit::new(FitSettings::default()).stages(0).run().expect_err("refused").to_string();
        assert!(told.contains("a stage or more"), "{told}");
    }

    #[test]
    fn one_gpu_is_not_for_several_processes() {
        let mut settings = FitSettings::default();
        settings.fit.device = Device::Cuda(1);
        let told =
            Fit::new(settings).in_processes(2, "cartwheel".into(), Vec::new()).run().expect_err("refused").to_string();
        assert!(told.contains("\"cuda:1\" is one GPU") && told.contains("2 processes"), "{told}");
    }
}
