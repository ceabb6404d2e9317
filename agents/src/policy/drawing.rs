//! Actions that are drawn from a policy's distribution, as actors of PPO and SAC draw them, in the place of the best.

use cartwheel_envs::{ActionRows, Generator, OwnedAction, Row};

use super::Policy;

impl Policy {
    /// Whether its actions have chances: those of PPO, A2C, IMPALA, REINFORCE, SAC, TQC and behaviour cloning do. What learns values
    /// of actions, or a single action as TD3 does, knows the best only.
    pub fn has_chances(&self) -> bool {
        self.head().has_chances()
    }

    /// An action for one observation, drawn by `rng`; the best where actions have no [chances](Self::has_chances). It is
    /// Stable-Baselines3's `predict` with `deterministic=False`, but that with state-dependent exploration each action is drawn by
    /// itself.
    pub fn sample(&mut self, observation: Row<'_>, rng: &mut Generator) -> OwnedAction {
        let mut action = self.acting.actions.rows(1);
        self.choose(std::iter::once(observation), std::slice::from_mut(rng), &mut action);
        action.get(0).to_owned()
    }

    /// The same for as many observations as `actions` has rows, as the environment takes them. `rngs` are one for all rows, or one
    /// for each.
    ///
    /// # Panics
    /// If there is none.
    pub fn sample_batch<'r>(
        &mut self,
        observations: impl IntoIterator<Item = Row<'r>>,
        rngs: &mut [Generator],
        actions: &mut ActionRows,
    ) {
        assert!(!rngs.is_empty(), "nothing to draw by");
        self.choose(observations, rngs, actions);
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Space;

    use super::*;
    use crate::algorithm::Acting;
    use crate::features::Features;
    use crate::head::{ActionHead, Head};
    use crate::nn::{Activation, Mlp};

    /// A policy that answers `outputs` whatever it sees.
    fn answering(head: Head, actions: &Space, outputs: &[f32]) -> Policy {
        let seen = Space::box_f32(vec![-1.0], vec![1.0]);
        let of = ActionHead::new(head, actions).expect("a fitting space");
        let mlp = Mlp::new(1, &[], of.outputs(), Activation::Tanh);
        let mut tensors = mlp.tensors(&mlp.init(&mut Generator::new(1)));
        for tensor in &mut tensors {
            tensor.values = if tensor.name == "0.bias" { outputs.to_vec() } else { vec![0.0; outputs.len()] };
        }
        let find = |name: &str| tensors.iter().find(|tensor| tensor.name == name).cloned();
        let parameters = mlp.flatten(find).expect("its own tensors");
        let acting = Acting { features: Features::new(&seen).expect("a fitting space"), actions: of, mlp };
        Policy::new(&seen, actions, acting, parameters)
    }

    #[test]
    fn counted_actions_are_drawn_by_their_chances() {
        let logits = [0.5_f32.ln(), 0.2_f32.ln(), 0.3_f32.ln()];
        let actions = Space::Discrete { n: 3, start: 4 };
        let mut policy = answering(Head::Categorical, &actions, &logits);
        let (mut rngs, mut drawn) = ([Generator::new(7)], policy.actions(30_000));
        policy.sample_batch(std::iter::repeat_n(Row::F32(&[0.3]), 30_000), &mut rngs, &mut drawn);
        let ActionRows::Discrete(drawn) = &drawn else { panic!("counted") };
        for (action, chance) in [(4, 0.5), (5, 0.2), (6, 0.3)] {
            let share = drawn.iter().filter(|found| **found == action).count() as f64 / 30_000.0;
            assert!((share - chance).abs() < 0.015, "{action}: {share}");
        }
        assert_eq!(policy.act(Row::F32(&[0.3])), OwnedAction::Discrete(4));
    }

    #[test]
    fn numbers_are_drawn_around_their_mean() {
        let actions = Space::box_f32(vec![-2.0], vec![2.0]);
        let mut policy = answering(Head::SquashedGaussian, &actions, &[0.4, 0.5_f32.ln()]);
        let (mut rng, mut sum, mut squares) = (Generator::new(3), 0.0, 0.0);
        for _ in 0..20_000 {
            let OwnedAction::Continuous(action) = policy.sample(Row::F32(&[0.3]), &mut rng) else { panic!("numbers") };
            assert!(action[0].abs() <= 2.0);
            let own = f64::from((action[0] / 2.0).atanh());
            (sum, squares) = (sum + own, squares + own * own);
        }
        let mean = sum / 20_000.0;
        let deviation = (squares / 20_000.0 - mean * mean).sqrt();
        assert!((mean - 0.4).abs() < 0.02 && (deviation - 0.5).abs() < 0.02, "{mean} {deviation}");
    }

    /// Each row by its own generator, so that what is drawn depends on no other row.
    #[test]
    fn rows_can_have_generators_of_their_own() {
        let actions = Space::discrete(50);
        let mut policy = answering(Head::Categorical, &actions, &[0.0; 50]);
        let seen = Row::F32(&[0.3]);
        let mut rngs: Vec<_> = (0..9).map(Generator::new).collect();
        let mut together = policy.actions(9);
        policy.sample_batch(std::iter::repeat_n(seen, 9), &mut rngs, &mut together);
        for i in 0..9 {
            let alone = policy.sample(seen, &mut Generator::new(i as u64));
            assert_eq!(together.get(i).to_owned(), alone, "{i}");
        }
    }

    #[test]
    fn what_has_no_chances_takes_the_best() {
        let mut policy = answering(Head::QValues, &Space::discrete(3), &[0.1, 0.9, 0.2]);
        assert!(!policy.has_chances());
        for seed in 0..20 {
            let action = policy.sample(Row::F32(&[0.3]), &mut Generator::new(seed));
            assert_eq!(action, OwnedAction::Discrete(1));
        }
    }
}
