//! Returns beyond the least and the greatest that a network of distributions can tell of: it counts them as these.

use super::{Complaint, Facts, Sign, Streak};
use crate::run::MetricsRow;

/// The share of a batch's targets that is too much: a network that knows nothing yet has a little there.
const SHARE: f64 = 0.25;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct OutOfSupport(Streak);

impl Sign for OutOfSupport {
    fn complaint(&self) -> Complaint {
        Complaint::OutOfSupport
    }

    fn look(&mut self, row: &MetricsRow, _: &Facts) -> Option<String> {
        let share = *row.metrics.get("train/out_of_support")?;
        let words = || format!("{:.0} % of what the network is taught lies below v_min or above v_max", 100.0 * share);
        self.0.goes_on(share > SHARE).then(words)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found_at;
    use super::*;

    #[test]
    fn a_quarter_for_three_rows() {
        let rows = |shares: [f64; 4]| shares.map(|share| [("train/out_of_support", share)]);
        assert_eq!(found_at(OutOfSupport::default(), &rows([0.9, 0.9, 0.2, 0.9])), None);
        assert_eq!(found_at(OutOfSupport::default(), &rows([0.2, 0.3, 0.3, 0.3])), Some(4));
    }
}
