//! Writing episodes.

use std::io::Write as _;
use std::path::Path;

use cartwheel_envs::{Action, ActionRows, Dtype, EnvSpec, Kwargs, Row, Rows, Space, Step};
use hdf5_pure::{AttrValue, DatasetBuilder, EnumTypeBuilder, FileBuilder, FormatError, GroupBuilder, make_i8_type};
use serde_json::{Map, Value, json};

use super::env_spec::env_spec;
use super::{DATA_FILE, DATA_FORMAT, METADATA_FILE, MINARI_VERSION, MinariError, group_name, space};
use crate::memory::memory_bytes;
use crate::run::write_atomic;

/// What a dataset says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// What is known of the environment, which was made as `id` with these keyword arguments.
    pub env: &'a EnvSpec,
    /// The environment's id.
    pub id: &'a str,
    /// Its keyword arguments.
    pub kwargs: &'a Kwargs,
    /// Whether there were wrappers around it: then Python cannot make it again.
    pub wrapped: bool,
    /// What acted, such as `dqn`.
    pub algorithm_name: &'a str,
}

/// Bytes that an episode takes while its file is made, and how often what it holds is there then: of 100 000 episodes of CartPole
/// (67 MB of numbers) 1.4 GiB were measured, of 4000 of Seaquest (122 MB) 440 MiB.
const OVERHEAD: u64 = 12_000;
const COPIES: f64 = 3.5;
/// So many episodes tell how long others will be.
const TELLING: usize = 16;

/// Episodes that are being recorded, in memory until they are written.
#[derive(Clone, Debug)]
pub struct Recording {
    observation_space: Space,
    action_space: Space,
    episodes: Vec<Recorded>,
    /// Bytes of what they hold.
    bytes: u64,
}

/// One of them.
#[derive(Clone, Debug)]
struct Recorded {
    seed: u64,
    /// Rows of observations one after the other.
    observations: Numbers,
    actions: ActionRows,
    rewards: Vec<f64>,
    terminations: Vec<u8>,
    truncations: Vec<u8>,
}

/// Rows of numbers of one type.
#[derive(Clone, Debug)]
enum Numbers {
    F32(Vec<f32>),
    U8(Vec<u8>),
    I32(Vec<i32>),
}

impl Numbers {
    fn new(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32(Vec::new()),
            Dtype::U8 => Self::U8(Vec::new()),
            Dtype::I32 => Self::I32(Vec::new()),
        }
    }

    fn push(&mut self, row: Row<'_>) {
        match (self, row) {
            (Self::F32(own), Row::F32(row)) => own.extend_from_slice(row),
            (Self::U8(own), Row::U8(row)) => own.extend_from_slice(row),
            (Self::I32(own), Row::I32(row)) => own.extend_from_slice(row),
            // An environment writes what its space says.
            _ => {}
        }
    }

    fn all(&self) -> Row<'_> {
        match self {
            Self::F32(own) => Row::F32(own),
            Self::U8(own) => Row::U8(own),
            Self::I32(own) => Row::I32(own),
        }
    }
}

impl Recording {
    /// A recording of an environment with these spaces.
    pub fn new(observation_space: &Space, action_space: &Space) -> Self {
        let (observation_space, action_space) = (observation_space.clone(), action_space.clone());
        Self { observation_space, action_space, episodes: Vec::new(), bytes: 0 }
    }

    /// An episode begins, reset with `seed`, with this observation.
    pub fn begin(&mut self, seed: u64, observation: Row<'_>) {
        let mut observations = Numbers::new(self.observation_space.dtype());
        observations.push(observation);
        self.episodes.push(Recorded {
            seed,
            observations,
            actions: ActionRows::for_space(&self.action_space, 0),
            rewards: Vec::new(),
            terminations: Vec::new(),
            truncations: Vec::new(),
        });
    }

    /// The running episode took `step` by `action`, which led to this observation.
    pub fn step(&mut self, action: Action<'_>, step: Step, observation: Row<'_>) {
        let Some(episode) = self.episodes.last_mut() else { return };
        let at = episode.actions.len();
        episode.actions.resize(at + 1);
        episode.actions.set(at, action);
        episode.observations.push(observation);
        episode.rewards.push(step.reward);
        episode.terminations.push(step.terminated.into());
        episode.truncations.push(step.truncated.into());
        let numbers =
            self.observation_space.width() * self.observation_space.dtype().size() + 4 * self.action_space.width();
        self.bytes += (numbers + size_of::<f64>() + 2) as u64;
    }

    /// Refuses to go on to so many episodes if, to judge by those that there are, they would not fit into memory. Of a few it
    /// says so only once they do not fit themselves.
    ///
    /// # Errors
    /// [`MinariError::NoRoom`].
    pub fn check_room(&self, episodes: u64) -> Result<(), MinariError> {
        self.check_room_in(memory_bytes(), episodes)
    }

    pub(super) fn check_room_in(&self, memory: u64, episodes: u64) -> Result<(), MinariError> {
        let recorded = self.episodes.len();
        let own = (COPIES * self.bytes as f64) as u64 + OVERHEAD * recorded as u64;
        let needed = u128::from(own) * u128::from(episodes) / recorded.max(1) as u128;
        if own <= memory && (recorded < TELLING || needed <= memory.into()) {
            return Ok(());
        }
        let fits = u128::from(memory) * recorded as u128 / u128::from(own);
        Err(MinariError::NoRoom { episodes, recorded, needed, memory, fits })
    }

    /// The running episode is given up: its last step was cut off from outside the task, if it did not end it anyway.
    pub fn give_up(&mut self) {
        if let Some(Recorded { terminations, truncations, .. }) = self.episodes.last_mut()
            && let (Some(0), Some(truncated)) = (terminations.last(), truncations.last_mut())
        {
            *truncated = 1;
        }
    }

    /// Episodes.
    pub fn episodes(&self) -> usize {
        self.episodes.len()
    }

    /// Steps of all of them.
    pub fn steps(&self) -> usize {
        self.episodes.iter().map(|episode| episode.rewards.len()).sum()
    }

    /// Refuses a folder that holds a dataset already.
    ///
    /// # Errors
    /// [`MinariError::Exists`].
    pub fn check(folder: &Path) -> Result<(), MinariError> {
        let taken = [folder.join("data"), folder.to_owned()].iter().any(|data| data.join(METADATA_FILE).exists());
        if taken { Err(MinariError::Exists { folder: folder.to_owned() }) } else { Ok(()) }
    }

    /// Writes the dataset into `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// If there is a dataset already, a space has no place in the layout, or the disk refuses.
    pub fn write(&self, folder: &Path, about: &About<'_>) -> Result<(), MinariError> {
        Self::check(folder)?;
        let io = |file: &Path| {
            let file = file.to_owned();
            move |source| MinariError::Io { doing: "write", file, source }
        };
        let no_place = |space| MinariError::NoPlace { space };
        let data = folder.join("data");
        std::fs::create_dir_all(&data).map_err(io(&data))?;
        let file = data.join(DATA_FILE);
        let bytes = self.to_hdf5().map_err(|error| io(&file)(std::io::Error::other(error.to_string())))?;
        write_atomic(&file, |out| out.write_all(&bytes)).map_err(io(&file))?;
        let mut metadata = Map::new();
        for (key, value) in [
            ("total_episodes", self.episodes().into()),
            ("total_steps", self.steps().into()),
            ("data_format", DATA_FORMAT.into()),
            ("jpeg_encoding", false.into()),
            ("observation_space", space::to_json(&self.observation_space).map_err(no_place)?.into()),
            ("action_space", space::to_json(&self.action_space).map_err(no_place)?.into()),
            ("dataset_id", dataset_id(folder).into()),
            ("minari_version", MINARI_VERSION.into()),
            ("algorithm_name", about.algorithm_name.into()),
            ("dataset_size", json!((bytes.len() as f64 / 1e5).round() / 10.0)),
        ] {
            metadata.insert(key.into(), value);
        }
        if !about.wrapped {
            metadata.insert("env_spec".into(), env_spec(about.id, about.kwargs, about.env).into());
        }
        // Last, so that a dataset with metadata is whole.
        let file = data.join(METADATA_FILE);
        let text = Value::Object(metadata).to_string();
        write_atomic(&file, |out| out.write_all(text.as_bytes())).map(drop).map_err(io(&file))
    }

    fn to_hdf5(&self) -> Result<Vec<u8>, hdf5_pure::Error> {
        let mut file = FileBuilder::new();
        for (i, episode) in self.episodes.iter().enumerate() {
            let mut group = file.create_group(&group_name(i));
            let steps = episode.rewards.len();
            for (name, value) in [("id", i as u64), ("seed", episode.seed), ("total_steps", steps as u64)] {
                let value = i64::try_from(value).map_or(AttrValue::U64(value), AttrValue::I64);
                group.set_attr(name, value);
            }
            let width = self.observation_space.width();
            let seen = Table { numbers: episode.observations.all(), width, rows: steps + 1 };
            add(&mut group, "observations", &self.observation_space, seen, 0);
            let actions = action_numbers(&episode.actions);
            let done = Table { numbers: actions.row(0), width: self.action_space.width(), rows: steps };
            add(&mut group, "actions", &self.action_space, done, 0);
            group.create_dataset("rewards").with_f64_data(&episode.rewards);
            for (name, flags) in [("terminations", &episode.terminations), ("truncations", &episode.truncations)] {
                group.create_dataset(name).with_enum_u8_data(boolean()?, flags);
            }
            // None are recorded, but Minari's readers look for them.
            let infos = group.create_group("infos").finish();
            group.add_group(infos);
            file.add_group(group.finish());
        }
        file.finish()
    }
}

/// Python's booleans as h5py keeps them.
fn boolean() -> Result<hdf5_pure::Datatype, FormatError> {
    EnumTypeBuilder::with_base(make_i8_type()).value("FALSE", 0).value("TRUE", 1).build()
}

/// All actions in one row.
fn action_numbers(actions: &ActionRows) -> Rows {
    let (dtype, count) = match actions {
        ActionRows::Continuous { values, .. } => (Dtype::F32, values.len()),
        ActionRows::Discrete(values) | ActionRows::Multi { values, .. } => (Dtype::I32, values.len()),
    };
    let mut rows = Rows::new(dtype, count, 1);
    rows.set(
        0,
        match actions {
            ActionRows::Continuous { values, .. } => Row::F32(values),
            ActionRows::Discrete(values) | ActionRows::Multi { values, .. } => Row::I32(values),
        },
    );
    rows
}

/// Rows of `width` numbers.
#[derive(Clone, Copy)]
struct Table<'a> {
    numbers: Row<'a>,
    width: usize,
    rows: usize,
}

/// Adds what `table` has of `space`, whose numbers begin at column `first`, to `group` by this name.
fn add(group: &mut GroupBuilder, name: &str, space: &Space, table: Table<'_>, first: usize) {
    let parts: Vec<(String, &Space)> = match space {
        Space::Dict(parts) => parts.iter().map(|(name, part)| (name.clone(), part)).collect(),
        Space::Tuple(parts) => parts.iter().enumerate().map(|(i, part)| (format!("_index_{i}"), part)).collect(),
        leaf => return add_leaf(group.create_dataset(name), leaf, table, first),
    };
    let mut inner = group.create_group(name);
    let mut at = first;
    for (name, part) in parts {
        add(&mut inner, &name, part, table, at);
        at += part.width();
    }
    group.add_group(inner.finish());
}

/// The numbers of a part that is no composite, in the type that Gymnasium has them in.
fn add_leaf(dataset: &mut DatasetBuilder, space: &Space, table: Table<'_>, first: usize) {
    let Table { numbers, width, rows } = table;
    let own = space.width();
    let values = || (0..rows).flat_map(move |row| (0..own).map(move |i| numbers.number(row * width + first + i)));
    match (space, numbers) {
        // Nothing to be picked out or converted.
        (Space::Box { dtype: Dtype::F32, .. }, Row::F32(all)) if own == width => dataset.with_f32_data(all),
        (Space::Box { dtype: Dtype::U8, .. }, Row::U8(all)) if own == width => dataset.with_u8_data(all),
        (Space::Box { dtype: Dtype::F32, .. }, _) => {
            dataset.with_f32_data(&values().map(|x| x as f32).collect::<Vec<_>>())
        }
        (Space::Box { dtype: Dtype::U8, .. }, _) => {
            dataset.with_u8_data(&values().map(|x| x as u8).collect::<Vec<_>>())
        }
        (Space::Box { .. }, _) => dataset.with_i32_data(&values().map(|x| x as i32).collect::<Vec<_>>()),
        (Space::MultiBinary { .. }, _) => dataset.with_i8_data(&values().map(|x| x as i8).collect::<Vec<_>>()),
        _ => dataset.with_i64_data(&values().map(|x| x as i64).collect::<Vec<_>>()),
    };
    let shape: Vec<u64> = match space {
        Space::Discrete { .. } => vec![rows as u64],
        Space::MultiDiscrete { nvec, .. } => vec![rows as u64, nvec.len() as u64],
        space => std::iter::once(rows).chain(space.shape().iter().copied()).map(|n| n as u64).collect(),
    };
    dataset.with_shape(&shape);
}

/// A name that Minari takes for a dataset: that of its folder, with a version behind it.
fn dataset_id(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let word = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let name: String = name.chars().map(word).collect();
    let name = if name.is_empty() { "recorded".into() } else { name };
    let version = name.rsplit_once("-v").is_some_and(|(before, version)| {
        !before.is_empty() && !version.is_empty() && version.chars().all(|c| c.is_ascii_digit())
    });
    if version { name } else { format!("{name}-v0") }
}
