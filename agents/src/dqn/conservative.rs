//! What keeps values of actions that were never taken down: CQL(H) of Kumar et al. 2020.

/// log Σₐ exp Q(s, a) − Q(s, taken), over the actions that are valid (all of them by no flags). Adds `share` times its gradient by
/// the values to `grad`.
pub(super) fn conservative(values: &[f32], valid: &[bool], taken: usize, share: f32, grad: &mut [f32]) -> f32 {
    let counts = |action: usize| valid.is_empty() || valid[action];
    let counted = || values.iter().enumerate().filter(|(action, _)| counts(*action));
    let highest = counted().map(|(_, value)| *value).fold(f32::NEG_INFINITY, f32::max);
    let log_sum = highest + counted().map(|(_, value)| (value - highest).exp()).sum::<f32>().ln();
    for (action, value) in counted() {
        grad[action] += share * (value - log_sum).exp();
    }
    grad[taken] -= share;
    log_sum - values[taken]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_grad_is_that_of_the_loss() {
        let values = [0.5, -1.0, 2.0, 0.0];
        for valid in [&[][..], &[true, true, false, true]] {
            let mut grad = [0.0; 4];
            let loss = conservative(&values, valid, 1, 0.5, &mut grad);
            let summed = |i: usize| valid.is_empty() || valid[i];
            let by_hand: f32 = (0..4).filter(|i| summed(*i)).map(|i| values[i].exp()).sum::<f32>().ln() + 1.0;
            assert!((loss - by_hand).abs() < 1e-6, "{loss} {by_hand}");
            for (i, grad) in grad.iter().enumerate() {
                let at = |by: f32| {
                    let mut moved = values;
                    moved[i] += by;
                    conservative(&moved, valid, 1, 0.5, &mut [0.0; 4])
                };
                let expected = 0.5 * (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((grad - expected).abs() < 1e-4, "{i}: {grad} {expected}");
            }
        }
    }
}
