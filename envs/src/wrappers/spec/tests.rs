use super::*;
use crate::{EnvBuilder, Kwargs, spec};

fn error(wrapper: &str) -> String {
    let env = spec("CartPole-v1").unwrap().build(&Kwargs::new()).unwrap();
    let error = wrapper.parse::<WrapperSpec>().and_then(|spec| spec.wrap(env).map(drop));
    error.expect_err(wrapper).to_string()
}

#[test]
fn arguments_are_by_position_or_by_name() {
    let forms = [
        "FrameStackObservation(4)",
        "FrameStackObservation(4, 'reset')",
        " FrameStackObservation ( stack_size = 4 , ) ",
        "FrameStackObservation(padding_type=\"reset\", stack_size=4)",
    ];
    let specs = forms.map(|form| form.parse::<WrapperSpec>().unwrap());
    assert!(specs.iter().all(|spec| *spec == specs[0]));
    assert_ne!(specs[0], "FrameStackObservation(4, 'zero')".parse().unwrap());
    assert_eq!(specs[1].to_string(), forms[1]);
    let json = serde_json::to_string(&specs[3]).unwrap();
    assert_eq!(serde_json::from_str::<WrapperSpec>(&json).unwrap(), specs[0]);
}

#[test]
fn literals_are_pythons() {
    let read = |text: &str| Literal::read(text).unwrap();
    let ints = |ints: &[i64]| Literal::List(ints.iter().map(|i| Literal::Int(*i)).collect());
    assert_eq!(read("(84, 84)"), ints(&[84, 84]));
    assert_eq!(read("[1, (2,)]"), Literal::List(vec![Literal::Int(1), ints(&[2])]));
    assert_eq!(read("(3)"), Literal::Int(3));
    assert_eq!(read("1e-8"), Literal::Float(1e-8));
    assert_eq!([read("-inf"), read("-np.inf")], [const { Literal::Float(f64::NEG_INFINITY) }; 2]);
    assert_eq!([read("None"), read("True"), read("False")], [Literal::None, Literal::Bool(true), Literal::Bool(false)]);
    assert_eq!(read("'a, (b'"), Literal::Text("a, (b".into()));
    for text in ["", "four", "true", "(1", "'a", "1 2", "[1,,2]"] {
        assert_eq!(Literal::read(text), None, "{text}");
    }
}

#[test]
fn mistakes_are_named() {
    let cases = [
        ("FrameStack(4)", "there is no wrapper `FrameStack`; did you mean FrameStackObservation"),
        (
            "FrameStackObservation(size=4)",
            "it has no argument `size`; it takes FrameStackObservation(stack_size, padding_type='reset')",
        ),
        (
            "FrameStackObservation",
            "`stack_size` is missing; it must be an integer of 0 or more: FrameStackObservation(st",
        ),
        ("FrameStackObservation('4')", "FrameStackObservation: argument `stack_size` is '4'; it must be an integer"),
        (
            "FrameStackObservation(0)",
            "FrameStackObservation: argument `stack_size` is 0; it must be an integer of at l",
        ),
        (
            "FrameStackObservation(4, padding_type=[9, 0, 0, 0])",
            "`padding_type` is [9.0, 0.0, 0.0, 0.0]; it must be 'res",
        ),
        ("FrameStackObservation(4, stack_size=4)", "`stack_size` is given twice; leave one out"),
        ("FrameStackObservation(stack_size=4, 'zero')", "`'zero'` follows arguments by name; move it before them"),
        ("ClipAction(1)", "it takes ClipAction(); leave out `1`"),
        (
            "ClipAction",
            "ClipAction needs continuous actions, a Box of float32, but the action space is Discrete(2); leave",
        ),
        ("ClipReward", "ClipReward: argument `min_reward` is None; it must be a number where max_reward is None"),
        (
            "ClipReward(2, 1)",
            "ClipReward: argument `min_reward` is 2; it must be a number of at most max_reward, which",
        ),
        ("ClipReward(1", "the wrapper `ClipReward(1`: it must end with `)`"),
        ("ClipReward('a)", "a string is not closed; end it with '"),
        ("NormalizeReward(gamma=1.5)", "argument `gamma` is 1.5; it must be a number from 0 to 1"),
        ("NormalizeObservation(0)", "argument `epsilon` is 0; it must be a number above 0"),
    ];
    for (wrapper, expected) in cases {
        let found = error(wrapper);
        assert!(found.contains(expected), "{wrapper}: {found}");
    }
}

#[test]
fn the_table_is_sorted_and_its_defaults_are_values() {
    assert!(wrappers().is_sorted_by_key(|info| info.name));
    for info in wrappers() {
        for param in info.params {
            if let Some(default) = param.default {
                assert!((param.kind.read)(default).unwrap().is_some(), "{} {}", info.name, param.name);
            }
        }
    }
}

#[test]
fn wrappers_are_applied_innermost_first() {
    let builder = EnvBuilder::new("CartPole-v1");
    let builder = builder.wrapper("FlattenObservation").unwrap().wrapper("FrameStackObservation(2)").unwrap();
    assert_eq!(builder.make().unwrap().observation_space().shape(), [2, 4]);
    let builder = builder.wrapper("FlattenObservation()").unwrap();
    assert_eq!(builder.make_vec(3).unwrap().single_observation_space().shape(), [8]);
}

#[test]
fn functions_are_expressions_of_one_variable() {
    let rewards = |wrapper: &str| {
        let mut env = EnvBuilder::new("Scripted-v0").wrapper(wrapper).unwrap().make().unwrap();
        env.reset(Some(0)).unwrap();
        [env.step(0).unwrap().reward, env.step(0).unwrap().reward]
    };
    for wrapper in [
        "TransformReward(0.5 * r - 1)",
        "TransformReward('0.5 * reward - 1')",
        "TransformReward(func=lambda r: 0.5 * r - 1)",
    ] {
        assert_eq!(rewards(wrapper), [-0.5, 0.0], "{wrapper}");
    }
    assert_eq!(rewards("TransformReward(-(r^2))"), [-1.0, -4.0]);
    assert_eq!(rewards("TransformReward(7)"), [7.0, 7.0]);
    for (wrapper, expected) in [
        ("TransformReward(a * b)", "`a * b` has the variables a and b; a function here has one"),
        ("TransformReward(2 *)", "`2 *` is no expression such as `0.01 * x`"),
    ] {
        assert!(error(wrapper).contains(expected), "{}", error(wrapper));
    }
}
