//! What a policy makes of observations: the values of actions, what they depend on, and how they lie around a state.

use cartwheel_agents::nn::Activations;
use cartwheel_agents::{Acting, Judgement, Policy, argmax};
use cartwheel_envs::{Row, Rows};
use cartwheel_trainer::Settings;

use crate::spaces::Spaces;
use crate::text;

/// The policy of a run with some weights of it.
#[derive(Debug)]
pub struct Judge {
    policy: Policy,
    scratch: Activations,
    /// Network inputs of a few observations.
    inputs: Vec<f32>,
}

/// The best action and its value, over two numbers of the observation while the others stay what they are.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueMap {
    /// The numbers' places in the observation: along a row, and from row to row.
    pub axes: [usize; 2],
    /// Least and greatest value of each.
    pub ranges: [[f32; 2]; 2],
    /// Cells along each axis.
    pub bins: usize,
    /// The highest value in each cell that is done; row by row, the row of the least numbers first.
    pub values: Vec<f32>,
    /// The action that has it, counted from 0.
    pub actions: Vec<u32>,
}

impl Judge {
    /// The policy of a run with these settings and these weights, flat as `Policy::parameters`.
    ///
    /// # Errors
    /// If the environment cannot be made, the algorithm does not take it, or the weights are of another network.
    pub fn new(settings: &Settings, parameters: &[f32]) -> Result<Self, String> {
        Self::with_spaces(settings, &Spaces::of(settings)?, parameters)
    }

    /// The same for who knows the spaces.
    ///
    /// # Errors
    /// If the algorithm does not take the spaces, or the weights are of another network.
    pub fn with_spaces(settings: &Settings, spaces: &Spaces, parameters: &[f32]) -> Result<Self, String> {
        let (observation, action) = (&spaces.observation, &spaces.action);
        let acting = Acting::new(settings.algorithm(), observation, action).map_err(|error| error.to_string())?;
        let policy = Policy::new(observation, action, acting, Vec::new());
        let mut judge = Self { policy, scratch: Activations::default(), inputs: Vec::new() };
        judge.set_parameters(parameters)?;
        Ok(judge)
    }

    /// Replaces the weights.
    ///
    /// # Errors
    /// If they are of another network: as many as were found and as many as it has.
    pub fn set_parameters(&mut self, parameters: &[f32]) -> Result<(), String> {
        let expected = self.policy.mlp().flat_len();
        if parameters.len() != expected {
            return Err(format!(
                "the weights are {} numbers where the network of config.toml has {expected}: its net_arch and the \
                 weights do not belong together",
                parameters.len()
            ));
        }
        self.policy.set_parameters(parameters);
        Ok(())
    }

    /// Multiplications of one judgement: what a map costs, cell by cell.
    pub fn cost(&self) -> usize {
        self.policy.mlp().num_parameters()
    }

    /// What it makes of the actions.
    ///
    /// # Errors
    /// If the observation is not of the run's environment.
    pub fn judge(&mut self, observation: Row<'_>) -> Result<Judgement, String> {
        self.check(observation)?;
        Ok(self.policy.judge(observation))
    }

    /// For each number of the observation, how steeply the value of `action` (counted from 0) changes with it, as the
    /// network sees it: numbers as they are, bytes as shares of their range. Of an index, it is the greatest change
    /// that another one makes in its place, to first order.
    ///
    /// # Errors
    /// If the observation is not of the run's environment, or there is no such action.
    pub fn saliency(&mut self, observation: Row<'_>, action: usize) -> Result<Vec<f32>, String> {
        self.check(observation)?;
        let mlp = self.policy.mlp();
        if mlp.memory_len() > 0 {
            return Err(text::REMEMBERS.into());
        }
        let head = &self.policy.acting().actions;
        if action >= head.choices() {
            return Err(format!("action {action} of {}", head.choices()));
        }
        self.inputs.resize(mlp.inputs(), 0.0);
        self.policy.features().encode(observation, &mut self.inputs);
        let grads = {
            let by_outputs = |outputs: &[f32], grad: &mut [f32]| head.grad(outputs, action, grad);
            mlp.input_gradient(self.policy.parameters(), &self.inputs, by_outputs, &mut self.scratch)
        };
        Ok(self.policy.features().saliency(&self.inputs, &grads))
    }

    /// The value of the best action, and that action, counted from 0, in each of these states.
    ///
    /// # Errors
    /// If an observation is not the number of a state.
    pub fn state_values(&mut self, states: &[i32]) -> Result<Vec<(f32, u32)>, String> {
        self.check(Row::I32(&[0]))?;
        let mlp = self.policy.mlp();
        let (width, stride) = (mlp.inputs(), mlp.output_stride());
        self.inputs.resize(states.len() * width, 0.0);
        for (state, input) in states.iter().zip(self.inputs.chunks_exact_mut(width)) {
            self.policy.features().encode(Row::I32(&[*state]), input);
        }
        let q = mlp.forward(self.policy.parameters(), &self.inputs, states.len(), &mut self.scratch);
        let head = self.policy.head();
        let best = |q: &[f32]| {
            let (best, atoms) = (head.best(&q[..mlp.outputs()]), head.atoms());
            (head.value(&q[best * atoms..(best + 1) * atoms]), best as u32)
        };
        Ok(q.chunks_exact(stride).take(states.len()).map(best).collect())
    }

    /// Whether a map can be drawn of what states are worth to it.
    ///
    /// # Errors
    /// Why not, in words for the user.
    pub fn has_map(&self) -> Result<(), String> {
        let mlp = self.policy.mlp();
        if mlp.memory_len() > 0 {
            return Err(text::REMEMBERS.into());
        }
        let mut judgement = Judgement::None;
        self.policy.acting().actions.judge(&vec![0.0; mlp.output_stride()], &mut judgement);
        judgement.values().map(drop).ok_or_else(|| text::NO_VALUES.into())
    }

    /// Begins a map around an observation with `bins` cells along each axis; [`Self::extend`] fills it.
    pub fn begin_map(axes: [usize; 2], ranges: [[f32; 2]; 2], bins: usize) -> ValueMap {
        ValueMap { axes, ranges, bins, values: Vec::new(), actions: Vec::new() }
    }

    /// Fills at most `rows` further rows of a map around `observation`.
    ///
    /// # Errors
    /// If the observation is not of the run's environment, or an axis is none of its numbers.
    pub fn extend(&mut self, map: &mut ValueMap, observation: Row<'_>, rows: usize) -> Result<(), String> {
        self.check(observation)?;
        if let Some(axis) = map.axes.iter().find(|&&axis| axis >= observation.len()) {
            return Err(format!("number {axis} of an observation of {}", observation.len()));
        }
        let mut around = Rows::new(observation.dtype(), observation.len(), 1);
        around.set(0, observation);
        let mlp = self.policy.mlp();
        let (width, stride) = (mlp.inputs(), mlp.output_stride());
        let first = map.rows();
        let rows = rows.min(map.bins - first);
        self.inputs.resize(rows * map.bins * width, 0.0);
        for (cell, input) in self.inputs.chunks_exact_mut(width).enumerate() {
            let [x, y] = map.middle(cell % map.bins, first + cell / map.bins);
            // The second axis last: it wins where both are the same.
            around.row_mut(0).set_number(map.axes[0], x.into());
            around.row_mut(0).set_number(map.axes[1], y.into());
            self.policy.features().encode(around.row(0), input);
        }
        let outputs = mlp.forward(self.policy.parameters(), &self.inputs, rows * map.bins, &mut self.scratch);
        let mut judgement = Judgement::None;
        for outputs in outputs.chunks_exact(stride) {
            self.policy.acting().actions.judge(outputs, &mut judgement);
            let values = judgement.values().ok_or(text::NO_VALUES)?;
            let best = argmax(values);
            map.values.push(values[best]);
            map.actions.push(best as u32);
        }
        Ok(())
    }

    /// A whole map around `observation`.
    ///
    /// # Errors
    /// As [`Self::extend`].
    pub fn map(
        &mut self,
        observation: Row<'_>,
        axes: [usize; 2],
        ranges: [[f32; 2]; 2],
        bins: usize,
    ) -> Result<ValueMap, String> {
        let mut map = Self::begin_map(axes, ranges, bins);
        self.extend(&mut map, observation, bins)?;
        Ok(map)
    }

    fn check(&self, observation: Row<'_>) -> Result<(), String> {
        let space = self.policy.observation_space();
        if (observation.len(), observation.dtype()) == (space.width(), space.dtype()) {
            return Ok(());
        }
        let (len, dtype) = (observation.len(), observation.dtype());
        Err(format!("an observation of {len} {dtype}, where config.toml's environment has {space}"))
    }
}

impl ValueMap {
    /// Rows that are done.
    pub fn rows(&self) -> usize {
        self.values.len() / self.bins
    }

    /// Whether all rows are done.
    pub fn is_done(&self) -> bool {
        self.rows() == self.bins
    }

    /// The numbers in the middle of a cell.
    pub fn middle(&self, column: usize, row: usize) -> [f32; 2] {
        let along = |[low, high]: [f32; 2], i: usize| low + (high - low) * (i as f32 + 0.5) / self.bins as f32;
        [along(self.ranges[0], column), along(self.ranges[1], row)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_agents::nn::{Activation, Mlp, NamedTensor};
    use cartwheel_envs::Generator;
    use cartwheel_trainer::Algo;

    /// A run on CartPole whose network's hidden units stay active: its values are linear, `weights[action] · x`, in the
    /// first two numbers of the observation.
    fn linear(weights: [[f32; 2]; 2]) -> (Settings, Vec<f32>) {
        let mut settings = Settings::shipped(Algo::Dqn, "CartPole-v1").unwrap();
        settings.dqn.net_arch = vec![2];
        let mlp = Mlp::new(4, &[2], 2, Activation::Relu);
        let parameters = mlp.flatten(|name| {
            let (shape, values) = match name {
                "0.weight" => (vec![2, 4], vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
                "0.bias" => (vec![2], vec![100.0; 2]),
                "2.weight" => (vec![2, 2], weights.concat()),
                _ => (vec![2], weights.iter().map(|[a, b]| -100.0 * (a + b)).collect()),
            };
            Some(NamedTensor { name: name.into(), shape, values })
        });
        (settings, parameters.unwrap())
    }

    const WEIGHTS: [[f32; 2]; 2] = [[2.0, -3.0], [-1.0, 4.0]];

    #[test]
    fn values_and_saliency_are_those_of_a_linear_network() {
        let (settings, parameters) = linear(WEIGHTS);
        let mut judge = Judge::new(&settings, &parameters).unwrap();
        let observation = Row::F32(&[0.5, 1.0, 7.0, 8.0]);
        let Judgement::QValues(q) = judge.judge(observation).unwrap() else { panic!("values") };
        assert!((q[0] + 2.0).abs() < 1e-3 && (q[1] - 3.5).abs() < 1e-3, "{q:?}");
        assert_eq!(judge.saliency(observation, 0).unwrap(), [2.0, 3.0, 0.0, 0.0]);
        assert_eq!(judge.saliency(observation, 1).unwrap(), [1.0, 4.0, 0.0, 0.0]);
        assert_eq!(judge.saliency(observation, 2).unwrap_err(), "action 2 of 2");
    }

    #[test]
    fn a_map_is_the_same_in_parts() {
        let (settings, parameters) = linear(WEIGHTS);
        let mut judge = Judge::new(&settings, &parameters).unwrap();
        let observation = Row::F32(&[0.0; 4]);
        let ranges = [[-1.0, 1.0], [-2.0, 2.0]];
        let whole = judge.map(observation, [0, 1], ranges, 5).unwrap();
        for (cell, (value, action)) in whole.values.iter().zip(&whole.actions).enumerate() {
            let [x, y] = whole.middle(cell % 5, cell / 5);
            let q = WEIGHTS.map(|[a, b]| a * x + b * y);
            assert!((q[0].max(q[1]) - value).abs() < 1e-3, "{cell}");
            // In the middle both are as good.
            assert!(cell == 12 || *action == u32::from(q[1] > q[0]), "{cell}");
        }
        let mut parts = Judge::begin_map([0, 1], ranges, 5);
        while !parts.is_done() {
            judge.extend(&mut parts, observation, 2).unwrap();
        }
        assert_eq!(parts, whole);
        assert!(judge.map(observation, [0, 4], ranges, 5).unwrap_err().contains("number 4"));
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let (settings, parameters) = linear(WEIGHTS);
        let short = Judge::new(&settings, &parameters[1..]).unwrap_err();
        assert!(short.contains("config.toml") && short.contains("net_arch"), "{short}");
        let mut judge = Judge::new(&settings, &parameters).unwrap();
        let other = judge.judge(Row::I32(&[3])).unwrap_err();
        assert!(other.contains("1 int32") && other.contains("Box("), "{other}");
        let mut unknown = settings;
        unknown.env.id = "Nowhere-v0".into();
        assert!(Judge::new(&unknown, &parameters).unwrap_err().contains("Nowhere-v0"));
    }

    /// A one-hot network input has as many gradients as there are indices, and the observation one number.
    #[test]
    fn an_index_is_one_number() {
        let mut settings = Settings::shipped(Algo::Dqn, "Taxi-v4").unwrap();
        settings.dqn.net_arch = vec![8];
        let spaces = Spaces::of(&settings).unwrap();
        let mlp = Mlp::new(500, &[8], 6, settings.dqn.activation_fn);
        let mut judge = Judge::with_spaces(&settings, &spaces, &mlp.init(&mut Generator::new(1))).unwrap();
        let saliency = judge.saliency(Row::I32(&[123]), 0).unwrap();
        assert!(saliency.len() == 1 && saliency[0] > 0.0, "{saliency:?}");
        // Which actions are valid is no input.
        settings.set("env.wrappers=[\"ActionMaskObservation\"]").unwrap();
        let spaces = Spaces::of(&settings).unwrap();
        let mut judge = Judge::with_spaces(&settings, &spaces, &mlp.init(&mut Generator::new(1))).unwrap();
        let saliency = judge.saliency(Row::I32(&[0, 1, 1, 0, 0, 0, 123]), 0).unwrap();
        assert_eq!(saliency.iter().filter(|x| **x > 0.0).count(), 1, "{saliency:?}");
    }
}
