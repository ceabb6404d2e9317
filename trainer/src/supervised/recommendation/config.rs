//! The settings of recommenders.

use cartwheel_agents::models::recommender::Architecture;
use cartwheel_agents::{config, config_enum};

use crate::data::ratings::Columns;

config_enum! {
    /// The loss of a recommender.
    pub enum Loss {
        /// Bayesian personalized ranking: pairs of a chosen item and one that was not (Rendle et al. 2009).
        Bpr = "bpr",
        /// Binary cross-entropy of chosen and sampled negative items (He et al. 2017).
        Bce = "bce",
        /// Softmax over the chosen item and sampled negatives.
        Softmax = "softmax",
        /// Softmax over the items of the batch, corrected for their popularity (Yi et al. 2019).
        InBatch = "in_batch",
        /// Squared error of ratings.
        Mse = "mse",
    }
}

config! {
    /// A recommender.
    pub struct RecommenderConfig in "recommender" {
        /// The model that scores a user and an item.
        architecture: Architecture = Architecture::Mf;
        /// The loss.
        loss: Loss = Loss::Bpr;
        /// The size of embeddings.
        embedding_dim: usize = 32, within(1, 65_536);
        /// For "two_tower": units of each layer after the embedding, with ReLU in between.
        layers: Vec<usize> = vec![64, 32], cartwheel_agents::config::checks::layers;
        /// For "bpr", "bce" and "softmax": negative items sampled for each chosen one.
        negatives: usize = 4, within(1, 10_000);
    }
}

config! {
    /// Who chose or rated what.
    pub struct RatingsConfig in "ratings" {
        /// A file of ratings, or the folder of a MovieLens data set.
        path: String = "ratings.csv".into(), non_empty;
        /// The column of users; "none" for one of the usual names, such as userId.
        user_column: Option<String> = None;
        /// The column of items; "none" for one of the usual names, such as movieId.
        item_column: Option<String> = None;
        /// The column of ratings; "none" for one of the usual names, such as rating, if it is there.
        rating_column: Option<String> = None;
        /// The column of times; "none" for one of the usual names, such as timestamp, if it is there, or else the order of lines.
        timestamp_column: Option<String> = None;
    }
}

impl RatingsConfig {
    /// The columns by name.
    pub fn columns(&self) -> Columns {
        Columns {
            user: self.user_column.clone(),
            item: self.item_column.clone(),
            rating: self.rating_column.clone(),
            timestamp: self.timestamp_column.clone(),
        }
    }
}
