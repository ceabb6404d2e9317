//! Value functions of states and continuous actions: what actor-critic methods with replay learn beside their policy.

use cartwheel_envs::Generator;

use crate::nn::{Activation, Device, DeviceError, Mlp, Net, Network, NnError, Optimizer, TrainingState};

/// Several Q(s, a), each with its target, that learn the same from different beginnings: the least of them is the
/// cautious estimate (Fujimoto et al. 2018, *Addressing function approximation error in actor-critic methods*).
pub(crate) struct Critics {
    networks: Vec<Box<dyn Network>>,
    /// Numbers of an observation and of an action.
    features: usize,
    dimensions: usize,
    /// Observations with actions, a row each.
    x: Vec<f32>,
    /// The value of each row by each network, and by which it is least.
    values: Vec<Vec<f32>>,
    least: Vec<f32>,
    slope: Vec<f32>,
    by_action: Vec<f32>,
    /// Mean |y − Q(s, a)| over the networks of each row of the last batch.
    errors: Vec<f32>,
}

/// Which value an actor climbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Climb {
    /// The least of all, as in SAC.
    Least,
    /// The first network's, as in TD3.
    First,
}

/// What a regression reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Regression {
    /// Mean of (Q(s, a) − y)², summed over the networks.
    pub(crate) loss: f32,
    /// Mean of Q(s, a) over batch and networks.
    pub(crate) mean_q: f32,
}

impl Critics {
    /// `count` fresh networks, initialized from `rng`.
    pub(crate) fn new(
        count: usize,
        (features, dimensions): (usize, usize),
        net_arch: &[usize],
        activation: Activation,
        device: Device,
        rng: &mut Generator,
    ) -> Result<Self, NnError> {
        let mut build = || {
            let mlp = Mlp::new(features + dimensions, net_arch, 1, activation);
            let state = TrainingState::new(mlp.init(rng));
            device.build(mlp, &state)
        };
        Ok(Self {
            networks: (0..count).map(|_| build()).collect::<Result<_, _>>()?,
            features,
            dimensions,
            x: Vec::new(),
            values: vec![Vec::new(); count],
            least: Vec::new(),
            slope: Vec::new(),
            by_action: Vec::new(),
            errors: Vec::new(),
        })
    }

    /// The networks, for checkpoints.
    pub(crate) fn networks(&self) -> &[Box<dyn Network>] {
        &self.networks
    }

    /// See [`networks`](Self::networks).
    pub(crate) fn networks_mut(&mut self) -> &mut [Box<dyn Network>] {
        &mut self.networks
    }

    /// Mean |y − Q(s, a)| of each row of the last regression, before it.
    pub(crate) fn errors(&self) -> &[f32] {
        &self.errors
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
        self.evaluate(net, n)?;
        Ok(&self.least)
    }

    fn evaluate(&mut self, net: Net, n: usize) -> Result<(), DeviceError> {
        self.least.clear();
        self.least.resize(n, f32::INFINITY);
        for (network, values) in self.networks.iter_mut().zip(&mut self.values) {
            let stride = network.mlp().output_stride();
            values.clear();
            values.extend(network.forward(net, &self.x, n)?.chunks_exact(stride).take(n).map(|row| row[0]));
            self.least.iter_mut().zip(&*values).for_each(|(least, value)| *least = least.min(*value));
        }
        Ok(())
    }

    /// A step of each network towards `targets`, down `scale` times the mean square error, each row with its weight.
    pub(crate) fn regress(
        &mut self,
        (observations, actions): (&[f32], &[f32]),
        targets: &[f32],
        weights: &[f32],
        scale: f32,
        optimizer: &Optimizer,
    ) -> Result<Regression, DeviceError> {
        let n = self.join(observations, actions);
        self.errors.clear();
        self.errors.resize(n, 0.0);
        let (count, share) = (self.networks.len() as f32, 1.0 / n as f32);
        let mut result = Regression::default();
        for network in &mut self.networks {
            let (stride, errors) = (network.mlp().output_stride(), &mut self.errors);
            let mut loss = |q: &[f32], slope: &mut [f32]| {
                let mut sum = 0.0;
                for (i, (y, weight)) in targets.iter().zip(weights).enumerate() {
                    let error = q[i * stride] - y;
                    sum += share * weight * error * error;
                    slope[i * stride] = 2.0 * scale * share * weight * error;
                    errors[i] += error.abs() / count;
                    result.mean_q += share * q[i * stride] / count;
                }
                sum
            };
            result.loss += network.step(&self.x, n, optimizer, &mut loss)?.loss;
        }
        Ok(result)
    }

    /// The slope of each row's value by its action, `[n, dimensions]`, and the mean of the values.
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
        let climbed = match climb {
            Climb::Least => self.networks.len(),
            Climb::First => 1,
        };
        self.evaluate(Net::Online, n)?;
        let chosen = if climb == Climb::First { &self.values[0] } else { &self.least };
        let mean = chosen.iter().sum::<f32>() / n as f32;
        // Of equals the first is the least.
        let mut taken = vec![false; n];
        for (network, values) in self.networks.iter_mut().zip(&self.values).take(climbed) {
            let stride = network.mlp().output_stride();
            self.slope.clear();
            self.slope.resize(n * stride, 0.0);
            for (i, (value, chosen)) in values.iter().zip(chosen).enumerate() {
                if value == chosen && !taken[i] {
                    taken[i] = true;
                    self.slope[i * stride] = 1.0;
                }
            }
            let slopes = network.input_gradient(Net::Online, &self.x, n, &self.slope, columns.clone())?;
            self.by_action.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
        }
        Ok((&self.by_action, mean))
    }

    /// Moves each target by the share `tau` of its distance.
    pub(crate) fn update_targets(&mut self, tau: f32) -> Result<(), DeviceError> {
        self.networks.iter_mut().try_for_each(|network| network.update_target(tau))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_by_actions_are_those_of_the_least_or_the_first() {
        let mut rng = Generator::new(3);
        let mut critics =
            Critics::new(2, (3, 2), &[16, 8], Activation::Tanh, Device::Cpu, &mut rng).expect("a processor");
        let mut draw = |n: usize| (0..n).map(|_| rng.uniform(-3.0, 3.0) as f32).collect::<Vec<_>>();
        let (observations, actions) = (draw(3 * 64), draw(2 * 64));
        for climb in [Climb::Least, Climb::First] {
            let (slopes, mean) = critics.by_action(&observations, &actions, climb).expect("a processor");
            let (slopes, mean) = (slopes.to_vec(), mean);
            let mut value = |at: usize, by: f32| {
                let mut moved = actions.clone();
                moved[at] += by;
                let least = critics.least(Net::Online, &observations, &moved).expect("a processor").to_vec();
                if climb == Climb::Least { least } else { critics.values[0].clone() }
            };
            assert!((value(0, 0.0).iter().sum::<f32>() / 64.0 - mean).abs() < 1e-5);
            for (at, slope) in slopes.iter().enumerate() {
                let expected = (value(at, 1e-2)[at / 2] - value(at, -1e-2)[at / 2]) / 2e-2;
                assert!((slope - expected).abs() < 5e-3, "{climb:?} {at}: {slope} {expected}");
            }
        }
        // Either network is the least somewhere.
        let first: Vec<_> = critics.values[0].iter().zip(&critics.values[1]).map(|(a, b)| a < b).collect();
        assert!(first.iter().any(|x| *x) && first.iter().any(|x| !*x), "{first:?}");
    }
}
