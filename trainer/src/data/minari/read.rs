//! Reading episodes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use cartwheel_envs::{Action, ActionRows, Dtype, Rows, Space};
use hdf5_pure::{File, Group};
use serde_json::{Map, Value};

use super::{DATA_FILE, DATA_FORMAT, METADATA_FILE, MinariError, group_name, space};

/// A dataset that is open to be read.
pub struct Dataset {
    folder: PathBuf,
    metadata_file: PathBuf,
    data_file: PathBuf,
    metadata: Map<String, Value>,
    file: File,
}

/// An episode as it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// What was seen: one more than there are steps.
    pub observations: Rows,
    /// What was done, as the environment takes it.
    pub actions: ActionRows,
    /// What it gave.
    pub rewards: Vec<f32>,
    /// Whether the step ended the episode for good.
    pub terminations: Vec<bool>,
    /// Whether it ended it for a reason outside the task.
    pub truncations: Vec<bool>,
}

impl Dataset {
    /// The dataset in `folder`: in it or in its folder `data`, as Minari has it.
    ///
    /// # Errors
    /// If there is none, or its files cannot be read.
    pub fn open(folder: &Path) -> Result<Self, MinariError> {
        if !folder.is_dir() {
            return Err(MinariError::Nothing { folder: folder.to_owned() });
        }
        let data = [folder.join("data"), folder.to_owned()].into_iter().find(|data| data.join(METADATA_FILE).exists());
        let data = data.ok_or_else(|| MinariError::NotADataset { folder: folder.to_owned() })?;
        let metadata_file = data.join(METADATA_FILE);
        let refuse = |problem: String| MinariError::Metadata { file: metadata_file.clone(), problem };
        let text = std::fs::read_to_string(&metadata_file).map_err(|source| MinariError::Io {
            doing: "read",
            file: metadata_file.clone(),
            source,
        })?;
        let metadata: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| refuse(format!("not JSON ({error}): write it again")))?;
        match metadata.get("data_format").and_then(Value::as_str) {
            // Older ones say nothing.
            None | Some(DATA_FORMAT) => {}
            Some(other) => {
                return Err(refuse(format!(
                    "data_format is {other:?}, and {DATA_FORMAT:?} alone is read: write the dataset anew in Python, with data_format={DATA_FORMAT:?}"
                )));
            }
        }
        let data_file = data.join(DATA_FILE);
        if !data_file.exists() {
            return Err(MinariError::NoEpisodes { file: data_file });
        }
        let file = File::open(&data_file)
            .map_err(|error| MinariError::Broken { file: data_file.clone(), problem: error.to_string() })?;
        Ok(Self { folder: folder.to_owned(), metadata_file, data_file, metadata, file })
    }

    /// The folder that it was read from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// CRC-32C of all episodes as they are on disk, after files whose own comes to `before`.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn checksum(&self, before: u32) -> Result<u32, MinariError> {
        let unread = |source| MinariError::Io { doing: "read", file: self.data_file.clone(), source };
        let mut file = std::fs::File::open(&self.data_file).map_err(unread)?;
        let (mut sum, mut part) = (before, vec![0; 1 << 16]);
        loop {
            match file.read(&mut part).map_err(unread)? {
                0 => return Ok(sum),
                count => sum = crc32c::crc32c_append(sum, &part[..count]),
            }
        }
    }

    fn bad_metadata(&self, problem: impl Into<String>) -> MinariError {
        MinariError::Metadata { file: self.metadata_file.clone(), problem: problem.into() }
    }

    fn count(&self, key: &str) -> Result<usize, MinariError> {
        let found = self.metadata.get(key);
        let number = found.and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        let found = || found.map_or("is missing".to_string(), |found| format!("is {found}"));
        number.ok_or_else(|| self.bad_metadata(format!("{key} {}, and should be a whole number", found())))
    }

    /// Episodes.
    ///
    /// # Errors
    /// If metadata.json does not say.
    pub fn episodes(&self) -> Result<usize, MinariError> {
        self.count("total_episodes")
    }

    /// Steps of all of them.
    ///
    /// # Errors
    /// If metadata.json does not say.
    pub fn steps(&self) -> Result<usize, MinariError> {
        self.count("total_steps")
    }

    /// Refuses a dataset of other spaces than the environment `env` has. One that does not say which it is of is found out
    /// by its numbers.
    ///
    /// # Errors
    /// Both spaces, or why the dataset's cannot be read.
    pub fn check_spaces(&self, env: &str, observations: &Space, actions: &Space) -> Result<(), MinariError> {
        for (kind, key, expected) in
            [("observations", "observation_space", observations), ("actions", "action_space", actions)]
        {
            let Some(text) = self.metadata.get(key).and_then(Value::as_str) else { continue };
            let found = space::from_json(text).map_err(|problem| self.bad_metadata(format!("{key}: {problem}")))?;
            if found != *expected {
                let advice = match self.env_id() {
                    Some(id) if id == env => {
                        "make the environment with the wrappers and arguments that it was recorded with".into()
                    }
                    Some(id) => format!("give a dataset of {env}, or train on that of the dataset, {id}"),
                    None => format!("give a dataset of {env}, or train on that of the dataset"),
                };
                return Err(MinariError::Spaces {
                    folder: self.folder.clone(),
                    problem: format!("was recorded with {kind} of {found}, and {env} has {expected}: {advice}"),
                });
            }
        }
        let jpeg = self.metadata.get("jpeg_encoding").and_then(Value::as_bool).unwrap_or(true);
        if jpeg && observations.leaves().iter().any(|leaf| is_picture(leaf.space)) {
            return Err(self.bad_metadata(
                "jpeg_encoding is true, and images are read as they are alone: write the dataset anew in Python, with jpeg_encoding=False",
            ));
        }
        Ok(())
    }

    /// The environment's id, if it is known.
    fn env_id(&self) -> Option<String> {
        let spec: Value = serde_json::from_str(self.metadata.get("env_spec")?.as_str()?).ok()?;
        Some(spec.get("id")?.as_str()?.to_owned())
    }

    /// Episode number `i`, between these spaces.
    ///
    /// # Errors
    /// If it is not there, or something in it cannot be.
    pub fn episode(&self, i: usize, observation_space: &Space, action_space: &Space) -> Result<Episode, MinariError> {
        let broken = |error: hdf5_pure::Error| MinariError::Broken {
            file: self.data_file.clone(),
            problem: format!("{}: {error}", group_name(i)),
        };
        let refuse = |problem: String| MinariError::Episode { file: self.data_file.clone(), episode: i, problem };
        let group = self.file.group(&group_name(i)).map_err(broken)?;
        let read = |name: &str| group.dataset(name).and_then(|dataset| dataset.read_f64()).map_err(broken);
        let rewards = read("rewards")?;
        let steps = rewards.len();
        let flags = |name: &str| {
            let flags = group.dataset(name).and_then(|dataset| dataset.read_i32()).map_err(broken)?;
            if flags.len() != steps {
                return Err(refuse(format!("{name} has {} rows, and rewards has {steps}", flags.len())));
            }
            Ok(flags.into_iter().map(|flag| flag != 0).collect())
        };
        let (terminations, truncations) = (flags("terminations")?, flags("truncations")?);
        if let Some(at) = rewards.iter().position(|reward| !(*reward as f32).is_finite()) {
            return Err(refuse(format!("rewards, row {at}: {} is no reward", rewards[at])));
        }
        let part = |name: &str, space: &Space, count: usize| -> Result<Rows, MinariError> {
            let mut rows = Rows::for_space(space, count);
            fill(&group, name, space, 0, &mut rows).map_err(|trouble| match trouble {
                Trouble::File(error) => broken(error),
                Trouble::Numbers(problem) => refuse(problem),
            })?;
            Ok(rows)
        };
        let observations = part("observations", observation_space, steps + 1)?;
        let done = part("actions", action_space, steps)?;
        let mut actions = ActionRows::for_space(action_space, steps);
        for row in 0..steps {
            let action = action_space.action(done.row(row)).filter(|action| action_space.accepts(*action));
            let action = action.ok_or_else(|| {
                refuse(format!("actions, row {row}: {:?} is no action of {action_space}", done.row(row)))
            })?;
            actions.set(row, action);
        }
        let rewards = rewards.into_iter().map(|reward| reward as f32).collect();
        Ok(Episode { observations, actions, rewards, terminations, truncations })
    }
}

impl Episode {
    /// Steps.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// What was done in step `i`.
    ///
    /// # Panics
    /// If there is no such step.
    pub fn action(&self, i: usize) -> Action<'_> {
        self.actions.get(i)
    }
}

/// Whether Minari keeps elements of this space as JPEG, if it may.
fn is_picture(space: &Space) -> bool {
    let Space::Box { dtype: Dtype::U8, shape, low, high } = space else { return false };
    let sides = (2..=3).contains(&shape.len()) && shape[..2].iter().all(|side| *side >= 32);
    sides && low.iter().all(|x| *x == 0.0) && high.iter().all(|x| *x == 255.0)
}

/// Why a part could not be read.
enum Trouble {
    File(hdf5_pure::Error),
    Numbers(String),
}

/// Reads the part `name` of an episode into the columns of `rows` from `first` on.
fn fill(group: &Group, name: &str, space: &Space, first: usize, rows: &mut Rows) -> Result<(), Trouble> {
    let parts: Vec<(String, &Space)> = match space {
        Space::Dict(parts) => parts.iter().map(|(part, space)| (format!("{name}/{part}"), space)).collect(),
        Space::Tuple(parts) => {
            parts.iter().enumerate().map(|(i, space)| (format!("{name}/_index_{i}"), space)).collect()
        }
        leaf => return fill_leaf(group, name, leaf, first, rows),
    };
    let mut at = first;
    for (name, part) in parts {
        fill(group, &name, part, at, rows)?;
        at += part.width();
    }
    Ok(())
}

fn fill_leaf(group: &Group, name: &str, space: &Space, first: usize, rows: &mut Rows) -> Result<(), Trouble> {
    let dataset = group.dataset(name).map_err(Trouble::File)?;
    let (width, count) = (space.width(), rows.len());
    let shape = dataset.shape().map_err(Trouble::File)?;
    let found = shape.iter().product::<u64>();
    if shape.first().is_none_or(|rows| *rows != count as u64) || found != (count * width) as u64 {
        let expected = [&[count], space.shape()].concat();
        return Err(Trouble::Numbers(format!("{name} is of shape {shape:?} where {expected:?} was expected")));
    }
    let mut write = |row: usize, i: usize, number: f64| {
        rows.row_mut(row).part(first + i..first + i + 1).set_number(0, number);
    };
    // Numbers of 64 bits are kept in 32.
    match space.dtype() {
        Dtype::F32 => {
            for (at, number) in dataset.read_f32().map_err(Trouble::File)?.into_iter().enumerate() {
                if !number.is_finite() {
                    return Err(Trouble::Numbers(format!(
                        "{name}, row {}: {number} is no observation or action",
                        at / width
                    )));
                }
                write(at / width, at % width, number.into());
            }
        }
        Dtype::U8 | Dtype::I32 => {
            for (at, number) in dataset.read_i32().map_err(Trouble::File)?.into_iter().enumerate() {
                write(at / width, at % width, number.into());
            }
        }
    }
    Ok(())
}
