//! The optimizer and its schedule as settings name them.

use cartwheel_agents::nn::optim::{Decay, Eps, LearningRate, LrShape, Rule};

use super::FitSettings;
use crate::supervised::config::{EpsConvention, LrSchedule, OptimizerName, Precision};

impl FitSettings {
    /// The optimizer's rule and how it keeps weights small.
    pub(crate) fn rule(&self) -> (Rule, Decay) {
        let fit = &self.fit;
        let keras = fit.eps_convention == EpsConvention::Keras;
        let (eps, betas) = (fit.eps.unwrap_or(if keras { 1e-7 } else { 1e-8 }), [fit.beta1, fit.beta2]);
        let convention = if keras { Eps::Keras } else { Eps::Torch };
        let rule = match fit.optimizer {
            OptimizerName::Sgd => Rule::Sgd { momentum: fit.momentum, nesterov: fit.nesterov },
            OptimizerName::Adam | OptimizerName::AdamW => Rule::Adam { betas, eps, convention },
            OptimizerName::RmsProp => Rule::RmsProp { alpha: fit.alpha, eps, convention, momentum: fit.momentum },
            OptimizerName::Adafactor => Rule::Adafactor { scale_parameter: true, decay_rate: -0.8 },
            OptimizerName::Lamb => Rule::Lamb { betas, eps },
        };
        (rule, if fit.optimizer == OptimizerName::AdamW { Decay::Decoupled } else { Decay::L2 })
    }

    /// The learning rate of each of `total` steps, of which an epoch has `an_epoch`.
    pub(crate) fn learning_rate(&self, an_epoch: u64, total: u64) -> LearningRate {
        let fit = &self.fit;
        let shape = match fit.lr_schedule {
            LrSchedule::Constant => LrShape::Constant,
            LrSchedule::Step => LrShape::Step { every: fit.lr_step_size.saturating_mul(an_epoch), gamma: fit.lr_gamma },
            LrSchedule::Cosine => LrShape::Cosine,
            LrSchedule::OneCycle => LrShape::OneCycle { pct_start: 0.3 },
        };
        LearningRate { peak: fit.learning_rate, warmup: fit.warmup, total, shape }
    }

    /// Numbers that are kept of each parameter beside itself and its gradient, at most: the optimizer's, and in mixed precision
    /// those of 16 bits.
    pub(crate) fn moments(&self) -> u64 {
        let halves = u64::from(self.fit.precision == Precision::F16O2);
        halves
            + match self.fit.optimizer {
                OptimizerName::Sgd if self.fit.momentum == 0.0 => 0,
                OptimizerName::Sgd | OptimizerName::Adafactor => 1,
                _ => 2,
            }
    }
}
