//! The forward and backward passes of a network, on plain slices and without allocating: actors use the first without any
//! tape, and [`crate::nn::fused`] puts both on dfdx's.

use std::ops::Range;

use super::Mlp;
use super::activation::{Activation, activate, scale_by_grad};
use super::implicit::Samples;
use super::layer::{Band, Layer};
use super::layer_norm::{self, Normalized};
use super::lstm::Unrolled;
use super::narrow;
use super::state_dependent::Deviations;
use crate::nn::kernels::conv;
use crate::nn::kernels::matmul::{Epilogue, Strided, matmul, matmul_columns};
use crate::nn::kernels::simd::Isa;
use crate::nn::kernels::sums::{add_column_sums, products_of_rows};
use crate::nn::kernels::transpose::transpose;

/// A layer on the way back.
struct Passed<'a> {
    layer: &'a Layer,
    /// Its number.
    number: usize,
    /// What it reads, where that is not what the layer before it answers.
    reads: Option<&'a [f32]>,
    /// The gradient by what its matrix product came to.
    dy: &'a [f32],
    /// The outputs of all layers.
    outputs: &'a [Vec<f32>],
    /// What its normalization left, if it has one.
    normalized: &'a Normalized,
    conv: &'a mut conv::Scratch,
}

/// What a forward pass leaves for a backward pass, reused from call to call.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    /// The outputs of each layer, `[batch, padded outputs]`.
    outputs: Vec<Vec<f32>>,
    /// The gradients of the same.
    gradients: Vec<Vec<f32>>,
    /// Of each layer that is normalized.
    normalized: Vec<Normalized>,
    /// Of each layer that is a convolution.
    convs: Vec<conv::Scratch>,
    /// A transposed weight matrix.
    transposed: Vec<f32>,
    /// The gradient of a narrow one, transposed.
    narrow: Vec<f32>,
    /// The outputs of a layer before others are put beside them, and the gradient by those.
    alone: Vec<f32>,
    by_beside: Vec<f32>,
    /// The gradient by the input rows.
    by_input: Vec<f32>,
    /// Output rows, and behind them those of a value function.
    answers: Vec<f32>,
    /// Of a network of implicit quantiles.
    samples: Samples,
    /// Of a network that remembers.
    pub(crate) unrolled: Unrolled,
    /// Of a policy of state-dependent exploration.
    pub(crate) deviations: Deviations,
}

impl Mlp {
    /// Runs `batch` rows of [`inputs`](Self::inputs) floats through the network; returns the output rows,
    /// [`output_stride`](Self::output_stride) apart, and behind them those of a value function,
    /// [`value_stride`](Self::value_stride) apart.
    ///
    /// # Panics
    /// If `params` or `x` is too short.
    pub fn forward<'a>(&self, params: &[f32], x: &[f32], batch: usize, scratch: &'a mut Activations) -> &'a [f32] {
        let ((layers, dueling), isa) = (self.layers(), self.isa());
        let implicit = self.takes_fractions();
        let fractions = implicit.map(|implicit| implicit.fractions_behind(x, batch, self.inputs()));
        scratch.samples.each = fractions.as_ref().map_or(1, |fractions| fractions.len() / batch.max(1));
        scratch.fit(self, batch);
        for (l, layer) in self.passes().enumerate() {
            let rows = scratch.rows(self, l, batch);
            let (before, rest) = scratch.outputs.split_at_mut(l);
            let mut input = self.below(l).map_or(x, |below| before[below].as_slice());
            if let (Some(implicit), Some(fractions)) = (implicit.filter(|implicit| implicit.at == l), &fractions) {
                implicit.merge(isa, params, input, fractions, &mut scratch.samples);
                input = &scratch.samples.merged;
            }
            if let Some(lstm) = self.lstm().filter(|lstm| lstm.at == l) {
                lstm.forward(isa, params, input, batch, &x[batch * self.inputs()..], &mut scratch.unrolled);
                input = &scratch.unrolled.output;
            }
            let own = rows * layer.own_outputs();
            let (row, alone) = (&mut rest[0], !layer.beside.is_empty());
            if alone && scratch.alone.len() < own {
                scratch.alone.resize(own, 0.0);
            }
            let output = if alone { &mut scratch.alone[..own] } else { &mut row[..own] };
            let (weights, bias) = (&params[layer.weight..layer.bias], &params[layer.bias..]);
            let activation = self.activation_after(l);
            let at_once = activation == Some(Activation::Relu) && !layer.norm;
            let epilogue = if at_once { Epilogue::BiasRelu(bias) } else { Epilogue::Bias(bias) };
            let (k, n) = (layer.inputs, layer.columns);
            match &layer.conv {
                Some(conv) => conv.forward(isa, input, k, batch, weights, output, epilogue, &mut scratch.convs[l]),
                None => {
                    for Band { columns, rows: read, .. } in &layer.bands {
                        let (a, b) = (Strided::rows(&input[read.start..], k), &weights[read.start * n..]);
                        matmul_columns(isa, rows, n, columns.clone(), read.len(), a, b, output, epilogue);
                    }
                }
            }
            if let Some(head) = self.deviations().filter(|_| l + 1 == layers.len()) {
                head.forward(isa, layer, params, input, output, &mut scratch.deviations);
            }
            if layer.norm {
                layer_norm::forward(isa, layer, params, output, &mut scratch.normalized[l]);
            }
            if let Some(activation) = activation.filter(|_| !at_once) {
                activate(isa, activation, output);
            }
            if alone {
                let rows = row.chunks_exact_mut(layer.outputs).zip(scratch.alone.chunks_exact(n));
                for ((row, own), x) in rows.zip(x.chunks_exact(self.inputs())).take(batch) {
                    row[..layer.used].copy_from_slice(&own[..layer.used]);
                    row[layer.used..][..layer.beside.len()].copy_from_slice(&x[layer.beside.clone()]);
                }
            }
        }
        let stride = layers[layers.len() - 1].outputs;
        let rows = scratch.rows(self, layers.len() - 1, batch);
        let Activations { outputs, samples, answers, .. } = scratch;
        let own = &mut outputs[layers.len() - 1][..rows * stride];
        if let Some(dueling) = dueling {
            dueling.combine(isa, own, stride);
        }
        if let Some(implicit) = implicit {
            implicit.order(own, stride, samples);
            return &samples.ordered;
        }
        if self.has_value_branch() {
            answers.clear();
            answers.extend_from_slice(own);
            answers.extend(outputs.last().iter().flat_map(|values| &values[..batch * self.value_stride()]));
            return answers;
        }
        &outputs[layers.len() - 1][..rows * stride]
    }

    /// What the last [`forward`](Self::forward) with this `scratch` returned, and rows of larger batches before it.
    pub fn last_outputs<'a>(&self, scratch: &'a Activations) -> &'a [f32] {
        if self.takes_fractions().is_some() {
            return &scratch.samples.ordered;
        }
        if self.has_value_branch() {
            return &scratch.answers;
        }
        scratch.outputs.last().map_or(&[], Vec::as_slice)
    }

    /// Adds the gradient of the parameters to `gradient`, given `output_gradient`, the gradient of the loss
    /// by the outputs of the last [`forward`](Self::forward) on `x` with this `scratch`.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn backward(
        &self,
        params: &[f32],
        x: &[f32],
        batch: usize,
        scratch: &mut Activations,
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) {
        let (isa, mut narrow) = (self.isa(), std::mem::take(&mut scratch.narrow));
        self.propagate(params, batch, scratch, output_gradient, 0, &mut |passed| {
            let Passed { layer, number, reads, dy, outputs, normalized, conv } = passed;
            let (k, n) = (layer.inputs, layer.columns);
            let input = reads.unwrap_or_else(|| self.below(number).map_or(x, |below| &outputs[below]));
            let (dw, rest) = gradient[layer.weight..layer.end()].split_at_mut(layer.bias - layer.weight);
            match &layer.conv {
                Some(of) => of.backward(isa, input, k, batch, dy, dw, rest, conv),
                None => {
                    let is_narrow = narrow::is_narrow(layer);
                    if is_narrow {
                        narrow::add_gradient(isa, layer, input, dy, dw, &mut narrow);
                    }
                    for Band { columns, rows, .. } in layer.bands.iter().filter(|_| !is_narrow) {
                        let (a, dw) = (Strided::transposed(&input[rows.start..], k), &mut dw[rows.start * n..]);
                        matmul_columns(
                            isa,
                            rows.len(),
                            n,
                            columns.clone(),
                            dy.len() / n,
                            a,
                            dy,
                            dw,
                            Epilogue::Accumulate,
                        );
                    }
                    layer.clear_between_blocks(dw);
                    add_column_sums(isa, dy, &mut rest[..n]);
                }
            }
            if layer.norm {
                rest[n..].iter_mut().zip(&normalized.gradient).for_each(|(sum, own)| *sum += own);
            }
        });
        if let Some(head) = self.deviations() {
            head.add_gradient(self.last(), &scratch.deviations, gradient);
        }
        scratch.narrow = narrow;
    }

    /// Writes to `to`, row after row, the gradient by the given `columns` of the inputs, given `output_gradient`, the
    /// gradient of the loss by the outputs of the last [`forward`](Self::forward) with this `scratch`.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn backward_to_input(
        &self,
        params: &[f32],
        batch: usize,
        scratch: &mut Activations,
        output_gradient: &[f32],
        columns: Range<usize>,
        to: &mut Vec<f32>,
    ) {
        let (isa, layers, picture) = (self.isa(), self.layers().0, self.reads().picture_len());
        to.clear();
        if let Some(lstm) = self.lstm().filter(|_| picture == 0) {
            self.propagate(params, batch, scratch, output_gradient, 0, &mut |_| {});
            to.resize(batch * columns.len(), 0.0);
            lstm.backward_to_columns(isa, params, &mut scratch.unrolled, columns, to);
            return;
        }
        if picture == 0 {
            self.propagate(params, batch, scratch, output_gradient, 0, &mut |Passed { layer, number, dy, .. }| {
                if number == 0 {
                    let n = layer.columns;
                    let weights = &params[layer.weight + columns.start * n..layer.weight + columns.end * n];
                    to.resize(batch * columns.len(), 0.0);
                    products_of_rows(isa, dy, weights, n, to);
                }
            });
            if self.deviations().is_some() && layers.len() == 1 {
                let rows = scratch.deviations.by_features().chunks_exact(self.inputs());
                let by_columns = rows.flat_map(|row| &row[columns.clone()]);
                to.iter_mut().zip(by_columns).for_each(|(sum, own)| *sum += own);
            }
            return;
        }
        // What lies beside the image depends on no convolution.
        let behind = layers.iter().position(|layer| layer.conv.is_none()).unwrap_or(0);
        let lowest = if columns.start < picture { 0 } else { behind };
        let mut by_input = std::mem::take(&mut scratch.by_input);
        self.propagate(
            params,
            batch,
            scratch,
            output_gradient,
            lowest,
            &mut |Passed { layer, number, dy, conv, .. }| {
                if let Some(of) = layer.conv.as_ref().filter(|_| number == 0) {
                    by_input.resize(batch * picture, 0.0);
                    of.backward_to_input(isa, dy, batch, &params[layer.weight..], &mut by_input, picture, conv);
                }
            },
        );
        let (seen, beside) = (columns.start.min(picture)..columns.end.min(picture), self.inputs() - picture);
        let rest = columns.start.max(picture) - picture..columns.end.max(picture) - picture;
        for row in 0..batch {
            if !seen.is_empty() {
                to.extend_from_slice(&by_input[row * picture..][seen.clone()]);
            }
            if !rest.is_empty() {
                to.extend_from_slice(&scratch.by_beside[row * beside..][rest.clone()]);
            }
        }
        scratch.by_input = by_input;
    }

    /// Goes back through the layers from the last to that of number `lowest`, calling `visit` with each.
    fn propagate(
        &self,
        params: &[f32],
        batch: usize,
        scratch: &mut Activations,
        output_gradient: &[f32],
        lowest: usize,
        visit: &mut dyn FnMut(Passed<'_>),
    ) {
        let ((layers, dueling), isa) = (self.layers(), self.isa());
        let (last, implicit) = (layers.len() - 1, self.takes_fractions());
        let (stride, last_rows) = (layers[last].outputs, scratch.rows(self, last, batch));
        let Activations {
            outputs,
            gradients,
            normalized,
            convs,
            transposed,
            by_beside,
            samples,
            unrolled,
            deviations,
            ..
        } = scratch;
        let mut by_outputs = Vec::new();
        let mut output_gradient = output_gradient;
        if let Some(implicit) = implicit {
            implicit.spread(output_gradient, stride, samples);
            by_outputs = std::mem::take(&mut samples.by_outputs);
            output_gradient = &by_outputs;
        }
        if let Some(dueling) = dueling {
            dueling.spread(isa, output_gradient, stride, &mut gradients[last][..last_rows * stride]);
        }
        if let Some(head) = self.deviations() {
            let to = &mut gradients[last][..last_rows * stride];
            head.backward(isa, &layers[last], &outputs[last], output_gradient, to, deviations);
        }
        for l in (lowest..self.passes().count()).rev() {
            let layer = self.pass(l);
            let (k, n) = (layer.inputs, layer.columns);
            let (below, above) = gradients.split_at_mut(l);
            let of_values = l > last;
            let given = self.is_answer(l) && (of_values || (dueling.is_none() && self.deviations().is_none()));
            let entry = implicit.filter(|implicit| implicit.at == l);
            let rows = if implicit.is_some_and(|implicit| implicit.at <= l) { batch * samples.each } else { batch };
            let own = rows * layer.own_outputs();
            let begin = if of_values { last_rows * stride } else { 0 };
            let dy = if given { &output_gradient[begin..begin + own] } else { &above[0][..own] };
            let lstm = self.lstm().filter(|lstm| lstm.at == l);
            let reads = entry.map(|_| &*samples.merged).or(lstm.map(|_| &*unrolled.output));
            let conv = &mut convs[l];
            visit(Passed { layer, number: l, reads, dy, outputs, normalized: &normalized[l], conv });
            if let Some(lstm) = lstm {
                unrolled.by_output.resize(rows * k, 0.0);
                transposed.resize(transposed.len().max(k * n), 0.0);
                transpose(isa, &params[layer.weight..layer.bias], k, n, transposed);
                let by_output = &mut unrolled.by_output;
                matmul(isa, rows, k, layer.used, Strided::rows(dy, n), transposed, by_output, Epilogue::Zero);
                if self.deviations().is_some() && l == last {
                    add(deviations.by_features(), by_output);
                }
                lstm.backward(isa, params, unrolled, transposed);
                for (layer, reads, dy) in lstm.passed(unrolled) {
                    let (reads, normalized) = (Some(reads), &normalized[l]);
                    visit(Passed { layer, number: l, reads, dy, outputs, normalized, conv });
                }
            }
            let Some(number) = self.below(l).filter(|_| l > lowest) else { continue };
            let (under, below) = (self.pass(number), &mut below[number]);
            if entry.is_some() {
                samples.by_merged.resize(rows * k, 0.0);
            }
            let dx = if entry.is_some() { &mut samples.by_merged } else { &mut *below };
            let width = lstm.map_or(k, |lstm| lstm.layers[0][0].inputs);
            let (dx, weights) = (&mut dx[..rows * width], &params[layer.weight..layer.bias]);
            let deviating = l == last && lstm.is_none() && self.deviations().is_some_and(|head| head.squashed);
            let plain = lstm.is_none() && layer.conv.is_none() && entry.is_none() && under.beside.is_empty();
            // What the policy and the value function both read has the sum of their gradients: the latter's is there first.
            let (of_value, of_both) = (l == layers.len(), self.parts_at(l));
            let plain = plain && !deviating && !of_value && !of_both;
            let at_once = self.activation_after(number).filter(|_| plain);
            match (lstm, &layer.conv) {
                (Some(lstm), _) => lstm.backward_to_reads(isa, params, unrolled, transposed, dx),
                (None, Some(of)) => of.backward_to_input(isa, dy, batch, weights, dx, k, conv),
                (None, None) => {
                    transposed.resize(transposed.len().max(k * n), 0.0);
                    transpose(isa, weights, k, n, transposed);
                    let sum = if of_both { Epilogue::Accumulate } else { Epilogue::Zero };
                    let epilogue = at_once.map_or(sum, |of| Epilogue::ByGrad(of, &outputs[number]));
                    for Band { columns, rows: read, .. } in &layer.transposed_bands {
                        let (a, b) = (Strided::rows(&dy[read.start..], n), &transposed[read.start * k..]);
                        matmul_columns(isa, rows, k, columns.clone(), read.len(), a, b, dx, epilogue);
                    }
                }
            }
            if deviating {
                add(deviations.by_features(), dx);
            }
            let mut dx = dx;
            if let Some(implicit) = entry {
                dx = &mut below[..batch * k];
                implicit.take_apart(isa, &outputs[number], samples, dx);
                let (layer, dy, reads) = (&implicit.embedding, &*samples.by_embedded, Some(&*samples.cosines));
                visit(Passed { layer, number: l, reads, dy, outputs, normalized: &normalized[l], conv });
            }
            let Some(activation) = self.activation_after(number).filter(|_| !of_value) else { continue };
            if at_once.is_some() {
                // The product has done it.
            } else if under.beside.is_empty() {
                scale_by_grad(isa, activation, &outputs[number][..dx.len()], dx);
            } else {
                take_apart(isa, under, activation, &outputs[number], dx, by_beside);
            }
            if under.norm {
                layer_norm::backward(isa, under, params, dx, &mut normalized[number]);
            }
        }
        samples.by_outputs = by_outputs;
    }

    /// The gradient of a function of the outputs by each input at `x`, a single row: what it depends on. `by_outputs` is given
    /// the outputs and zeros, for the function's gradient by each output.
    ///
    /// # Panics
    /// If `params` or `x` is too short.
    pub fn input_gradient(
        &self,
        params: &[f32],
        x: &[f32],
        by_outputs: impl FnOnce(&[f32], &mut [f32]),
        scratch: &mut Activations,
    ) -> Vec<f32> {
        let (mut grad, mut grads) = (vec![0.0; self.output_stride()], Vec::new());
        by_outputs(self.forward(params, x, 1, scratch), &mut grad);
        self.backward_to_input(params, 1, scratch, &grad, 0..self.inputs(), &mut grads);
        grads
    }
}

fn add(terms: &[f32], to: &mut [f32]) {
    to.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

/// Takes the gradients by what was beside a layer's outputs out of `dx`, and leaves those by what its product came to, row
/// after row.
fn take_apart(isa: Isa, layer: &Layer, activation: Activation, rows: &[f32], dx: &mut [f32], by_beside: &mut Vec<f32>) {
    let (n, len, used) = (layer.columns, layer.outputs, layer.used);
    by_beside.clear();
    for row in 0..dx.len() / len {
        let (from, to) = (row * len, row * n);
        by_beside.extend_from_slice(&dx[from + used..][..layer.beside.len()]);
        dx.copy_within(from..from + used, to);
        dx[to + used..to + n].fill(0.0);
        scale_by_grad(isa, activation, &rows[from..from + n], &mut dx[to..to + n]);
    }
}

impl Activations {
    /// The outputs of each layer.
    pub(crate) fn outputs(&self) -> &[Vec<f32>] {
        &self.outputs
    }

    /// Rows of layer number `l` where there are `batch` input rows.
    pub(crate) fn rows(&self, mlp: &Mlp, l: usize, batch: usize) -> usize {
        if mlp.takes_fractions().is_some_and(|implicit| implicit.at <= l) { batch * self.samples.each } else { batch }
    }

    fn fit(&mut self, mlp: &Mlp, batch: usize) {
        let count = mlp.passes().count();
        let (each, at) = (self.samples.each, mlp.takes_fractions().map_or(count, |implicit| implicit.at));
        self.outputs.resize_with(count, Vec::new);
        self.gradients.resize_with(count, Vec::new);
        self.normalized.resize_with(count, Normalized::default);
        self.convs.resize_with(count, conv::Scratch::default);
        for (l, layer) in mlp.passes().enumerate() {
            let (output, gradient) = (&mut self.outputs[l], &mut self.gradients[l]);
            let needed = if l < at { batch } else { batch * each } * layer.outputs;
            if output.len() < needed {
                output.resize(needed, 0.0);
                gradient.resize(needed, 0.0);
            }
        }
    }
}
