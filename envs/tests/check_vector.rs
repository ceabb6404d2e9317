//! Batches beside single environments: in a process of its own, as it registers some that are wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_envs::{
    Actions, EnvBuilder, EnvSpec, Generator, Info, Kwargs, Result, RowMut, Rows, Scene, Space, SyncVectorEnv,
    TimeLimit, VectorEnv, VectorStep, check_vector_env, list, make, register,
};

/// Environments of the batch that `check_vector_env` looks at.
const ENVS: usize = 11;

/// A batch of CartPoles with a flaw.
struct Flawed(SyncVectorEnv, &'static str);

impl Flawed {
    fn new(flaw: &'static str, n: usize) -> Result<Self> {
        let (spec, limit) = (make("CartPole-v0")?.spec().clone(), if flaw == "limit" { 30 } else { 20 });
        let single = || Ok(Box::new(TimeLimit::new(spec.build(&Kwargs::new())?, limit)) as _);
        Ok(Self(SyncVectorEnv::new((0..n).map(|_| single()).collect::<Result<_>>()?)?, flaw))
    }
}

impl VectorEnv for Flawed {
    fn num_envs(&self) -> usize {
        self.0.num_envs()
    }

    fn single_observation_space(&self) -> &Space {
        self.0.single_observation_space()
    }

    fn single_action_space(&self) -> &Space {
        self.0.single_action_space()
    }

    fn reset(&mut self, seed: Option<u64>, observations: &mut Rows) -> Result<()> {
        self.0.reset(seed.map(|seed| if self.1 == "seed" { seed + 1 } else { seed }), observations)
    }

    fn step(&mut self, actions: Actions<'_>, out: &mut VectorStep) -> Result<()> {
        self.0.step(actions, out)?;
        match self.1 {
            "reward" => out.rewards[ENVS - 1] = 0.5,
            "final" => out.final_observations.clone_from(&out.observations),
            "panic" => panic!("no room"),
            _ => {}
        }
        Ok(())
    }

    fn episode_generator(&self, i: usize) -> Generator {
        if self.1 == "generator" { Generator::new(0) } else { self.0.episode_generator(i) }
    }

    fn draw(&self, i: usize, scene: &mut Scene) {
        self.0.draw(i, scene);
    }

    fn info(&self, i: usize) -> Info {
        self.0.info(i)
    }

    fn save(&self, i: usize) -> Option<Vec<u8>> {
        (self.1 != "unsaved").then(|| self.0.save(i)).flatten()
    }

    fn restore(&mut self, i: usize, state: &[u8], observation: RowMut<'_>) -> Result<()> {
        if self.1 == "forgetful" { Ok(()) } else { self.0.restore(i, state, observation) }
    }
}

#[test]
fn batches_that_are_shipped_agree_with_single_environments() {
    for spec in list().iter().filter(|spec| !spec.id.starts_with("Flawed")) {
        assert_eq!(check_vector_env(&EnvBuilder::new(&spec.id)).unwrap(), [], "{}", spec.id);
    }
}

#[test]
fn what_a_batch_does_otherwise_is_found() {
    let told = |flaw: &'static str| {
        let id = format!("Flawed-{flaw}-v0");
        let single = move |_: Kwargs| Ok(TimeLimit::new(make("CartPole-v0")?.spec().build(&Kwargs::new())?, 20));
        register(EnvSpec::new(&id, "", single).batch(move |_: Kwargs, n, _| Flawed::new(flaw, n))).unwrap();
        check_vector_env(&EnvBuilder::new(&id)).unwrap().first().map(ToString::to_string).unwrap_or_default()
    };
    for flaw in ["", "unsaved"] {
        assert_eq!(told(flaw), "");
    }
    let flaws = [
        ("seed", "another observation after 0 steps"),
        ("reward", "environment 10 of 11 has another reward after 1 steps"),
        ("limit", "another end of its episode after 20 steps"),
        ("final", "another last observation"),
        ("generator", "episode_generator(0) is another"),
        ("panic", "it panicked: no room"),
        ("forgetful", "a restored environment gave another observation"),
    ];
    for (flaw, words) in flaws {
        let told = told(flaw);
        assert!(told.contains(words), "{flaw}: {told}");
    }
}
