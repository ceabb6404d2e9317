//! A recommender that was fitted, to be asked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cartwheel_agents::models::Cost;
use cartwheel_agents::models::recommender::{Architecture, Recommender, Shape};
use cartwheel_agents::nn::{Matrix, product, read_header};
use cartwheel_envs::Generator;
use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use crate::TrainError;
use crate::run::RunDir;
use crate::supervised::loaded::saved::KEY;

/// What a recommender's file says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    model: String,
    users: usize,
    items: usize,
    architecture: String,
    embedding_dim: usize,
    layers: Vec<usize>,
}

impl Header {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            model: "recommender".into(),
            users: shape.users,
            items: shape.items,
            architecture: shape.architecture.to_string(),
            embedding_dim: shape.embedding_dim,
            layers: shape.layers.clone(),
        }
    }

    pub(super) fn to_metadata(&self) -> HashMap<String, String> {
        HashMap::from([(KEY.to_owned(), serde_json::to_string(self).unwrap_or_default())])
    }
}

/// An item for a user.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// What it is called in the file of ratings.
    pub item: String,
    /// Its title, where a file beside the ratings has one.
    pub title: Option<String>,
    /// The model's score: a rating, if it learnt those, else higher for what is more likely to be chosen.
    pub score: f32,
}

/// A recommender of a run, with who there is and what they have seen.
pub struct SavedRecommender {
    file: PathBuf,
    model: Recommender,
    catalogue: Catalogue,
    /// The vectors of all items.
    items: Vec<f32>,
}

impl SavedRecommender {
    /// Whether `path` is the folder of a recommender's run.
    pub fn is_one(path: &Path) -> bool {
        RunDir::open(path).is_ok_and(|run| {
            read_header(&run.best_weights())
                .is_ok_and(|header| header.metadata.get(KEY).is_some_and(|text| Self::header(text).is_some()))
        })
    }

    fn header(text: &str) -> Option<Header> {
        serde_json::from_str::<Header>(text).ok().filter(|header| header.model == "recommender")
    }

    /// The recommender of the run in the folder `path`: its best weights.
    ///
    /// # Errors
    /// If it is no run of one, or its files are damaged.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        if path.is_file() {
            return Err(TrainError::Unfit(format!(
                "{} is a file: who has seen what is in the run's folder, so give that",
                path.display()
            )));
        }
        let run = RunDir::open(path)?;
        let file = run.best_weights();
        let found = read_header(&file)?;
        let header = found.metadata.get(KEY).and_then(|text| Self::header(text)).ok_or_else(|| {
            TrainError::Unfit(format!(
                "{} is no recommender: --user asks those of `cartwheel fit recommender`",
                path.display()
            ))
        })?;
        let architecture = header.architecture.parse::<Architecture>().map_err(|error| {
            TrainError::Unfit(format!("{} is of an architecture that is not known: {error}", file.display()))
        })?;
        let catalogue = Catalogue::open(&run)?;
        let fits = catalogue.users.len() == header.users
            && catalogue.items.len() == header.items
            && catalogue.titles.len() == header.items
            && catalogue.seen.len() == header.users
            && catalogue.seen.iter().flatten().all(|item| (*item as usize) < header.items);
        if !fits {
            return Err(TrainError::Unfit(format!(
                "{} is of {} users and {} items, and the run's catalogue.bin of {} and {}: they do not belong together",
                file.display(),
                header.users,
                header.items,
                catalogue.users.len(),
                catalogue.items.len()
            )));
        }
        let Header { users, items, embedding_dim, layers, .. } = header;
        let shape = Shape { users, items, architecture, embedding_dim, layers };
        // A header that is wrong must not take all memory.
        let bytes = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
        if shape.cost().bytes > bytes {
            return Err(TrainError::Unfit(format!("{} says of its model what it cannot hold", file.display())));
        }
        let mut model = Recommender::new(shape, 0.0, &mut Generator::new(0));
        model.parameters_mut().load_safetensors(&file)?;
        let all: Vec<u32> = (0..items as u32).collect();
        let items = model.item_vectors(&all)?;
        Ok(Self { file, model, catalogue, items })
    }

    /// Its file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Its layers and what they cost.
    pub fn cost(&self) -> Cost {
        self.model.shape().cost()
    }

    /// The `top` items that the user called `user` in the file of ratings has not seen and would like best, the best first.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn recommend(&self, user: &str, top: usize) -> Result<Vec<Recommendation>, TrainError> {
        let number = self.catalogue.user(user)?;
        let (vector, width) = (self.model.user_vectors(&[number])?, self.model.width());
        let mut scores = vec![0.0; self.catalogue.items.len()];
        product(Matrix::new(&self.items, scores.len(), width), Matrix::new(&vector, width, 1), &mut scores, false);
        let seen = &self.catalogue.seen[number as usize];
        let mut order: Vec<u32> = (0..scores.len() as u32).filter(|item| seen.binary_search(item).is_err()).collect();
        order.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]));
        let named = |item: &u32| {
            let at = *item as usize;
            let title = Some(self.catalogue.titles[at].clone()).filter(|title| !title.is_empty());
            Recommendation { item: self.catalogue.items[at].clone(), title, score: scores[at] }
        };
        Ok(order.iter().take(top).map(named).collect())
    }
}
