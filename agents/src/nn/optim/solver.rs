//! One optimizer over all parameters of a model.

use serde::{Deserialize, Serialize};

use super::adafactor;
use super::step::Step;
use crate::nn::parameters::Group;
use crate::nn::parameters::gradients::There;
use crate::nn::parameters::numbers::{Numbers, chosen, row_beside, spread};
use crate::nn::{DeviceError, Gradients, Parameters, Real};

/// Where ε is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eps {
    /// To the root of the second moment, which was made up for having begun at 0.
    Torch,
    /// Of Adam to the root of the second moment as it is ("epsilon hat"), of RMSprop to the second moment.
    Keras,
}

/// How weights are kept small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// Their multiple is added to the gradient, and goes through the optimizer.
    L2,
    /// They shrink by the learning rate times the decay beside the step (Loshchilov & Hutter 2019): AdamW.
    Decoupled,
}

/// How parameters follow a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Stochastic gradient descent.
    Sgd {
        /// Share of the last step's direction that is kept.
        momentum: f64,
        /// Whether the gradient counts as if the momentum had been followed already.
        nesterov: bool,
    },
    /// Adam; AdamW with [`Decay::Decoupled`].
    Adam {
        /// What the first and the second moment keep.
        betas: [f64; 2],
        /// See [`Eps`]. PyTorch's is 1e-8, Keras' 1e-7.
        eps: f64,
        /// Where it is added.
        convention: Eps,
    },
    /// RMSprop.
    RmsProp {
        /// What the mean of squares keeps.
        alpha: f64,
        /// See [`Eps`].
        eps: f64,
        /// Where it is added.
        convention: Eps,
        /// Share of the last step's direction that is kept.
        momentum: f64,
    },
    /// Adafactor as Hugging Face's with `relative_step=False`: second moments of rows and columns only.
    Adafactor {
        /// Whether steps are relative to the size of the parameter.
        scale_parameter: bool,
        /// The second moments keep 1 - tᵈ: -0.8.
        decay_rate: f64,
    },
    /// LAMB.
    Lamb {
        /// What the first and the second moment keep.
        betas: [f64; 2],
        /// Added to the root of the second moment.
        eps: f64,
    },
}

impl Rule {
    /// Its name, whatever its settings.
    fn name(self) -> &'static str {
        match self {
            Self::Sgd { .. } => "sgd",
            Self::Adam { .. } => "adam",
            Self::RmsProp { .. } => "rmsprop",
            Self::Adafactor { .. } => "adafactor",
            Self::Lamb { .. } => "lamb",
        }
    }
}

/// What an optimizer needs to go on as if it had not stopped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct SolverState<E: Real = f32> {
    /// What keeps them: see [`rule`](Self::rule).
    rule: String,
    /// Steps taken.
    steps: u64,
    /// Of each parameter what the rule keeps, such as two moments.
    moments: Vec<[Numbers<E>; 2]>,
}

impl<E: Real> SolverState<E> {
    /// The rule that keeps the moments, such as "adam": those of another would be taken for what they are not.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Takes over what another process keeps of parameters that are elsewhere here.
    pub fn join(&mut self, other: Self) {
        self.moments
            .iter_mut()
            .flatten()
            .zip(other.moments.into_iter().flatten())
            .for_each(|(own, other)| own.join(other));
    }

    /// Keeps nothing of parameters that are elsewhere.
    pub fn keep(&mut self, parameters: &Parameters<E>) {
        let all = self.moments.iter_mut().zip(parameters.iter());
        all.filter(|(_, parameter)| parameter.is_elsewhere())
            .for_each(|(kept, _)| *kept = [(); 2].map(|()| Numbers::here(Vec::new())));
    }
}

/// An optimizer with its settings and what it keeps.
#[derive(Clone, Debug)]
pub struct Solver<E: Real = f32> {
    rule: Rule,
    decay: Decay,
    weight_decay: f64,
    decay_vectors: bool,
    state: SolverState<E>,
}

impl<E: Real> Solver<E> {
    /// An optimizer of `parameters` that has taken no step.
    ///
    /// `weight_decay` applies to matrices and whatever has more axes; to vectors, which are biases and the scales of norms, only
    /// with `decay_vectors`, as PyTorch does unless told otherwise.
    pub fn new(rule: Rule, decay: Decay, weight_decay: f64, decay_vectors: bool, parameters: &Parameters<E>) -> Self {
        let moments = parameters.iter().map(|parameter| {
            let n = if parameter.is_trained() { parameter.len() } else { 0 };
            let lengths = match rule {
                Rule::Sgd { momentum: 0.0, .. } => [0, 0],
                Rule::Sgd { .. } => [n, 0],
                Rule::Adafactor { .. } if n > 0 => adafactor::kept(parameter.shape()),
                Rule::Adam { .. } | Rule::RmsProp { .. } | Rule::Lamb { .. } | Rule::Adafactor { .. } => [n, n],
            };
            lengths.map(|length| Numbers::here(vec![E::zero(); length]))
        });
        let state = SolverState { rule: rule.name().into(), steps: 0, moments: moments.collect() };
        Self { rule, decay, weight_decay, decay_vectors, state }
    }

    /// One step of all that is learnt down `gradients`: on the device where they are, and else here.
    ///
    /// # Errors
    /// If there is no memory for a gradient, or the device fails.
    pub fn step(
        &mut self,
        parameters: &mut Parameters<E>,
        gradients: &mut Gradients<E>,
        learning_rate: f64,
    ) -> Result<(), DeviceError> {
        self.state.steps += 1;
        if matches!(self.rule, Rule::Adafactor { .. } | Rule::Lamb { .. }) {
            // Their steps depend on each parameter as a whole, and have no form for rows of several.
            gradients.bring_here(parameters)?;
        }
        for there in gradients.there() {
            self.move_there(there, parameters, learning_rate)?;
        }
        let there: Vec<usize> = gradients.there().iter().flat_map(|there| there.places.iter().copied()).collect();
        for (at, parameter) in parameters.iter_mut().enumerate() {
            if !parameter.is_trained() || there.contains(&at) {
                continue;
            }
            // Of a table passes may have read some rows only. What is kept of the others stays as it is, as in PyTorch's
            // `SparseAdam`.
            let (g, rows) = gradients.of_rows(parameter)?;
            let shape = parameter.shape().to_vec();
            let step = self.step_of(shape.len() > 1, learning_rate);
            let width = g.len() / shape.first().copied().unwrap_or(1).max(1);
            let moments = self.state.moments[at].each_mut().map(Numbers::values_mut);
            match rows {
                None => step.on_host(parameter.values_mut(), moments, g, &shape, std::iter::once(0..g.len())),
                Some(rows) => {
                    let spans = rows.iter().map(|row| *row as usize * width..(*row as usize + 1) * width);
                    step.on_host(parameter.values_mut(), moments, g, &shape, spans);
                }
            }
        }
        Ok(())
    }

    /// What the next step does to matrices, or to vectors.
    fn step_of(&self, is_matrix: bool, learning_rate: f64) -> Step<E> {
        let weight_decay = if self.decay_vectors || is_matrix { self.weight_decay } else { 0.0 };
        Step::new(self.rule, self.decay, weight_decay, learning_rate, self.state.steps as f64)
    }

    /// Moves parameters whose gradients are on a device there.
    fn move_there(
        &mut self,
        There { group, places, row: gradient }: &There<E>,
        parameters: &mut Parameters<E>,
        learning_rate: f64,
    ) -> Result<(), DeviceError> {
        let step = self.step_of(*group == Group::Matrices, learning_rate);
        let w = row_beside(parameters.numbers(places), gradient.as_ref())?;
        let mut moments = [None, None];
        for (kind, moments) in moments.iter_mut().enumerate() {
            let kept = places.iter().map(|place| &self.state.moments[*place][kind]);
            if kept.clone().any(|kept| kept.len() > 0) {
                *moments = Some(row_beside(kept, gradient.as_ref())?);
            }
        }
        let moments = moments.each_ref().map(Option::as_deref);
        let (w, moments) = w.stepped(moments, gradient.as_ref(), step)?;
        spread(&w, parameters.numbers_mut(places));
        for (kind, row) in moments.iter().enumerate() {
            let Some(row) = row else { continue };
            spread(row, chosen(&mut self.state.moments, places).map(|kept| &mut kept[kind]));
        }
        Ok(())
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> &SolverState<E> {
        &self.state
    }

    /// Goes on from `state`. False, and nothing changed, if it is of other parameters or another rule.
    pub fn restore(&mut self, state: SolverState<E>) -> bool {
        let lengths = |state: &SolverState<E>| -> Vec<[usize; 2]> {
            state.moments.iter().map(|moments| [moments[0].len(), moments[1].len()]).collect()
        };
        let fits = state.rule == self.state.rule && lengths(&state) == lengths(&self.state);
        if fits {
            self.state = state;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::nn::Cpu;
    use crate::nn::on_device::{Accelerator, Compute, uploaded};
    use crate::nn::parameters::numbers::row_of;

    /// PyTorch's, Keras' and Hugging Face's steps, by `optimizers.py` beside the file.
    fn recorded() -> Value {
        serde_json::from_str(include_str!("../../../../tests/data/optimizers/optimizers.json")).expect("JSON")
    }

    fn numbers<E: Real>(value: &Value) -> Vec<E> {
        value.as_array().expect("a list").iter().map(|x| E::of(x.as_f64().expect("a number"))).collect()
    }

    fn rule(case: &Value) -> Rule {
        let number = |name: &str| case[name].as_f64().expect("a number");
        let betas = || [number("beta1"), number("beta2")];
        let convention = || if case["eps_mode"] == "keras" { Eps::Keras } else { Eps::Torch };
        match case["rule"].as_str().expect("a name") {
            "sgd" => Rule::Sgd { momentum: number("momentum"), nesterov: case["nesterov"] == true },
            "adam" => Rule::Adam { betas: betas(), eps: number("eps"), convention: convention() },
            "rmsprop" => Rule::RmsProp {
                alpha: number("alpha"),
                eps: number("eps"),
                convention: convention(),
                momentum: number("momentum"),
            },
            "adafactor" => Rule::Adafactor { scale_parameter: case["scale_parameter"] == true, decay_rate: -0.8 },
            "lamb" => Rule::Lamb { betas: betas(), eps: number("eps") },
            other => panic!("{other} is no rule"),
        }
    }

    /// How far off the recorded parameters those after 1, 10 and 20 steps are, relatively, on the host or on a device; what is
    /// smaller than `least` counts as that.
    fn furthest<E: Real>(recorded: &Value, case: &Value, least: f64, there: bool) -> f64
    where
        Cpu: Compute<E>,
    {
        let accelerator = Accelerator::new(Cpu::default());
        let mut parameters = Parameters::<E>::default();
        parameters.add("weight", &[3, 4], numbers(&recorded["start"]["weight"]));
        parameters.add("bias", &[5], numbers(&recorded["start"]["bias"]));
        let decay = if case["decoupled"] == true { Decay::Decoupled } else { Decay::L2 };
        let weight_decay = case["weight_decay"].as_f64().expect("a number");
        let mut solver = Solver::new(rule(case), decay, weight_decay, true, &parameters);
        let mut gradients = Gradients::new(&parameters);
        let mut worst = 0.0_f64;
        for step in 0..20 {
            for parameter in parameters.iter() {
                let gradient = numbers::<E>(&recorded["gradients"][step][parameter.name()]);
                if there {
                    let group = if gradient.len() == 12 { Group::Matrices } else { Group::Vectors };
                    let places = parameters.places(group);
                    gradients.take_there(group);
                    let row = uploaded([Numbers::here(gradient)].iter(), &accelerator).expect("memory");
                    gradients.put_there(There { group, places, row });
                } else {
                    gradients.of(parameter).expect("memory").copy_from_slice(&gradient);
                }
            }
            let learning_rate = case["lr"][step].as_f64().expect("a number");
            solver.step(&mut parameters, &mut gradients, learning_rate).expect("memory");
            if there && matches!(solver.rule, Rule::Adafactor { .. } | Rule::Lamb { .. }) {
                // It brought them here.
                gradients.zero(&parameters).expect("memory");
            } else {
                let is_there = |place| row_of(parameters.numbers(&[place])).is_some();
                assert_eq!([is_there(0), is_there(1)], [there; 2], "parameters stay where gradients are");
            }
            let Some(expected) = case["after"].get((step + 1).to_string()) else { continue };
            for parameter in parameters.iter() {
                for (got, expected) in parameter.values().iter().zip(numbers::<f64>(&expected[parameter.name()])) {
                    worst = worst.max((got.wide() - expected).abs() / expected.abs().max(least));
                }
            }
        }
        worst
    }

    #[test]
    fn twenty_steps_are_those_of_the_references() {
        let recorded = recorded();
        let cases = recorded["cases"].as_object().expect("cases");
        assert!(cases.len() >= 14, "{} cases", cases.len());
        for (name, case) in cases {
            // Keras keeps the learning rate and the betas in f32 whatever the variables are.
            let (most, least) = if name.starts_with("keras") { (1e-6, 1e-2) } else { (1e-9, 1e-3) };
            for there in [false, true] {
                let double = furthest::<f64>(&recorded, case, least, there);
                assert!(double < most, "{name}: {double} off in f64, on a device: {there}");
                let single = furthest::<f32>(&recorded, case, 0.1, there);
                // RMSprop's momentum adds up steps of tens that cancel out: PyTorch's own f32 is as far from its f64 (2.5e-6).
                let most = if name.contains("rmsprop, momentum") { 3e-6 } else { 1e-6 };
                assert!(single < most, "{name}: {single} off in f32, on a device: {there}");
            }
        }
    }

    #[test]
    fn a_restored_one_goes_on_bit_for_bit() {
        let mut parameters = Parameters::<f32>::default();
        parameters.add("weight", &[2, 2], vec![1.0, 2.0, 3.0, 4.0]);
        parameters.add_buffer("mean", &[3], vec![9.0; 3]);
        let rule = Rule::Adam { betas: [0.9, 0.999], eps: 1e-8, convention: Eps::Torch };
        let new = |parameters: &Parameters<f32>| Solver::new(rule, Decay::L2, 0.0, false, parameters);
        let step = |solver: &mut Solver<f32>, parameters: &mut Parameters<f32>| {
            let mut gradients = Gradients::new(parameters);
            gradients
                .of(parameters.named("weight").expect("it is"))
                .expect("memory")
                .copy_from_slice(&[0.1, -0.2, 0.3, 0.0]);
            solver.step(parameters, &mut gradients, 1e-2).expect("memory");
        };
        let mut whole = new(&parameters);
        step(&mut whole, &mut parameters);
        let mut resumed = new(&parameters);
        assert!(resumed.restore(whole.state().clone()));
        let mut other = parameters.clone();
        step(&mut whole, &mut parameters);
        step(&mut resumed, &mut other);
        assert_eq!(parameters.to_flat(), other.to_flat());
        assert_eq!(parameters.to_flat()[4..], [9.0; 3], "buffers are not learnt");
        let mut sgd = Solver::new(Rule::Sgd { momentum: 0.9, nesterov: false }, Decay::L2, 0.0, false, &parameters);
        assert!(!sgd.restore(whole.state().clone()), "a state of another rule");
        let lamb = Rule::Lamb { betas: [0.9, 0.999], eps: 1e-8 };
        let mut lamb = Solver::new(lamb, Decay::L2, 0.0, false, &parameters);
        assert!(!lamb.restore(whole.state().clone()), "as many moments of another rule");
    }

    #[test]
    fn vectors_decay_only_where_that_is_asked_for() {
        let decayed = |decay_vectors: bool| {
            let mut parameters = Parameters::<f32>::default();
            parameters.add("weight", &[1, 1], vec![1.0]);
            parameters.add("bias", &[1], vec![1.0]);
            let rule = Rule::Sgd { momentum: 0.0, nesterov: false };
            let mut solver = Solver::new(rule, Decay::Decoupled, 0.5, decay_vectors, &parameters);
            let mut gradients = Gradients::new(&parameters);
            solver.step(&mut parameters, &mut gradients, 0.1).expect("memory");
            parameters.to_flat()
        };
        assert_eq!((decayed(false), decayed(true)), (vec![0.95, 1.0], vec![0.95, 0.95]));
    }
}
