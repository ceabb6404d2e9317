//! What items are called.

use std::collections::HashMap;
use std::path::Path;

/// The title of each of `items` by what MovieLens' file beside `file` says; an empty one where there is none. Titles only help
/// people to read, so that a file that cannot be read is as none.
pub(super) fn beside(file: &Path, items: &HashMap<String, u32>) -> Vec<String> {
    let mut titles = vec![String::new(); items.len()];
    let mut set = |item: &str, title: &str| {
        if let Some(number) = items.get(item) {
            titles[*number as usize] = title.to_owned();
        }
    };
    let Some(folder) = file.parent() else { return titles };
    if let Ok(bytes) = std::fs::read(folder.join("movies.csv")) {
        let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
        for record in table.byte_records().flatten() {
            if let (Some(item), Some(title)) = (record.get(0), record.get(1)) {
                set(&text(item), &text(title));
            }
        }
        return titles;
    }
    for (name, separator) in [("movies.dat", "::"), ("u.item", "|")] {
        let Ok(bytes) = std::fs::read(folder.join(name)) else { continue };
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = text(line);
            let mut fields = line.split(separator);
            if let (Some(item), Some(title)) = (fields.next(), fields.next()) {
                set(item, title);
            }
        }
        return titles;
    }
    titles
}

/// UTF-8, or else Latin-1, which MovieLens' older files are.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect())
}
