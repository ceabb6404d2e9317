//! Which column of a table is which.

use std::path::Path;

use cartwheel_agents::config::nearest;

use super::RatingsError;

/// The names of columns; none for one of the usual names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Who.
    pub user: Option<String>,
    /// What.
    pub item: Option<String>,
    /// How much they like it.
    pub rating: Option<String>,
    /// When.
    pub timestamp: Option<String>,
}

/// Where columns are in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) user: usize,
    pub(super) item: usize,
    pub(super) rating: Option<usize>,
    pub(super) timestamp: Option<usize>,
}

impl Places {
    /// MovieLens' order, of files without a header.
    pub(super) const MOVIELENS: Self = Self { user: 0, item: 1, rating: Some(2), timestamp: Some(3) };

    /// The places of `columns` in the header of `file`.
    pub(super) fn find(columns: &Columns, header: &[String], file: &Path) -> Result<Self, RatingsError> {
        let find = |named: &Option<String>, usual: &[&str], role, key| {
            let plain = |name: &str| name.trim().to_ascii_lowercase().replace([' ', '-', '_'], "");
            let place = match named {
                Some(name) => header.iter().position(|column| column == name),
                None => header.iter().position(|column| usual.contains(&plain(column).as_str())),
            };
            place.ok_or_else(|| {
                let wanted = named.as_deref().unwrap_or(usual[0]);
                let near = nearest(wanted, header.iter().map(String::as_str));
                let near = near.map_or(String::new(), |near| format!(" (nearest: {near:?})"));
                let there = header.iter().map(|column| format!("{column:?}")).collect::<Vec<_>>().join(", ");
                let problem =
                    format!("has no column {wanted:?} for {role}{near}: it has {there}; name it by ratings.{key}");
                RatingsError::Column { file: file.into(), problem }
            })
        };
        // A file may well have neither ratings nor times; one whose name was given must be there.
        let optional = |found: Result<usize, RatingsError>, named: &Option<String>| match (found, named) {
            (Err(error), Some(_)) => Err(error),
            (found, _) => Ok(found.ok()),
        };
        let rating = find(&columns.rating, &["rating", "ratings", "score", "stars"], "ratings", "rating_column");
        let times = ["timestamp", "time", "date", "ts", "unixreviewtime"];
        let timestamp = find(&columns.timestamp, &times, "times", "timestamp_column");
        let items = ["itemid", "movieid", "item", "movie", "productid", "bookid", "isbn", "asin", "parentasin"];
        Ok(Self {
            user: find(&columns.user, &["userid", "user", "customerid", "reviewerid", "uid"], "users", "user_column")?,
            item: find(&columns.item, &items, "items", "item_column")?,
            rating: optional(rating, &columns.rating)?,
            timestamp: optional(timestamp, &columns.timestamp)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn usual_names_are_known_and_others_can_be_given() {
        let find = |columns: &Columns, names: &[&str]| Places::find(columns, &header(names), Path::new("a.csv"));
        let places = find(&Columns::default(), &["userId", "movieId", "rating", "timestamp"]).expect("MovieLens'");
        assert_eq!(places, Places::MOVIELENS);
        let places = find(&Columns::default(), &["when", "item_id", "User ID"]).expect("no ratings");
        assert_eq!(places, Places { user: 2, item: 1, rating: None, timestamp: None });
        let named = Columns { user: Some("who".into()), timestamp: Some("when".into()), ..Columns::default() };
        let places = find(&named, &["when", "item", "who"]).expect("as named");
        assert_eq!(places, Places { user: 2, item: 1, rating: None, timestamp: Some(0) });
        let told = |columns: &Columns, names: &[&str]| find(columns, names).expect_err("refused").to_string();
        let text = told(&named, &["when", "item", "whom"]);
        assert!(text.contains("no column \"who\"") && text.contains("nearest: \"whom\""), "{text}");
        assert!(text.contains("ratings.user_column"), "{text}");
        let text = told(&Columns { rating: Some("rate".into()), ..Columns::default() }, &["user", "item", "rating"]);
        assert!(text.contains("nearest: \"rating\""), "{text}");
    }
}
