//! Exploration that depends on the state: the matrices that make noise of states, one of each environment.
//!
//! They are drawn from the streams of the environments when a rollout begins, so that between rollouts, where checkpoints are,
//! there is nothing of them to keep.

use cartwheel_agents::Style;

use super::{Actor, Weights};

impl Actor {
    /// Draws the matrices anew where step `t` of a rollout begins with others.
    pub(super) fn draw_matrices(&mut self, weights: &Weights, t: usize) {
        let Style::StateDependent { sample_freq } = self.spec.exploration.style else { return };
        if t > 0 && !sample_freq.is_some_and(|steps| t.is_multiple_of(steps)) {
            return;
        }
        let mlp = &self.spec.acting.mlp;
        for (stream, matrix) in self.streams.iter_mut().zip(self.matrices.chunks_exact_mut(mlp.exploration_len())) {
            mlp.draw_exploration(&weights.parameters, stream, matrix);
        }
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_agents::nn::Activations;
    use cartwheel_agents::ppo::PpoConfig;
    use cartwheel_agents::sac::SacConfig;
    use cartwheel_agents::{Acting, Algorithm, Data};
    use cartwheel_envs::{Action, Generator, Kwargs, make_vec};

    use crate::actor::{Actor, ActorSpec, Weights};

    const ENVS: usize = 3;
    const STEPS: usize = 12;

    /// An actor of `algorithm` on Pendulum, and weights for it.
    fn actor(algorithm: &dyn Algorithm) -> (Actor, Acting, Weights) {
        let envs = make_vec("Pendulum-v1", ENVS, &Kwargs::new()).expect("an environment");
        let acting = Acting::new(algorithm, envs.single_observation_space(), envs.single_action_space());
        let acting = acting.expect("fitting spaces");
        let mut tensors = acting.mlp.tensors(&acting.mlp.init(&mut Generator::new(4)));
        for tensor in &mut tensors {
            match tensor.name.as_str() {
                // What the unit answers changes with the state, and is never near 0.
                "0.weight" => tensor.values = vec![0.2, 0.2, 0.04],
                "0.bias" => tensor.values = vec![1.0],
                "log_std" => tensor.values = vec![-1.0],
                _ => {}
            }
        }
        let parameters = acting.mlp.flatten(|name| tensors.iter().find(|tensor| tensor.name == name).cloned());
        let parameters = parameters.expect("its own tensors");
        let spec = ActorSpec {
            env_id: "Pendulum-v1".into(),
            seed: 0,
            total_envs: ENVS,
            acting: acting.clone(),
            exploration: algorithm.exploration(1000),
            record_episodes: false,
        };
        (Actor::new(spec, 0, envs, 0).expect("an actor"), acting, Weights { version: 0, parameters })
    }

    /// What each row's noise was by its state: with a single unit before the last layer, the number that is the matrix.
    fn matrices(algorithm: &dyn Algorithm) -> Vec<[f32; ENVS]> {
        let (mut actor, acting, weights) = actor(algorithm);
        let (mut rollout, mut scratch) = (actor.rollout(STEPS), Activations::default());
        let squashed = matches!(algorithm.data(), Data::Replay(_));
        let (mut matrices, mut answers) = (Vec::new(), Vec::new());
        for begin in 0..2 {
            actor.collect(&weights, (begin * STEPS * ENVS) as u64, false, &mut rollout).expect("steps");
            for row in 0..STEPS * ENVS {
                let mut x = vec![0.0; acting.features.width()];
                acting.features.encode(rollout.observations.row(row), &mut x);
                let outputs = acting.mlp.forward(&weights.parameters, &x, 1, &mut scratch);
                let Action::Continuous(action) = rollout.actions.get(row) else { panic!("numbers") };
                let noise = if squashed { action[0].atanh() } else { action[0] } - outputs[0];
                let log_prob = acting.actions.log_prob(outputs, rollout.actions.get(row));
                assert_eq!(rollout.log_probs[row], log_prob, "the chance is that of all matrices");
                answers.push(acting.mlp.exploration_noise(&[1.0], &scratch, 0, 0));
                if row % ENVS == 0 {
                    matrices.push([0.0; ENVS]);
                }
                let at = matrices.len() - 1;
                matrices[at][row % ENVS] = noise / answers[answers.len() - 1];
            }
        }
        assert!(answers.iter().any(|z| (z - answers[0]).abs() > 0.1), "one state proves nothing: {answers:?}");
        matrices
    }

    fn alike(a: &[f32; ENVS], b: &[f32; ENVS]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3 * a.abs().max(1.0))
    }

    /// Whatever the states: noise is a function of them until there is another matrix.
    #[test]
    fn a_matrix_is_kept_until_it_is_drawn_anew() {
        use cartwheel_agents::nn::Activation::Tanh;
        let ppo =
            |freq| PpoConfig { use_sde: true, sde_sample_freq: freq, net_arch: vec![1].into(), ..PpoConfig::default() };
        let sac = SacConfig {
            use_sde: true,
            net_arch: vec![1].into(),
            learning_starts: 0,
            activation_fn: Tanh,
            ..SacConfig::default()
        };
        let (once, often) = (ppo(-1), ppo(5));
        for (algorithm, every) in [(&once as &dyn Algorithm, STEPS), (&often, 5), (&sac, STEPS)] {
            let found = matrices(algorithm);
            for (t, pair) in found.windows(2).enumerate() {
                let drawn = ((t + 1) % STEPS).is_multiple_of(every);
                assert_eq!(
                    alike(&pair[0], &pair[1]),
                    !drawn,
                    "{} every {every}, step {t}: {found:?}",
                    algorithm.name()
                );
            }
            let [first, second, _] = found[0];
            assert!((first - second).abs() > 1e-3, "each environment has its own: {found:?}");
        }
    }
}
