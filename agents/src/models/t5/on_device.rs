//! The trained network on a device that has no kernels of ours, such as a GPU.

use std::sync::Arc;

use super::config::FeedForward;
use super::names::Stack;
use super::network::{AttentionIds, Judged, Learnt, Lesson, StackIds, T5Network, TokenPair, targets};
use super::noise::Noise;
use crate::nn::on_device::{self, Accelerator, Bias, Compute, Mirror, Padded, Rows, Tape, cross_entropy};
use crate::nn::ops::{Spans, Then};
use crate::nn::{DeviceError, Gradients, ParameterId, Real};

impl<E: Real> T5Network<E> {
    /// [`learn`](Self::learn) on a device, in full precision.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    ///
    /// # Panics
    /// If a token is not in the vocabulary.
    pub fn learn_on<D: Compute<E>>(
        &mut self,
        accelerator: &Accelerator<D>,
        pairs: &[&TokenPair],
        lesson: &Lesson,
        gradients: &mut Gradients<E>,
    ) -> Result<Learnt, DeviceError> {
        self.parameters.send_to(accelerator)?;
        let mirror = Mirror::new(self.parameters.clone(), accelerator)?;
        let mut tape = mirror.tape();
        let logits = self.logits_on(&mirror, pairs, &mut tape, Noise::of(lesson)).map_err(DeviceError::new)?;
        let judged = cross_entropy(&logits, &targets(pairs), lesson.label_smoothing).map_err(DeviceError::new)?;
        let (loss, all) = (judged.losses.iter().map(|loss| loss.wide()).sum(), judged_there(pairs, &judged));
        let grad = judged.grad(lesson.divisor).map_err(DeviceError::new)?;
        mirror.backward(&logits, tape, grad, gradients)?;
        let tokens = all.iter().map(|pair| pair.tokens).sum();
        Ok(Learnt { loss, tokens, exact: all.iter().filter(|pair| pair.exact).count() })
    }

    /// [`judge`](Self::judge) on a device.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    ///
    /// # Panics
    /// If a token is not in the vocabulary.
    pub fn judge_on<D: Compute<E>>(
        &self,
        accelerator: &Accelerator<D>,
        pairs: &[&TokenPair],
    ) -> Result<Vec<Judged>, DeviceError> {
        let mirror = Mirror::new(self.parameters.clone(), accelerator)?;
        let logits = self.logits_on(&mirror, pairs, &mut Tape::none(), None).map_err(DeviceError::new)?;
        let judged = cross_entropy(&logits, &targets(pairs), 0.0).map_err(DeviceError::new)?;
        Ok(judged_there(pairs, &judged))
    }

    /// The logits of each token of each target, row after row.
    fn logits_on<D: Compute<E>>(
        &self,
        mirror: &Mirror<E, D>,
        pairs: &[&TokenPair],
        tape: &mut Tape<E, D>,
        noise: Option<Noise>,
    ) -> Result<Rows<E, D>, D::Err> {
        let mut pass = Pass { network: self, mirror, tape, noise };
        let sources: Vec<u32> = pairs.iter().flat_map(|pair| pair.source.iter().copied()).collect();
        let [read, written] = [|pair: &&TokenPair| pair.source.len(), |pair: &&TokenPair| pair.target.len()]
            .map(|length| pairs.iter().map(length).collect::<Vec<_>>());
        let encoded = pass.stack(&self.encoder, &sources, &read, None)?;
        let y = pass.stack(&self.decoder, &self.shifted(pairs), &written, Some((&encoded, &read)))?;
        let y = match self.output_scale() {
            1.0 => y,
            scale => on_device::times(&y, E::of(scale), pass.tape)?,
        };
        pass.linear(&y, self.head, Then::Nothing)
    }
}

/// How pairs came out whose rows are judged.
fn judged_there<E: Real, D: Compute<E>>(pairs: &[&TokenPair], rows: &on_device::Judged<E, D>) -> Vec<Judged> {
    let mut rows = rows.losses.iter().zip(&rows.likeliest);
    let judge = |pair: &&TokenPair| {
        let mut judged = Judged { loss: 0.0, tokens: pair.counted(), exact: true };
        for (loss, likeliest) in rows.by_ref().take(pair.target.len()) {
            judged.loss += loss.wide();
            judged.exact &= likeliest;
        }
        judged
    };
    pairs.iter().map(judge).collect()
}

/// A pass through the layers.
struct Pass<'p, E: Real, D: Compute<E>> {
    network: &'p T5Network<E>,
    mirror: &'p Mirror<E, D>,
    tape: &'p mut Tape<E, D>,
    noise: Option<Noise>,
}

/// What an attention reads.
struct Read<'r, E: Real, D: Compute<E>> {
    /// Rows of keys and values; those of the queries if there are none.
    rows: Option<&'r Rows<E, D>>,
    spans: Arc<Padded<E, D>>,
    bias: Option<Bias<E, D>>,
}

impl<E: Real, D: Compute<E>> Pass<'_, E, D> {
    /// What comes out of `stack` for texts of these lengths, `tokens` one after the other. A decoder is given what was read.
    fn stack(
        &mut self,
        stack: &StackIds,
        tokens: &[u32],
        lengths: &[usize],
        read: Option<(&Rows<E, D>, &[usize])>,
    ) -> Result<Rows<E, D>, D::Err> {
        let (network, accelerator) = (self.network, self.mirror.accelerator());
        let padded = |keys: &[usize], causal| {
            let spans = Spans { queries: lengths.to_vec(), keys: keys.to_vec(), causal };
            Padded::new(spans, network.config.num_heads, accelerator).map(Arc::new)
        };
        let mut x = on_device::embedding(self.mirror, network.shared, tokens, self.tape)?;
        let causal = stack.stack == Stack::Decoder;
        let spans = padded(lengths, causal)?;
        let (buckets, longest) = (network.buckets(spans.longest(), !causal), spans.longest());
        let bias = on_device::relative_bias(self.mirror, stack.bias, &buckets, longest, self.tape)?;
        let own = Read { rows: None, spans, bias: Some(bias) };
        let cross = read
            .map(|(rows, keys)| Ok::<_, D::Err>(Read { rows: Some(rows), spans: padded(keys, false)?, bias: None }));
        let cross = cross.transpose()?;
        x = self.drop_out(x, lengths)?;
        for block in &stack.blocks {
            x = self.attention(x, block.own, &own, lengths)?;
            if let (Some(ids), Some(cross)) = (block.cross, &cross) {
                x = self.attention(x, ids, cross, lengths)?;
            }
            let normed = self.norm(&x, block.norm)?;
            let y = match (network.feed_forward, block.inner.as_slice()) {
                (FeedForward::GatedGelu, &[gate, inner]) => {
                    let gate = self.linear(&normed, gate, Then::Nothing)?;
                    let inner = self.linear(&normed, inner, Then::Nothing)?;
                    on_device::gated_gelu(&gate, &inner, self.tape)?
                }
                (_, inner) => self.linear(&normed, inner[0], Then::Relu)?,
            };
            let y = self.drop_out(y, lengths)?;
            x = self.back(&y, block.output, &x, lengths)?;
        }
        x = self.norm(&x, stack.norm)?;
        self.drop_out(x, lengths)
    }

    fn attention(
        &mut self,
        x: Rows<E, D>,
        ids: AttentionIds,
        read: &Read<'_, E, D>,
        lengths: &[usize],
    ) -> Result<Rows<E, D>, D::Err> {
        let normed = self.norm(&x, ids.norm)?;
        let rows = read.rows.unwrap_or(&normed);
        let q = self.linear(&normed, ids.q, Then::Nothing)?;
        let k = self.linear(rows, ids.k, Then::Nothing)?;
        let v = self.linear(rows, ids.v, Then::Nothing)?;
        let dropped = self.noise.as_mut().map(Noise::of_attention);
        let (bias, dropped) = (read.bias.as_ref(), dropped.as_ref());
        let y = on_device::attention(&q, [&k, &v], &read.spans, bias, dropped, self.tape)?;
        self.back(&y, ids.o, &x, lengths)
    }

    /// The last matrix of a layer, and what went around the layer.
    fn back(
        &mut self,
        y: &Rows<E, D>,
        output: ParameterId,
        around: &Rows<E, D>,
        lengths: &[usize],
    ) -> Result<Rows<E, D>, D::Err> {
        let y = self.linear(y, output, Then::Nothing)?;
        let y = self.drop_out(y, lengths)?;
        on_device::sum(&y, around, self.tape)
    }

    fn norm(&mut self, x: &Rows<E, D>, weight: ParameterId) -> Result<Rows<E, D>, D::Err> {
        on_device::rms_norm(x, self.mirror.get(weight), self.network.eps(), self.tape)
    }

    fn linear(&mut self, x: &Rows<E, D>, weight: ParameterId, then: Then) -> Result<Rows<E, D>, D::Err> {
        on_device::linear(self.mirror, x, weight, None, then, self.tape)
    }

    fn drop_out(&mut self, x: Rows<E, D>, lengths: &[usize]) -> Result<Rows<E, D>, D::Err> {
        let Some(noise) = &mut self.noise else { return Ok(x) };
        let keys = noise.of_rows(lengths);
        on_device::dropout(&x, noise.dropout, &keys, self.tape)
    }
}

#[cfg(test)]
mod tests {
    use super::super::training_tests::{furthest_apart, network, pairs, recorded};
    use super::*;
    use crate::nn::Cpu;

    /// How far losses and gradients are from those of our kernels, relative to the largest number of each tensor.
    fn furthest<E: Real>(kind: &str) -> f64
    where
        Cpu: Compute<E>,
    {
        let mut network = network::<E>(kind);
        let mut pairs = pairs(&recorded(kind));
        // Texts that have nothing but padding, and one that is longer than the others on both sides.
        pairs.push(TokenPair { source: vec![], target: vec![5, 1] });
        pairs.push(TokenPair { source: (7..40).collect(), target: (50..61).collect() });
        pairs.push(TokenPair { source: vec![3, 1], target: vec![] });
        let pairs: Vec<&TokenPair> = pairs.iter().collect();
        let accelerator = Accelerator::new(Cpu::default());
        let mut worst = 0.0_f64;
        let mut gradients = [Gradients::new(network.parameters()), Gradients::new(network.parameters())];
        let dropout = || Some((0.2, (0..pairs.len() as u64).map(|pair| 100 + pair).collect()));
        for (label_smoothing, dropout) in [(0.0, None), (0.1, None), (0.1, dropout())] {
            let lesson = Lesson { label_smoothing, divisor: 7.0, dropout };
            let [own, other] = &mut gradients;
            own.zero(network.parameters()).expect("memory");
            other.zero(network.parameters()).expect("memory");
            // Twice, as gradients add up.
            for _ in 0..2 {
                let expected = network.learn(&pairs, &lesson, own).expect("works");
                let got = network.learn_on(&accelerator, &pairs, &lesson, other).expect("works");
                assert_eq!((got.tokens, got.exact), (expected.tokens, expected.exact));
                worst = worst.max(furthest_apart(&[got.loss], &[expected.loss]));
            }
            other.bring_here(network.parameters()).expect("memory");
            for parameter in network.parameters().iter() {
                let (expected, got) = (own.of(parameter).expect("memory"), other.of(parameter).expect("memory"));
                worst = worst.max(furthest_apart(got, expected));
                assert!(expected.iter().any(|x| *x != E::zero()), "{} learns nothing", parameter.name());
            }
        }
        let expected = network.judge(&pairs).expect("works");
        let got = network.judge_on(&accelerator, &pairs).expect("works");
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(&expected) {
            assert_eq!((got.tokens, got.exact), (expected.tokens, expected.exact));
            worst = worst.max(furthest_apart(&[got.loss], &[expected.loss]));
        }
        worst
    }

    #[test]
    fn what_it_learns_there_is_what_it_learns_here() {
        for kind in ["relu", "gated"] {
            let double = furthest::<f64>(kind);
            println!("{kind}: {double:e} off in f64");
            assert!(double < 1e-9, "{kind}: {double:e} off in f64");
        }
        // A rectifier may open here and stay closed there, where rounding decides.
        let single = furthest::<f32>("gated");
        println!("gated: {single:e} off in f32");
        assert!(single < 3e-4, "gated: {single:e} off in f32");
    }
}
