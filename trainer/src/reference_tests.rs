//! Pages of docs/ that are made in part from the settings.

use std::path::Path;

/// Holds what stands between its markers in docs/`page` to `reference`; `UPDATE_DOCS=1 cargo test` writes it anew.
pub(crate) fn check_reference(page: &str, reference: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = text.split_once("<!-- reference -->").expect("a marker where the reference begins");
    let (_, after) = rest.split_once("<!-- /reference -->").expect("a marker where it ends");
    let expected = format!("{before}<!-- reference -->\n\n{}\n\n<!-- /reference -->{after}", reference.trim());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, expected).expect("the page can be written");
    } else {
        assert!(
            text == expected,
            "docs/{page} is out of date: run UPDATE_DOCS=1 cargo test --release -p cartwheel-trainer"
        );
    }
}
