//! What Hugging Face calls the tensors of a T5, and their shapes.

use super::config::{FeedForward, T5Config};

/// The matrix that words are embedded with.
pub(super) const SHARED: &str = "shared.weight";
/// The matrix that logits are made with, where it is not the embedding.
pub(super) const HEAD: &str = "lm_head.weight";

/// Tensors that some files have beside those of [`tensors`] and that say nothing: copies of the embedding, and a bias of
/// cross-attention that no version has ever used.
pub(super) const IGNORED: [&str; 3] = [
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
];

/// The stack of this name in which the tensors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stack {
    Encoder,
    Decoder,
}

impl Stack {
    pub(super) fn name(self) -> &'static str {
        match self {
            Stack::Encoder => "encoder",
            Stack::Decoder => "decoder",
        }
    }
}

/// Layer `layer` (0 self-attention, 1 and 2 what follows) of block `block`.
pub(super) fn layer(stack: Stack, block: usize, layer: usize) -> String {
    format!("{}.block.{block}.layer.{layer}", stack.name())
}

/// The bias by distance of a stack, which its first block holds for all.
pub(super) fn bias(stack: Stack) -> String {
    format!("{}.SelfAttention.relative_attention_bias.weight", layer(stack, 0, 0))
}

/// The norm behind a stack.
pub(super) fn final_norm(stack: Stack) -> String {
    format!("{}.final_layer_norm.weight", stack.name())
}

/// The names of tensors with their shapes.
pub(super) type Tensors = Vec<(String, Vec<usize>)>;

/// Every tensor with its shape, [`HEAD`] included, in the order in which transformers lists them.
pub(super) fn tensors(config: &T5Config) -> Tensors {
    let (d, inner, d_ff) = (config.d_model, config.inner(), config.d_ff);
    let mut all = vec![(SHARED.to_string(), vec![config.vocab_size, d])];
    for (stack, blocks) in [(Stack::Encoder, config.num_layers), (Stack::Decoder, config.decoder_layers())] {
        for block in 0..blocks {
            let attention = |all: &mut Vec<_>, at: usize, kind: &str| {
                let layer = layer(stack, block, at);
                for matrix in ["q", "k", "v"] {
                    all.push((format!("{layer}.{kind}.{matrix}.weight"), vec![inner, d]));
                }
                all.push((format!("{layer}.{kind}.o.weight"), vec![d, inner]));
                if block == 0 && at == 0 {
                    all.push((bias(stack), vec![config.relative_attention_num_buckets, config.num_heads]));
                }
                all.push((format!("{layer}.layer_norm.weight"), vec![d]));
            };
            attention(&mut all, 0, "SelfAttention");
            let mut at = 1;
            if stack == Stack::Decoder {
                attention(&mut all, 1, "EncDecAttention");
                at = 2;
            }
            let layer = layer(stack, block, at);
            for name in inner_names(config) {
                all.push((format!("{layer}.DenseReluDense.{name}.weight"), vec![d_ff, d]));
            }
            all.push((format!("{layer}.DenseReluDense.wo.weight"), vec![d, d_ff]));
            all.push((format!("{layer}.layer_norm.weight"), vec![d]));
        }
        all.push((final_norm(stack), vec![d]));
    }
    all.push((HEAD.to_string(), vec![config.vocab_size, d]));
    all
}

/// The matrices into a feed-forward layer.
pub(super) fn inner_names(config: &T5Config) -> &'static [&'static str] {
    match config.feed_forward() {
        Ok(FeedForward::GatedGelu) => &["wi_0", "wi_1"],
        _ => &["wi"],
    }
}
