//! What a recommender is asked with: names, and what each user has seen.

use std::path::Path;

use cartwheel_agents::config::nearest;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::data::ratings::{LeaveOneOut, Ratings};
use crate::run::{RunDir, RunError, write_atomic};

/// The file in a run's folder.
const FILE: &str = "catalogue.bin";

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Catalogue {
    /// What users are called.
    pub(super) users: Vec<String>,
    /// What items are called.
    pub(super) items: Vec<String>,
    /// The titles of items, empty where there are none.
    pub(super) titles: Vec<String>,
    /// What each user has, held out or not.
    pub(super) seen: Vec<Vec<u32>>,
}

impl Catalogue {
    pub(super) fn new(ratings: &Ratings, split: &LeaveOneOut) -> Self {
        let seen = (0..ratings.users.len()).map(|user| split.seen.of(user as u32).to_vec()).collect();
        Self { users: ratings.users.clone(), items: ratings.items.clone(), titles: ratings.titles.clone(), seen }
    }

    /// Writes it into the folder of a run. One that is there already has to be the same: then the run is gone on with, and would
    /// learn from other users under the same numbers.
    pub(super) fn keep(&self, run: &RunDir, ratings: &Path) -> Result<(), TrainError> {
        let file = run.path().join(FILE);
        if file.exists() {
            if Self::open(run)? != *self {
                return Err(TrainError::Unfit(format!(
                    "{} is not what it was when {} began: bring the file back, or begin a new run",
                    ratings.display(),
                    run.path().display()
                )));
            }
            return Ok(());
        }
        let bytes = postcard::to_stdvec(self)
            .map_err(|error| RunError::Malformed { file: file.clone(), problem: error.to_string() })?;
        write_atomic(&file, |out| std::io::Write::write_all(out, &bytes))
            .map(drop)
            .map_err(RunError::io("write", &file))?;
        Ok(())
    }

    /// That of a run.
    pub(super) fn open(run: &RunDir) -> Result<Self, RunError> {
        let file = run.path().join(FILE);
        let bytes = std::fs::read(&file).map_err(RunError::io("read", &file))?;
        postcard::from_bytes(&bytes).map_err(|error| RunError::Malformed { file, problem: error.to_string() })
    }

    /// What an item is called by people.
    pub(super) fn title(&self, item: u32) -> String {
        let (title, name) = (&self.titles[item as usize], &self.items[item as usize]);
        if title.is_empty() { name.clone() } else { title.clone() }
    }

    /// The number of the user `name`.
    pub(super) fn user(&self, name: &str) -> Result<u32, TrainError> {
        if let Some(number) = self.users.iter().position(|user| user == name) {
            return Ok(number as u32);
        }
        let near = nearest(name, self.users.iter().map(String::as_str));
        let near = near.map_or(String::new(), |near| format!(" (nearest: {near:?})"));
        let some = self.users.iter().take(3).map(|user| format!("{user:?}")).collect::<Vec<_>>().join(", ");
        Err(TrainError::Unfit(format!(
            "the model has learnt of no user {name:?}{near}: its {} users are called {some} and so on",
            self.users.len()
        )))
    }
}
