//! The settings of recommenders.

use cartwheel_agents::models::recommender::Architecture;
use cartwheel_agents::{config, config_enum};

use crate::data::ratings::Columns;

config_enum! {
    /// What a recommender learns from who chose or rated what.
    pub enum Loss {
        /// Bayesian personalized ranking: what was chosen above what was not, pair by pair.
        Bpr = "bpr",
        /// Binary cross entropy of what was chosen and what was not (He et al. 2017).
        Bce = "bce",
        /// Softmax over what was chosen and a few others.
        Softmax = "softmax",
        /// Softmax over what was chosen by all users of the batch, popular items made up for (Yi et al. 2019).
        InBatch = "in_batch",
        /// Squared error of ratings.
        Mse = "mse",
    }
}

config! {
    /// A recommender.
    pub struct RecommenderConfig in "recommender" {
        /// What makes a score of a user and an item.
        architecture: Architecture = Architecture::Mf;
        /// What is learnt.
        loss: Loss = Loss::Bpr;
        /// Numbers of an embedding.
        embedding_dim: usize = 32, within(1, 65_536);
        /// Of "two_tower": outputs of every layer after the embedding, with ReLU between two.
        layers: Vec<usize> = vec![64, 32], cartwheel_agents::config::checks::layers;
        /// Of "bpr", "bce" and "softmax": items that a user did not choose, drawn anew for each one that was chosen.
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
