//! What processes say of themselves when they meet, and what must be the same for all.

use cartwheel_agents::nn::Isa;
use serde::{Deserialize, Serialize};

use super::super::session::checkpoint::fingerprint;
use super::super::settings::FitSettings;
use super::super::task::{Part, Task};
use super::world::World;

/// Settings that processes may differ in: where things lie and what a machine has, and not what is learnt.
const OWN: [&str; 8] = [
    "fit.device",
    "fit.threads",
    "data.dir",
    "ratings.path",
    "mlp.init",
    "resnet.init",
    "t5.init",
    "images.num_workers",
];

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(super) rank: usize,
    pub(super) size: usize,
    /// Of the model.
    stages: usize,
    /// Of Cartwheel.
    version: String,
    /// Vector operations: others round otherwise.
    isa: String,
    settings: Vec<(String, String)>,
    /// How many samples there are to learn from, and the fingerprint of all.
    samples: usize,
    data: u32,
    /// Names and shapes.
    parameters: Vec<(String, Vec<usize>)>,
}

impl Hello {
    /// Of a process that is to learn `task`.
    pub(crate) fn new(world: &World, stages: usize, settings: &FitSettings, task: &dyn Task) -> Self {
        let is_shared = |key: &str| !key.starts_with("run.") && !OWN.contains(&key);
        let parameters = task.parameters().iter();
        Self {
            rank: world.rank,
            size: world.size,
            stages,
            version: env!("CARGO_PKG_VERSION").into(),
            isa: Isa::detect().to_string(),
            settings: settings.values().into_iter().filter(|(key, _)| is_shared(key)).collect(),
            samples: task.samples(Part::Train),
            data: fingerprint(task),
            parameters: parameters.map(|parameter| (parameter.name().to_owned(), parameter.shape().to_vec())).collect(),
        }
    }

    /// In what `other` differs from this, which is rank 0's, so that they cannot train together.
    pub(super) fn differs(&self, other: &Self) -> Option<String> {
        let rank = other.rank;
        if self.version != other.version {
            let (own, other) = (&self.version, &other.version);
            return Some(format!(
                "rank {rank} is cartwheel {other}, and rank 0 {own}: install the same on all machines"
            ));
        }
        if self.size != other.size {
            return Some(format!("WORLD_SIZE is {} at rank {rank}, and {} at rank 0", other.size, self.size));
        }
        if self.stages != other.stages {
            return Some(format!("--pp is {} at rank {rank}, and {} at rank 0", other.stages, self.stages));
        }
        if rank == 0 || rank >= self.size {
            return Some(format!("a second process is rank {rank} of {}: each needs a RANK of its own", self.size));
        }
        let mut settings = self.settings.iter().zip(&other.settings);
        if let Some(((key, own), (other_key, other))) = settings.find(|(own, other)| own != other) {
            return Some(match key == other_key {
                true => {
                    format!("{key} is {other} at rank {rank}, and {own} at rank 0: start all with the same settings")
                }
                false => format!("rank {rank} fits another model than rank 0: start all with the same settings"),
            });
        }
        if self.settings.len() != other.settings.len() {
            return Some(format!("rank {rank} fits another model than rank 0: start all with the same settings"));
        }
        if (self.samples, self.data) != (other.samples, other.data) {
            let (own, other) = (self.samples, other.samples);
            return Some(format!(
                "the data of rank {rank} is not that of rank 0 ({other} samples to learn from, and {own}): give all the same files"
            ));
        }
        if self.isa != other.isa {
            let (own, other) = (&self.isa, &other.isa);
            return Some(format!(
                "the processor of rank {rank} computes with {other}, and that of rank 0 with {own}: their models would drift apart"
            ));
        }
        let mut parameters = self.parameters.iter().zip(&other.parameters);
        let differ = parameters.find(|(own, other)| own != other);
        match differ {
            Some(((name, own), (other_name, other))) => Some(format!(
                "rank {rank} has a parameter `{other_name}` {other:?} where rank 0 has `{name}` {own:?}: begin with the same model"
            )),
            None if self.parameters.len() != other.parameters.len() => Some(format!(
                "rank {rank} has {} parameters, and rank 0 {}: begin with the same model",
                other.parameters.len(),
                self.parameters.len()
            )),
            None => None,
        }
    }
}

#[cfg(test)]
impl Hello {
    /// Of a process without a model.
    pub(super) fn of(rank: usize, size: usize) -> Self {
        let (version, isa) = (String::new(), String::new());
        Self { rank, size, stages: 1, version, isa, settings: Vec::new(), samples: 0, data: 0, parameters: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let own = Hello {
            settings: vec![("fit.seed".into(), "1".into())],
            parameters: vec![("0.weight".into(), vec![3, 2])],
            ..Hello::of(0, 3)
        };
        let other = Hello { rank: 2, ..own.clone() };
        assert_eq!(own.differs(&other), None);
        let told = |change: &dyn Fn(&mut Hello)| {
            let mut changed = other.clone();
            change(&mut changed);
            own.differs(&changed).expect("it differs")
        };
        assert_eq!(
            told(&|hello| hello.settings[0].1 = "7".into()),
            "fit.seed is 7 at rank 2, and 1 at rank 0: start all with the same settings"
        );
        assert!(told(&|hello| hello.settings[0].0 = "fit.epochs".into()).contains("another model"));
        assert!(told(&|hello| hello.settings.clear()).contains("another model"));
        assert!(told(&|hello| hello.version = "9".into()).contains("rank 2 is cartwheel 9"));
        assert!(told(&|hello| hello.size = 4).contains("WORLD_SIZE is 4 at rank 2, and 3 at rank 0"));
        assert!(told(&|hello| hello.stages = 3).contains("--pp is 3 at rank 2, and 1 at rank 0"));
        assert!(told(&|hello| hello.rank = 0).contains("a RANK of its own"));
        assert!(told(&|hello| hello.rank = 3).contains("rank 3 of 3"));
        assert!(told(&|hello| hello.data = 5).contains("the data of rank 2"));
        assert!(told(&|hello| hello.isa = "sse9".into()).contains("sse9"));
        assert!(
            told(&|hello| hello.parameters[0].1[0] = 4)
                .contains("`0.weight` [4, 2] where rank 0 has `0.weight` [3, 2]")
        );
        assert!(told(&|hello| hello.parameters.clear()).contains("0 parameters, and rank 0 1"));
    }
}
