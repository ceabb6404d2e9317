//! How a recommender does, in detail.

use serde::{Deserialize, Serialize};

use super::ranking::Ranking;

/// What it did, and what the popularity of items alone would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankingReport {
    /// The model.
    pub model: Ranking,
    /// All users told the same: items by how often they were chosen in what is learnt from.
    pub popularity: Ranking,
}

/// Over all users with an item held out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecommendationReport {
    /// What was looked at: `test` (the last item of each user), `validation` or `train`.
    pub part: String,
    /// Mean loss; of "bpr", "bce", "softmax" and "in_batch" of the held-out item against the sampled ones.
    pub loss: f64,
    /// Users who are asked about.
    pub users: u64,
    /// Items that there are.
    pub items: u64,
    /// Ratings or choices that were learnt from.
    pub interactions: u64,
    /// Of other ratings than those it was fitted to: rows of users or items that the model does not know.
    #[serde(default)]
    pub unknown: u64,
    /// The held-out item among 99 others drawn from those that the user never chose: the protocol of He et al. 2017.
    pub sampled: RankingReport,
    /// Among all items but those that the user chose before.
    pub full: RankingReport,
    /// Root of the mean squared error of ratings; none of choices.
    pub rmse: Option<f64>,
    /// The same of the mean of all ratings that were learnt from.
    pub mean_rmse: Option<f64>,
}
