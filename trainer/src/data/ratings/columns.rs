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

    /// The places of `columns` in the header of `file`, which has the columns `nested` beside it: lists and structures.
    pub(super) fn find(
        columns: &Columns,
        header: &[String],
        nested: &[String],
        file: &Path,
    ) -> Result<Self, RatingsError> {
        let find = |named, usual, role, key| Wanted { named, usual, role, key };
        let told = |problem| RatingsError::Column { file: file.into(), problem };
        let required = |wanted: Wanted<'_>| wanted.place(header, nested)?.ok_or_else(|| wanted.missing(header, nested));
        // A file may well have neither ratings nor times; one whose name was given must be there.
        let optional = |wanted: Wanted<'_>| match wanted.place(header, nested)? {
            None if wanted.named.is_some() => Err(wanted.missing(header, nested)),
            place => Ok(place),
        };
        Ok(Self {
            user: required(find(columns.user.as_deref(), &USERS, "users", "user_column")).map_err(told)?,
            item: required(find(columns.item.as_deref(), &ITEMS, "items", "item_column")).map_err(told)?,
            rating: optional(find(columns.rating.as_deref(), &RATINGS, "ratings", "rating_column")).map_err(told)?,
            timestamp: optional(find(columns.timestamp.as_deref(), &TIMES, "times", "timestamp_column"))
                .map_err(told)?,
        })
    }
}

/// A column that is looked for.
struct Wanted<'a> {
    /// Its name, if it was given.
    named: Option<&'a str>,
    /// Its names otherwise.
    usual: &'static [&'static str],
    /// What is in it.
    role: &'static str,
    /// The setting of its name.
    key: &'static str,
}

impl Wanted<'_> {
    fn is(&self, column: &str) -> bool {
        match self.named {
            Some(name) => column == name,
            None => self.usual.iter().any(|usual| plain(usual) == plain(column)),
        }
    }

    /// Where it is; one that is nested is of no use.
    fn place(&self, header: &[String], nested: &[String]) -> Result<Option<usize>, String> {
        let place = header.iter().position(|column| self.is(column));
        match nested.iter().find(|column| self.is(column)) {
            Some(name) if place.is_none() => Err(format!(
                "has {name:?} for {} as a list or a structure: write numbers or text, one a row, or name another column by \
                ratings.{}",
                self.role, self.key
            )),
            _ => Ok(place),
        }
    }

    fn missing(&self, header: &[String], nested: &[String]) -> String {
        let Self { role, key, .. } = self;
        let (names, wanted) = match &self.named {
            Some(name) => (std::slice::from_ref(name), format!("{name:?} for {role}")),
            None => (self.usual, format!("for {role}, such as {:?} or {:?}", self.usual[0], self.usual[1])),
        };
        let near = names.iter().find_map(|name| nearest(name, header.iter().map(String::as_str)));
        let near = near.map_or(String::new(), |near| format!(" (nearest: {near:?})"));
        let quoted = |names: &[String]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        let lists = if nested.is_empty() { String::new() } else { format!(", and nested {}", quoted(nested)) };
        format!("has no column {wanted}{near}: it has {}{lists}; name it by ratings.{key}", quoted(header))
    }
}

/// Names of columns that are known, however they are spelled; the first two are those that people are told of.
const USERS: [&str; 6] = ["user_id", "userId", "user", "customer_id", "reviewer_id", "uid"];
const ITEMS: [&str; 9] =
    ["item_id", "movieId", "item", "movie", "product_id", "book_id", "isbn", "asin", "parent_asin"];
const RATINGS: [&str; 4] = ["rating", "ratings", "score", "stars"];
const TIMES: [&str; 5] = ["timestamp", "time", "date", "ts", "unix_review_time"];

/// A name without what spellings differ in.
fn plain(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace([' ', '-', '_'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn usual_names_are_known_and_others_can_be_given() {
        let find = |columns: &Columns, names: &[&str]| Places::find(columns, &header(names), &[], Path::new("a.csv"));
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
        let text = told(&Columns::default(), &["usr_id", "item"]);
        assert!(
            text.contains("no column for users, such as \"user_id\" or \"userId\" (nearest: \"usr_id\")"),
            "{text}"
        );
        let text = told(&Columns { rating: Some("rate".into()), ..Columns::default() }, &["user", "item", "rating"]);
        assert!(text.contains("nearest: \"rating\""), "{text}");
    }
    #[test]
    fn nested_columns_are_said_to_be_nested() {
        let find = |columns: &Columns, nested: &[&str]| {
            let names = header(&["user", "item"]);
            Places::find(columns, &names, &header(nested), Path::new("a.parquet"))
        };
        assert!(find(&Columns::default(), &["note"]).is_ok());
        let text = find(&Columns::default(), &["note", "Rating"]).expect_err("refused").to_string();
        assert!(text.contains("has \"Rating\" for ratings as a list or a structure"), "{text}");
        let named = |user: &str| Columns { user: Some(user.into()), ..Columns::default() };
        let text = find(&named("who"), &["who"]).expect_err("refused").to_string();
        assert!(text.contains("\"who\" for users") && text.contains("ratings.user_column"), "{text}");
        let text = find(&named("whom"), &["who"]).expect_err("refused").to_string();
        assert!(text.contains("no column \"whom\"") && text.contains("and nested \"who\""), "{text}");
    }
}
