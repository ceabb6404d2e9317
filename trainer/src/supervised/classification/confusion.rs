//! How a classifier does, sample by sample.

use cartwheel_agents::nn::ops::softmax;

use crate::supervised::report::{ClassReport, ClassificationReport};
use crate::supervised::task::Tally;

/// What adds up to a report.
pub(crate) struct Counts {
    confusion: Vec<Vec<u64>>,
    tally: Tally,
    top5: u64,
}

impl Counts {
    /// None yet, of so many classes.
    pub(crate) fn new(classes: usize) -> Self {
        Self { confusion: vec![vec![0; classes]; classes], tally: Tally::default(), top5: 0 }
    }

    /// Adds a sample of `class` and its logits.
    pub(crate) fn see(&mut self, class: usize, logits: &[f32]) {
        let taken = likeliest(logits);
        self.confusion[class][taken] += 1;
        // Where either is no number, its own has not won.
        let lower = logits.iter().filter(|x| **x <= logits[class]).count();
        self.top5 += u64::from(logits.len() - lower < 5);
        self.tally.add(Tally::one(loss(logits, class), f64::from(u8::from(taken == class))));
    }

    /// What they come to, of classes of these names.
    pub(crate) fn report(self, part: String, labels: &[String]) -> ClassificationReport {
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
pub(crate) fn likeliest(logits: &[f32]) -> usize {
    (0..logits.len()).fold(0, |best, at| if logits[at] > logits[best] { at } else { best })
}

/// The cross entropy of a row of logits.
pub(crate) fn loss(logits: &[f32], class: usize) -> f64 {
    let mut row: Vec<f64> = logits.iter().map(|x| f64::from(*x)).collect();
    let x = row[class];
    softmax(&mut row) - x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logit_that_is_no_number_is_not_among_the_likeliest() {
        let top5 = |logits: &[f32]| {
            let mut counts = Counts::new(6);
            counts.see(1, logits);
            counts.top5
        };
        assert_eq!(top5(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), 1);
        assert_eq!(top5(&[2.0, 1.0, 2.0, 2.0, 2.0, 1.0]), 1);
        assert_eq!(top5(&[2.0, 1.0, 2.0, 2.0, 2.0, 2.0]), 0);
        assert_eq!(top5(&[2.0, f32::NAN, 2.0, 2.0, 2.0, 2.0]), 0);
        assert_eq!(top5(&[f32::NAN; 6]), 0);
    }
}
