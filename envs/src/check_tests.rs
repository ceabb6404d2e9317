use super::*;
use crate::{Action, Dtype, EnvSpec, KeyBindings, Kwargs, Rgba, StateVariable, Style, TimeLimit, forward_env, list};

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
        match self.flaw {
            "actions" => Space::discrete(0),
            "action kind" => Space::Tuple(vec![Space::discrete(2)]),
            _ => Space::discrete(2),
        }
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
        let reward = match self.flaw {
            "reward" => f64::NAN,
            "huge reward" => 1e300,
            _ => 0.0,
        };
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
        scene.bounds([0.0, 0.0], [size, 1.0]).circle([0.0; 2], 1.0, Style::fill(Rgba::rgb(0, 0, 0)));
        if self.flaw == "torn image" {
            scene.image([0.0; 2], [1.0; 2], 2, vec![0; 7]);
        }
    }

    fn key_bindings(&self) -> KeyBindings {
        match self.flaw {
            "key of another action" => KeyBindings::turn_based().key(Key::Left, 2, "beyond"),
            "key twice" => KeyBindings::turn_based().key(Key::Left, 0, "wait").key(Key::Left, 1, "go"),
            "capital key" => KeyBindings::turn_based().key(Key::Char('W'), 0, "wait"),
            "standstill" => KeyBindings::held(0).key(Key::Left, 0, "wait"),
            _ => KeyBindings::turn_based().key(Key::Left, 0, "wait"),
        }
    }

    fn info(&self) -> crate::Info {
        assert_ne!(self.flaw, "info");
        let success = match self.flaw {
            "success" => serde_json::json!(7),
            "unknown success" => serde_json::json!(f64::NAN),
            _ => serde_json::json!(self.elapsed >= 7.0),
        };
        [("is_success".to_owned(), success)].into_iter().collect()
    }

    fn action_mask(&self, _valid: &mut [bool]) -> bool {
        assert_ne!(self.flaw, "mask");
        false
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
        ("huge reward", "reward"),
        ("draw", "draw"),
        ("torn image", "draw"),
        ("key of another action", "keys"),
        ("key twice", "keys"),
        ("capital key", "keys"),
        ("standstill", "keys"),
        ("info", "panic"),
        ("success", "info"),
        ("unknown success", "info"),
        ("mask", "panic"),
        ("action kind", "action space"),
        ("names", "names"),
        ("action names", "names"),
        ("grid", "grid"),
        ("forgetful", "save and restore"),
        ("unrestored", "save and restore"),
    ];
    for (flaw, rule) in flaws {
        let broken = || Broken { flaw, ..Broken::default() };
        let found = check_env(&mut broken());
        assert!(found.iter().any(|violation| violation.rule == rule), "{flaw}: {found:?}");
        // A time limit hides nothing.
        let found = check_env(&mut TimeLimit::new(broken(), 100));
        assert!(found.iter().any(|violation| violation.rule == rule), "{flaw} with a time limit: {found:?}");
    }
    for flaw in ["", "unsaved"] {
        assert_eq!(check_env(&mut Broken { flaw, ..Broken::default() }), []);
    }
}

/// Nothing can be done with them, so nothing is made of them.
#[test]
fn bad_spaces_are_refused_when_it_is_made() {
    for (flaw, words) in [
        ("bounds", "Broken-v0: its observation space: element 0 lies between 1 and 0"),
        ("actions", "Broken-v0: its action space: Discrete(0) has no element"),
        ("action kind", "Broken-v0: its action space: environments take no actions from Tuple(Discrete(2))"),
    ] {
        let make = move |_: Kwargs| Ok(Broken { flaw, ..Broken::default() });
        let told = EnvSpec::new("Broken-v0", "", make).build(&Kwargs::new()).err().map(|error| error.to_string());
        assert!(told.as_ref().is_some_and(|told| told.starts_with(words)), "{told:?}");
    }
}

/// Where hindsight asks what another goal would have paid, it must hear what steps pay.
#[test]
fn rewards_are_those_of_goals() {
    /// Shows its two goals, and pays for reaching them but for its flaw.
    struct Goals(Broken);

    impl Env for Goals {
        fn action_space(&self) -> Space {
            Space::discrete(2)
        }

        fn observation_space(&self) -> Space {
            Space::dict([("achieved_goal", Space::discrete(9)), ("desired_goal", Space::discrete(9))])
        }

        fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
            self.0.elapsed = 0.0;
            observation.write(&[0, 7]);
            Ok(())
        }

        fn step(&mut self, _: Action<'_>, _: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
            self.0.elapsed += 1.0;
            observation.write(&[self.0.elapsed as i32, 7]);
            let terminated = self.0.elapsed == 7.0;
            let reward = if terminated || self.0.flaw == "generous" { 0.0 } else { -1.0 };
            Ok(Step { reward, terminated, truncated: false })
        }

        fn compute_reward(&self, achieved: Row<'_>, desired: Row<'_>) -> Option<f64> {
            (self.0.flaw != "silent").then(|| if achieved == desired { 0.0 } else { -1.0 })
        }
    }
    let found = |flaw| check_env(&mut Goals(Broken { flaw, ..Broken::default() }));
    // Who is silent is not for hindsight.
    for flaw in ["", "silent"] {
        assert_eq!(found(flaw), [], "{flaw}");
    }
    assert_eq!(found("generous").first().map(|violation| violation.rule), Some("goals"));
}
