//! The pages of the documentation: their links lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// All pages that belong to the repository.
fn pages() -> Vec<PathBuf> {
    fn visit(folder: &Path, pages: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && !["target", "runs", "venv"].contains(&name.as_str()) {
                visit(&path, pages);
            } else if name.ends_with(".md") {
                pages.push(path);
            }
        }
    }
    let mut pages = Vec::new();
    visit(Path::new(env!("CARGO_MANIFEST_DIR")), &mut pages);
    pages
}

/// A page without its blocks of code.
fn prose(page: &Path) -> String {
    let (text, mut code) = (fs::read_to_string(page).unwrap(), false);
    let mut kept = String::new();
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        if !code && !fence {
            kept.push_str(line);
            kept.push('\n');
        }
        code ^= fence;
    }
    kept
}

/// What GitHub calls the places of a page's headings, each of which has a name of its own.
fn anchors(page: &Path) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(page).lines().filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim();
        let kept = heading.to_lowercase().replace(' ', "-");
        let name: String = kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
        let taken = (1..).map(|i| format!("{name}-{i}"));
        let free = std::iter::once(name.clone()).chain(taken).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

#[test]
fn every_link_leads_somewhere() {
    let (mut links, mut broken) = (0, Vec::new());
    for page in pages() {
        let text = prose(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            links += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let is_page = to.extension().is_some_and(|ending| ending == "md");
            let leads =
                link.contains("://") || to.exists() && (anchor.is_empty() || is_page && anchors(&to).contains(anchor));
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(links > 300, "only {links} links were found");
    assert!(broken.is_empty(), "{broken:#?}");
}
