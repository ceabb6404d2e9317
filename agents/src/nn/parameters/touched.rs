//! Which rows of a table a batch reads.

use std::collections::BTreeMap;

/// Of each table that is learnt row by row, the rows that passes read since they were cleared.
#[derive(Default)]
pub(crate) struct Touched {
    tables: BTreeMap<String, Rows>,
}

#[derive(Default)]
struct Rows {
    /// In the order in which they were first read.
    list: Vec<u32>,
    marked: Vec<bool>,
}

impl Touched {
    /// Counts `rows` of the table `name`, which has `length`, in.
    pub(crate) fn touch(&mut self, name: &str, length: usize, rows: &[u32]) {
        if !self.tables.contains_key(name) {
            self.tables.insert(name.to_owned(), Rows { list: Vec::new(), marked: vec![false; length] });
        }
        let Some(table) = self.tables.get_mut(name) else { return };
        for row in rows {
            if !std::mem::replace(&mut table.marked[*row as usize], true) {
                table.list.push(*row);
            }
        }
    }

    /// Makes `rows` those of the table `name` that were read; there is no table that was never touched.
    pub(crate) fn set(&mut self, name: &str, rows: impl IntoIterator<Item = u32>) {
        let Some(table) = self.tables.get_mut(name) else { return };
        for row in table.list.drain(..) {
            table.marked[row as usize] = false;
        }
        for row in rows {
            if !std::mem::replace(&mut table.marked[row as usize], true) {
                table.list.push(row);
            }
        }
    }

    /// The rows of a table that was ever touched.
    pub(crate) fn rows(&self, name: &str) -> Option<&[u32]> {
        self.tables.get(name).map(|table| table.list.as_slice())
    }

    /// Forgets all rows, but not which tables are learnt row by row.
    pub(crate) fn clear(&mut self) {
        for table in self.tables.values_mut() {
            for row in table.list.drain(..) {
                table.marked[row as usize] = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_count_once_until_they_are_cleared() {
        let mut touched = Touched::default();
        assert_eq!(touched.rows("table"), None);
        touched.touch("table", 5, &[3, 1, 3]);
        touched.touch("table", 5, &[1, 4]);
        assert_eq!(touched.rows("table"), Some([3, 1, 4].as_slice()));
        touched.clear();
        assert_eq!(touched.rows("table"), Some([].as_slice()));
        touched.touch("table", 5, &[1]);
        assert_eq!(touched.rows("table"), Some([1].as_slice()));
    }
}
