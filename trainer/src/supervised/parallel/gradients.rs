//! The sum of gradients over processes.

use cartwheel_agents::nn::{Gradients, Parameters};

use super::group::Group;
use crate::TrainError;

/// Makes `gradients` their sums over all processes: the same bits everywhere. Of tables the rows that any process has read count
/// as read by all.
pub(crate) fn sum_gradients(
    group: &Group,
    parameters: &Parameters,
    gradients: &mut Gradients,
) -> Result<(), TrainError> {
    if group.size() == 1 {
        return Ok(());
    }
    let touched = gradients.touched(parameters);
    if !touched.is_empty() {
        gradients.set_touched(parameters, &group.gather(&touched)?);
    }
    gradients.change(parameters, |flat| Ok(group.all_reduce(flat)?))
}
