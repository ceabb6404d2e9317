//! Judging a recommender on other ratings than those it was fitted to.

use std::collections::HashMap;
use std::path::Path;

use super::RecommendationTask;
use crate::TrainError;
use crate::data::ratings::{Columns, Interaction, Ratings};
use crate::supervised::report::Report;
use crate::supervised::task::{Part, Task as _};

impl RecommendationTask {
    /// How it does on the ratings in `data`: on the last item of each user there that it has not learnt from, among all that the
    /// user has neither there nor in what it was fitted to. Rows of users and items that it does not know are counted and left out.
    ///
    /// # Errors
    /// If they cannot be read, or nothing of them is new to it.
    pub(crate) fn judge(&mut self, data: &Path, columns: &Columns) -> Result<Report, TrainError> {
        let ratings = Ratings::read(data, columns)?;
        let unfit = |problem: &str| Err(TrainError::Unfit(format!("{} {problem}", data.display())));
        if self.rated && !ratings.rated {
            return unfit(
                "has no column of ratings, which the model has learnt: name it as in the file that it was fitted to",
            );
        }
        let (users, items) = (numbers(&self.catalogue.users), numbers(&self.catalogue.items));
        let own = |row: &Interaction| {
            let user = *users.get(ratings.users[row.user as usize].as_str())?;
            let item = *items.get(ratings.items[row.item as usize].as_str())?;
            Some(Interaction { user, item, ..*row })
        };
        let known: Vec<Interaction> = ratings.rows.iter().filter_map(own).collect();
        let unknown = ratings.rows.len() - known.len();
        self.split.test_on(known);
        if self.split.test.is_empty() {
            return unfit("has nothing that is new to the model and of users and items that it knows");
        }
        let mut report = self.report(Part::Test)?;
        if let Report::Recommendation(report) = &mut report {
            report.part = data.display().to_string();
            report.unknown = unknown as u64;
        }
        Ok(report)
    }
}

/// The number of each name.
fn numbers(names: &[String]) -> HashMap<&str, u32> {
    (0..).zip(names).map(|(number, name)| (name.as_str(), number)).collect()
}
