//! What a Q-network is taught of returns: their mean, their chances or their quantiles, of
//! fixed fractions or of any. What differs is here; the update is the
//! same.

use super::Loss;
use crate::head::Head;
use crate::quantiles::quantile_huber;
use crate::support::Support;

/// What a Q-network is taught of returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ReturnModel {
    /// Their mean, by a loss of the TD error.
    Mean(Loss),
    /// Chances of equally spaced returns, by cross-entropy: C51.
    Distribution(Support),
    /// So many of their quantiles, by regression: QR-DQN.
    Quantiles(usize),
    /// Quantiles of fractions that are drawn: IQN.
    Implicit(Fractions),
}

/// How many fractions a network of implicit quantiles is asked of, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fractions {
    /// Of what is learnt and of what it is learnt by, for each transition.
    pub(crate) drawn: usize,
    /// Of what the next action is chosen by; actors choose by as many that are evenly spaced.
    pub(crate) policy: usize,
    /// Cosines that tell the network of one.
    pub(crate) embedding_dim: usize,
}

impl ReturnModel {
    /// What the outputs of its network mean.
    pub(crate) fn head(self) -> Head {
        match self {
            Self::Mean(_) => Head::QValues,
            Self::Distribution(support) => Head::Distribution(support),
            Self::Quantiles(n) => Head::Quantiles(n),
            Self::Implicit(fractions) => Head::Quantiles(fractions.policy),
        }
    }

    /// Numbers that tell of an action when one is chosen, and when one is learnt from.
    pub(crate) fn widths(self) -> [usize; 2] {
        match self {
            Self::Implicit(fractions) => [fractions.policy, fractions.drawn],
            _ => [self.head().atoms(); 2],
        }
    }

    /// How many of so many numbers are of fractions that are drawn.
    pub(crate) fn draws(self, width: usize) -> usize {
        if matches!(self, Self::Implicit(_)) { width } else { 0 }
    }

    /// Writes what `outputs`, those of the action that follows, become as a target once discounted and added to what was
    /// earned. Answers the chance of returns that the network cannot tell of.
    #[inline]
    pub(crate) fn target(self, outputs: &[f32], return_: f32, discount: f32, to: &mut [f32]) -> f32 {
        match self {
            Self::Mean(_) => {
                to[0] = return_ + discount * outputs[0];
                0.0
            }
            Self::Quantiles(_) | Self::Implicit(_) => {
                to.iter_mut().zip(outputs).for_each(|(to, quantile)| *to = return_ + discount * quantile);
                0.0
            }
            Self::Distribution(support) => support.project(outputs, return_, discount, to),
        }
    }

    /// The loss of `outputs`, those of the action that was taken (of these `fractions`, where such are drawn), and how much they
    /// surprised: what priorities are made of. Writes the gradient of the loss.
    #[inline]
    pub(crate) fn loss(self, outputs: &[f32], target: &[f32], fractions: &[f32], grad: &mut [f32]) -> (f32, f32) {
        match self {
            Self::Mean(loss) => {
                let error = outputs[0] - target[0];
                let (value, derivative) = loss.of(error);
                grad[0] = derivative;
                (value, error.abs())
            }
            Self::Distribution(support) => {
                let loss = support.cross_entropy(outputs, target, grad);
                (loss, loss)
            }
            Self::Quantiles(_) => {
                let loss = quantile_huber(None, outputs, target, grad);
                (loss, loss)
            }
            Self::Implicit(_) => {
                let loss = quantile_huber(Some(fractions), outputs, target, grad);
                (loss, loss)
            }
        }
    }
}
