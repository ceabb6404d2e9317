//! Value functions of states and continuous actions, or quantiles of what they are worth: what actor-critic methods with
//! replay learn beside their policy.

use cartwheel_envs::Generator;

use crate::algorithm::Acting;
use crate::critic::{Climb, Critic, ValueOf};
use crate::nn::{Activation, Device, DeviceError, Mlp, Net, Network, NnError, Optimizer, TrainingState};

/// Several Q(s, a), each with its target, that learn the same from different beginnings: the least of them is the
/// cautious estimate (Fujimoto et al. 2018, *Addressing function approximation error in actor-critic methods*).
pub(crate) struct Critics {
    networks: Vec<Box<dyn Network>>,
    /// Numbers that each says of a row.
    outputs: usize,
    /// Numbers of an observation and of an action.
    features: usize,
    dimensions: usize,
    /// Observations with actions, a row each.
    x: Vec<f32>,
    /// What each network says of each row, and the least value of it.
    values: Vec<Vec<f32>>,
    least: Vec<f32>,
    grad: Vec<f32>,
    by_action: Vec<f32>,
}

/// Is given a row's number and what a network says of it; writes the gradient by that, and answers the row's part of the loss.
pub(crate) type RowLoss<'a> = &'a mut dyn FnMut(usize, &[f32], &mut [f32]) -> f32;

/// Is given what a network says of all rows and the distance between two rows of it; writes the gradient by that, and answers
/// the loss.
pub(crate) type BatchLoss<'a> = &'a mut dyn FnMut(&[f32], usize, &mut [f32]) -> f32;

/// What a regression reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Regression {
    /// The mean loss, such as (Q(s, a) − y)², summed over the networks.
    pub(crate) loss: f32,
    /// Mean of Q(s, a) over batch and networks.
    pub(crate) mean_q: f32,
}

/// The shape of a value function of continuous actions beside a policy, which says so many numbers of each: 1 for its value.
pub(crate) fn critic(acting: &Acting, net_arch: &[usize], outputs: usize, activation: Activation) -> Mlp {
    Mlp::new(acting.mlp.reads().beside(acting.actions.choices()), net_arch, outputs, activation)
}

impl Critics {
    /// `count` fresh networks of the shape `mlp`, of actions of so many `dimensions`, initialized from `rng`.
    pub(crate) fn new(
        (count, mlp): (usize, Mlp),
        dimensions: usize,
        device: Device,
        rng: &mut Generator,
    ) -> Result<Self, NnError> {
        let mut build = || device.build(mlp.clone(), &TrainingState::new(mlp.init(rng)));
        Ok(Self {
            networks: (0..count).map(|_| build()).collect::<Result<_, _>>()?,
            outputs: mlp.outputs(),
            features: mlp.inputs() - dimensions,
            dimensions,
            x: Vec::new(),
            values: vec![Vec::new(); count],
            least: Vec::new(),
            grad: Vec::new(),
            by_action: Vec::new(),
        })
    }

    /// Numbers that each network says of a state and an action: 1 where it is the value.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The networks, for checkpoints.
    pub(crate) fn networks(&self) -> &[Box<dyn Network>] {
        &self.networks
    }

    /// See [`networks`](Self::networks).
    pub(crate) fn networks_mut(&mut self) -> &mut [Box<dyn Network>] {
        &mut self.networks
    }

    /// A copy of them, of which a policy climbs what `climb` says.
    pub(crate) fn copied(&self, climb: Climb) -> Option<Critic> {
        let networks: Vec<_> = self.networks.iter().map(|network| &**network).collect();
        Critic::copied(ValueOf::Action, climb, &networks)
    }

    fn join(&mut self, observations: &[f32], actions: &[f32]) -> usize {
        self.x.clear();
        for (observation, action) in observations.chunks_exact(self.features).zip(actions.chunks_exact(self.dimensions))
        {
            self.x.extend_from_slice(observation);
            self.x.extend_from_slice(action);
        }
        self.x.len() / (self.features + self.dimensions)
    }

    /// The least value of each row.
    pub(crate) fn least(&mut self, net: Net, observations: &[f32], actions: &[f32]) -> Result<&[f32], DeviceError> {
        let n = self.join(observations, actions);
        self.forward(net, n, self.networks.len())?;
        self.find_least(n);
        Ok(&self.least)
    }

    /// What each network says of each row, [`outputs`](Self::outputs) numbers a row.
    pub(crate) fn all(&mut self, net: Net, observations: &[f32], actions: &[f32]) -> Result<&[Vec<f32>], DeviceError> {
        let n = self.join(observations, actions);
        self.forward(net, n, self.networks.len())?;
        Ok(&self.values)
    }

    /// Asks the first `count` networks.
    fn forward(&mut self, net: Net, n: usize, count: usize) -> Result<(), DeviceError> {
        for (network, values) in self.networks.iter_mut().zip(&mut self.values).take(count) {
            let (stride, outputs) = (network.mlp().output_stride(), network.mlp().outputs());
            values.clear();
            let rows = network.forward(net, &self.x, n)?.chunks_exact(stride).take(n);
            rows.for_each(|row| values.extend_from_slice(&row[..outputs]));
        }
        Ok(())
    }

    fn find_least(&mut self, n: usize) {
        self.least.clear();
        self.least.resize(n, f32::INFINITY);
        for values in &self.values {
            self.least.iter_mut().zip(values).for_each(|(least, value)| *least = least.min(*value));
        }
    }

    /// A step of each network towards `targets`, down `scale` times the mean square error, each row with its weight.
    pub(crate) fn regress(
        &mut self,
        now: (&[f32], &[f32]),
        targets: &[f32],
        weights: &[f32],
        scale: f32,
        optimizer: &Optimizer,
    ) -> Result<Regression, DeviceError> {
        let share = 1.0 / targets.len() as f32;
        self.learn(now, optimizer, &mut |i, q, grad| {
            let error = q[0] - targets[i];
            grad[0] = 2.0 * scale * share * weights[i] * error;
            scale * share * weights[i] * error * error
        })
    }

    /// A step of each network down the sum of the rows' parts.
    pub(crate) fn learn(
        &mut self,
        (observations, actions): (&[f32], &[f32]),
        optimizer: &Optimizer,
        row: RowLoss<'_>,
    ) -> Result<Regression, DeviceError> {
        let n = self.join(observations, actions);
        let (count, outputs) = (self.networks.len() as f32, self.outputs());
        let of_mean = 1.0 / (n as f32 * count * outputs as f32);
        let mut result = Regression::default();
        for network in &mut self.networks {
            let stride = network.mlp().output_stride();
            let mut loss = |q: &[f32], grad: &mut [f32]| {
                let mut sum = 0.0;
                for (i, (q, grad)) in q.chunks_exact(stride).zip(grad.chunks_exact_mut(stride)).take(n).enumerate() {
                    sum += row(i, &q[..outputs], &mut grad[..outputs]);
                    result.mean_q += of_mean * q[..outputs].iter().sum::<f32>();
                }
                sum
            };
            result.loss += network.step(&self.x, n, optimizer, &mut loss)?.loss;
        }
        Ok(result)
    }

    /// A step of each network down `loss` over all rows together. Answers the sum of the networks' losses.
    pub(crate) fn descend(
        &mut self,
        (observations, actions): (&[f32], &[f32]),
        optimizer: &Optimizer,
        loss: BatchLoss<'_>,
    ) -> Result<f32, DeviceError> {
        let (n, mut sum) = (self.join(observations, actions), 0.0);
        for network in &mut self.networks {
            let stride = network.mlp().output_stride();
            let mut of_rows = |values: &[f32], grad: &mut [f32]| loss(values, stride, grad);
            sum += network.step(&self.x, n, optimizer, &mut of_rows)?.loss;
        }
        Ok(sum)
    }

    /// The gradient of each row's value by its action, `[n, dimensions]`, and the mean of the values.
    pub(crate) fn by_action(
        &mut self,
        observations: &[f32],
        actions: &[f32],
        climb: Climb,
    ) -> Result<(&[f32], f32), DeviceError> {
        let n = self.join(observations, actions);
        let columns = self.features..self.features + self.dimensions;
        self.by_action.clear();
        self.by_action.resize(n * self.dimensions, 0.0);
        let outputs = self.outputs();
        let (climbed, part) = match climb {
            Climb::Mean => (self.networks.len(), 1.0 / (self.networks.len() * outputs) as f32),
            Climb::Least => (self.networks.len(), 1.0),
            Climb::First => (1, 1.0),
        };
        self.forward(Net::Online, n, climbed)?;
        if climb == Climb::Least {
            self.find_least(n);
        }
        // Of equals the first is the least.
        let (mut taken, mut sum) = (vec![false; n], 0.0);
        for (network, values) in self.networks.iter_mut().zip(&self.values).take(climbed) {
            let stride = network.mlp().output_stride();
            self.grad.clear();
            self.grad.resize(n * stride, 0.0);
            for (i, (values, grad)) in values.chunks_exact(outputs).zip(self.grad.chunks_exact_mut(stride)).enumerate()
            {
                if climb != Climb::Least || (values[0] == self.least[i] && !taken[i]) {
                    taken[i] = true;
                    grad[..outputs].fill(part);
                    sum += part * values.iter().sum::<f32>();
                }
            }
            let grads = network.input_gradient(Net::Online, &self.x, n, &self.grad, columns.clone())?;
            self.by_action.iter_mut().zip(grads).for_each(|(sum, grad)| *sum += grad);
        }
        Ok((&self.by_action, sum / n as f32))
    }

    /// Moves each target by the share `tau` of its distance.
    pub(crate) fn update_targets(&mut self, tau: f32) -> Result<(), DeviceError> {
        self.networks.iter_mut().try_for_each(|network| network.update_target(tau))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Cnn, Image, Inputs};

    fn mlp(inputs: &Inputs) -> Mlp {
        Mlp::new(inputs.beside(2), &[16, 8], 1, Activation::Tanh)
    }

    fn mean_of(values: &[Vec<f32>]) -> Vec<f32> {
        values[0].iter().zip(&values[1]).map(|(a, b)| 0.5 * (a + b)).collect()
    }

    #[test]
    fn grads_by_actions_are_those_of_the_least_the_first_or_the_mean() {
        let image = Image { height: 3, width: 4, channels: 2, planes: 1 };
        grads_by_actions(Inputs::picture(Cnn::minatar(), image));
        // Either network is the least somewhere.
        let first = grads_by_actions(3.into());
        assert!(first.iter().any(|x| *x) && first.iter().any(|x| !*x), "{first:?}");
    }

    /// Answers whether the first of two networks is the least, for each of some observations and actions.
    fn grads_by_actions(inputs: Inputs) -> Vec<bool> {
        let mut rng = Generator::new(3);
        let mut critics = Critics::new((2, mlp(&inputs)), 2, Device::Cpu, &mut rng).expect("a processor");
        let mut draw = |n: usize| (0..n).map(|_| rng.uniform(-3.0, 3.0) as f32).collect::<Vec<_>>();
        let (observations, actions) = (draw(inputs.width() * 64), draw(2 * 64));
        for climb in [Climb::Least, Climb::First, Climb::Mean] {
            let (grads, mean) = critics.by_action(&observations, &actions, climb).expect("a processor");
            let (grads, mean) = (grads.to_vec(), mean);
            let mut value = |at: usize, by: f32| {
                let mut moved = actions.clone();
                moved[at] += by;
                let least = critics.least(Net::Online, &observations, &moved).expect("a processor").to_vec();
                match climb {
                    Climb::Least => least,
                    Climb::First => critics.values[0].clone(),
                    Climb::Mean => mean_of(&critics.values),
                }
            };
            assert!((value(0, 0.0).iter().sum::<f32>() / 64.0 - mean).abs() < 1e-5);
            for (at, grad) in grads.iter().enumerate() {
                let expected = (value(at, 1e-2)[at / 2] - value(at, -1e-2)[at / 2]) / 2e-2;
                assert!((grad - expected).abs() < 5e-3, "{climb:?} {at}: {grad} {expected}");
            }
        }
        critics.values[0].iter().zip(&critics.values[1]).map(|(a, b)| a < b).collect()
    }
}
