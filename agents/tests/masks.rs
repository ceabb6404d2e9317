//! Learning where not every action is valid: targets against plain loops, and what an action that never is has to stay.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_agents::a2c::{A2c, A2cConfig};
use cartwheel_agents::discrete_sac::{DiscreteSac, DiscreteSacConfig};
use cartwheel_agents::dqn::{Dqn, DqnConfig};
use cartwheel_agents::nn::{Activations, Device, Mlp};
use cartwheel_agents::ppo::{Ppo, PpoConfig};
use cartwheel_agents::pqn::{Pqn, PqnConfig};
use cartwheel_agents::{
    Acting, Algorithm, Batch, Learner as _, OffPolicy as _, OnPolicy, Progress, RolloutBatch, masked,
};
use cartwheel_envs::{ActionRows, Generator, Space};

const N: usize = 32;
const ACTIONS: usize = 4;

/// Three numbers and flags for four actions.
fn acting(config: &dyn Algorithm) -> Acting {
    let observation = Space::dict([
        ("action_mask", Space::multi_binary(ACTIONS)),
        ("observation", Space::box_f32(vec![-1.0; 3], vec![1.0; 3])),
    ]);
    let acting = Acting::new(config, &observation, &Space::discrete(ACTIONS as i32)).unwrap();
    assert_eq!((acting.features.width(), acting.features.masked()), (3, ACTIONS), "flags are not seen");
    acting
}

fn draw(rng: &mut Generator, n: usize) -> Vec<f32> {
    (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect()
}

/// Flags by chance, of which those of action 2 are never set and those of one other always are.
fn flags(rng: &mut Generator, n: usize) -> Vec<bool> {
    let mut valid: Vec<bool> = (0..n * ACTIONS).map(|_| rng.random() < 0.5).collect();
    for row in valid.chunks_exact_mut(ACTIONS) {
        (row[2], row[[0, 1, 3][rng.below(3) as usize]]) = (false, true);
    }
    valid
}

/// For each row an action that is valid.
fn choose(valid: &[bool]) -> Vec<i32> {
    valid.chunks_exact(ACTIONS).map(|row| row.iter().rposition(|valid| *valid).unwrap() as i32).collect()
}

fn batch(rng: &mut Generator) -> Batch {
    let mut batch = Batch::default();
    batch.resize_masked(N, 3, ACTIONS);
    (batch.observations, batch.next_observations) = (draw(rng, 3 * N), draw(rng, 3 * N));
    (batch.masks, batch.next_masks) = (flags(rng, N), flags(rng, N));
    (batch.returns, batch.discounts) = (draw(rng, N), (0..N).map(|i| if i % 5 == 0 { 0.0 } else { 0.9 }).collect());
    batch.actions = ActionRows::Discrete(choose(&batch.masks));
    batch
}

/// The outputs of a network, row by row.
fn outputs(mlp: &Mlp, parameters: &[f32], x: &[f32]) -> Vec<Vec<f32>> {
    let (n, mut scratch) = (x.len() / mlp.inputs(), Activations::default());
    let rows = mlp.forward(parameters, x, n, &mut scratch).chunks_exact(mlp.output_stride());
    rows.take(n).map(|row| row[..mlp.outputs()].to_vec()).collect()
}

/// The best valid action, the slow way.
fn best(q: &[f32], valid: &[bool]) -> usize {
    (0..q.len()).filter(|i| valid[*i]).max_by(|a, b| q[*a].total_cmp(&q[*b])).unwrap()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-4, "row {i}: {found} and not {expected}");
    }
}

#[test]
fn q_learning_bootstraps_from_valid_actions_alone() {
    for double_q in [false, true] {
        let config = DqnConfig { net_arch: vec![16], double_q, learning_rate: 0.05.into(), ..DqnConfig::default() };
        let (acting, mut rng) = (acting(&config), Generator::new(4));
        let mut dqn = Dqn::new(&config, 3, ACTIONS, Device::Cpu, &mut rng).unwrap();
        let batch = batch(&mut rng);
        // The first step moves the network away from its target.
        dqn.update(&batch, Progress::default(), &mut rng).unwrap();
        let state = dqn.state().unwrap().networks.remove(0);
        let online = outputs(&acting.mlp, &state.online, &batch.next_observations);
        let target = outputs(&acting.mlp, &state.target, &batch.next_observations);
        let mut without = 0;
        let expected: Vec<f32> = (0..N)
            .map(|i| {
                let chooser = if double_q { &online[i] } else { &target[i] };
                let valid = &batch.next_masks[i * ACTIONS..(i + 1) * ACTIONS];
                without += usize::from(best(chooser, valid) != best(chooser, &[true; ACTIONS]));
                batch.returns[i] + batch.discounts[i] * target[i][best(chooser, valid)]
            })
            .collect();
        dqn.update(&batch, Progress::default(), &mut rng).unwrap();
        close(dqn.targets(), &expected);
        assert!(without > 5, "the mask decides {without} of the rows");
    }
}

/// A policy that takes two of four actions alike has the highest entropy there is. One of all four is out of its reach, and α would
/// grow for ever on the way there.
#[test]
fn discrete_sac_wants_no_more_entropy_than_valid_actions_have() {
    let config = DiscreteSacConfig { net_arch: vec![16].into(), ..DiscreteSacConfig::default() };
    let (acting, mut rng) = (acting(&config), Generator::new(6));
    let mut sac = DiscreteSac::new(config, &acting, Device::Cpu, &mut rng).unwrap();
    let mut batch = batch(&mut rng);
    batch.masks = [true, false, false, true].repeat(N);
    let mut alpha = 0.0;
    for _ in 0..50 {
        sac.update(&batch, Progress::default(), &mut rng).unwrap();
        let metric = |name: &str| sac.metrics().iter().find(|(own, _)| *own == name).unwrap().1;
        assert!(metric("train/entropy") > 0.89 * std::f32::consts::LN_2, "it takes both almost alike");
        alpha = metric("train/ent_coef");
    }
    assert!(alpha < 0.99, "{alpha}");
}

#[test]
fn discrete_sac_expects_values_of_valid_actions_alone() {
    let config = DiscreteSacConfig { net_arch: vec![16].into(), ..DiscreteSacConfig::default() };
    let (acting, mut rng) = (acting(&config), Generator::new(6));
    let mut sac = DiscreteSac::new(config, &acting, Device::Cpu, &mut rng).unwrap();
    let batch = batch(&mut rng);
    let state = sac.state().unwrap();
    let of = |i: usize, online: bool| {
        let network = &state.networks[i];
        let parameters = if online { &network.online } else { &network.target };
        outputs(&acting.mlp, parameters, &batch.next_observations)
    };
    let (logits, q1, q2) = (of(0, true), of(1, false), of(2, false));
    let expected: Vec<f32> = (0..N)
        .map(|i| {
            let valid: Vec<usize> = (0..ACTIONS).filter(|a| batch.next_masks[i * ACTIONS + a]).collect();
            let sum: f64 = valid.iter().map(|a| f64::from(logits[i][*a]).exp()).sum();
            let value = valid.iter().map(|a| {
                let p = f64::from(logits[i][*a]).exp() / sum;
                // The temperature begins at 1.
                p * (f64::from(q1[i][*a].min(q2[i][*a])) - p.ln())
            });
            batch.returns[i] + batch.discounts[i] * value.sum::<f64>() as f32
        })
        .collect();
    sac.update(&batch, Progress::default(), &mut rng).unwrap();
    close(sac.targets(), &expected);
    assert!(sac.metrics().iter().all(|(_, value)| value.is_finite()), "{:?}", sac.metrics());
    stays(&acting.mlp, &state.networks[0].online, sac.parameters());
}

/// Two steps of three environments; the first ends in the first step for good, the second is cut off then.
fn rollout(acting: &Acting, parameters: &[f32], rng: &mut Generator) -> RolloutBatch {
    let (observations, masks) = (draw(rng, 18), flags(rng, 6));
    let taken = choose(&masks);
    let logits = outputs(&acting.mlp, parameters, &observations);
    let log_probs = logits.iter().enumerate().map(|(i, row)| {
        let (valid, mut buffer) = (&masks[i * ACTIONS..(i + 1) * ACTIONS], Vec::new());
        let row = masked(valid, acting.actions.shape(ACTIONS), row, &mut buffer);
        acting.actions.log_prob(row, cartwheel_envs::Action::Discrete(taken[i]))
    });
    RolloutBatch {
        steps: 2,
        envs: 3,
        log_probs: log_probs.collect(),
        actions: ActionRows::Discrete(taken.clone()),
        rewards: draw(rng, 6),
        terminated: vec![true, false, false, false, false, false],
        truncated: vec![false, true, false, false, false, false],
        final_observations: draw(rng, 6),
        last_observations: draw(rng, 9),
        final_masks: flags(rng, 2),
        last_masks: flags(rng, 3),
        observations,
        masks,
        ..RolloutBatch::default()
    }
}

/// What the output of action 2, which is never valid, is made by has not moved, and that of others has.
fn stays(mlp: &Mlp, before: &[f32], after: &[f32]) {
    let last = |parameters: &[f32]| {
        let tensors = mlp.tensors(parameters);
        let mut rows = vec![Vec::new(); ACTIONS];
        for tensor in &tensors[tensors.len() - 2..] {
            let each = tensor.values.len() / ACTIONS;
            rows.iter_mut().zip(tensor.values.chunks_exact(each)).for_each(|(row, data)| row.extend_from_slice(data));
        }
        rows
    };
    let (before, after) = (last(before), last(after));
    let moved: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
    assert_eq!(moved, [true, true, false, true]);
}

#[test]
fn pqn_bootstraps_from_valid_actions_alone() {
    let config = PqnConfig { net_arch: vec![16], gamma: 0.9, q_lambda: 0.0, ..PqnConfig::default() };
    let (acting, mut rng) = (acting(&config), Generator::new(8));
    let mut pqn = Pqn::new(config, &acting, Device::Cpu, &mut rng).unwrap();
    let parameters = pqn.parameters().to_vec();
    let rollout = rollout(&acting, &parameters, &mut rng);
    let max = |x: &[f32], valid: &[bool]| -> Vec<f32> {
        let rows = outputs(&acting.mlp, &parameters, x).into_iter().zip(valid.chunks_exact(ACTIONS));
        rows.map(|(q, valid)| q[best(&q, valid)]).collect()
    };
    let (rows, finals, last) = (
        max(&rollout.observations, &rollout.masks),
        max(&rollout.final_observations, &rollout.final_masks),
        max(&rollout.last_observations, &rollout.last_masks),
    );
    let next = [0.0, finals[1], rows[5], last[0], last[1], last[2]];
    let expected: Vec<f32> = rollout.rewards.iter().zip(next).map(|(reward, next)| reward + 0.9 * next).collect();
    pqn.update(&rollout, Progress::default(), &mut rng).unwrap();
    close(pqn.targets(), &expected);
}

#[test]
fn policy_gradients_do_not_move_actions_that_are_never_valid() {
    let ppo =
        PpoConfig { net_arch: vec![16].into(), n_epochs: 3, batch_size: 4, ent_coef: 0.1, ..PpoConfig::default() };
    let a2c = A2cConfig { net_arch: vec![16].into(), ent_coef: 0.1, ..A2cConfig::default() };
    let mut rng = Generator::new(9);
    let of_ppo = acting(&ppo);
    let learners: [(Acting, Box<dyn OnPolicy>); 2] = [
        (of_ppo.clone(), Box::new(Ppo::new(ppo, &of_ppo, Device::Cpu, &mut rng).unwrap())),
        (acting(&a2c), Box::new(A2c::new(a2c.clone(), &acting(&a2c), Device::Cpu, &mut rng).unwrap())),
    ];
    for (acting, mut learner) in learners {
        let before = learner.parameters().to_vec();
        let rollout = rollout(&acting, &before, &mut rng);
        learner.update(&rollout, Progress::default(), &mut rng).unwrap();
        assert!(learner.metrics().iter().all(|(_, value)| value.is_finite()), "{:?}", learner.metrics());
        stays(&acting.mlp, &before, learner.parameters());
    }
}

#[test]
fn flags_of_another_number_of_actions_are_refused() {
    let observation =
        Space::dict([("action_mask", Space::multi_binary(3)), ("observation", Space::box_f32(vec![0.0], vec![1.0]))]);
    let error = Acting::new(&DqnConfig::default(), &observation, &Space::discrete(4)).unwrap_err().to_string();
    assert!(error.contains("Discrete(4) and an action_mask of 3"), "{error}");
}
