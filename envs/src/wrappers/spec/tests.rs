use super::*;
use crate::{EnvBuilder, Kwargs, spec};

fn error_around(id: &str, wrapper: &str) -> String {
    let env = spec(id).unwrap().build(&Kwargs::new()).unwrap();
    let error = wrapper.parse::<WrapperSpec>().and_then(|spec| spec.wrap(env).map(drop));
    error.expect_err(wrapper).to_string()
}

fn error(wrapper: &str) -> String {
    error_around("CartPole-v1", wrapper)
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

#[test]
fn what_does_not_fit_is_refused() {
    let cases = [
        (
            "CartPole-v1",
            "GrayscaleObservation",
            "GrayscaleObservation needs color images, a Box(0, 255, (height, width, 3)",
        ),
        ("CartPole-v1", "ResizeObservation((4, 4))", "ResizeObservation needs images"),
        ("CartPole-v1", "AtariPreprocessing", "AtariPreprocessing needs images"),
        (
            "CartPole-v1",
            "DiscretizeObservation(4)",
            "DiscretizeObservation needs floats between finite bounds, but the obs",
        ),
        ("CartPole-v1", "FilterObservation(['obs'])", "FilterObservation needs observations of several parts"),
        ("CartPole-v1", "DiscretizeAction(4)", "DiscretizeAction needs continuous actions"),
        ("CartPole-v1", "RescaleAction(-1, 1)", "RescaleAction needs continuous actions"),
        ("CartPole-v1", "RescaleObservation(0, 1)", "`min_obs` is 0; it must be -inf where the space's bound is -inf"),
        (
            "CartPole-v1",
            "DtypeObservation('uint8')",
            "`dtype` is uint8; it must be a type that holds the bound -4.8 of Box(",
        ),
        (
            "CartPole-v1",
            "DtypeObservation('float64')",
            "`dtype` is 'float64'; it must be 'float32', 'int32' or 'uint8'",
        ),
        (
            "CartPole-v1",
            "ReshapeObservation((3, 2))",
            "`shape` is [3, 2]; it must be a shape of 4 elements, as [4] has",
        ),
        ("CartPole-v1", "MaxAndSkipObservation(1)", "`skip` is 1; it must be at least 2"),
        ("CartPole-v1", "RepeatAction(0)", "`num_repeats` is 0; it must be at least 1"),
        ("CartPole-v1", "TimeLimit(0)", "`max_episode_steps` is 0; it must be at least 1"),
        ("CartPole-v1", "StickyAction(1)", "`repeat_action_probability` is 1; it must be at least 0 and below 1"),
        (
            "CartPole-v1",
            "StickyAction(0.5, (3, 2))",
            "`repeat_action_duration` is (3, 2); it must be at least 1, and in",
        ),
        (
            "CartPole-v1",
            "TransformObservation(x, Discrete(3))",
            "`observation_space` is Discrete(3); it must be of 4 numbers",
        ),
        ("CartPole-v1", "RecordVideo('videos', fps=60)", "`fps` is 60; it must be from 1 to 50"),
        ("CartPole-v1", "RecordVideo('videos', name_prefix='a/b')", "`name_prefix` is 'a/b'; it must be what a file's"),
        (
            "CartPole-v1",
            "RecordVideo('videos', episode_trigger=0)",
            "`episode_trigger` is 0; it must be at least 1, or No",
        ),
        ("CartPole-v1", "RecordEpisodeStatistics(stats_key='')", "`stats_key` is ''; it must be the name"),
        ("Pendulum-v1", "RescaleAction(1, -1)", "`min_action` is 1; it must be at most max_action, which is -1"),
        ("Pendulum-v1", "RescaleAction(1, 1)", "`min_action` is 1; it must be below max_action, which is 1"),
        ("Pendulum-v1", "RescaleAction([1, 2], 3)", "`min_action` is 2 numbers; it must be a number, or 1 numbers"),
        ("Pendulum-v1", "DiscretizeAction((3, 4))", "`bins` is 2 integers; it must be an integer, or 1 integers"),
        ("Pendulum-v1", "DiscretizeObservation(0)", "`bins` is [0, 0, 0]; it must be of at least 1 each"),
        ("Pendulum-v1", "DiscretizeObservation(2000)", "`bins` is [2000, 2000, 2000]; it must be fewer"),
        (
            "Blackjack-v1",
            "NormalizeObservation",
            "NormalizeObservation needs observations of one shape, but the observation",
        ),
        ("Blackjack-v1", "MaxAndSkipObservation", "MaxAndSkipObservation needs observations of one shape"),
        ("Blackjack-v1", "DtypeObservation('float32')", "DtypeObservation needs observations of one type"),
        ("Blackjack-v1", "ReshapeObservation((3,))", "ReshapeObservation needs observations of one Box"),
        ("Blackjack-v1", "RescaleObservation(0, 1)", "RescaleObservation needs a Box of float32"),
        (
            "Blackjack-v1",
            "FilterObservation([0, 3])",
            "`filter_keys` is '3', not there; it must be some of these, once each: 0",
        ),
        ("Blackjack-v1", "FilterObservation([0, 0])", "`filter_keys` is '0', twice"),
        ("Blackjack-v1", "FilterObservation([])", "`filter_keys` is empty; it must be at least one part"),
        (
            "Blackjack-v1",
            "TimeAwareObservation",
            "TimeAwareObservation needs a time limit: put TimeLimit(...) inside of it",
        ),
        ("Frames-v0", "AtariPreprocessing(frame_skip=0)", "`frame_skip` is 0; it must be at least 1"),
        (
            "Frames-v0",
            "AtariPreprocessing(screen_size=(0, 4))",
            "`screen_size` is (0, 4); it must be of at least 1 each",
        ),
        ("Frames-v0", "ResizeObservation((0, 4))", "`shape` is (0, 4); it must be two integers of at least 1"),
    ];
    for (id, wrapper, expected) in cases {
        let found = error_around(id, wrapper);
        assert!(found.contains(expected), "{wrapper}: {found}");
    }
    let timed = "TimeAwareObservation(False)".parse::<WrapperSpec>().unwrap();
    let env = timed.wrap(spec("CartPole-v1").unwrap().build(&Kwargs::new()).unwrap()).unwrap();
    let error = timed.wrap(env).map(drop).unwrap_err().to_string();
    assert!(error.contains("`dict_time_key` is 'time'; it must be a name that is no part"), "{error}");
}
