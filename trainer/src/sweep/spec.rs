//! What a sweep searches, from TOML.

use std::path::Path;

use cartwheel_agents::config::serde_json::{self, Value};
use cartwheel_agents::config::toml_edit::{self, Document, TableLike};
use cartwheel_agents::config::{Key, Section, SetError};
use cartwheel_agents::{config, config_enum};

use super::search::Method;
use super::space::{Distribution, Parameter, grid_size};
use super::trials::Trial;
use crate::{ActorCount, Algo, Settings, TrainError};

config_enum! {
    /// Which values of the metric are better.
    pub enum Goal {
        /// Higher ones.
        Maximize = "maximize",
        /// Lower ones.
        Minimize = "minimize",
    }
}

config! {
    /// A search over settings.
    pub struct SweepConfig in "sweep" {
        /// The environment's id.
        env: String = "CartPole-v1".into(), non_empty;
        /// The learning algorithm.
        algo: Algo = Algo::Dqn;
        /// A TOML file of settings for all trials, over the shipped ones, or "none".
        config: Option<String> = None;
        /// How points are chosen.
        method: Method = Method::Tpe;
        /// Trials; "none" for the whole grid, or else 20.
        n_trials: Option<usize> = None, if_some(within(1, 1_000_000));
        /// Runs of a trial, with seeds from train.seed on. The trial's value is the mean over them.
        seeds: u64 = 1, within(1, 10_000);
        /// The points that are chosen by chance follow from it.
        seed: u64 = 0;
        /// What is compared: the last value of this metric.
        metric: String = "eval/mean_reward".into(), non_empty;
        /// Which values of it are better.
        goal: Goal = Goal::Maximize;
    }
}

/// A sweep's file, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its section `[sweep]`.
    pub sweep: SweepConfig,
    /// The settings that all trials share.
    pub base: Settings,
    /// Those of them that the file gives, in its order.
    pub fixed: serde_json::Map<String, Value>,
    /// The settings that are searched, in the order of the file.
    pub parameters: Vec<Parameter>,
}

/// The section `[parameters]`, whose keys are those of all settings: it is read by [`Reader`].
struct Parameters;

impl Section for Parameters {
    fn name(&self) -> &'static str {
        "parameters"
    }
    fn doc(&self) -> &'static str {
        "The settings that are searched."
    }
    fn keys(&self) -> &'static [Key] {
        &[]
    }
    fn get(&self, _: &str) -> Option<toml_edit::Value> {
        None
    }
    fn set(&mut self, _: &str, _: &toml_edit::Value) -> Result<(), SetError> {
        Ok(())
    }
}

impl Spec {
    /// Reads a file.
    ///
    /// # Errors
    /// Every problem with its line, or why the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| TrainError::Unfit(format!("cannot read the sweep {file}: {error}")))?;
        Self::parse(&text, &file)
    }

    /// Reads the TOML `text` of `file`.
    ///
    /// # Errors
    /// Every problem with its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, TrainError> {
        let mut sweep = SweepConfig::default();
        config::load(&mut [&mut sweep, &mut Parameters], text, file)?;
        let mut base = Settings::shipped(sweep.algo, &sweep.env)?;
        if let Some(config) = &sweep.config {
            base.load_file(Path::new(config))?;
            base.env.id.clone_from(&sweep.env);
            base.train.algo = sweep.algo;
        }
        // The trials fill the cores.
        if base.train.actors == ActorCount::Auto {
            base.train.actors = ActorCount::Exactly(1);
        }
        let mut reader = Reader {
            text,
            file,
            grid: sweep.method == Method::Grid,
            base,
            fixed: serde_json::Map::new(),
            found: Vec::new(),
            problems: Vec::new(),
        };
        // What is no TOML was told above.
        if let Ok(document) = Document::parse(text)
            && let Some(table) = document.as_table().get("parameters").and_then(toml_edit::Item::as_table_like)
        {
            reader.read(table);
        }
        let Reader { base, fixed, found, problems, .. } = reader;
        if !problems.is_empty() {
            return Err(TrainError::Unfit(problems.join("\n")));
        }
        if found.is_empty() {
            return Err(TrainError::Unfit(format!(
                "{file}: there is nothing to search: give settings below [parameters], such as dqn.learning_rate = {{ min = 1e-4, max = 1e-2, distribution = \"log_uniform\" }}"
            )));
        }
        let spec = Self { sweep, base, fixed, parameters: found };
        if spec.sweep.method == Method::Grid && grid_size(&spec.parameters).is_none_or(|size| size > 1_000_000) {
            return Err(TrainError::Unfit(format!(
                "{file}: the grid has more than a million points: give fewer values"
            )));
        }
        if !spec.base.env.builder().is_python() {
            spec.base.env.builder().make()?;
        }
        Ok(spec)
    }

    /// How many trials there are.
    pub fn n_trials(&self) -> usize {
        match (self.sweep.method, grid_size(&self.parameters)) {
            (Method::Grid, Some(size)) => self.sweep.n_trials.unwrap_or(size).min(size),
            _ => self.sweep.n_trials.unwrap_or(20),
        }
    }

    /// The settings of a run with these values, one a parameter.
    ///
    /// # Errors
    /// If they do not go together.
    pub fn settings(&self, values: &[Value]) -> Result<Settings, TrainError> {
        let mut settings = self.base.clone();
        for (parameter, value) in self.parameters.iter().zip(values) {
            settings.set(&assignment(&parameter.key, value))?;
        }
        settings.check()?;
        Ok(settings)
    }

    /// The command that trains with the settings of `trial`.
    pub fn command(&self, trial: &Trial) -> String {
        let SweepConfig { env, algo, config, .. } = &self.sweep;
        let base = config.as_ref().map_or_else(String::new, |file| format!(" --config {file}"));
        let settings = arguments(self.fixed.iter().chain(&trial.params));
        format!("cartwheel train {env} --algo {algo}{base} {settings}")
    }
}

/// Settings as arguments of `cartwheel train`.
fn arguments<'a>(settings: impl Iterator<Item = (&'a String, &'a Value)>) -> String {
    let set = |(key, value): (&String, &Value)| {
        let assignment = assignment(key, value);
        // What a shell would take apart.
        let plain = assignment.chars().all(|c| c.is_ascii_alphanumeric() || "._=-+".contains(c));
        if plain { format!("--set {assignment}") } else { format!("--set '{assignment}'") }
    };
    settings.map(set).collect::<Vec<_>>().join(" ")
}

/// `--set` argument of a value.
pub(super) fn assignment(key: &str, value: &Value) -> String {
    format!("{key}={}", toml(value))
}

/// A JSON value as TOML, whose numbers and words are JSON's.
fn toml(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(",");
    match value {
        Value::Array(items) => format!("[{}]", list(items.iter().map(toml).collect())),
        Value::Object(table) => {
            format!("{{{}}}", list(table.iter().map(|(key, value)| format!("{key}={}", toml(value))).collect()))
        }
        other => other.to_string(),
    }
}

/// Reads `[parameters]`.
struct Reader<'a> {
    text: &'a str,
    file: &'a str,
    grid: bool,
    /// Keys with one value go here, and that value below.
    base: Settings,
    fixed: serde_json::Map<String, Value>,
    found: Vec<Parameter>,
    problems: Vec<String>,
}

/// What a parameter can say.
const WORDS: [&str; 5] = ["values", "min", "max", "distribution", "value"];

/// Settings that are tables, of which each entry is searched by itself.
const FREE: [&str; 1] = ["env.args"];

/// Whether a table says what the values of a parameter are.
fn says_values(table: &dyn TableLike) -> bool {
    table.iter().any(|(key, _)| WORDS.contains(&key))
}

impl Reader<'_> {
    fn read(&mut self, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let at = table.key(name).and_then(toml_edit::Key::span).map_or(0, |span| span.start);
            match item.as_table_like() {
                // dqn.learning_rate = ..., or below [parameters.dqn].
                Some(section) if !name.contains('.') && !says_values(section) => self.section(name, section, at),
                _ => self.entry(name, item, at),
            }
        }
    }

    /// The settings of a section, or the entries of a free table in one: env.args.gravity = ...
    fn section(&mut self, name: &str, section: &dyn TableLike, at: usize) {
        for (key, item) in section.iter() {
            let at = section.key(key).and_then(toml_edit::Key::span).map_or(at, |span| span.start);
            let key = format!("{name}.{key}");
            match item.as_table_like() {
                Some(table) if FREE.contains(&key.as_str()) && !says_values(table) => self.section(&key, table, at),
                _ => self.entry(&key, item, at),
            }
        }
    }

    /// One setting.
    fn entry(&mut self, key: &str, item: &toml_edit::Item, at: usize) {
        // A setting may be a table itself, as `net_arch = { pi = [64], vf = [64] }`.
        let is_value = |table: &dyn TableLike| {
            let value = item.as_value().filter(|_| !says_values(table)).and_then(|value| json(value).ok());
            value.is_some_and(|value| self.check(key, &value).is_ok())
        };
        let result = match item.as_table_like().filter(|table| !is_value(*table)) {
            Some(table) => self.distribution(key, table),
            None => item.as_value().ok_or_else(|| "expected a value".into()).and_then(|value| self.fixed(key, value)),
        };
        match result {
            Ok(None) => {}
            Ok(Some(_)) if self.found.iter().any(|known| known.key == key) => {
                self.problem(at, key, "it is given twice; keep one");
            }
            Ok(Some(values)) => self.found.push(Parameter { key: key.to_owned(), values }),
            Err(problem) => self.problem(at, key, &problem),
        }
    }

    fn problem(&mut self, at: usize, key: &str, problem: &str) {
        let line = self.text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        self.problems.push(format!("{}:{line}: parameters.{key}: {problem}", self.file));
    }

    /// A setting with one value for all trials.
    fn fixed(&mut self, key: &str, value: &toml_edit::Value) -> Result<Option<Distribution>, String> {
        let value = json(value)?;
        self.check(key, &value)?;
        self.base.set(&assignment(key, &value)).map_err(|errors| errors.to_string())?;
        self.fixed.insert(key.to_owned(), value);
        Ok(None)
    }

    fn distribution(&mut self, key: &str, table: &dyn TableLike) -> Result<Option<Distribution>, String> {
        if let Some((unknown, _)) = table.iter().find(|(word, _)| !WORDS.contains(word)) {
            let near = WORDS
                .into_iter()
                .max_by(|a, b| strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown)));
            let near = near.map_or_else(String::new, |near| format!(" (nearest: {near})"));
            return Err(format!(
                "unknown key {unknown}{near}; a parameter has values = [...], or min, max and distribution, or value"
            ));
        }
        let get = |word: &str| table.get(word).and_then(toml_edit::Item::as_value);
        let given: Vec<&str> = WORDS.into_iter().filter(|word| table.contains_key(word)).collect();
        match (get("value"), get("values"), get("min"), get("max")) {
            (Some(value), None, None, None) if given.len() == 1 => self.fixed(key, value),
            (None, Some(values), None, None) if given.len() == 1 => {
                let values = values.as_array().filter(|values| !values.is_empty());
                let values = values.ok_or("expected values = [...] with one or more values")?;
                let values = values.iter().map(json).collect::<Result<Vec<_>, _>>()?;
                values.iter().try_for_each(|value| self.check(key, value))?;
                if let Some(twice) = values.iter().enumerate().find(|(i, value)| values[..*i].contains(value)) {
                    return Err(format!("{} is among the values twice; keep one", twice.1));
                }
                Ok(Some(Distribution::Values(values)))
            }
            (None, None, Some(min), Some(max)) => self.range(key, min, max, get("distribution")).map(Some),
            _ => Err(format!(
                "expected values = [...], or min and max (and distribution), or value, found {}",
                if given.is_empty() { "none of them".into() } else { given.join(" and ") }
            )),
        }
    }

    fn range(
        &self,
        key: &str,
        min: &toml_edit::Value,
        max: &toml_edit::Value,
        distribution: Option<&toml_edit::Value>,
    ) -> Result<Distribution, String> {
        let log = match distribution.map(|word| word.as_str().unwrap_or_default()) {
            None | Some("uniform") => false,
            Some("log_uniform") => true,
            Some(_) => {
                let found = distribution.map(config::plain).unwrap_or_default();
                return Err(format!("expected distribution = \"uniform\" or \"log_uniform\", found {found:?}"));
            }
        };
        let whole = min.is_integer() && max.is_integer();
        let (low, high) = (json(min)?, json(max)?);
        let (Some(from), Some(to)) = (low.as_f64(), high.as_f64()) else {
            return Err(format!("expected numbers as min and max, found {low} and {high}"));
        };
        if from >= to {
            return Err(format!("min = {low} must be below max = {high}"));
        }
        if log && from <= 0.0 {
            return Err(format!("log_uniform needs a min above 0, found {low}"));
        }
        if self.grid {
            return Err(
                "a grid needs values = [...]: a range has no end of points; or set method = \"random\" or \"tpe\""
                    .into(),
            );
        }
        self.check(key, &low)?;
        self.check(key, &high)?;
        Ok(Distribution::Range { min: from, max: to, log, whole })
    }

    /// Refuses a value that the setting does not take.
    fn check(&self, key: &str, value: &Value) -> Result<(), String> {
        if ["train.seed", "run.dir", "run.name", "run.watch"].contains(&key) {
            return Err("the sweep sets it for each trial; train.seed of a config file is where its seeds begin".into());
        }
        let mut settings = self.base.clone();
        settings
            .set(&assignment(key, value))
            .map_err(|errors| errors.0.iter().map(|error| error.problem.to_string()).collect::<Vec<_>>().join("; "))?;
        // What an environment takes is for it to say; one of Python is asked by the first trial.
        let env = settings.env.builder();
        if key.starts_with("env.args.") && !env.is_python() {
            env.make().map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// A TOML value as JSON.
fn json(value: &toml_edit::Value) -> Result<Value, String> {
    Ok(match value {
        toml_edit::Value::String(text) => text.value().as_str().into(),
        toml_edit::Value::Integer(number) => (*number.value()).into(),
        toml_edit::Value::Float(number) => serde_json::Number::from_f64(*number.value())
            .map(Value::Number)
            .ok_or_else(|| format!("expected a finite number, found {}", number.value()))?,
        toml_edit::Value::Boolean(flag) => (*flag.value()).into(),
        toml_edit::Value::Array(items) => items.iter().map(json).collect::<Result<Vec<_>, _>>()?.into(),
        toml_edit::Value::InlineTable(table) => {
            let entries = table.iter().map(|(key, value)| Ok((key.to_owned(), json(value)?)));
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        other => {
            let found = config::plain(other);
            return Err(format!("expected a number, text, true, false, a list or a table, found {found}"));
        }
    })
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
