//! The loop of a fit: steps, epochs, the look at other samples, checkpoints.
//!
//! | file | holds |
//! |---|---|
//! | `step` | a step of the optimizer |
//! | `checkpoint` | all that going on needs |
//! | `whole` | what a model in stages has as one |
//! | `watched` | what the loop does for viewers |

pub(crate) mod checkpoint;
pub(crate) mod step;
pub(crate) mod watched;
pub(crate) mod whole;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cartwheel_agents::compression::sparsity;
use cartwheel_agents::nn::Gradients;
use cartwheel_agents::nn::optim::{Ema, LearningRate, LossScaler, Solver};

use crate::TrainError;
use crate::data::loader::shuffled;
use crate::run::{Checkpoints, MetricsRow, RunDir, RunError, RunWriter, write_atomic};
use crate::supervised::config::{Monitor, Precision};
use crate::supervised::events::{EpochEnd, FitEvent, FitProgress};
use crate::supervised::export::export;
use crate::supervised::memory::{look, no_room};
use crate::supervised::parallel::{Mesh, rest, share};
use crate::supervised::profile;
use crate::supervised::pruning::Pruning;
use crate::supervised::samples::{Answer, Sample, Samples};
use crate::supervised::settings::FitSettings;
use crate::supervised::staged::described;
use crate::supervised::task::{Part, Tally, Task};
use crate::watch::{Activity, Seat, Watch};
use checkpoint::{Checkpoint, Counters, fingerprint};
use step::{output_of, samples_of_a_step, steps_of_an_epoch};

/// What listens to a fit.
pub(crate) type Listener<'a> = Box<dyn FnMut(&FitEvent<'_>) + 'a>;

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All epochs done.
    Completed,
    /// Validation did not get better any more.
    EarlyStopped,
    /// Asked to stop.
    Stopped,
}

/// See [`Session::look_at_others`].
type Looked = (Option<Tally>, Option<String>, Vec<(&'static str, f64)>, Option<(Part, Vec<(Sample, Vec<Answer>)>)>);

/// See the module's documentation.
pub(crate) struct Session<'a> {
    pub(crate) settings: &'a FitSettings,
    /// The processes that learn together.
    pub(crate) mesh: &'a Mesh,
    pub(crate) task: Box<dyn Task>,
    pub(crate) run: RunDir,
    pub(crate) writer: RunWriter,
    checkpoints: Checkpoints,
    pub(crate) counters: Counters,
    pub(crate) solver: Solver,
    pub(crate) ema: Option<Ema<f32>>,
    pub(crate) scaler: Option<LossScaler>,
    pub(crate) gradients: Gradients,
    pub(crate) pruning: Option<Pruning>,
    pub(crate) learning_rate: LearningRate,
    /// Steps that a whole epoch takes.
    pub(crate) an_epoch: u64,
    samples: Samples,
    /// The fingerprint of the data.
    data: u32,
    pub(crate) listeners: Vec<Listener<'a>>,
    pub(crate) watch: Watch,
    /// Where it waits while viewers hold it.
    pub(crate) seat: Seat,
    /// Steps of the optimizer before.
    pub(crate) first_step: u64,
    /// At which step a checkpoint was written last, or could not be.
    saved_at: Option<u64>,
}

impl<'a> Session<'a> {
    /// A session from the beginning, or from `checkpoint`.
    pub(crate) fn new(
        settings: &'a FitSettings,
        mesh: &'a Mesh,
        task: Box<dyn Task>,
        (run, writer, checkpoints): (RunDir, RunWriter, Checkpoints),
        checkpoint: Option<Checkpoint>,
        listeners: Vec<Listener<'a>>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, TrainError> {
        let fit = &settings.fit;
        let (rule, decay) = settings.rule();
        let parameters = task.parameters();
        let an_epoch = steps_of_an_epoch(settings, task.samples(Part::Train), mesh.replicas.size());
        let total = an_epoch.saturating_mul(fit.epochs);
        let watch = Watch::new(stop);
        profile::forget();
        let mut session = Self {
            seat: watch.seat(0, 0, false),
            watch,
            first_step: 0,
            saved_at: None,
            solver: Solver::new(rule, decay, fit.weight_decay, fit.decay_bias_and_norm, parameters),
            // Only that of those who are looked at counts.
            ema: fit.ema_decay.filter(|_| mesh.is_kept()).map(|decay| Ema::new(decay, parameters)),
            scaler: (fit.precision == Precision::F16O2).then(LossScaler::default),
            gradients: Gradients::new(parameters),
            pruning: settings.prune.pruning(total)?,
            learning_rate: settings.learning_rate(an_epoch, total),
            counters: Counters::default(),
            an_epoch,
            mesh,
            settings,
            // Of a run that is gone on with; it begins anew where they cannot be read.
            samples: Samples::read(&run.samples()).ok().flatten().unwrap_or_default(),
            data: fingerprint(task.as_ref()),
            task,
            run,
            writer,
            checkpoints,
            listeners,
        };
        if let Some(checkpoint) = checkpoint {
            session.restore(checkpoint)?;
            session.first_step = session.counters.steps;
        }
        Ok(session)
    }

    fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let Checkpoint { counters, data, parameters, mut solver, mut ema, scaler, .. } = checkpoint;
        // What others have is not for this process.
        solver.keep(self.task.parameters());
        if let Some(ema) = &mut ema {
            ema.keep(self.task.parameters());
        }
        let (kept, wanted) = (solver.rule().to_owned(), self.solver.state().rule());
        if kept != wanted {
            let problem = format!("its optimizer keeps the moments of {kept:?}, and config.toml's those of {wanted:?}");
            return Err(RunError::Mismatch { file: self.checkpoints.path(counters.steps), problem }.into());
        }
        let averages = match (&mut self.ema, ema) {
            (Some(own), Some(saved)) => own.restore(saved),
            (own, saved) => own.is_none() && (saved.is_none() || !self.mesh.is_kept()),
        };
        let fits = averages
            && scaler.is_some() == self.scaler.is_some()
            && self.task.parameters_mut().set_flat(&parameters)
            && self.solver.restore(solver);
        if !fits {
            let problem = "its parameters are of another model, optimizer or precision than config.toml's".into();
            return Err(RunError::Mismatch { file: self.checkpoints.path(counters.steps), problem }.into());
        }
        if data != self.data {
            return Err(TrainError::Unfit(format!(
                "{} is not what it was when {} began: bring its files and the settings that split it back, or begin a new run",
                self.settings.data_path(),
                self.run.path().display()
            )));
        }
        (self.counters, self.scaler) = (counters, scaler);
        Ok(())
    }

    pub(crate) fn tell(&mut self, event: &FitEvent<'_>) {
        for listener in &mut self.listeners {
            listener(event);
        }
    }

    /// Steps and epochs until done.
    pub(crate) fn learn(&mut self) -> Result<End, TrainError> {
        let fit = &self.settings.fit;
        let (run, total) = (self.run.path().to_owned(), self.task.samples(Part::Train) as u64 * fit.epochs);
        let (score, scores_training) = (self.task.score(), self.task.scores_training());
        self.tell(&FitEvent::Started { run: &run, samples: self.counters.samples, total, score, scores_training });
        for notice in self.task.notices() {
            self.tell(&FitEvent::Notice(&notice));
        }
        if self.mesh.stages.size() > 1 {
            let told = described(&self.task.pieces(), self.mesh.stages.size(), self.settings);
            told.iter().for_each(|notice| self.tell(&FitEvent::Notice(notice)));
        }
        if !fit.freeze.is_empty() {
            let (learnt, all) = (self.task.parameters().count(), self.task.cost().parameters);
            self.tell(&FitEvent::Notice(&format!("{learnt} of {all} parameters are learnt, the others are frozen")));
        }
        while self.counters.epochs < fit.epochs {
            // Only who owns the run knows.
            let leads = self.mesh.leads();
            if self
                .mesh
                .all
                .any(leads && fit.early_stopping.is_some_and(|patience| self.counters.waited >= patience))?
            {
                return Ok(End::EarlyStopped);
            }
            if !self.epoch()? {
                return Ok(End::Stopped);
            }
            self.end_epoch()?;
            let every = self.settings.run.checkpoint_every;
            let is_due = every > 0 && self.counters.epochs.is_multiple_of(every);
            // Settings of the run may differ from process to process.
            if self.mesh.stages.share(&is_due)?.unwrap_or(is_due) {
                self.checkpoint()?;
            }
        }
        Ok(End::Completed)
    }

    /// What is left of an epoch; false if asked to stop within it.
    fn epoch(&mut self) -> Result<bool, TrainError> {
        let fit = &self.settings.fit;
        let (rank, size) = (self.mesh.replicas.rank(), self.mesh.replicas.size());
        let order = shuffled(self.task.samples(Part::Train), fit.seed, self.counters.epochs);
        let order = rest(&order, self.counters.epoch_at as usize, size);
        self.task.expect(self.counters.epochs, share(&order, rank, size));
        for indices in order.chunks(samples_of_a_step(self.settings, size)) {
            self.seat.wait();
            if self.mesh.all.any(self.watch.stopping())? {
                self.mesh.all.check()?;
                return Ok(false);
            }
            self.watch.doing(Activity::Updating);
            self.profile_step();
            let begun = Instant::now();
            let step = self.step(indices);
            let (tally, norm) = step.map_err(|error| no_room(error, indices.len().min(fit.batch_size)))?;
            let counters = &mut self.counters;
            counters.epoch_at += indices.len() as u64;
            counters.steps += 1;
            counters.samples += tally.samples;
            counters.epoch.add(tally);
            counters.window.add(tally);
            if let Some(norm) = norm {
                for (sum, count) in &mut counters.norms {
                    *sum += norm;
                    *count += 1;
                }
            }
            let took = begun.elapsed().as_secs_f64();
            counters.wall_s += took;
            counters.epoch_s += took;
            let (epoch, samples, tally) = (counters.epochs + 1, counters.samples, counters.epoch);
            if counters.steps.is_multiple_of(fit.log_interval) {
                self.window_row();
            }
            self.end_profile(false)?;
            self.show();
            self.tell(&FitEvent::Progress(FitProgress { epoch, samples, tally }));
        }
        Ok(true)
    }

    /// Warns if more than a hundredth of the steps were skipped.
    pub(crate) fn tell_of_skipped_steps(&mut self) {
        let (skipped, steps) = (self.scaler.as_ref().map_or(0, LossScaler::skipped), self.counters.steps);
        if skipped.saturating_mul(100) > steps {
            self.tell(&FitEvent::Warning(&format!(
                "{skipped} of {steps} steps were skipped because a gradient did not fit into f16: a lower fit.learning_rate may help, or fit.precision = \"f32\""
            )));
        }
    }

    /// The row of metrics since the last one, if there is anything to be in it.
    pub(crate) fn window_row(&mut self) {
        let counters = &mut self.counters;
        if counters.window.samples == 0 {
            return;
        }
        let (window, (norms, count)) = (std::mem::take(&mut counters.window), std::mem::take(&mut counters.norms[1]));
        let (samples, wall_s) = counters.row_at;
        let speed = (counters.samples - samples) as f64 / (counters.wall_s - wall_s).max(1e-9);
        counters.row_at = (counters.samples, counters.wall_s);
        let score = format!("train/{}", self.task.score());
        let mut metrics = vec![
            ("train/loss", window.mean_loss()),
            ("train/grad_norm", norms / count.max(1) as f64),
            ("train/learning_rate", counters.learning_rate),
            ("time/samples_per_s", speed),
        ];
        if self.task.scores_training() {
            metrics.push((&score, window.accuracy()));
        }
        if self.pruning.is_some() {
            metrics.push(("train/sparsity", sparsity(self.task.parameters())));
        }
        if let Some(scaler) = &self.scaler {
            metrics.extend([("train/loss_scale", scaler.scale()), ("train/skipped_steps", scaler.skipped() as f64)]);
        }
        self.write_row(&metrics);
    }

    fn write_row(&self, metrics: &[(&str, f64)]) {
        let counters = &self.counters;
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<BTreeMap<_, _>>();
        let (step, updates, episodes, wall_s) = (counters.steps, counters.steps, counters.epochs, counters.wall_s);
        self.writer.metrics(MetricsRow { step, updates, episodes, wall_s, metrics });
    }

    /// Looks at validation samples, keeps the weights if they are the best, and begins the next epoch.
    fn end_epoch(&mut self) -> Result<(), TrainError> {
        self.counters.skipped.extend(self.mesh.all.gather(&self.task.skipped())?.concat());
        if !self.mesh.is_kept() {
            // The others wait for it in the next epoch.
            (self.counters.epochs, self.counters.epoch_at) = (self.counters.epochs + 1, 0);
            return Ok(());
        }
        self.watch.doing(Activity::Evaluating);
        let validates = self.task.samples(Part::Validation) > 0;
        self.swap_ema();
        let looked = self.look_at_others(validates);
        self.swap_ema();
        let (validation, broken, more, shown) = looked?;
        match (&validation, broken) {
            (Some(tally), layer) if !tally.loss.is_finite() => {
                return Err(self.diverged("the loss of validation samples", tally.mean_loss(), output_of(layer)));
            }
            (None, Some(layer)) => return Err(self.diverged("the loss", f64::NAN, output_of(Some(layer)))),
            _ => {}
        }
        if let Some((part, shown)) = shown {
            self.samples.add(part, self.counters.epochs + 1, shown);
            if self.mesh.leads()
                && let Err(error) = self.samples.write(&self.run.samples())
            {
                self.tell(&FitEvent::Warning(&format!("{error}; training goes on")));
            }
        }
        // No more steps will fill the window.
        if self.counters.epochs + 1 == self.settings.fit.epochs {
            self.window_row();
        }
        let counters = &mut self.counters;
        counters.epochs += 1;
        let (train, (norms, count)) = (std::mem::take(&mut counters.epoch), std::mem::take(&mut counters.norms[0]));
        let time = Duration::from_secs_f64(std::mem::take(&mut counters.epoch_s));
        counters.epoch_at = 0;
        let value = match (&validation, self.settings.fit.monitor) {
            (Some(tally), Monitor::ValLoss) => -tally.mean_loss(),
            (Some(tally), Monitor::ValAccuracy) => tally.accuracy(),
            // Without validation samples the newest weights are the best there are.
            (None, _) => counters.epochs as f64,
        };
        let before = counters.best;
        // Weights of which some are still to go are no candidates.
        let steps = counters.epochs * self.an_epoch;
        let is_candidate = self.pruning.as_ref().is_none_or(|pruning| pruning.is_done(steps));
        let best = is_candidate && before.is_none_or(|(_, before)| value > before);
        counters.waited += u64::from(is_candidate);
        if best {
            counters.best = Some((counters.epochs, value));
            counters.waited = 0;
        }
        let score = self.task.score();
        let (learnt, judged) = (format!("epoch/{score}"), format!("val/{score}"));
        let mut metrics = vec![("epoch/loss", train.mean_loss())];
        if self.task.scores_training() {
            metrics.push((&learnt, train.accuracy()));
        }
        if let Some(validation) = &validation {
            metrics.extend([("val/loss", validation.mean_loss()), (judged.as_str(), validation.accuracy())]);
        }
        metrics.extend(more);
        self.write_row(&metrics);
        let best = self.keep_best(best, before)?;
        let (epoch, epochs, learning_rate) =
            (self.counters.epochs, self.settings.fit.epochs, self.counters.learning_rate);
        let grad_norm = norms / count.max(1) as f64;
        self.tell(&FitEvent::Epoch(&EpochEnd {
            epoch,
            epochs,
            train,
            validation,
            learning_rate,
            grad_norm,
            time,
            best,
        }));
        Ok(())
    }

    /// What is to be known of samples that are not learnt from: how the model does on them, the first layer that is broken, more
    /// metrics, and some of them with its answers. Stages of a model ask each other, so nothing is asked once something has failed.
    fn look_at_others(&mut self, validates: bool) -> Result<Looked, TrainError> {
        let validation = if validates { Some(look(self.task.as_mut(), &self.settings.fit)?) } else { None };
        let is_sound = validation.as_ref().is_some_and(|tally| tally.loss.is_finite());
        let broken = if is_sound { None } else { self.broken_layer()? };
        let more = if validates { self.task.measure(self.counters.epochs + 1)? } else { Vec::new() };
        let held_out = [Part::Validation, Part::Test].into_iter().find(|part| self.task.samples(*part) > 0);
        let shown = held_out.map(|part| self.task.show(part).map(|shown| (part, shown))).transpose()?;
        Ok((validation, broken, more, shown))
    }

    /// Changes weights and their average about, if there is one: what is looked at and saved is the average.
    fn swap_ema(&mut self) {
        if let Some(ema) = &mut self.ema {
            ema.swap(self.task.parameters_mut());
        }
    }

    /// Saves the weights as the best ones, if the process that leads says that they are. Where the disk refuses, those that are there
    /// stay the best, so that later ones take their place; false then.
    fn keep_best(&mut self, best: bool, before: Option<(u64, f64)>) -> Result<bool, TrainError> {
        if !self.mesh.stages.share(&best)?.unwrap_or(best) {
            return Ok(false);
        }
        let Some(error) = tolerated(self.save_best())? else { return Ok(true) };
        let stays = before.map_or(String::new(), |(epoch, _)| format!(", and those of epoch {epoch} stay the best"));
        let epoch = self.counters.epochs;
        self.tell(&FitEvent::Warning(&format!(
            "the weights of epoch {epoch} are the best, and {error}; training goes on{stays}"
        )));
        self.counters.best = before;
        Ok(false)
    }

    pub(crate) fn save_best(&mut self) -> Result<(), TrainError> {
        if self.save_weights(&self.run.best_weights())? {
            export(&self.run, self.task.extra_files())?;
        }
        Ok(())
    }

    /// Saves the weights of all stages at the process that leads; false at the others.
    fn save_weights(&mut self, path: &Path) -> Result<bool, TrainError> {
        self.swap_ema();
        let whole = self.whole_parameters();
        self.swap_ema();
        let Some(whole) = whole? else { return Ok(false) };
        let bytes = whole.to_safetensors(self.task.metadata());
        write_atomic(path, |file| file.write_all(&bytes)).map_err(RunError::io("write", path))?;
        Ok(true)
    }
}

/// What the disk refused, which training goes on after; a process that is lost ends it.
fn tolerated(saved: Result<(), TrainError>) -> Result<Option<TrainError>, TrainError> {
    match saved {
        Err(error @ TrainError::Parallel(_)) => Err(error),
        saved => Ok(saved.err()),
    }
}
