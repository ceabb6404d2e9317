//! Settings of what is done to batches of pictures.

use cartwheel_agents::config;

config! {
    /// How the pictures of a batch are mixed while training, as torchvision's reference recipes have it. With both, each batch
    /// is mixed in one of the two ways.
    pub struct MixConfig in "mix" {
        /// MixUp (Zhang et al. 2018): of Beta(α, α) the share of one picture; 0 for none.
        mixup_alpha: f64 = 0.0, non_negative;
        /// CutMix (Yun et al. 2019): of Beta(α, α) the share of a picture that is left; 0 for none.
        cutmix_alpha: f64 = 0.0, non_negative;
    }
}
