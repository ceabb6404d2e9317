use super::*;
use crate::{Action, Dtype, EnvError, Result, StateVariable, forward_env, list};

/// A counter that can be told to break each promise.
#[derive(Clone, Copy, Default)]
struct Broken {
    flaw: &'static str,
    elapsed: f32,
    episodes: f32,
}

impl Env for Broken {
    fn observation_space(&self) -> Space {
        match self.flaw {
            "bounds" => Space::box_f32(vec![1.0], vec![0.0]),
            "shape" => Space::Box { low: vec![0.0], high: vec![1.0], shape: vec![2], dtype: Dtype::F32 },
            "part" => Space::Tuple(vec![Space::discrete(2), Space::box_f32(vec![1.0], vec![0.0])]),
            "twice" => Space::dict([("a", Space::discrete(2)), ("a", Space::discrete(3))]),
            "no choice" => Space::multi_discrete(vec![2, 0]),
            "empty tuple" => Space::Tuple(Vec::new()),
            "changing space" if self.elapsed > 0.0 => Space::box_f32(vec![0.0], vec![200.0]),
            _ => Space::box_f32(vec![0.0], vec![100.0]),
        }
    }

    fn action_space(&self) -> Space {
        Space::discrete(if self.flaw == "actions" { 0 } else { 2 })
    }

    fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.elapsed = 0.0;
        self.episodes += 1.0;
        let shown = if self.flaw == "memory" { self.episodes } else { 0.0 };
        if self.flaw != "unwritten" {
            observation.write(&[shown]);
        }
        Ok(())
    }

    fn step(&mut self, _action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        self.elapsed += 1.0;
        match self.flaw {
            "outside" => observation.write(&[-self.elapsed]),
            "dtype" => observation.write(&[0_u8]),
            "failure" => return Err(EnvError::failed("out of order")),
            _ => observation.write(&[self.elapsed]),
        }
        let reward = if self.flaw == "reward" { f64::NAN } else { 0.0 };
        Ok(Step { reward, terminated: self.elapsed >= 7.0, truncated: false })
    }

    fn observation_names(&self) -> &[&str] {
        if self.flaw == "names" { &["one", "too many"] } else { &["elapsed"] }
    }

    fn action_names(&self) -> &[&str] {
        if self.flaw == "action names" { &["alone"] } else { &["wait", "go"] }
    }

    fn grid_shape(&self) -> Option<[usize; 2]> {
        (self.flaw == "grid").then_some([2, 3])
    }

    fn draw(&self, scene: &mut Scene) {
        let size = if self.flaw == "draw" { 1.0 / self.elapsed } else { 1.0 };
        scene.bounds([0.0, 0.0], [size, 1.0]);
    }

    fn save(&self) -> Option<Vec<u8>> {
        (self.flaw != "unsaved").then(|| self.elapsed.to_le_bytes().to_vec())
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        match (self.flaw, state.try_into()) {
            ("forgetful", _) => Ok(()),
            ("unrestored", _) | (_, Err(_)) => Err(EnvError::bad_state("unreadable")),
            (_, Ok(bytes)) => {
                self.elapsed = f32::from_le_bytes(bytes);
                Ok(())
            }
        }
    }
}

/// State variables are checked where there are some.
#[test]
fn state_variables_are_checked() {
    /// A counter whose count can be set: to something else than is asked for, or beside what is observed.
    struct Settable(Broken);

    impl Env for Settable {
        forward_env!(0: observation_space, action_space, reset, step);

        fn state_variables(&self) -> Vec<StateVariable> {
            vec![StateVariable::new("elapsed", self.0.elapsed.into(), 0.0..=7.0)]
        }

        fn set_state_variables(&mut self, values: &[f64], mut observation: RowMut<'_>) -> Result<()> {
            let wrong = if self.0.flaw == "moved" { 1.0 } else { 0.0 };
            self.0.elapsed = values[0] as f32 + wrong;
            let unseen = if self.0.flaw == "unseen" { 1.0 } else { 0.0 };
            observation.write(&[self.0.elapsed + unseen]);
            Ok(())
        }
    }
    let found = |flaw| check_env(&mut Settable(Broken { flaw, ..Broken::default() }));
    assert_eq!(found(""), []);
    for flaw in ["moved", "unseen"] {
        assert!(found(flaw).iter().any(|violation| violation.rule == "state variables"), "{flaw}: {:?}", found(flaw));
    }
}

#[test]
fn everything_registered_keeps_its_promises() {
    for spec in list() {
        let mut env = spec.build(&crate::Kwargs::new()).unwrap_or_else(|error| panic!("{}: {error}", spec.id));
        let violations = check_env(env.as_mut());
        assert!(violations.is_empty(), "{}: {violations:?}", spec.id);
    }
}

#[test]
fn every_broken_promise_is_found() {
    let flaws = [
        ("bounds", "observation space"),
        ("shape", "observation space"),
        ("part", "observation space"),
        ("twice", "observation space"),
        ("no choice", "observation space"),
        ("empty tuple", "observation space"),
        ("changing space", "observation space"),
        ("actions", "action space"),
        ("memory", "determinism"),
        ("unwritten", "observation"),
        ("outside", "observation"),
        ("dtype", "panic"),
        ("failure", "failure"),
        ("reward", "reward"),
        ("draw", "draw"),
        ("names", "names"),
        ("action names", "names"),
        ("grid", "grid"),
        ("forgetful", "save and restore"),
        ("unrestored", "save and restore"),
    ];
    for (flaw, rule) in flaws {
        let found = check_env(&mut Broken { flaw, ..Broken::default() });
        assert!(found.iter().any(|violation| violation.rule == rule), "{flaw}: {found:?}");
    }
    for flaw in ["", "unsaved"] {
        assert_eq!(check_env(&mut Broken { flaw, ..Broken::default() }), []);
    }
}
