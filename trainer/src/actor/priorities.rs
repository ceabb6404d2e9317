//! Priorities that transitions begin with, worked out by the actor that made them (Horgan et al. 2018, *Distributed prioritized
//! experience replay*): otherwise all begin with the highest, and replay that many actors fill is mostly drawn from for
//! being new.
//!
//! |δ| is that of the n-step return, by the network that acted: nothing is computed for it but the values of what a
//! rollout ended on. Returns that reach beyond their rollout end with it, as replay's do with its newest row.

use cartwheel_agents::{Acting, Returns, masked};

use super::{Actor, Weights};
use crate::rollout::Rollout;

/// What is known of a rollout's steps while it is made.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstPriorities {
    /// How returns are summed.
    pub(super) returns: Returns,
    /// The value of what was done at each row, and of the best that could have been.
    taken: Vec<f32>,
    best: Vec<f32>,
    /// The value of what each environment came to, and of the last observation of each episode that ended.
    last: Vec<f32>,
    finals: Vec<f32>,
}

impl Actor {
    /// Has rollouts tell |TD error| of each transition, by returns that are summed like this.
    pub fn tell_priorities(&mut self, returns: Returns) {
        self.first_priorities = Some(FirstPriorities { returns, ..FirstPriorities::default() });
    }

    /// Notes what the network makes of the actions of step `t`.
    pub(super) fn note_values(&mut self, t: usize) {
        let Some(mut own) = self.first_priorities.take() else { return };
        let (n, Acting { actions: head, mlp, .. }) = (self.num_envs(), &self.spec.acting);
        own.taken.truncate(t * n);
        own.best.truncate(t * n);
        for (e, outputs) in self.outputs().chunks_exact(mlp.output_stride()).take(n).enumerate() {
            let outputs = &outputs[..mlp.outputs()];
            own.taken.push(head.value(outputs, self.own.get(e)));
            own.best.push(head.best_value(outputs));
        }
        self.first_priorities = Some(own);
    }

    /// Writes the |TD errors| of the rollout that is made.
    pub(super) fn tell(&mut self, weights: &Weights, out: &mut Rollout) {
        let Some(mut own) = self.first_priorities.take() else { return };
        self.read_masks();
        self.judge(weights);
        let Acting { features, actions: head, mlp } = &self.spec.acting;
        let (n, stride, width, flags) = (self.num_envs(), mlp.output_stride(), features.width(), features.masked());
        let best = |outputs: &[f32]| head.best_value(&outputs[..mlp.outputs()]);
        own.last.clear();
        own.last.extend(self.outputs().chunks_exact(stride).take(n).map(best));
        let mut rows = vec![0.0; out.finals * width];
        let mut valid = vec![true; out.finals * flags];
        for (i, row) in rows.chunks_exact_mut(width).enumerate() {
            features.encode(out.final_observations.row(i), row);
            features.write_mask(out.final_observations.row(i), &mut valid[i * flags..(i + 1) * flags]);
        }
        own.finals.clear();
        if out.finals > 0 {
            let outputs = mlp.forward(&weights.parameters, &rows, out.finals, &mut self.scratch);
            let outputs = masked(&valid, head.shape(stride), outputs, &mut self.masked);
            own.finals.extend(outputs.chunks_exact(stride).take(out.finals).map(best));
        }
        own.errors(out);
        self.first_priorities = Some(own);
    }
}

impl FirstPriorities {
    fn errors(&self, out: &mut Rollout) {
        let Returns { n_steps, gamma, reward_scale } = self.returns;
        let (n, rows) = (out.envs, out.steps * out.envs);
        let ends = |row: usize| out.terminated[row] || out.truncated[row];
        // The number of the final observation of each row that has one.
        let numbers: Vec<usize> = (0..rows)
            .scan(0, |next, row| {
                *next += usize::from(ends(row));
                Some(*next)
            })
            .collect();
        let mut td_errors = std::mem::take(&mut out.td_errors);
        td_errors.clear();
        td_errors.extend((0..rows).map(|row| {
            let (mut sum, mut discount, mut at) = (0.0, 1.0, row);
            let mut left = n_steps;
            let bootstrap = loop {
                sum += discount * out.rewards[at];
                discount *= gamma;
                left -= 1;
                if out.terminated[at] {
                    break 0.0;
                }
                if out.truncated[at] {
                    break self.finals[numbers[at] - 1];
                }
                match at + n {
                    next if next >= rows => break self.last[at % n],
                    next if left == 0 => break self.best[next],
                    next => at = next,
                }
            };
            (sum * reward_scale + discount * bootstrap - self.taken[row]).abs()
        }));
        out.td_errors = td_errors;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_agents::Algorithm as _;
    use cartwheel_agents::dqn::ApexConfig;
    use cartwheel_envs::{Generator, Kwargs, Row, make_vec};

    use crate::actor::ActorSpec;
    use crate::replay::Replay;

    /// What replay begins with is what its own n-step returns say, where these do not reach beyond the rollout; ends of every
    /// kind.
    #[test]
    fn priorities_begin_as_the_errors_of_replays_own_returns() {
        for ends in ["terminated", "truncated"] {
            let args = Kwargs::from_iter([("length".to_string(), 4.into()), ("ends".to_string(), ends.into())]);
            let envs = make_vec("Scripted-v0", 2, &args).expect("an environment");
            let config = ApexConfig { net_arch: vec![8], gamma: 0.9, reward_scale: 0.5, ..ApexConfig::default() };
            let space = envs.single_observation_space().clone();
            let acting = Acting::new(&config, &space, envs.single_action_space()).expect("fitting spaces");
            let parameters = acting.mlp.init(&mut Generator::new(4));
            let cartwheel_agents::Data::Replay(data) = config.data() else { panic!("it learns from replay") };
            let spec = ActorSpec {
                env_id: "Scripted-v0".into(),
                seed: 0,
                total_envs: 2,
                acting: acting.clone(),
                exploration: config.exploration(1000),
                record_episodes: false,
            };
            let mut actor = Actor::new(spec, 0, envs, 0).expect("an actor");
            actor.tell_priorities(data.returns);
            let mut rollout = actor.rollout(10);
            let weights = Weights { version: 0, parameters };
            actor.collect(&weights, 0, false, &mut rollout).expect("steps");
            assert_eq!(rollout.td_errors.len(), 20);
            let mut replay =
                Replay::new(&space, &acting.actions.rows(0), 2, 100, data.prioritization).expect("a space");
            replay.extend(&rollout);
            let values = |row: Row<'_>| {
                let mut x = vec![0.0; acting.features.width()];
                acting.features.encode(row, &mut x);
                acting.mlp.forward(&weights.parameters, &x, 1, &mut Default::default())[..2].to_vec()
            };
            for (at, error) in rollout.td_errors.iter().enumerate() {
                let (mut sum, mut discount, mut t) = (0.0, 1.0, at / 2);
                let next = loop {
                    let row = 2 * t + at % 2;
                    sum += 0.5 * discount * rollout.rewards[row];
                    discount *= 0.9;
                    t += 1;
                    if rollout.terminated[row] || rollout.truncated[row] {
                        let before = (0..row).filter(|row| rollout.terminated[*row] || rollout.truncated[*row]).count();
                        break rollout.final_observations.row(before);
                    }
                    if t == 10 || t == at / 2 + data.returns.n_steps {
                        break rollout.observations.row(2 * t + at % 2);
                    }
                };
                let ended = rollout.terminated[2 * (t - 1) + at % 2];
                let best = values(next).into_iter().fold(f32::MIN, f32::max);
                let cartwheel_envs::Action::Discrete(action) = rollout.actions.get(at) else { panic!("a number") };
                let taken = values(rollout.observations.row(at))[action as usize];
                let expected = (sum + if ended { 0.0 } else { discount * best } - taken).abs();
                assert!((error - expected).abs() < 1e-5, "{ends} {at}: {error} for {expected}");
            }
            assert_ne!(replay.share_at_highest_priority(), Some(1.0));
        }
    }
}
