//! Distributions of returns by their quantiles (Dabney et al. 2018, *Distributional reinforcement learning with quantile
//! regression*): quantile i of n is that of the fraction (i + ½) / n.

use crate::nn::{Isa, vectorized};

/// Quantiles that are worked on at once: a vector of them.
const LANES: usize = 16;

/// The mean of the distribution with these quantiles.
#[inline]
pub(crate) fn mean(quantiles: &[f32]) -> f32 {
    quantiles.iter().sum::<f32>() / quantiles.len() as f32
}

/// The quantile Huber loss of `quantiles`, those of these `fractions` or else of those in the middle of equal parts, by a
/// distribution with the quantiles `target`, κ = 1: summed over the first and averaged over the second, as in the paper's
/// algorithm 1 and sb3-contrib. Writes its gradient by each quantile.
pub(crate) fn quantile_huber(fractions: Option<&[f32]>, quantiles: &[f32], target: &[f32], grad: &mut [f32]) -> f32 {
    pairs(Isa::detect(), fractions, quantiles, target, grad)
}

vectorized! {
    fn pairs(fractions: Option<&[f32]>, quantiles: &[f32], target: &[f32], grad: &mut [f32]) -> f32 {
        let (n, share) = (quantiles.len() as f32, 1.0 / target.len() as f32);
        let mut loss = [0.0f32; LANES];
        // Of so many quantiles at once each pairs with one target after the other.
        for (chunk, (quantiles, grad)) in quantiles.chunks(LANES).zip(grad.chunks_mut(LANES)).enumerate() {
            let (mut quantile, mut fraction) = ([0.0f32; LANES], [0.0f32; LANES]);
            quantile[..quantiles.len()].copy_from_slice(quantiles);
            for (lane, to) in fraction.iter_mut().enumerate().take(quantiles.len()) {
                let i = chunk * LANES + lane;
                *to = fractions.map_or((i as f32 + 0.5) / n, |fractions| fractions[i]);
            }
            let (mut sums, mut grads) = ([0.0f32; LANES], [0.0f32; LANES]);
            for target in target {
                for lane in 0..LANES {
                    let error = target - quantile[lane];
                    let clipped = error.clamp(-1.0, 1.0);
                    let weighted = clipped * if error < 0.0 { 1.0 - fraction[lane] } else { fraction[lane] };
                    // ½ e² within 1 and |e| − ½ beyond.
                    sums[lane] += weighted * (error - 0.5 * clipped);
                    grads[lane] += weighted;
                }
            }
            grad.iter_mut().zip(grads).for_each(|(grad, sum)| *grad = -sum * share);
            loss.iter_mut().zip(sums).take(quantiles.len()).for_each(|(loss, sum)| *loss += sum);
        }
        loss.iter().sum::<f32>() * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::Generator;

    /// As the paper writes it: |τ − 1{u < 0}| times Huber's loss of u, in f64.
    fn slow(quantiles: &[f32], target: &[f32]) -> f64 {
        let n = quantiles.len();
        let mut loss = 0.0;
        for (i, quantile) in quantiles.iter().enumerate() {
            for t in target {
                let u = f64::from(*t) - f64::from(*quantile);
                let tau = (2 * i + 1) as f64 / (2 * n) as f64;
                let huber = if u.abs() <= 1.0 { 0.5 * u * u } else { u.abs() - 0.5 };
                let below = if u < 0.0 { 1.0 } else { 0.0 };
                loss += (tau - below).abs() * huber / target.len() as f64;
            }
        }
        loss
    }

    #[test]
    fn the_loss_is_the_slow_sum_and_its_grads_are_those() {
        let mut rng = Generator::new(1);
        for (n, m) in [(1, 1), (5, 5), (7, 3), (32, 200)] {
            let mut draw = |n: usize| (0..n).map(|_| rng.uniform(-3.0, 3.0) as f32).collect::<Vec<_>>();
            let (quantiles, target) = (draw(n), draw(m));
            let mut grad = vec![9.0; n];
            let loss = f64::from(quantile_huber(None, &quantiles, &target, &mut grad));
            assert!((loss - slow(&quantiles, &target)).abs() < 1e-5 * loss.max(1.0), "{n} {m}: {loss}");
            for i in 0..n {
                let at = |by: f32| {
                    let mut moved = quantiles.clone();
                    moved[i] += by;
                    slow(&moved, &target)
                };
                let expected = (at(1e-3) - at(-1e-3)) / 2e-3;
                assert!((f64::from(grad[i]) - expected).abs() < 2e-3, "{n} {m} {i}: {} {expected}", grad[i]);
            }
        }
    }

    /// Following the gradients leads to the quantiles of what is drawn: without clipping these are where a share of the draws
    /// is below.
    #[test]
    fn the_grads_lead_to_quantiles() {
        let (mut rng, mut quantiles, mut grad) = (Generator::new(2), [0.0_f32; 4], [0.0; 4]);
        for _ in 0..200_000 {
            // Uniform between 0 and 40: Huber's parabola is small beside that.
            quantile_huber(None, &quantiles, &[rng.uniform(0.0, 40.0) as f32], &mut grad);
            quantiles.iter_mut().zip(grad).for_each(|(q, grad)| *q -= 0.02 * grad);
        }
        for (quantile, expected) in quantiles.iter().zip([5.0, 15.0, 25.0, 35.0]) {
            assert!((quantile - expected).abs() < 1.0, "{quantiles:?}");
        }
        assert!((mean(&quantiles) - 20.0).abs() < 0.6, "{quantiles:?}");
    }
}
