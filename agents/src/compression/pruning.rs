//! Pruning by magnitude: the smallest weights become 0, at once (`torch.nn.utils.prune.l1_unstructured` and
//! `global_unstructured`) or little by little while a network learns (Zhu & Gupta 2017, TensorFlow's `PolynomialDecay`).
//!
//! A weight of 0 is one that is pruned: there are no masks beside the weights, so that files and checkpoints say all there is
//! to say, and whoever goes on from them goes on with the same weights pruned.

use crate::config_enum;
use crate::nn::{DeviceError, Gradients, Isa, Parameter, ParameterId, Parameters, vectorized};

config_enum! {
    /// Among which weights the smallest are looked for.
    pub enum Scope {
        /// Those of each layer, so that each loses the same share.
        Layer = "layer",
        /// All together: layers of small weights lose more.
        Global = "global",
    }
}

/// Whether weights of `parameter` may be pruned: those of convolutions and linear layers, not biases and norms.
pub fn is_prunable(parameter: &Parameter) -> bool {
    parameter.is_trained() && parameter.shape().len() > 1
}

/// The share of prunable weights that are 0, from 0 to 1.
pub fn sparsity(parameters: &Parameters) -> f64 {
    let (mut zeros, mut all) = (0, 0);
    for parameter in parameters.iter().filter(|parameter| is_prunable(parameter)) {
        zeros += parameter.values().iter().filter(|weight| **weight == 0.0).count();
        all += parameter.len();
    }
    zeros as f64 / all.max(1) as f64
}

/// The names of prunable weights that are all 0.
pub fn emptied(parameters: &Parameters) -> impl Iterator<Item = &str> {
    let is_empty = |parameter: &&Parameter| is_prunable(parameter) && parameter.values().iter().all(|w| *w == 0.0);
    parameters.iter().filter(is_empty).map(Parameter::name)
}

/// Makes the smallest weights 0, so many that `sparsity` of them are (rounded as Python rounds); of equal ones those that come first. Those
/// that are 0 already count.
///
/// # Panics
/// If `sparsity` is not from 0 to 1.
pub fn prune(parameters: &mut Parameters, sparsity: f64, scope: Scope) {
    assert!((0.0..=1.0).contains(&sparsity), "a share of the weights");
    let places: Vec<_> = parameters.ids().filter(|id| is_prunable(parameters.get(*id))).collect();
    match scope {
        Scope::Layer => {
            places.iter().for_each(|place| prune_together(parameters, std::slice::from_ref(place), sparsity))
        }
        Scope::Global => prune_together(parameters, &places, sparsity),
    }
}

/// Makes the smallest weights of one parameter 0, so many that `sparsity` of them are, as [`prune`] does.
///
/// # Panics
/// If `sparsity` is not from 0 to 1.
pub fn prune_one(parameters: &mut Parameters, id: ParameterId, sparsity: f64) {
    assert!((0.0..=1.0).contains(&sparsity), "a share of the weights");
    prune_together(parameters, &[id], sparsity);
}

fn prune_together(parameters: &mut Parameters, places: &[ParameterId], sparsity: f64) {
    let weights = places.iter().flat_map(|id| parameters.get(*id).values());
    // Magnitudes in the order of their bits, which for numbers above 0 is that of the numbers.
    let mut magnitudes: Vec<u32> = weights.map(|weight| weight.abs().to_bits()).collect();
    let count = (sparsity * magnitudes.len() as f64).round_ties_even() as usize;
    let Some(last) = count.checked_sub(1) else { return };
    let (smaller, threshold, _) = magnitudes.select_nth_unstable(last);
    let threshold = *threshold;
    // Of those that are just as large as the threshold the first are taken.
    let mut ties = count - smaller.iter().filter(|magnitude| **magnitude < threshold).count();
    for id in places {
        for weight in parameters.get_mut(*id).values_mut() {
            let magnitude = weight.abs().to_bits();
            let is_tie = magnitude == threshold && ties > 0;
            ties -= usize::from(is_tie);
            if magnitude < threshold || is_tie {
                *weight = 0.0;
            }
        }
    }
}

/// Which weights are 0: they are to stay it.
pub struct Zeros(Vec<Mask>);

/// Of one parameter: 0 for each weight that is 0, and 1 for the others.
struct Mask {
    of: ParameterId,
    kept: Vec<f32>,
}

impl Zeros {
    /// Those of `parameters` that are prunable and 0 now.
    pub fn of(parameters: &Parameters) -> Self {
        let prunable = parameters.ids().filter(|id| is_prunable(parameters.get(*id)));
        let mut zeros = Self(prunable.map(|of| Mask { of, kept: vec![1.0; parameters.get(of).len()] }).collect());
        zeros.renew(parameters);
        zeros
    }

    /// Those of the same parameters that are 0 now.
    pub fn renew(&mut self, parameters: &Parameters) {
        for Mask { of, kept } in &mut self.0 {
            look(Isa::detect(), parameters.get(*of).values(), kept);
        }
    }

    /// Makes them 0 again.
    pub fn keep(&self, parameters: &mut Parameters) {
        for Mask { of, kept } in &self.0 {
            clear(Isa::detect(), parameters.get_mut(*of).values_mut(), kept);
        }
    }

    /// Takes the gradients by them away, as PyTorch's masks do: they count in no norm and no moment.
    ///
    /// # Errors
    /// If there is no memory for gradients.
    pub fn mask(&self, parameters: &Parameters, gradients: &mut Gradients) -> Result<(), DeviceError> {
        gradients.bring_here(parameters)?;
        for Mask { of, kept } in &self.0 {
            clear(Isa::detect(), gradients.of(parameters.get(*of))?, kept);
        }
        Ok(())
    }
}

vectorized! {
    fn look(values: &[f32], kept: &mut [f32]) {
        for (value, kept) in values.iter().zip(kept) {
            *kept = if *value == 0.0 { 0.0 } else { 1.0 };
        }
    }
}

vectorized! {
    // Not a product: that of a number below 0 is -0, which packs worse than 0.
    fn clear(values: &mut [f32], kept: &[f32]) {
        for (value, kept) in values.iter_mut().zip(kept) {
            *value = if *kept == 0.0 { 0.0 } else { *value };
        }
    }
}

/// How sparsity rises while a network learns: from `initial` before step `begin` to `last` before step `end`, fast at first
/// and ever slower, with `power` 3 as Zhu & Gupta have it. Steps are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PruningSchedule {
    /// The sparsity at `begin`.
    pub initial: f64,
    /// That at `end`.
    pub last: f64,
    /// The first step that is pruned before.
    pub begin: u64,
    /// The last one.
    pub end: u64,
    /// Steps from one pruning to the next, 1 or more.
    pub frequency: u64,
    /// How much faster it rises at first.
    pub power: f64,
}

impl PruningSchedule {
    /// The sparsity that weights are pruned to before `step`, if they are pruned then. Unlike in TensorFlow `end` is always
    /// among the steps, so that the last sparsity is reached whatever `frequency` is.
    pub fn at(&self, step: u64) -> Option<f64> {
        let Self { initial, last, begin, end, frequency, power } = *self;
        let is_due = (begin..=end).contains(&step) && (step == end || (step - begin).is_multiple_of(frequency));
        let left = if end > begin { (end - step.min(end)) as f64 / (end - begin) as f64 } else { 0.0 };
        is_due.then(|| last + (initial - last) * left.powf(power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Parameters {
        let mut parameters = Parameters::default();
        parameters.add("0.weight", &[2, 3], vec![0.5, -3.0, 0.1, 2.0, -0.1, 4.0]);
        parameters.add("0.bias", &[2], vec![0.0, 1e-9]);
        parameters.add("2.weight", &[1, 4], vec![-10.0, 20.0, 0.3, -30.0]);
        parameters.add_buffer("mean", &[2, 2], vec![1e-9; 4]);
        parameters
    }

    fn pruned(amount: f64, scope: Scope) -> [Vec<f32>; 2] {
        let mut parameters = network();
        prune(&mut parameters, amount, scope);
        let (bias, mean) = (parameters.named("0.bias").expect("there"), parameters.named("mean").expect("there"));
        assert_eq!((bias.values(), mean.values()), (&[0.0, 1e-9][..], &[1e-9; 4][..]), "they are not pruned");
        ["0.weight", "2.weight"].map(|name| parameters.named(name).expect("there").values().to_vec())
    }

    #[test]
    fn the_smallest_go_of_each_layer_or_of_all() {
        assert_eq!(pruned(0.5, Scope::Layer), [vec![0.0, -3.0, 0.0, 2.0, 0.0, 4.0], vec![0.0, 20.0, 0.0, -30.0]]);
        // Half of the ten are small, and four of them are in the first layer.
        assert_eq!(pruned(0.5, Scope::Global), [vec![0.0, -3.0, 0.0, 0.0, 0.0, 4.0], vec![-10.0, 20.0, 0.0, -30.0]]);
        // Of two alike the first goes; 0.15 of 10 is 1.5, which Python rounds to 2, and 0.05 of 10 0.5, to 0.
        assert_eq!(pruned(0.1, Scope::Global)[0], [0.5, -3.0, 0.0, 2.0, -0.1, 4.0]);
        assert_eq!(pruned(0.05, Scope::Global)[0], [0.5, -3.0, 0.1, 2.0, -0.1, 4.0]);
        assert_eq!(pruned(0.15, Scope::Global)[0], [0.5, -3.0, 0.0, 2.0, 0.0, 4.0]);
        assert_eq!(pruned(1.0, Scope::Layer), [vec![0.0; 6], vec![0.0; 4]]);
    }

    #[test]
    fn what_is_pruned_counts_the_next_time() {
        let mut parameters = network();
        prune(&mut parameters, 0.3, Scope::Global);
        prune(&mut parameters, 0.3, Scope::Global);
        assert!((sparsity(&parameters) - 0.3).abs() < 1e-12);
        prune(&mut parameters, 0.6, Scope::Global);
        assert!((sparsity(&parameters) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn zeros_stay_and_have_no_gradient() {
        let mut parameters = network();
        prune(&mut parameters, 0.5, Scope::Layer);
        let (zeros, before) = (Zeros::of(&parameters), parameters.clone());
        let mut gradients = Gradients::new(&parameters);
        for parameter in parameters.iter().filter(|parameter| parameter.is_trained()) {
            gradients.of(parameter).expect("memory").fill(1.0);
        }
        zeros.mask(&parameters, &mut gradients).expect("memory");
        for parameter in parameters.iter().filter(|parameter| parameter.is_trained()) {
            let expected = parameter.values().iter().map(|w| f32::from(*w != 0.0 || !is_prunable(parameter)));
            assert_eq!(gradients.of(parameter).expect("memory"), expected.collect::<Vec<_>>(), "{}", parameter.name());
        }
        parameters.iter_mut().for_each(|parameter| parameter.values_mut().iter_mut().for_each(|w| *w += 1.0));
        zeros.keep(&mut parameters);
        for (after, before) in parameters.iter().zip(before.iter()) {
            let expected = before.values().iter().map(|w| if is_prunable(before) && *w == 0.0 { 0.0 } else { w + 1.0 });
            assert_eq!(after.values(), expected.collect::<Vec<_>>(), "{}", after.name());
        }
    }

    /// The figures are those of `s_f + (s_i - s_f)(1 - (t - t_0)/(t_1 - t_0))³`.
    #[test]
    fn sparsity_rises_along_a_cubic_to_its_last_value() {
        let schedule = PruningSchedule { initial: 0.2, last: 0.8, begin: 10, end: 45, frequency: 10, power: 3.0 };
        let due: Vec<(u64, f64)> = (0..100).filter_map(|step| Some((step, schedule.at(step)?))).collect();
        let expected = [(10, 0.2), (20, 0.581341), (30, 0.752770), (40, 0.798251), (45, 0.8)];
        assert_eq!(due.len(), expected.len());
        for ((step, got), (due, expected)) in due.into_iter().zip(expected) {
            assert!(step == due && (got - expected).abs() < 1e-6, "{step}: {got}");
        }
        let once = PruningSchedule { begin: 7, end: 7, ..schedule };
        assert_eq!((once.at(6), once.at(7), once.at(8)), (None, Some(0.8), None));
    }
}
