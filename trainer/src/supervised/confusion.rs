//! How a classifier does, sample by sample.

use cartwheel_agents::nn::ops::softmax;

use super::report::{ClassReport, ClassificationReport};
use super::task::Tally;

/// What adds up to a report.
pub(super) struct Counts {
    confusion: Vec<Vec<u64>>,
    tally: Tally,
    top5: u64,
}

impl Counts {
    /// None yet, of so many classes.
    pub(super) fn new(classes: usize) -> Self {
        Self { confusion: vec![vec![0; classes]; classes], tally: Tally::default(), top5: 0 }
    }

    /// Adds a sample of `class` and its logits.
    pub(super) fn see(&mut self, class: usize, logits: &[f32]) {
        let taken = likeliest(logits);
        self.confusion[class][taken] += 1;
        self.top5 += u64::from(logits.iter().filter(|x| **x > logits[class]).count() < 5);
        self.tally.add(Tally { samples: 1, loss: loss(logits, class), correct: u64::from(taken == class) });
    }

    /// What they come to, of classes of these names.
    pub(super) fn report(self, part: String, labels: &[String]) -> ClassificationReport {
        let Self { confusion, tally, top5 } = self;
        ClassificationReport {
            part,
            loss: tally.mean_loss(),
            accuracy: tally.accuracy(),
            top5_accuracy: (confusion.len() > 5).then(|| top5 as f64 / tally.samples.max(1) as f64),
            classes: ClassReport::of(&confusion, labels),
            confusion,
        }
    }
}

/// The class of the highest logit, the first of those that are as high.
pub(super) fn likeliest(logits: &[f32]) -> usize {
    (0..logits.len()).fold(0, |best, at| if logits[at] > logits[best] { at } else { best })
}

/// The cross entropy of a row of logits.
pub(super) fn loss(logits: &[f32], class: usize) -> f64 {
    let mut row: Vec<f64> = logits.iter().map(|x| f64::from(*x)).collect();
    let x = row[class];
    softmax(&mut row) - x
}
