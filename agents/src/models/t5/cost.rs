//! What a T5 costs, before anything runs.

use super::config::{FeedForward, T5Config};
use super::names::{self, Stack};
use crate::models::{Cost, LayerCost};

impl T5Config {
    /// The cost of reading `source` tokens and writing `target` others, all at once as in training.
    pub fn cost(&self, name: &str, source: usize, target: usize) -> Cost {
        let mut lines = Lines { config: self, all: Vec::new() };
        lines.embedding(source + target);
        lines.stack(Stack::Encoder, self.num_layers, source, 0);
        lines.stack(Stack::Decoder, self.decoder_layers(), target, source);
        lines.head(target);
        Cost::new(name, vec![source + target], lines.all)
    }
}

/// Layers as they add up.
struct Lines<'c> {
    config: &'c T5Config,
    all: Vec<LayerCost>,
}

impl Lines<'_> {
    fn push(&mut self, name: String, kind: &str, output: Vec<usize>, parameters: usize, flops: usize) {
        let (parameters, flops) = (parameters as u64, flops as u64);
        self.all.push(LayerCost { name, kind: kind.into(), output, parameters, flops });
    }

    fn linear(&mut self, name: String, tokens: usize, inputs: usize, outputs: usize) {
        self.push(name, "Linear", vec![tokens, outputs], inputs * outputs, 2 * tokens * inputs * outputs);
    }

    fn norm(&mut self, name: String, tokens: usize) {
        let d = self.config.d_model;
        // A square and a sum, then two factors.
        self.push(name, "RMSNorm", vec![tokens, d], d, 4 * tokens * d);
    }

    fn embedding(&mut self, tokens: usize) {
        let (vocab, d) = (self.config.vocab_size, self.config.d_model);
        self.push("shared".into(), "Embedding", vec![tokens, d], vocab * d, 0);
    }

    fn head(&mut self, tokens: usize) {
        let (vocab, d) = (self.config.vocab_size, self.config.d_model);
        let own = self.config.tie_word_embeddings == Some(false);
        let parameters = if own { vocab * d } else { 0 };
        self.push("lm_head".into(), "Linear", vec![tokens, vocab], parameters, 2 * tokens * vocab * d);
    }

    /// A stack of `blocks` over `tokens` tokens, the decoder with attention to `read` others.
    fn stack(&mut self, stack: Stack, blocks: usize, tokens: usize, read: usize) {
        let (d, d_ff) = (self.config.d_model, self.config.d_ff);
        for block in 0..blocks {
            let layer = |at| names::layer(stack, block, at);
            self.norm(format!("{}.layer_norm", layer(0)), tokens);
            self.attention(&format!("{}.SelfAttention", layer(0)), tokens, tokens, block == 0);
            let mut last = 1;
            if stack == Stack::Decoder {
                self.norm(format!("{}.layer_norm", layer(1)), tokens);
                self.attention(&format!("{}.EncDecAttention", layer(1)), tokens, read, false);
                last = 2;
            }
            self.norm(format!("{}.layer_norm", layer(last)), tokens);
            let dense = |matrix: &str| format!("{}.DenseReluDense.{matrix}", layer(last));
            for matrix in names::inner_names(self.config) {
                self.linear(dense(matrix), tokens, d, d_ff);
            }
            // tanh and what is around it count as ten.
            let (kind, each) = match self.config.feed_forward() {
                Ok(FeedForward::GatedGelu) => ("GatedGELU", 10),
                _ => ("ReLU", 1),
            };
            self.push(dense("act"), kind, vec![tokens, d_ff], 0, each * tokens * d_ff);
            self.linear(dense("wo"), tokens, d_ff, d);
        }
        self.norm(format!("{}.final_layer_norm", stack.name()), tokens);
    }

    fn attention(&mut self, name: &str, queries: usize, keys: usize, bias: bool) {
        let (d, inner, heads) = (self.config.d_model, self.config.inner(), self.config.num_heads);
        self.linear(format!("{name}.q"), queries, d, inner);
        self.linear(format!("{name}.k"), keys, d, inner);
        self.linear(format!("{name}.v"), keys, d, inner);
        if bias {
            let buckets = self.config.relative_attention_num_buckets;
            self.push(
                format!("{name}.relative_attention_bias"),
                "Embedding",
                vec![heads, queries, keys],
                buckets * heads,
                0,
            );
        }
        // Scores and their mixture of values, and between them a softmax of about five operations.
        let scores = heads * queries * keys;
        self.push(
            format!("{name}.scores"),
            "Attention",
            vec![heads, queries, keys],
            0,
            4 * queries * keys * inner + 5 * scores,
        );
        self.linear(format!("{name}.o"), queries, inner, d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_add_up_to_all_that_is_learnt() {
        for name in ["t5-small", "t5-base", "t5-large"] {
            let config = T5Config::named(name).expect("a known name");
            let cost = config.cost(name, 16, 8);
            assert_eq!(cost.parameters, config.parameters() as u64, "{name}");
            assert_eq!(cost.bytes, 4 * cost.parameters);
        }
        let gated = T5Config {
            feed_forward_proj: "gated-gelu".into(),
            tie_word_embeddings: Some(false),
            num_decoder_layers: Some(2),
            ..T5Config::default()
        };
        assert_eq!(gated.cost("gated", 3, 4).parameters, gated.parameters() as u64);
    }

    /// Counted by hand: products of a model of one block a stack, two tokens read and one written.
    #[test]
    fn operations_are_counted_by_tokens() {
        let config = T5Config {
            vocab_size: 11,
            d_model: 8,
            d_kv: 4,
            d_ff: 16,
            num_layers: 1,
            num_heads: 2,
            ..T5Config::default()
        };
        let cost = config.cost("tiny", 2, 1);
        let of = |kind: &str| cost.layers.iter().filter(|l| l.kind == kind).map(|l| l.flops).sum::<u64>();
        // Encoder: q, k, v, o, wi, wo. Decoder: the same for one token, and q, o of it with k, v of the two that were read.
        let encoder = 2 * (4 * 2 * 8 * 8 + 2 * 2 * 8 * 16);
        let decoder = 2 * (4 * 8 * 8 + 2 * 8 * 16) + 2 * (2 * 8 * 8 + 2 * 2 * 8 * 8);
        assert_eq!(of("Linear"), encoder + decoder + 2 * 8 * 11);
        assert_eq!(of("Attention"), (4 * 4 * 8 + 5 * 8) + (4 * 8 + 5 * 2) + (4 * 2 * 8 + 5 * 4));
        assert_eq!(cost.layers[0].output, [3, 8]);
    }
}
