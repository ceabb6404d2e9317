//! Recommending: a model of who chose or rated what, with the last choice of each user held out.

mod catalogue;
mod config;
mod judge;
mod ranking;
mod report;
mod saved;

pub use config::{Loss, RatingsConfig, RecommenderConfig};
pub use ranking::Ranking;
pub use report::{RankingReport, RecommendationReport};
pub use saved::{Recommendation, SavedRecommender};

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cartwheel_agents::models::Cost;
use cartwheel_agents::models::recommender::{Goal, Recommender, Shape};
use cartwheel_agents::nn::ops::Against;
use cartwheel_agents::nn::{self, DeviceError, Gradients, Matrix, Parameters, product};
use cartwheel_envs::Generator;

use super::classification::WEIGHTS;
use super::memory::check_memory;
use super::profile::timed;
use super::report::Report;
use super::samples::{Answer, Given, Sample, spread};
use super::settings::FitSettings;
use super::task::{Part, Purpose, Tally, Task};
use crate::TrainError;
use crate::data::ratings::{Interaction, LeaveOneOut, Ratings};
use crate::run::RunDir;
use catalogue::Catalogue;
use ranking::{Mean, Place, TOP};
use saved::Header;

/// Items that a held-out one is put among, as in He et al. 2017.
const OTHERS: usize = 99;
/// Users who are shown, and how much of what they chose before.
const SHOWN: usize = 8;
const HISTORY: usize = 6;
/// Users whose scores of all items are computed at once.
const AT_ONCE: usize = 256;
/// Purposes of streams, in the keys of their generators.
const NEGATIVES: u64 = 0x6e65_6761;
const ASKED: u64 = 0x6173_6b65;

/// A recommender with its ratings.
pub(crate) struct RecommendationTask {
    model: Recommender,
    place: nn::Place,
    path: PathBuf,
    catalogue: Catalogue,
    split: LeaveOneOut,
    config: RecommenderConfig,
    seed: u64,
    rated: bool,
    /// How often each item is in what is learnt from, and the logarithms of the shares.
    popularity: Vec<f32>,
    log_q: Vec<f32>,
    /// NDCG@10 of what was looked at last.
    ndcg: f64,
}

impl RecommendationTask {
    /// The model and the ratings that `settings` say.
    ///
    /// # Errors
    /// If the ratings cannot be read, or are too few to hold any out, or if the model has no room.
    pub(crate) fn new(settings: &FitSettings, purpose: Purpose) -> Result<Self, TrainError> {
        let FitSettings { ratings: RatingsConfig { path, .. }, recommender: config, .. } = settings;
        let path = PathBuf::from(path);
        let ratings = Ratings::read(&path, &settings.ratings.columns())?;
        let unfit = |problem: &str| Err(TrainError::Unfit(format!("{} {problem}", path.display())));
        if config.loss == Loss::Mse && !ratings.rated {
            return unfit(
                "has no column of ratings, which recommender.loss = \"mse\" learns: name it by ratings.rating_column, or take \"bpr\"",
            );
        }
        let split = LeaveOneOut::new(&ratings);
        if split.test.is_empty() {
            return unfit("has no user with two items or more: there is nothing to hold out, and to learn from");
        }
        let count = split.train.len() as f64;
        let mean = match config.loss {
            Loss::Mse => split.train.iter().map(|row| f64::from(row.rating)).sum::<f64>() / count,
            _ => 0.0,
        };
        let mut popularity = vec![0.0_f32; ratings.items.len()];
        split.train.iter().for_each(|row| popularity[row.item as usize] += 1.0);
        let shape = Shape {
            users: ratings.users.len(),
            items: ratings.items.len(),
            architecture: config.architecture,
            embedding_dim: config.embedding_dim,
            layers: config.layers.clone(),
        };
        check_memory(settings, purpose, &shape.cost(), split.train.len())?;
        let mut rng = Generator::from_entropy(&[settings.fit.seed, WEIGHTS]);
        Ok(Self {
            model: Recommender::new(shape, mean, &mut rng),
            place: purpose.place(settings)?,
            catalogue: Catalogue::new(&ratings, &split),
            config: config.clone(),
            seed: settings.fit.seed,
            rated: config.loss == Loss::Mse,
            log_q: popularity.iter().map(|times| (f64::from(*times) / count).ln() as f32).collect(),
            popularity,
            split,
            path,
            ndcg: 0.0,
        })
    }

    fn part(&self, part: Part) -> &[Interaction] {
        match part {
            Part::Train => &self.split.train,
            Part::Validation => &self.split.validation,
            Part::Test => &self.split.test,
        }
    }

    /// Users and items of a batch of an epoch, each user's own first and then those that it is held against; and ratings.
    fn batch(&self, epoch: u64, indices: &[usize]) -> (Vec<u32>, Vec<u32>, Vec<f32>) {
        let rows = || indices.iter().map(|index| self.split.train[*index]);
        let users = rows().map(|row| row.user).collect();
        if self.config.loss == Loss::Mse || self.config.loss == Loss::InBatch {
            return (users, rows().map(|row| row.item).collect(), rows().map(|row| row.rating).collect());
        }
        let mut items = Vec::with_capacity(indices.len() * (self.config.negatives + 1));
        for (row, index) in rows().zip(indices) {
            items.push(row.item);
            let mut rng = Generator::from_entropy(&[self.seed, NEGATIVES, epoch, *index as u64]);
            let others = u64::from(self.split.learnt.others(row.user));
            items.extend((0..self.config.negatives).map(|_| match others {
                // Who chose everything is held against what they chose, and nothing is learnt from that.
                0 => row.item,
                others => self.split.learnt.other(row.user, rng.below(others) as u32),
            }));
        }
        (users, items, Vec::new())
    }

    /// The loss of the scores of a held-out item and of others.
    fn loss(&self, row: &Interaction, scores: &[f32]) -> f64 {
        let mut scores: Vec<f64> = scores.iter().map(|score| f64::from(*score)).collect();
        match self.config.loss {
            Loss::Mse => (scores[0] - f64::from(row.rating)).powi(2),
            Loss::Bpr => Against::Bpr.row(&mut scores),
            Loss::Bce => Against::Bce.row(&mut scores),
            Loss::Softmax | Loss::InBatch => Against::Softmax.row(&mut scores),
        }
    }

    /// Shows each held-out row of a part with the scores of its item and of [`OTHERS`] others, and those others.
    fn look(&self, part: Part, mut see: impl FnMut(&Interaction, &[f32], &[u32])) -> Result<(), DeviceError> {
        let all: Vec<u32> = (0..self.model.shape().items as u32).collect();
        let (items, width) = (self.model.item_vectors(&all)?, self.model.width());
        let mut scores = Vec::with_capacity(OTHERS + 1);
        for rows in self.part(part).chunks(AT_ONCE) {
            let users: Vec<u32> = rows.iter().map(|row| row.user).collect();
            let vectors = self.model.user_vectors(&users)?;
            for (row, vector) in rows.iter().zip(vectors.chunks_exact(width)) {
                let mut rng = Generator::from_entropy(&[self.seed, ASKED, part as u64, u64::from(row.user)]);
                let others = self.split.seen.sample(row.user, OTHERS, &mut rng);
                scores.clear();
                scores.extend(std::iter::once(&row.item).chain(&others).map(|item| {
                    let item = &items[*item as usize * width..][..width];
                    vector.iter().zip(item).map(|(a, b)| a * b).sum::<f32>()
                }));
                see(row, &scores, &others);
            }
        }
        Ok(())
    }

    /// A user for people to look at: what they chose before this, and this.
    fn shown(&self, row: &Interaction) -> Sample {
        let train = &self.split.train;
        // User by user, and in the order in which they chose.
        let end = train.partition_point(|other| other.user <= row.user);
        let begin = train.partition_point(|other| other.user < row.user).max(end.saturating_sub(HISTORY));
        let history = train[begin..end].iter().map(|row| self.catalogue.title(row.item)).collect();
        let name = self.catalogue.users[row.user as usize].clone();
        Sample { given: Given::User { name, history }, expected: self.catalogue.title(row.item) }
    }

    /// Where held-out items stand among all that the user did not choose before: by the model, and by popularity.
    fn full(&self, part: Part) -> Result<RankingReport, DeviceError> {
        let all: Vec<u32> = (0..self.model.shape().items as u32).collect();
        let (items, width) = (self.model.item_vectors(&all)?, self.model.width());
        let (mut model, mut popularity) = (Mean::default(), Mean::default());
        // What is held out for later is not known yet.
        let later: HashMap<u32, u32> = match part {
            Part::Test => HashMap::new(),
            _ => self.split.test.iter().map(|row| (row.user, row.item)).collect(),
        };
        for rows in self.part(part).chunks(AT_ONCE) {
            let users: Vec<u32> = rows.iter().map(|row| row.user).collect();
            let vectors = self.model.user_vectors(&users)?;
            let mut scores = vec![0.0; rows.len() * all.len()];
            let (a, b) = (Matrix::new(&vectors, rows.len(), width), Matrix::new(&items, all.len(), width));
            product(a, b.transposed(), &mut scores, false);
            for (row, scores) in rows.iter().zip(scores.chunks_exact(all.len())) {
                let (seen, later) = (self.split.seen.of(row.user), later.get(&row.user));
                for (scores, mean) in [(scores, &mut model), (&self.popularity, &mut popularity)] {
                    let (mut place, mut seen) = (Place::default(), seen.iter().peekable());
                    for (item, score) in all.iter().zip(scores) {
                        // Both are in rising order.
                        let known = seen.next_if_eq(&item).is_some() && later != Some(item);
                        if !known {
                            place.count(scores[row.item as usize], *score);
                        }
                    }
                    mean.add(place);
                }
            }
        }
        Ok(RankingReport { model: model.get(), popularity: popularity.get() })
    }
}

impl Task for RecommendationTask {
    fn parameters(&self) -> &Parameters {
        self.model.parameters()
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.model.parameters_mut()
    }

    fn score(&self) -> &'static str {
        "hr@10"
    }

    fn scores_training(&self) -> bool {
        false
    }

    /// Of the last look at validation samples, by the same weights.
    fn measure(&mut self, _epoch: u64) -> Result<Vec<(&'static str, f64)>, TrainError> {
        Ok(vec![("val/ndcg@10", self.ndcg)])
    }

    fn notices(&self) -> Vec<String> {
        let LeaveOneOut { train, validation, test, doubles, single, .. } = &self.split;
        let (users, items) = (self.catalogue.users.len(), self.catalogue.items.len());
        let mut notices = vec![format!(
            "{users} users, {items} items: {} rows to learn from, the last of {} users to test and the one before it of {} to validate",
            train.len(),
            test.len(),
            validation.len()
        )];
        if *doubles > 0 {
            notices.push(format!("{doubles} rows have the user and item of a later one, and are left out"));
        }
        if *single > 0 {
            notices.push(format!("{single} users have one item only: they are learnt from, and not tested"));
        }
        if validation.is_empty() {
            notices.push(
                "no user has three items or more: nothing is held out to validate, and the newest weights are kept"
                    .into(),
            );
        }
        notices
    }

    fn keep_beside(&self, run: &RunDir) -> Result<(), TrainError> {
        self.catalogue.keep(run, Path::new(&self.path))
    }

    fn samples(&self, part: Part) -> usize {
        self.part(part).len()
    }

    fn identify(&self, see: &mut dyn FnMut(&[u8])) {
        for row in [Part::Train, Part::Validation, Part::Test].iter().flat_map(|part| self.part(*part)) {
            [row.user, row.item, row.rating.to_bits()].iter().for_each(|number| see(&number.to_le_bytes()));
        }
    }

    fn learn(
        &mut self,
        epoch: u64,
        batches: &[Vec<usize>],
        divisor: f64,
        gradients: &mut Gradients,
    ) -> Result<Tally, TrainError> {
        let mut tally = Tally::default();
        for indices in batches {
            let reading = timed("samples");
            let (users, items, ratings) = self.batch(epoch, indices);
            drop(reading);
            let _timed = timed("forward and backward");
            let goal = match self.config.loss {
                Loss::Bpr => Goal::Ranking(Against::Bpr),
                Loss::Bce => Goal::Ranking(Against::Bce),
                Loss::Softmax => Goal::Ranking(Against::Softmax),
                Loss::InBatch => Goal::InBatch(&self.log_q),
                Loss::Mse => Goal::Ratings(&ratings),
            };
            let pass = match &self.place {
                nn::Place::Processor => self.model.learn(&users, &items, goal, divisor, gradients)?,
                #[cfg(feature = "cuda")]
                nn::Place::Gpu(gpu) => {
                    gpu.attempt(|| self.model.learn_on(gpu, &users, &items, goal, divisor, gradients))?
                }
            };
            let samples = indices.len();
            let loss = f64::from(pass.loss) * divisor;
            tally.add(Tally { samples: samples as u64, weight: samples as f64, loss, correct: 0.0 });
        }
        Ok(tally)
    }

    fn evaluate(&mut self, part: Part) -> Result<Tally, TrainError> {
        let (mut tally, mut mean) = (Tally::default(), Mean::default());
        self.look(part, |row, scores, _| {
            let mut place = Place::default();
            scores[1..].iter().for_each(|other| place.count(scores[0], *other));
            mean.add(place);
            tally.add(Tally::one(self.loss(row, scores), place.gain().hit_rate));
        })?;
        self.ndcg = mean.get().ndcg;
        Ok(tally)
    }

    fn show(&mut self, part: Part) -> Result<Vec<(Sample, Vec<Answer>)>, TrainError> {
        let rows: Vec<Interaction> = spread(self.samples(part), SHOWN).iter().map(|at| self.part(part)[*at]).collect();
        let all: Vec<u32> = (0..self.model.shape().items as u32).collect();
        let (items, width) = (self.model.item_vectors(&all)?, self.model.width());
        let users = self.model.user_vectors(&rows.iter().map(|row| row.user).collect::<Vec<_>>())?;
        let mut scores = vec![0.0; rows.len() * all.len()];
        let (a, b) = (Matrix::new(&users, rows.len(), width), Matrix::new(&items, all.len(), width));
        product(a, b.transposed(), &mut scores, false);
        let shown = rows.iter().zip(scores.chunks_exact(all.len())).map(|(row, scores)| {
            // What is held out for later is not known yet.
            let known = if part == Part::Test { &self.split.seen } else { &self.split.learnt };
            let known = known.of(row.user);
            let new = |item: &u32| *item == row.item || known.binary_search(item).is_err();
            let mut order: Vec<u32> = all.iter().copied().filter(new).collect();
            let best_first = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
            if order.len() > TOP {
                order.select_nth_unstable_by(TOP, best_first);
                order.truncate(TOP);
            }
            order.sort_unstable_by(best_first);
            let named = |item: u32| Answer { text: self.catalogue.title(item), score: Some(scores[item as usize]) };
            (self.shown(row), order.into_iter().map(named).collect())
        });
        Ok(shown.collect())
    }

    fn report(&mut self, part: Part) -> Result<Report, TrainError> {
        let (mut model, mut popularity) = (Mean::default(), Mean::default());
        let (mut users, mut loss, mut off) = (0_u64, 0.0, 0.0);
        let mean = f64::from(self.model.mean());
        self.look(part, |row, scores, others| {
            let (mut place, mut popular) = (Place::default(), Place::default());
            for (score, other) in scores[1..].iter().zip(others) {
                place.count(scores[0], *score);
                popular.count(self.popularity[row.item as usize], self.popularity[*other as usize]);
            }
            model.add(place);
            popularity.add(popular);
            users += 1;
            loss += self.loss(row, scores);
            off += (f64::from(row.rating) - mean).powi(2);
        })?;
        let loss = loss / users.max(1) as f64;
        Ok(Report::Recommendation(RecommendationReport {
            part: part.name().into(),
            loss,
            users,
            items: self.catalogue.items.len() as u64,
            interactions: self.split.train.len() as u64,
            unknown: 0,
            sampled: RankingReport { model: model.get(), popularity: popularity.get() },
            full: self.full(part)?,
            rmse: self.rated.then(|| loss.sqrt()),
            mean_rmse: self.rated.then(|| (off / users.max(1) as f64).sqrt()),
        }))
    }

    fn not_finite(&self, epoch: u64, indices: &[usize]) -> Result<Option<String>, TrainError> {
        let (users, items, _) = self.batch(epoch, indices);
        Ok(self.model.not_finite(&users, &items)?)
    }

    fn metadata(&self) -> HashMap<String, String> {
        Header::new(self.model.shape()).to_metadata()
    }

    fn cost(&self) -> Cost {
        self.model.shape().cost()
    }
}

#[cfg(test)]
mod tests;
