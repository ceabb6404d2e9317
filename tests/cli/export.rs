//! Files of ONNX: ONNX Runtime answers them as we do. `tests/python/setup.sh` installs it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use cartwheel::agents::ppo::PpoConfig;
use cartwheel::agents::{Acting, FeaturesExtractor, Head, Judgement, Policy};
use cartwheel::envs::{Dtype, Generator, OwnedAction, Row, Rows, Space};
use cartwheel::trainer::Settings;
use cartwheel::trainer::supervised::SavedModel;
use serde_json::{Map, Value, json};

use crate::algorithms::{algorithms, is_offline, recorded, small};
use crate::support::{Folder, python};

/// Observations of each policy.
const COUNT: usize = 40;

/// What ONNX Runtime answers to each of these: a file and its inputs, each a shape and numbers.
pub(crate) fn answers(folder: &Folder, asked: &[(String, Map<String, Value>)]) -> Vec<Value> {
    let mut child = Command::new(python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/onnx_answers.py"))
        .current_dir(folder.path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines: Vec<String> =
        asked.iter().map(|(file, inputs)| json!({"file": file, "inputs": inputs}).to_string()).collect();
    // Beside reading, so that neither waits for the other.
    let writer = std::thread::spawn(move || lines.iter().try_for_each(|line| writeln!(stdin, "{line}")));
    let output = child.wait_with_output().unwrap();
    let written = writer.join().unwrap();
    assert!(written.is_ok() && output.status.success(), "ONNX Runtime refused a file");
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), asked.len());
    answers
}

pub(crate) fn numbers(answer: &Value, name: &str) -> Vec<f64> {
    answer[name][1].as_array().unwrap_or_else(|| panic!("no {name} in {answer}")).iter().map(number).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Rows of `space` as a file takes them: each part by its name.
fn inputs(space: &Space, rows: &Rows, count: usize) -> Map<String, Value> {
    let of_leaf = |leaf: cartwheel::envs::Leaf<'_>| {
        let name = if leaf.name.is_empty() { "observation".into() } else { format!("observation.{}", leaf.name) };
        let mut shape = vec![count];
        match leaf.space {
            Space::Box { shape: own, .. } => shape.extend(own),
            Space::Discrete { .. } => {}
            space => shape.push(space.width()),
        }
        let numbers: Vec<f64> =
            (0..count).flat_map(|i| leaf.range.clone().map(move |at| rows.row(i).number(at))).collect();
        (name, json!([shape, numbers]))
    };
    space.leaves().into_iter().map(of_leaf).collect()
}

/// Random observations.
fn observations(space: &Space, count: usize) -> Rows {
    let (mut rng, mut rows) = (Generator::new(9), Rows::new(space.dtype(), space.width(), count));
    (0..count).for_each(|i| space.sample(&mut rng, rows.row_mut(i)));
    // Where no action is said to be valid, all are.
    if let Some((flags, _)) = space.part("action_mask") {
        flags.for_each(|flag| rows.row_mut(0).set_number(flag, 0.0));
    }
    rows
}

fn near(found: f64, expected: f64) -> bool {
    (found.is_nan() && expected.is_nan()) || (found - expected).abs() <= 1e-4 * expected.abs().max(1.0)
}

/// Holds what a file answered to the observation of row `i` to what the policy says of it.
fn check(name: &str, policy: &mut Policy, observation: Row<'_>, i: usize, answer: &Value) {
    let judgement = policy.judge(observation);
    let action: Vec<f64> = match policy.act(observation) {
        OwnedAction::Discrete(action) => vec![action.into()],
        OwnedAction::Multi(actions) => actions.iter().map(|action| f64::from(*action)).collect(),
        OwnedAction::Continuous(numbers) => numbers.iter().map(|number| f64::from(*number)).collect(),
    };
    let found = &numbers(answer, "action")[i * action.len()..][..action.len()];
    assert!(found.iter().zip(&action).all(|(a, b)| near(*a, *b)), "{name}: {found:?} for {action:?}");
    match (&judgement, judgement.values()) {
        (_, Some(values)) => {
            let found = &numbers(answer, "q_values")[i * values.len()..][..values.len()];
            // What is not valid has no value, and counts as very low.
            let same = |(a, b): (&f64, &f32)| if b.is_nan() { *a <= -1e8 } else { near(*a, f64::from(*b)) };
            assert!(found.iter().zip(values).all(same), "{name}: {found:?} for {values:?}");
        }
        (Judgement::Probabilities(chances), _) => {
            let logits = &numbers(answer, "logits")[i * chances.len()..][..chances.len()];
            if let Space::Discrete { .. } = policy.action_space() {
                let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
                let same = |(logit, chance): (&f64, &f32)| near(logit.exp() / sum, f64::from(*chance));
                assert!(logits.iter().zip(chances).all(same), "{name}: {logits:?} for {chances:?}");
            }
        }
        (Judgement::Gaussian { std, .. }, _) if policy.head() == Head::Gaussian && answer.get("log_std").is_some() => {
            let found = &numbers(answer, "log_std")[i * std.len()..][..std.len()];
            assert!(found.iter().zip(std).all(|(a, b)| near(a.exp(), f64::from(*b))), "{name}: {found:?} for {std:?}");
        }
        _ => {}
    }
}

#[test]
fn policies_of_every_kind_answer_the_same_in_onnx_runtime() {
    let folder = Folder::new();
    let mut runs: Vec<(String, String)> = Vec::new();
    for (algo, counted) in algorithms(&folder) {
        let env = if algo == "her" { "BitFlip-v0" } else { ["Pendulum-v1", "CartPole-v1"][usize::from(counted)] };
        let from =
            if is_offline(&algo) { recorded(&folder, env, &format!("{algo}-data")) } else { "--n-envs 4".into() };
        runs.push((algo.clone(), format!("{env} --algo {algo} {} {from}", small(&algo))));
    }
    for (name, algo, env, rest) in [
        ("categorical-dueling", "dqn", "CartPole-v1", "--set dqn.dueling=true --set dqn.distributional=true"),
        ("implicit-dueling", "iqn", "CartPole-v1", "--set iqn.dueling=true --set iqn.net_arch=[12]"),
        ("implicit-deep", "iqn", "CartPole-v1", "--set iqn.dueling=true --set iqn.net_arch=[24,12]"),
        ("implicit-pictures", "iqn", "MinAtar/Breakout-v1", ""),
        ("noisy", "dqn", "CartPole-v1", "--set dqn.noisy=true"),
        ("gaussian", "ppo", "Pendulum-v1", "--set ppo.activation_fn=elu"),
        ("leaky", "a2c", "CartPole-v1", "--set a2c.activation_fn=leaky_relu"),
        ("gaussian-sde", "ppo", "Pendulum-v1", "--set ppo.use_sde=true"),
        ("squashed-sde", "sac", "Pendulum-v1", "--set sac.use_sde=true"),
        ("pictures", "dqn", "MinAtar/Breakout-v1", "--set dqn.dueling=true"),
        ("colors", "ppo", "Frames-v0", ""),
        ("stacked-colors", "dqn", "Frames-v0", "--wrapper FrameStackObservation(2)"),
        ("timed-colors", "dqn", "Frames-v0", "--wrapper TimeAwareObservation(flatten=False)"),
        (
            "timed-memory",
            "recurrent-ppo",
            "Frames-v0",
            "--wrapper TimeAwareObservation(flatten=False) \
             --set recurrent-ppo.features_extractor={conv_filters=[[5,3,2],[18,2,1]],features_dim=21}",
        ),
        ("number", "dqn", "Taxi-v4", ""),
        ("tuple", "qrdqn", "Blackjack-v1", ""),
        ("masked-values", "rainbow", "Taxi-v4", "--wrapper ActionMaskObservation"),
        ("masked-logits", "ppo", "Taxi-v4", "--wrapper ActionMaskObservation"),
    ] {
        runs.push((name.into(), format!("{env} --algo {algo} {} {rest} --n-envs 4", small(algo))));
    }
    let mut names = Vec::new();
    for (name, line) in runs {
        folder.ok(&format!(
            "train {line} --steps 600 --seed 3 --name {name} --set train.stop_when_solved=false \
             --set eval.n_eval_episodes=2 --set eval.max_episode_steps=50"
        ));
        let output = folder.ok(&format!("export runs/{name} --out {name}.onnx --json")).json;
        let wrappers = match name.split('-').next() {
            Some("masked") => json!(["ActionMaskObservation"]),
            Some("stacked") => json!(["FrameStackObservation(2)"]),
            Some("timed") => json!(["TimeAwareObservation(flatten=False)"]),
            _ => json!([]),
        };
        assert_eq!(output["wrappers"], wrappers, "{name}");
        names.push(name);
    }
    let policies = names.iter().map(|name| (name.clone(), Policy::load(&best(&folder, name)).unwrap())).collect();
    same(&folder, policies);
}

/// Holds what ONNX Runtime answers to random observations, by each policy's file, to the policy.
fn same(folder: &Folder, mut policies: Vec<(String, Policy)>) {
    let asked: Vec<_> = policies
        .iter()
        .map(|(name, policy)| {
            let space = policy.observation_space();
            let mut given = inputs(space, &observations(space, COUNT), COUNT);
            let [units, layers] = policy.mlp().lstm_shape();
            for memory in ["h_0", "c_0"].into_iter().filter(|_| layers > 0) {
                given.insert(memory.into(), json!([[layers, COUNT, units], vec![0.0; layers * COUNT * units]]));
            }
            (format!("{name}.onnx"), given)
        })
        .collect();
    for ((name, policy), answer) in policies.iter_mut().zip(answers(folder, &asked)) {
        let rows = observations(policy.observation_space(), COUNT);
        for i in 0..COUNT {
            policy.reset();
            check(name, policy, rows.row(i), i, &answer);
        }
    }
}

/// Observations of every elementary space at once, and actions of several parts, which no environment of ours has.
#[test]
fn spaces_of_every_kind_are_named_and_encoded_as_here() {
    let folder = Folder::new();
    let whole = Space::Box { low: vec![-9.0; 4], high: vec![9.0; 4], shape: vec![2, 2], dtype: Dtype::I32 };
    let parts = [
        ("box", Space::Box { low: vec![-1.0; 6], high: vec![f32::INFINITY; 6], shape: vec![2, 3], dtype: Dtype::F32 }),
        ("whole", whole),
        ("bytes", Space::image_u8(&[2, 3])),
        ("picture", Space::image_u8(&[4, 5, 3])),
        ("number", Space::Discrete { n: 4, start: -2 }),
        ("numbers", Space::MultiDiscrete { nvec: vec![3, 2], start: vec![5, 0] }),
        ("flags", Space::multi_binary(3)),
    ];
    let seen = Space::dict(parts);
    let of_shape = Space::Box {
        low: vec![-2.0, f32::NEG_INFINITY, 0.0, -1.0],
        high: vec![2.0, 0.1, 0.5, 1.0],
        shape: vec![2, 2],
        dtype: Dtype::F32,
    };
    let mut policies = Vec::new();
    for (name, actions) in [
        ("parts", Space::MultiDiscrete { nvec: vec![3, 4, 2], start: vec![0, 7, -1] }),
        ("flags", Space::multi_binary(5)),
        ("numbers", of_shape),
    ] {
        let tuple = Space::Tuple(vec![Space::discrete(3), Space::multi_binary(2)]);
        let auto = FeaturesExtractor::Auto;
        for (sees, extractor) in
            [(seen.clone(), auto.clone()), (seen.clone(), FeaturesExtractor::Flatten), (tuple, auto)]
        {
            let config = PpoConfig { features_extractor: extractor, ..PpoConfig::default() };
            let acting = Acting::new(&config, &sees, &actions).unwrap();
            let parameters = acting.mlp.init(&mut Generator::new(4));
            let policy = Policy::new(&sees, &actions, acting, parameters);
            let name = format!("{name}-{}", policies.len());
            std::fs::write(folder.path(&format!("{name}.onnx")), policy.to_onnx(&[], &[])).unwrap();
            policies.push((name, policy));
        }
    }
    same(&folder, policies);
}

/// The weights that are exported.
fn best(folder: &Folder, name: &str) -> std::path::PathBuf {
    folder.run(name).file("checkpoints/best.safetensors")
}

/// What a run's policy answers in its environment, whose wrappers normalize, is what its file answers to what these are given.
#[test]
fn normalizing_is_part_of_the_file() {
    let folder = Folder::new();
    for (name, wrappers, given, left) in [
        ("inner", "--wrapper NormalizeObservation --wrapper NormalizeReward", 0, json!([])),
        ("outer", "--wrapper NormalizeReward --wrapper NormalizeObservation(epsilon=0.1)", 0, json!([])),
        // What stands between the file and the environment comes from the second of three.
        (
            "amid",
            "--wrapper NormalizeObservation --wrapper FrameStackObservation(2) --wrapper NormalizeObservation",
            2,
            json!(["NormalizeObservation", "FrameStackObservation(2)"]),
        ),
    ] {
        folder.ok(&format!(
            "train CartPole-v1 --algo ppo {} {wrappers} --n-envs 4 --steps 2000 --name {name} --set eval.n_eval_episodes=2",
            small("ppo")
        ));
        assert_eq!(folder.ok(&format!("export runs/{name} --out {name}.onnx --json")).json["wrappers"], left);
        let settings = Settings::from_file(&folder.run(name).file("config.toml")).unwrap();
        let mut policy = Policy::load(&best(&folder, name)).unwrap();
        // The whole environment, and that which ends where the file begins, with the same statistics.
        let of = |count: usize| {
            let mut env = settings.env.clone();
            env.wrappers.truncate(count);
            let mut env = env.builder().make().unwrap();
            let behind = policy.statistics()[usize::from(count == 2)..].to_vec();
            let mut each = behind.into_iter();
            env.statistics_mut(&mut |own| {
                if let Some(statistics) = each.next() {
                    own.clone_from(&statistics);
                    own.update_running_mean = false;
                }
            });
            env
        };
        let (mut whole, mut inner) = (of(3), of(given));
        whole.reset(Some(3)).unwrap();
        inner.reset(Some(3)).unwrap();
        let space = inner.observation_space().clone();
        let mut rows = Rows::new(space.dtype(), space.width(), COUNT);
        let mut expected = Vec::new();
        for i in 0..COUNT {
            (0..space.width()).for_each(|at| rows.row_mut(i).set_number(at, inner.observation().number(at)));
            let Judgement::Probabilities(chances) = policy.judge(whole.observation()) else { panic!("chances") };
            let action = policy.act(whole.observation());
            expected.push(chances);
            if whole.step(&action).unwrap().terminated | inner.step(&action).unwrap().terminated {
                whole.reset(None).unwrap();
                inner.reset(None).unwrap();
            }
        }
        let answer = answers(&folder, &[(format!("{name}.onnx"), inputs(&space, &rows, COUNT))]).remove(0);
        for (logits, chances) in numbers(&answer, "logits").chunks(2).zip(expected) {
            let found = logits[0].exp() / (logits[0].exp() + logits[1].exp());
            assert!(near(found, f64::from(chances[0])), "{name}: {logits:?} for {chances:?}");
        }
    }
    // Weights alone do not say what stood before them.
    let output = folder.ok("export runs/inner/checkpoints/best.safetensors --out alone.onnx");
    assert!(output.stdout.contains("statistics"), "{}", output.stdout);
}

#[test]
fn what_a_policy_remembers_goes_out_and_in_again() {
    let folder = Folder::new();
    folder.ok(&format!(
        "train MaskedCartPole-v1 --algo recurrent-ppo {} --set recurrent-ppo.n_lstm_layers=2 --n-envs 4 --steps 600 --name r",
        small("recurrent-ppo")
    ));
    folder.ok("export runs/r --out r.onnx");
    let mut policy = Policy::load(&best(&folder, "r")).unwrap();
    policy.reset();
    let space = policy.observation_space().clone();
    let rows = observations(&space, 6);
    let mut memories = ["h_0", "c_0"].map(|name| (name.to_owned(), json!([[2, 1, 16], vec![0.0; 32]])));
    let mut seen = Vec::new();
    for i in 0..6 {
        let mut row = Rows::new(space.dtype(), space.width(), 1);
        (0..space.width()).for_each(|at| row.row_mut(0).set_number(at, rows.row(i).number(at)));
        let mut given = inputs(&space, &row, 1);
        given.extend(memories.clone());
        let answer = answers(&folder, &[("r.onnx".into(), given)]).remove(0);
        check("r", &mut policy, rows.row(i), 0, &answer);
        memories = [("h_0", "h_n"), ("c_0", "c_n")].map(|(to, from)| (to.to_owned(), answer[from].clone()));
        seen.push(numbers(&answer, "h_n"));
    }
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "it remembers something else after each step");
}

#[test]
fn classifiers_answer_the_same_in_onnx_runtime() {
    let folder = Folder::new();
    let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");
    let mut asked = Vec::new();
    for (model, shape) in [("mlp", vec![3, 64]), ("resnet8", vec![3, 1, 8, 8])] {
        folder.ok(&format!("fit {model} --data {digits} --epochs 1 --name {model}"));
        let output = folder.ok(&format!("export runs/{model} --out {model}.onnx --json")).json;
        assert_eq!(output["wrappers"], json!([]));
        let pixels: Vec<f32> = (0..3 * 64).map(|i| ((i * 37) % 101) as f32 / 100.0).collect();
        asked.push((format!("{model}.onnx"), Map::from_iter([("input".into(), json!([shape, pixels]))])));
    }
    for ((file, given), answer) in asked.iter().zip(answers(&folder, &asked)) {
        let model = SavedModel::open(&folder.path("runs").join(file.trim_end_matches(".onnx")), None).unwrap();
        let pixels: Vec<f32> = given["input"][1].as_array().unwrap().iter().map(|x| number(x) as f32).collect();
        let logits = numbers(&answer, "logits");
        for (logits, predicted) in logits.chunks(10).zip(model.predict(&pixels, 10).unwrap()) {
            let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
            for class in predicted {
                let chance = logits[class.class].exp() / sum;
                assert!(near(chance, f64::from(class.probability)), "{file}: {chance} for {class:?}");
            }
        }
    }
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let folder = Folder::new();
    folder.ok("train CartPole-v1 --steps 300 --set dqn.learning_starts=100 --set eval.n_eval_episodes=2 --name c");
    folder.refused("export runs/c --out c.pt", 2, &["--out c.pt", ".onnx"]);
    folder.refused("export runs/c --out no/c.onnx", 2, &["no/c.onnx"]);
    folder.refused("export runs/d --out d.onnx", 2, &["runs/d is not there"]);
    folder.write("ratings.csv", "userId,movieId\n1,1\n1,2\n1,3\n2,1\n2,2\n2,3\n");
    folder.ok("fit recommender --data ratings.csv --epochs 1 --name r");
    folder.refused("export runs/r --out r.onnx", 2, &["recommender", "safetensors"]);
    assert!(!folder.path("r.onnx").exists());
}
