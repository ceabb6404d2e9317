//! Parallel text: what is read, and what is to be written for it.
//!
//! | file | a line |
//! |---|---|
//! | `.tsv` | the source, a tab, the target |
//! | `.jsonl` | `{"source": "...", "target": "..."}`; other keys are not looked at |

use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::part_names::by_part;

/// A text and its translation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TextPair {
    /// What is read.
    pub source: String,
    /// What is to be written.
    pub target: String,
    /// Its line in the file, from 1.
    #[serde(skip)]
    pub line: usize,
}

/// Pairs of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// The file.
    pub file: PathBuf,
    /// Its pairs, at least one.
    pub pairs: Vec<TextPair>,
}

/// A file, or a folder of files by what they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParallelText {
    /// To learn from.
    pub train: TextFile,
    /// Says which weights are the best.
    pub validation: Option<TextFile>,
    /// Looked at once, at the end.
    pub test: Option<TextFile>,
}

/// What is wrong with such files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// There is nothing to learn from.
    #[error(
        "{} is no file of pairs of texts (.tsv or .jsonl), nor a folder with train.tsv or train.jsonl in it",
        path.display()
    )]
    Missing {
        /// What was given.
        path: PathBuf,
    },
    /// Two files are the same part.
    #[error("{} and {} are for the same: keep one of them", files[0].display(), files[1].display())]
    SamePart {
        /// The files.
        files: [PathBuf; 2],
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file without a pair.
    #[error("{} is empty: each of its lines should be a pair of texts", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// A line is no pair.
    #[error("{}, line {line}: {problem}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

const ENDINGS: [&str; 2] = ["tsv", "jsonl"];

impl ParallelText {
    /// Reads the file `path`, or in the folder `path` the files `train`, `validation` (or `val`, `valid`, `dev`) and `test` that end in
    /// `.tsv` or `.jsonl`, of which the first has to be there.
    ///
    /// # Errors
    /// If there is no such file, or two of the same part, or one that is not UTF-8, has no pair, or a line that is none.
    pub fn read(path: &Path) -> Result<Self, TextError> {
        let missing = || TextError::Missing { path: path.into() };
        let known = |path: &Path| path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
        if path.is_dir() {
            let unreadable = |source| TextError::Read { file: path.into(), source };
            let entries =
                std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(unreadable)?;
            let mut files: Vec<_> = entries.iter().map(DirEntry::path).filter(|file| known(file)).collect();
            files.sort();
            let named =
                files.into_iter().map(|file| (file.file_stem().unwrap_or_default().to_string_lossy().into(), file));
            let parts = by_part(named).map_err(|files| TextError::SamePart { files })?;
            let [train, validation, test] = parts.map(|file| file.map(|file| TextFile::read(&file)).transpose());
            return Ok(Self { train: train?.ok_or_else(missing)?, validation: validation?, test: test? });
        }
        if !known(path) || !path.exists() {
            return Err(missing());
        }
        Ok(Self { train: TextFile::read(path)?, validation: None, test: None })
    }
}

impl TextFile {
    fn read(file: &Path) -> Result<Self, TextError> {
        let bytes = std::fs::read(file).map_err(|source| TextError::Read { file: file.into(), source })?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let json = file.extension().is_some_and(|ending| ending == "jsonl");
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(TextError::Empty { file: file.into() });
        }
        let pair = |(line, bytes): (usize, &[u8])| {
            let wrong = |problem: String| TextError::Line { file: file.into(), line, problem };
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            let text = std::str::from_utf8(bytes)
                .map_err(|error| wrong(format!("not UTF-8 (byte {})", error.valid_up_to() + 1)))?;
            let mut pair = if json { of_json(text) } else { of_tsv(text) }.map_err(wrong)?;
            for (name, text) in [("source", &pair.source), ("target", &pair.target)] {
                if text.trim().is_empty() {
                    return Err(wrong(format!("its {name} is empty")));
                }
            }
            pair.line = line;
            Ok(pair)
        };
        let pairs = (1..).zip(bytes.split(|byte| *byte == b'\n')).map(pair).collect::<Result<_, _>>()?;
        Ok(Self { file: file.into(), pairs })
    }
}

fn of_tsv(text: &str) -> Result<TextPair, String> {
    let mut fields = text.split('\t');
    match (fields.next(), fields.next(), fields.next()) {
        (Some(source), Some(target), None) => Ok(TextPair { source: source.into(), target: target.into(), line: 0 }),
        (_, None, _) => Err("no tab: a line is a text, a tab and what is to be written for it".into()),
        _ => Err(format!("{} tabs where one is between the two texts", text.matches('\t').count())),
    }
}

fn of_json(text: &str) -> Result<TextPair, String> {
    serde_json::from_str(text).map_err(|error: serde_json::Error| {
        // Where it stands among all lines is told before.
        let (told, column) = (error.to_string(), error.column());
        let what = told.split(" at line ").next().unwrap_or_default();
        format!("no {{\"source\": \"...\", \"target\": \"...\"}}: {what} (column {column})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8]) -> Result<ParallelText, TextError> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), bytes).expect("a file");
        ParallelText::read(&folder.path().join(name))
    }

    #[test]
    fn pairs_are_read_from_both_kinds() {
        let pair = |source: &str, target: &str, line| TextPair { source: source.into(), target: target.into(), line };
        let expected = vec![pair("one", "un", 1), pair("two cats", "deux chats", 2)];
        let tsv = read("a.tsv", "\u{feff}one\tun\r\ntwo cats\tdeux chats\n".as_bytes()).expect("pairs");
        assert_eq!(tsv.train.pairs, expected);
        let json =
            "{\"source\":\"one\",\"target\":\"un\"}\n{\"target\":\"deux chats\",\"id\":3,\"source\":\"two cats\"}";
        assert_eq!(read("a.jsonl", json.as_bytes()).expect("pairs").train.pairs, expected);
        assert!(tsv.validation.is_none() && tsv.test.is_none());
    }

    #[test]
    fn a_folder_has_parts() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        let told = ParallelText::read(folder.path()).expect_err("no train").to_string();
        assert!(told.contains("train.tsv or train.jsonl"), "{told}");
        write("train.tsv", "a\tb\n");
        write("test.jsonl", "{\"source\":\"c\",\"target\":\"d\"}\n");
        let text = ParallelText::read(folder.path()).expect("pairs");
        assert_eq!((text.train.pairs.len(), text.test.map(|test| test.pairs.len())), (1, Some(1)));
        assert!(text.validation.is_none());
        for name in ["val", "valid", "validation", "dev"] {
            write(&format!("{name}.tsv"), "e\tf\ng\th\n");
            let text = ParallelText::read(folder.path()).expect("pairs");
            assert_eq!(text.validation.expect(name).pairs.len(), 2);
            std::fs::remove_file(folder.path().join(format!("{name}.tsv"))).expect("removed");
        }
        write("train.jsonl", "{\"source\":\"c\",\"target\":\"d\"}\n");
        let told = ParallelText::read(folder.path()).expect_err("two of them").to_string();
        assert!(told.contains("train.jsonl and ") && told.contains("train.tsv are for the same"), "{told}");
    }

    #[test]
    fn what_is_no_pair_is_named_with_its_line() {
        for (name, bytes, words) in [
            ("a.tsv", &b"a\tb\nno tab here\n"[..], ["a.tsv, line 2", "no tab"]),
            ("a.tsv", b"a\tb\n\nc\td\n", ["line 2", "no tab"]),
            ("a.tsv", b"a\tb\tc\n", ["line 1", "2 tabs"]),
            ("a.tsv", b"a\tb\nc\t\xff\n", ["line 2", "not UTF-8 (byte 3)"]),
            ("a.tsv", b"a\t \n", ["line 1", "its target is empty"]),
            ("a.tsv", b"", ["a.tsv", "is empty"]),
            ("a.tsv", b"\n\n", ["a.tsv", "is empty"]),
            ("a.jsonl", b"{\"source\":\"a\"}\n", ["line 1", "target"]),
            ("a.jsonl", b"{\"source\":\"a\",\"target\":\"b\"}\n{\"sou\n", ["line 2", "source"]),
            ("a.txt", b"a\tb\n", ["a.txt", ".tsv or .jsonl"]),
        ] {
            let told = read(name, bytes).expect_err("refused").to_string();
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
    }
}
