use super::super::trials::State;
use super::*;

fn problem(text: &str) -> String {
    Spec::parse(text, "s.toml").unwrap_err().to_string()
}

#[test]
fn a_file_in_all_its_spellings() {
    let spec = Spec::parse(
        "[sweep]\nenv = \"CartPole-v1\"\nmethod = \"random\"\nn_trials = 7\nseeds = 2\n\n[parameters]\n\
         train.total_timesteps = 4000\n\"dqn.gamma\" = { min = 0.9, max = 1 }\n\
         dqn.learning_rate = { min = 1e-5, max = 1e-2, distribution = \"log_uniform\" }\n\
         dqn.batch_size = { min = 8, max = 64 }\n\n[parameters.dqn.net_arch]\nvalues = [[32], [64, 64]]\n",
        "s.toml",
    );
    let spec = spec.unwrap();
    assert_eq!((spec.n_trials(), spec.sweep.seeds, spec.base.train.total_timesteps), (7, 2, 4000));
    assert_eq!(spec.base.train.actors, ActorCount::Exactly(1));
    let of = |key: &str| spec.parameters.iter().find(|parameter| parameter.key == key).unwrap().values.clone();
    let range = |min, max, log, whole| Distribution::Range { min, max, log, whole };
    assert_eq!(of("dqn.gamma"), range(0.9, 1.0, false, false));
    assert_eq!(of("dqn.learning_rate"), range(1e-5, 1e-2, true, false));
    assert_eq!(of("dqn.batch_size"), range(8.0, 64.0, false, true));
    assert_eq!(of("dqn.net_arch"), Distribution::Values(vec![vec![32].into(), vec![64, 64].into()]));
    let values: Vec<Value> = spec
        .parameters
        .iter()
        .map(|parameter| match parameter.key.as_str() {
            "dqn.gamma" => 0.95.into(),
            "dqn.learning_rate" => 2e-4.into(),
            "dqn.batch_size" => 16.into(),
            _ => vec![64, 64].into(),
        })
        .collect();
    let params = spec.parameters.iter().map(|parameter| parameter.key.clone()).zip(values.clone()).collect();
    let trial = Trial { number: 0, params, state: State::Complete, values: vec![], value: None, problem: None };
    assert_eq!(
        spec.command(&trial),
        "cartwheel train CartPole-v1 --algo dqn --set train.total_timesteps=4000 --set dqn.gamma=0.95 \
         --set dqn.learning_rate=0.0002 --set dqn.batch_size=16 --set 'dqn.net_arch=[64,64]'"
    );
    let dqn = spec.settings(&values).unwrap().dqn;
    assert_eq!((dqn.gamma, dqn.batch_size, dqn.net_arch), (0.95, 16, vec![64, 64]));
}

#[test]
fn arguments_of_an_environment_are_searched_one_by_one() {
    let spec = |parameters: &str| {
        let text = format!("[sweep]\nenv = \"Pendulum-v1\"\nalgo = \"sac\"\n[parameters]\n{parameters}\n");
        Spec::parse(&text, "s.toml")
    };
    let range = Distribution::Range { min: 5.0, max: 15.0, log: false, whole: false };
    for text in [
        "env.args.g = { min = 5.0, max = 15.0 }",
        "\"env.args.g\" = { min = 5.0, max = 15.0 }",
        "env.args = { g = { min = 5.0, max = 15.0 } }",
        "[parameters.env.args.g]\nmin = 5.0\nmax = 15.0",
    ] {
        let spec = spec(text).unwrap();
        assert_eq!(spec.parameters, [Parameter { key: "env.args.g".into(), values: range.clone() }], "{text}");
        let env = spec.settings(&[9.5.into()]).unwrap().env;
        assert_eq!(Value::Object(env.args), serde_json::json!({ "g": 9.5 }));
    }
    let fixed = spec("env.args.g = 8.0\nsac.gamma = { values = [0.9, 0.95] }").unwrap();
    assert_eq!(fixed.settings(&[0.9.into()]).unwrap().env.args["g"], 8.0);
    for (text, words) in [
        ("env.args.gravity = { values = [1.0, 2.0] }", &["s.toml:5: parameters.env.args.gravity", "gravity", "g"][..]),
        ("env.args.g = { values = [1.0, \"much\"] }", &["s.toml:5: parameters.env.args.g", "much"]),
    ] {
        let problem = spec(text).unwrap_err().to_string();
        assert!(words.iter().all(|word| problem.contains(word)), "{text}\n{problem}");
    }
}

#[test]
fn a_grid_has_as_many_trials_as_points() {
    let grid = "[sweep]\nmethod = \"grid\"\n[parameters]\ndqn.batch_size = { values = [16, 32] }\n\
                dqn.double_q = { values = [true, false] }\n";
    assert_eq!(Spec::parse(grid, "s.toml").unwrap().n_trials(), 4);
    let few = grid.replace("\"grid\"", "\"grid\"\nn_trials = 3");
    assert_eq!(Spec::parse(&few, "s.toml").unwrap().n_trials(), 3);
    let many = grid.replace("\"grid\"", "\"grid\"\nn_trials = 30");
    assert_eq!(Spec::parse(&many, "s.toml").unwrap().n_trials(), 4);
}

#[test]
fn settings_that_are_tables_are_searched() {
    let text = "[sweep]\nenv = \"CartPole-v1\"\nalgo = \"ppo\"\nmethod = \"grid\"\n[parameters]\n\
        ppo.net_arch = { values = [[8], { pi = [4], vf = [6, 5] }] }\nppo.gamma = { values = [0.9, 0.99] }\n\
        ppo.features_extractor = { conv_filters = [[8, 3, 1]], features_dim = 32 }\n";
    let spec = Spec::parse(text, "s.toml").unwrap();
    assert_eq!(spec.n_trials(), 4);
    let table = serde_json::json!({ "pi": [4], "vf": [6, 5] });
    assert_eq!(assignment("ppo.net_arch", &table), "ppo.net_arch={pi=[4],vf=[6,5]}");
    let wrong = problem(&text.replace("vf = [6, 5]", "qf = [6]"));
    assert!(wrong.contains("s.toml:6: parameters.ppo.net_arch") && wrong.contains("vf"), "{wrong}");
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let with = |line: &str| problem(&format!("[sweep]\n[parameters]\n{line}\n"));
    for (line, words) in [
        ("dqn.learning_rat = { values = [1] }", &["s.toml:3: parameters.dqn.learning_rat", "dqn.learning_rate"][..]),
        ("dqm.gamma = { values = [1] }", &["s.toml:3", "[dqn]"]),
        ("learning_rate = { values = [1] }", &["s.toml:3: parameters.learning_rate"]),
        ("dqn.gamma = { values = [0.9, 1.5] }", &["s.toml:3", "1.5"]),
        ("dqn.gamma = { values = [] }", &["one or more values"]),
        ("dqn.gamma = { values = [0.9, 0.9] }", &["twice"]),
        ("dqn.gamma = { min = 0.9 }", &["found min"]),
        ("dqn.gamma = {}", &["none of them"]),
        ("dqn.gamma = { min = 0.99, max = 0.9 }", &["min = 0.99 must be below max = 0.9"]),
        ("dqn.gamma = { mim = 0.9, max = 0.99 }", &["unknown key mim", "nearest: min"]),
        ("dqn.gamma = { min = \"a\", max = 0.9 }", &["expected numbers"]),
        ("dqn.learning_rate = { min = 0, max = 0.1, distribution = \"log_uniform\" }", &["above 0"]),
        ("dqn.learning_rate = { min = 0.01, max = 0.1, distribution = \"lognormal\" }", &["log_uniform", "lognormal"]),
        ("dqn.gamma = { value = 3 }", &["s.toml:3", "3"]),
        ("dqn.gamma = 3", &["s.toml:3", "3"]),
        ("train.seed = { values = [1, 2] }", &["the sweep sets it"]),
        ("", &["nothing to search"]),
        ("dqn.gamma = 0.9", &["nothing to search"]),
    ] {
        let problem = with(line);
        assert!(words.iter().all(|word| problem.contains(word)), "{line}\n{problem}");
    }
    assert!(problem("[sweep]\nmetod = \"grid\"\n").contains("s.toml:2: sweep.metod"), "the section's own keys");
    assert!(problem("[sweep]\nmethod = \"grd\"\n").contains("nearest: \"grid\""));
    assert!(
        problem("[sweep]\nenv = \"Nope-v0\"\n[parameters]\ndqn.double_q = { values = [true] }\n").contains("Nope-v0")
    );
    let grid = problem("[sweep]\nmethod = \"grid\"\n[parameters]\n\ndqn.gamma = { min = 0.9, max = 0.99 }\n");
    assert!(grid.contains("s.toml:5: parameters.dqn.gamma: a grid needs values"), "{grid}");
    // Every problem, not only the first.
    let both = problem("[sweep]\n[parameters]\ndqn.gama = { values = [1] }\ndqn.gamma = { min = 1, max = 0 }\n");
    assert_eq!(both.lines().count(), 2, "{both}");
}
