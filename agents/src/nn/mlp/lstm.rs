//! Long short-term memory (Hochreiter & Schmidhuber 1997, *Long short-term memory*), as `torch.nn.LSTM` has it: what a network
//! remembers of the rows that it has read,
//!
//! (i, f, g, o) = W_ih x + b_ih + W_hh h + b_hh, c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g), h' = σ(o) ⊙ tanh(c').
//!
//! Hidden layers read h of the last of one or more such layers. What rows are a sequence, and what is remembered at its
//! beginning, lies behind the input rows: for each sequence, in the order of its rows, how many rows it has and then h and c of
//! each layer. Where nothing lies behind, each row is a sequence that begins with nothing remembered.
//!
//! Sequences are worked on together, the longest first: at each step those that are as long lie one after the other, so that
//! a step is one matrix product and nothing is padded. A row's result does not depend on what rows come with it.

use super::activation::tanh_of;
use super::layer::{Layer, Linear, add_layer};
use crate::nn::kernels::matmul::{Epilogue, Strided, matmul, pad, vectorized};
use crate::nn::kernels::simd::Isa;
use crate::nn::kernels::sums::products_of_rows;
use crate::nn::kernels::transpose::transpose;

/// The layers of a network that remember.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lstm {
    /// The number of the layer that reads h of the last of them.
    pub(crate) at: usize,
    /// Of each, what it makes of what is below it and of its own h.
    pub(crate) layers: Vec<[Layer; 2]>,
    /// Units of each.
    pub(crate) hidden_size: usize,
}

/// How rows lie while sequences are worked on, and what a forward pass leaves for a backward pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unrolled {
    /// The rows of each sequence, the longest sequence first: its first row, how many they are, and its number.
    sequences: Vec<[usize; 3]>,
    /// The row at each place: step after step, in each the sequences that are as long.
    pub(crate) rows: Vec<usize>,
    /// The first place of each step, and behind them the number of places.
    pub(crate) steps: Vec<usize>,
    /// What the first layer reads, place by place.
    x: Vec<f32>,
    layers: Vec<Passage>,
    bias: Vec<f32>,
    /// h of the last layer, row by row and padded, and the gradient by it.
    pub(crate) output: Vec<f32>,
    pub(crate) by_output: Vec<f32>,
    /// What is remembered after each row.
    memories: Vec<f32>,
    /// The gradient by what the first layer reads.
    by_x: Vec<f32>,
}

/// What one layer did, place by place; all but gates are padded units.
#[derive(Clone, Debug, Default)]
struct Passage {
    /// h and c before each place.
    h_before: Vec<f32>,
    c_before: Vec<f32>,
    /// i, f, g and o, after their functions, and the gradients by what these are of.
    gates: Vec<f32>,
    by_gates: Vec<f32>,
    /// c, tanh(c) and h, and the gradients by c and h.
    c: Vec<f32>,
    tanh_c: Vec<f32>,
    h: Vec<f32>,
    by_c: Vec<f32>,
    by_h: Vec<f32>,
}

impl Lstm {
    /// So many `layers` of `hidden_size` units, whose parameters begin at `begin` of the flat buffer. The first reads rows of
    /// `width` numbers that are `stride` apart; what reads the last is layer number `at`.
    pub(crate) fn new(
        [hidden_size, layers]: [usize; 2],
        [stride, width]: [usize; 2],
        at: usize,
        mut begin: usize,
    ) -> Self {
        let mut product = |name: String, stride: usize, width: usize| {
            let mut own = Vec::new();
            add_layer(&mut own, stride, vec![Linear::part("lstm", name, 0..width, 0..4 * hidden_size)]);
            let mut own = own.remove(0);
            (own.weight, own.bias) = (begin, begin + own.bias);
            begin = own.end();
            own
        };
        let own = (pad(hidden_size), hidden_size);
        let layers = (0..layers).map(|l| {
            let (stride, width) = if l == 0 { (stride, width) } else { own };
            [product(format!("_ih_l{l}"), stride, width), product(format!("_hh_l{l}"), own.0, own.1)]
        });
        Self { at, layers: layers.collect(), hidden_size }
    }

    /// Numbers that are remembered: h and c of each layer.
    pub(crate) fn memory_len(&self) -> usize {
        2 * self.hidden_size * self.layers.len()
    }

    /// Reads `batch` rows with what lies behind them.
    ///
    /// # Panics
    /// If the sequences behind them are not of so many rows.
    pub(crate) fn forward(
        &self,
        isa: Isa,
        params: &[f32],
        reads: &[f32],
        batch: usize,
        behind: &[f32],
        unrolled: &mut Unrolled,
    ) {
        unrolled.order(batch, behind, self.memory_len());
        let (units, stride) = (self.hidden_size, pad(self.hidden_size));
        let width = self.layers[0][0].inputs;
        unrolled.x.clear();
        for row in &unrolled.rows {
            unrolled.x.extend_from_slice(&reads[row * width..(row + 1) * width]);
        }
        let Unrolled { sequences, rows, steps, x, layers, bias, output, memories, .. } = unrolled;
        layers.resize_with(self.layers.len(), Passage::default);
        let n = rows.len();
        for (l, [of_input, of_own]) in self.layers.iter().enumerate() {
            let (below, own) = layers.split_at_mut(l);
            let (x, own, columns) = (below.last().map_or(&*x, |below| &below.h), &mut own[0], of_input.columns);
            own.fit(n, stride, columns);
            bias.clear();
            let biases = params[of_input.bias..].iter().zip(&params[of_own.bias..]);
            bias.extend(biases.take(columns).map(|(input, own)| input + own));
            let [of_x, of_h] = [of_input, of_own].map(|layer| &params[layer.weight..layer.bias]);
            let k = of_input.inputs;
            matmul(isa, n, columns, k, Strided::rows(x, k), of_x, &mut own.gates, Epilogue::Bias(bias));
            for (t, step) in steps.windows(2).enumerate() {
                let (from, to) = (step[0], step[1]);
                if t == 0 {
                    for (place, [.., number]) in sequences.iter().enumerate() {
                        own.begin(place, units, memory_of(behind, *number, self.memory_len(), l, units));
                    }
                } else {
                    own.go_on(steps[t - 1], from, (to - from) * stride, stride);
                }
                let gates = &mut own.gates[from * columns..to * columns];
                let h_before = Strided::rows(&own.h_before[from * stride..], stride);
                matmul(isa, to - from, columns, stride, h_before, of_h, gates, Epilogue::Accumulate);
                let places = from * stride..to * stride;
                let [c, tanh_c, h] =
                    [&mut own.c, &mut own.tanh_c, &mut own.h].map(|numbers| &mut numbers[places.clone()]);
                cell(isa, units, gates, &own.c_before[places.clone()], c, tanh_c, h);
            }
        }
        output.resize(n * stride, 0.0);
        memories.resize(n * self.memory_len(), 0.0);
        for (place, row) in rows.iter().enumerate() {
            let at = place * stride..place * stride + units;
            let memory = memories[row * self.memory_len()..].chunks_exact_mut(2 * units);
            for (own, memory) in layers.iter().zip(memory) {
                memory[..units].copy_from_slice(&own.h[at.clone()]);
                memory[units..].copy_from_slice(&own.c[at.clone()]);
            }
            if let Some(last) = layers.last() {
                output[row * stride..row * stride + units].copy_from_slice(&last.h[at]);
            }
        }
    }

    /// Goes back through the sequences of the last forward pass, given the gradient by h of the last layer in
    /// [`Unrolled::by_output`]: to the gradients by what the products of each layer came to.
    pub(crate) fn backward(&self, isa: Isa, params: &[f32], unrolled: &mut Unrolled, transposed: &mut Vec<f32>) {
        let (units, stride) = (self.hidden_size, pad(self.hidden_size));
        let Unrolled { rows, steps, layers, by_output, .. } = unrolled;
        let n = rows.len();
        for (l, [_, of_own]) in self.layers.iter().enumerate().rev() {
            let (own, above) = layers[l..].split_at_mut(1);
            let (own, columns) = (&mut own[0], of_own.columns);
            own.by_h.resize(n * stride, 0.0);
            if let Some(above) = above.first() {
                let of_input = &self.layers[l + 1][0];
                transposed.resize(transposed.len().max(stride * columns), 0.0);
                transpose(isa, &params[of_input.weight..of_input.bias], stride, columns, transposed);
                let by_gates = Strided::rows(&above.by_gates, columns);
                matmul(isa, n, stride, of_input.used, by_gates, transposed, &mut own.by_h, Epilogue::Zero);
            } else {
                for (row, to) in rows.iter().zip(own.by_h.chunks_exact_mut(stride)) {
                    to.copy_from_slice(&by_output[row * stride..(row + 1) * stride]);
                }
            }
            own.by_c.clear();
            own.by_c.resize(n * stride, 0.0);
            own.by_gates.resize(n * columns, 0.0);
            transposed.resize(transposed.len().max(stride * columns), 0.0);
            transpose(isa, &params[of_own.weight..of_own.bias], stride, columns, transposed);
            for (t, step) in steps.windows(2).enumerate().rev() {
                let (from, to) = (step[0], step[1]);
                let (places, gates) = (from * stride..to * stride, from * columns..to * columns);
                cell_backward(
                    isa,
                    units,
                    &own.gates[gates.clone()],
                    [&own.c_before, &own.tanh_c, &own.by_h].map(|numbers| &numbers[places.clone()]),
                    &mut own.by_c[places.clone()],
                    &mut own.by_gates[gates.clone()],
                );
                if t > 0 {
                    let before = steps[t - 1] * stride;
                    own.by_c.copy_within(places, before);
                    let (by_gates, by_h) = (Strided::rows(&own.by_gates[gates], columns), &mut own.by_h[before..]);
                    matmul(isa, to - from, stride, of_own.used, by_gates, transposed, by_h, Epilogue::Accumulate);
                }
            }
        }
    }

    /// Each product of the layers with what it read and the gradient by what it came to, place by place.
    pub(crate) fn passed<'a>(
        &'a self,
        unrolled: &'a Unrolled,
    ) -> impl Iterator<Item = (&'a Layer, &'a [f32], &'a [f32])> {
        self.layers.iter().zip(&unrolled.layers).enumerate().flat_map(|(l, ([of_input, of_own], own))| {
            let x = if l == 0 { &unrolled.x } else { &unrolled.layers[l - 1].h };
            [(of_input, &**x, &*own.by_gates), (of_own, &*own.h_before, &*own.by_gates)]
        })
    }

    /// Writes the gradient by what the first layer reads, row by row, after [`backward`](Self::backward).
    pub(crate) fn backward_to_reads(
        &self,
        isa: Isa,
        params: &[f32],
        unrolled: &mut Unrolled,
        transposed: &mut Vec<f32>,
        to: &mut [f32],
    ) {
        let of_input = &self.layers[0][0];
        let (k, n) = (of_input.inputs, of_input.columns);
        transposed.resize(transposed.len().max(k * n), 0.0);
        transpose(isa, &params[of_input.weight..of_input.bias], k, n, transposed);
        let Unrolled { rows, layers, by_x, .. } = unrolled;
        by_x.resize(rows.len() * k, 0.0);
        let by_gates = Strided::rows(&layers[0].by_gates, n);
        matmul(isa, rows.len(), k, of_input.used, by_gates, transposed, by_x, Epilogue::Zero);
        for (row, by_x) in rows.iter().zip(by_x.chunks_exact(k)) {
            to[row * k..(row + 1) * k].copy_from_slice(by_x);
        }
    }

    /// The same of those columns of what it reads, however many, for rows that are not padded.
    pub(crate) fn backward_to_columns(
        &self,
        isa: Isa,
        params: &[f32],
        unrolled: &mut Unrolled,
        columns: std::ops::Range<usize>,
        to: &mut [f32],
    ) {
        let of_input = &self.layers[0][0];
        let (n, width) = (of_input.columns, columns.len());
        let weights = &params[of_input.weight + columns.start * n..of_input.weight + columns.end * n];
        let Unrolled { rows, layers, by_x, .. } = unrolled;
        by_x.resize(rows.len() * width, 0.0);
        products_of_rows(isa, &layers[0].by_gates, weights, n, by_x);
        for (row, by_x) in rows.iter().zip(by_x.chunks_exact(width.max(1))) {
            to[row * width..(row + 1) * width].copy_from_slice(by_x);
        }
    }
}

impl Unrolled {
    /// What is remembered after each row of the last forward pass.
    pub(crate) fn memories(&self) -> &[f32] {
        &self.memories
    }

    /// Puts the sequences that lie behind `batch` rows in order.
    pub(crate) fn order(&mut self, batch: usize, behind: &[f32], memory_len: usize) {
        self.sequences.clear();
        if behind.is_empty() {
            self.sequences.extend((0..batch).map(|row| [row, 1, row]));
        } else {
            let mut first = 0;
            for (number, sequence) in behind.chunks_exact(1 + memory_len).enumerate() {
                let len = sequence[0] as usize;
                if len > 0 {
                    self.sequences.push([first, len, number]);
                }
                first += len;
            }
            assert_eq!(first, batch, "sequences of {first} rows lie behind {batch}");
        }
        self.sequences.sort_unstable_by_key(|[_, len, number]| (std::cmp::Reverse(*len), *number));
        self.rows.clear();
        self.steps.clear();
        self.steps.push(0);
        let longest = self.sequences.first().map_or(0, |[_, len, _]| *len);
        for t in 0..longest {
            let as_long = self.sequences.iter().take_while(|[_, len, _]| *len > t);
            self.rows.extend(as_long.map(|[first, ..]| first + t));
            self.steps.push(self.rows.len());
        }
    }

    /// The number of each sequence, in the order in which they lie.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.sequences.iter().map(|[.., number]| *number)
    }
}

/// What layer `l` remembers at the beginning of sequence `number`; nothing if nothing lies behind the rows.
pub(crate) fn memory_of(behind: &[f32], number: usize, memory_len: usize, l: usize, units: usize) -> &[f32] {
    if behind.is_empty() {
        return &[];
    }
    &behind[number * (1 + memory_len) + 1 + 2 * units * l..][..2 * units]
}

impl Passage {
    fn fit(&mut self, n: usize, stride: usize, columns: usize) {
        self.gates.resize(n * columns, 0.0);
        for units in [&mut self.h_before, &mut self.c_before, &mut self.c, &mut self.tanh_c, &mut self.h] {
            units.resize(n * stride, 0.0);
        }
    }

    /// Has the sequence at `place` begin with this h and c, or with zeros.
    fn begin(&mut self, place: usize, units: usize, memory: &[f32]) {
        let at = place * pad(units)..place * pad(units) + units;
        for (numbers, part) in [&mut self.h_before, &mut self.c_before].into_iter().zip(0..) {
            match memory {
                [] => numbers[at.clone()].fill(0.0),
                memory => numbers[at.clone()].copy_from_slice(&memory[part * units..(part + 1) * units]),
            }
        }
    }

    /// Takes what the step from place `before` on left for what the one from place `from` on begins with.
    fn go_on(&mut self, before: usize, from: usize, len: usize, stride: usize) {
        let (before, from) = (before * stride, from * stride);
        self.h_before[from..from + len].copy_from_slice(&self.h[before..before + len]);
        self.c_before[from..from + len].copy_from_slice(&self.c[before..before + len]);
    }
}

/// σ(x), by the same approximation as tanh.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    0.5 * tanh_of(0.5 * x) + 0.5
}

vectorized! {
    /// The cell of `units` units in each row: `gates` are what the products came to, and become i, f, g and o.
    fn cell(units: usize, gates: &mut [f32], before: &[f32], c: &mut [f32], tanh_c: &mut [f32], h: &mut [f32]) {
        let (stride, columns) = (pad(units), pad(4 * units));
        for (row, gates) in gates.chunks_exact_mut(columns).enumerate() {
            let (i, rest) = gates.split_at_mut(units);
            let (f, rest) = rest.split_at_mut(units);
            let (g, o) = rest.split_at_mut(units);
            let (o, at) = (&mut o[..units], row * stride);
            let (before, c) = (&before[at..at + units], &mut c[at..at + units]);
            let (tanh_c, h) = (&mut tanh_c[at..at + units], &mut h[at..at + units]);
            for u in 0..units {
                i[u] = sigmoid(i[u]);
                f[u] = sigmoid(f[u]);
                g[u] = tanh_of(g[u]);
                o[u] = sigmoid(o[u]);
                c[u] = f[u] * before[u] + i[u] * g[u];
                tanh_c[u] = tanh_of(c[u]);
                h[u] = o[u] * tanh_c[u];
            }
        }
    }
}

vectorized! {
    /// Its way back: from the gradients by h and c to those by what the products came to; `by_c` becomes that by c before.
    fn cell_backward(
        units: usize,
        gates: &[f32],
        before_tanh_c_and_by_h: [&[f32]; 3],
        by_c: &mut [f32],
        by_gates: &mut [f32],
    ) {
        let (stride, columns) = (pad(units), pad(4 * units));
        for (row, (gates, by_gates)) in gates.chunks_exact(columns).zip(by_gates.chunks_exact_mut(columns)).enumerate() {
            let at = row * stride;
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| &gates[gate * units..(gate + 1) * units]);
            let (by_i, rest) = by_gates.split_at_mut(units);
            let (by_f, rest) = rest.split_at_mut(units);
            let (by_g, by_o) = rest.split_at_mut(units);
            let by_o = &mut by_o[..units];
            let [before, tanh_c, by_h] = before_tanh_c_and_by_h.map(|numbers| &numbers[at..at + units]);
            let by_c = &mut by_c[at..at + units];
            for u in 0..units {
                by_o[u] = by_h[u] * tanh_c[u] * o[u] * (1.0 - o[u]);
                let by = by_c[u] + by_h[u] * o[u] * (1.0 - tanh_c[u] * tanh_c[u]);
                by_i[u] = by * g[u] * i[u] * (1.0 - i[u]);
                by_f[u] = by * before[u] * f[u] * (1.0 - f[u]);
                by_g[u] = by * i[u] * (1.0 - g[u] * g[u]);
                by_c[u] = by * f[u];
            }
        }
    }
}

#[cfg(test)]
#[path = "lstm_tests.rs"]
mod tests;
