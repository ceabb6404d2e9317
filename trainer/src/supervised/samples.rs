//! A few samples that are not learnt from, and what the model made of them after each epoch: for people to look at, in the
//! viewer.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::task::Part;
use crate::run::{RunError, write_atomic};

/// The version of the file.
const FORMAT: u32 = 1;
/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;
/// Epochs that are kept; of more, the older ones are thinned.
const MOST: usize = 100;
/// The longest side of an image, in pixels: larger ones are shrunk.
pub(super) const LONGEST: usize = 80;

/// `samples.bin` in a run's folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// What they are for: `validation` or `test`.
    pub part: String,
    /// Spread evenly over all of the part.
    pub samples: Vec<Sample>,
    /// What the model made of them, epoch by epoch; those long ago are not all kept.
    pub looks: Vec<Look>,
}

/// A sample for people to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What the model sees.
    pub given: Given,
    /// What should come out: the class, the text, or the item that the user chose next.
    pub expected: String,
}

/// What a model sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Given {
    /// An image, as the model sees it, but shrunk where it is large.
    Picture(Picture),
    /// A text.
    Text(String),
    /// A user.
    User {
        /// What they are called.
        name: String,
        /// What they chose last, the newest at the end.
        history: Vec<String>,
    },
}

/// A small image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// 1 for grey, 3 for red, green and blue.
    pub channels: u8,
    /// Rows × columns × channels.
    #[serde(with = "serde_bytes")]
    pub pixels: Vec<u8>,
}

/// What the model made of all samples after an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The epoch, from 1.
    pub epoch: u64,
    /// For each sample its answers, the best one first.
    pub answers: Vec<Vec<Answer>>,
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// A class, a text, or an item.
    pub text: String,
    /// The probability of a class, or the score of an item.
    pub score: Option<f32>,
}

impl Look {
    /// How many samples came out right: the class or the text that was expected comes first, or the item is among those that are
    /// answered.
    pub fn right(&self, samples: &[Sample]) -> usize {
        samples.iter().zip(&self.answers).filter(|(sample, answers)| sample.is_right(answers)).count()
    }
}

impl Sample {
    /// Whether these answers are right: see [`Look::right`].
    pub fn is_right(&self, answers: &[Answer]) -> bool {
        let count = if matches!(self.given, Given::User { .. }) { answers.len() } else { 1 };
        // Word for word.
        let same = |answer: &Answer| answer.text.split_whitespace().eq(self.expected.split_whitespace());
        answers.iter().take(count).any(same)
    }
}

impl Samples {
    /// Those in a file; none where there is no file.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or of another version.
    pub fn read(file: &Path) -> Result<Option<Self>, RunError> {
        let bytes = match File::open(file) {
            Ok(open) => {
                let mut bytes = Vec::new();
                open.take(LARGEST + 1).read_to_end(&mut bytes).map_err(RunError::io("read", file))?;
                bytes
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RunError::io("read", file)(error)),
        };
        if bytes.len() as u64 > LARGEST {
            return Err(RunError::damaged(file, format!("it has more than {} MiB", LARGEST >> 20)));
        }
        let damaged = |error: postcard::Error| RunError::damaged(file, error.to_string());
        let (found, rest) = postcard::take_from_bytes::<u32>(&bytes).map_err(damaged)?;
        if found != FORMAT {
            return Err(RunError::OtherVersion { file: file.to_owned(), found, supported: FORMAT });
        }
        let samples: Self = postcard::from_bytes(rest).map_err(damaged)?;
        match samples.is_sound() {
            true => Ok(Some(samples)),
            false => Err(RunError::damaged(file, "its parts do not fit each other")),
        }
    }

    /// Bytes that they take in memory, roughly.
    pub fn bytes(&self) -> usize {
        let given = |sample: &Sample| match &sample.given {
            Given::Picture(picture) => picture.pixels.len(),
            Given::Text(text) => text.len(),
            Given::User { history, .. } => bytes(history.iter()),
        };
        let samples: usize = self.samples.iter().map(|sample| given(sample) + size_of::<Sample>()).sum();
        let answers = self.looks.iter().flat_map(|look| look.answers.iter().flatten());
        samples + bytes(answers.map(|answer| &answer.text))
    }

    /// Whether there are answers for each sample, and images are rectangles.
    fn is_sound(&self) -> bool {
        let whole = |sample: &Sample| match &sample.given {
            Given::Picture(Picture { width, channels, pixels }) => {
                let row = *width as usize * usize::from(*channels);
                [1, 3].contains(channels) && row > 0 && !pixels.is_empty() && pixels.len().is_multiple_of(row)
            }
            _ => true,
        };
        self.samples.iter().all(whole) && self.looks.iter().all(|look| look.answers.len() == self.samples.len())
    }

    /// Writes them.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, file: &Path) -> Result<(), RunError> {
        let bytes = postcard::to_stdvec(&(FORMAT, self)).map_err(|error| RunError::damaged(file, error.to_string()))?;
        write_atomic(file, |out| out.write_all(&bytes)).map(drop).map_err(RunError::io("write", file))
    }

    /// Adds what the model makes of samples after `epoch`. What was known of this epoch and later ones is from before a resume,
    /// and what was known of other samples is of no use.
    pub(super) fn add(&mut self, part: Part, epoch: u64, shown: Vec<(Sample, Vec<Answer>)>) {
        let (samples, answers): (Vec<_>, Vec<_>) = shown.into_iter().unzip();
        if self.part != part.name() || self.samples != samples {
            *self = Self { part: part.name().into(), samples, looks: Vec::new() };
        }
        self.looks.retain(|look| look.epoch < epoch);
        if self.looks.len() >= MOST {
            // The older, the fewer: the first is always kept.
            let mut at = 0;
            self.looks.retain(|_| {
                at += 1;
                at % 2 == 1
            });
        }
        self.looks.push(Look { epoch, answers });
    }
}

/// Bytes of texts, and of what goes with each.
fn bytes<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(|text| text.len() + size_of::<Answer>()).sum()
}

/// `count` places, spread evenly over `all`, or all of them if there are not more.
pub(super) fn spread(all: usize, count: usize) -> Vec<usize> {
    let count = count.min(all);
    (0..count).map(|i| (2 * i + 1) * all / (2 * count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer { text: text.into(), score: Some(0.5) }
    }

    fn sample(expected: &str) -> Sample {
        let given = Given::Picture(Picture { width: 2, channels: 3, pixels: vec![7; 12] });
        Sample { given, expected: expected.into() }
    }

    fn epochs(samples: &Samples) -> Vec<u64> {
        samples.looks.iter().map(|look| look.epoch).collect()
    }

    #[test]
    fn they_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("samples.bin");
        assert_eq!(Samples::read(&file).unwrap(), None);
        let mut samples = Samples::default();
        let user = Given::User { name: "u".into(), history: vec!["a".into()] };
        let second = Sample { given: user, expected: "c".into() };
        let shown = vec![(sample("b"), vec![answer("b")]), (second, vec![answer("b"), answer("c")])];
        samples.add(Part::Validation, 1, shown);
        assert_eq!(samples.looks[0].right(&samples.samples), 2);
        samples.write(&file).unwrap();
        assert_eq!(Samples::read(&file).unwrap().as_ref(), Some(&samples));

        let told = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            Samples::read(&file).unwrap_err().to_string()
        };
        let bytes = postcard::to_stdvec(&(FORMAT, &samples)).unwrap();
        let cut = told(&bytes[..bytes.len() - 3]);
        assert!(cut.contains("samples.bin is damaged"), "{cut}");
        let later = told(&postcard::to_stdvec(&(FORMAT + 1, &samples)).unwrap());
        assert!(later.contains("format version 2") && later.contains("newer"), "{later}");
        let mut torn = samples.clone();
        torn.looks[0].answers.pop();
        assert!(told(&postcard::to_stdvec(&(FORMAT, &torn)).unwrap()).contains("fit each other"));
        let Given::Picture(picture) = &mut samples.samples[0].given else { unreachable!("it is one") };
        picture.width = 5;
        assert!(told(&postcard::to_stdvec(&(FORMAT, &samples)).unwrap()).contains("fit each other"));
    }

    #[test]
    fn a_resume_forgets_what_came_after_and_other_samples_all() {
        let mut samples = Samples::default();
        let mut add = |epoch, expected: &str| {
            samples.add(Part::Test, epoch, vec![(sample(expected), vec![answer("a")])]);
            (epochs(&samples), samples.looks.last().unwrap().right(&samples.samples))
        };
        assert_eq!(add(1, "b"), (vec![1], 0));
        assert_eq!(add(2, "b"), (vec![1, 2], 0));
        assert_eq!(add(3, "b"), (vec![1, 2, 3], 0));
        assert_eq!(add(2, "b"), (vec![1, 2], 0));
        assert_eq!(add(4, "a"), (vec![4], 1));
    }

    #[test]
    fn long_runs_keep_the_first_the_newest_and_some_between() {
        let mut samples = Samples::default();
        for epoch in 1..=1000 {
            samples.add(Part::Validation, epoch, vec![(sample("b"), vec![answer("b")])]);
            assert!(samples.looks.len() <= MOST);
        }
        let kept = epochs(&samples);
        assert_eq!((kept[0], kept.last()), (1, Some(&1000)));
        assert!(kept.is_sorted() && kept.len() > MOST / 2, "{kept:?}");
    }

    #[test]
    fn places_are_spread_over_all() {
        assert_eq!(spread(100, 4), [12, 37, 62, 87]);
        assert_eq!(spread(3, 4), [0, 1, 2]);
        assert_eq!(spread(0, 4), [0; 0]);
    }
}
