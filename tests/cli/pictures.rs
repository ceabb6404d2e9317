//! Pictures: every algorithm learns from them by convolutions, the same for any number of actors and after any interruption.

use crate::algorithms::{algorithms, is_offline, small};
use crate::support::Folder;

/// Training on pictures, with the algorithm whose section this is.
fn line(algo: &str) -> String {
    format!(
        "train MinAtar/Breakout-v1 --algo {algo} {} --n-envs 4 --seed 5 --set train.stop_when_solved=false \
         --set eval.eval_freq=1000 --set eval.n_eval_episodes=2 --set run.record_episodes=false",
        small(algo)
    )
}

#[test]
fn actors_share_pictures_and_change_nothing() {
    let folder = Folder::new();
    let collecting = |algo: &str| algo != "her" && !is_offline(algo);
    for (algo, _) in algorithms(&folder).into_iter().filter(|(algo, counted)| *counted && collecting(algo)) {
        let line = format!("{} --steps 1000", line(&algo));
        folder.ok(&format!("{line} --actors 1 --name {algo}1"));
        folder.ok(&format!("{line} --actors 3 --name {algo}3"));
        folder.run(&format!("{algo}3")).is_as(&folder.run(&format!("{algo}1")));
        let weights = String::from_utf8_lossy(&folder.run(&format!("{algo}1")).latest()).into_owned();
        assert!(weights.contains("features_extractor.cnn.0.weight"), "{algo} has no convolution");
        assert!(weights.contains("minatar_cnn"), "{algo} does not say which");
        let rows = folder.run(&format!("{algo}1")).rows();
        assert!(rows.last().unwrap()["updates"].as_u64().unwrap() > 10, "{algo} has learnt nothing");
    }
}

#[test]
fn training_on_pictures_goes_on_from_its_checkpoint_as_if_nothing_had_happened() {
    let folder = Folder::new();
    for algo in ["dqn", "ppo", "recurrent-ppo"] {
        let line = format!("{} --steps 6000", line(algo));
        folder.ok(&format!("{line} --actors 1 --name {algo}"));
        let run = folder.run(&format!("{algo}-killed"));
        let mut running = folder.spawn(&format!("{line} --actors 1 --checkpoint-every 1000 --name {algo}-killed"));
        let alive = running.until(|| !run.states().is_empty());
        assert!(running.kill() && alive, "{algo} was too quick to be killed");
        folder.ok(&format!("train --resume runs/{algo}-killed --actors 2"));
        run.is_as(&folder.run(algo));
        // What was learnt plays on without the run's settings.
        folder.ok(&format!("eval runs/{algo} --episodes 2"));
    }
}

/// A `Dict` of a picture and the time, seen by convolutions of one's own, as of a file and as of the command line.
#[test]
fn a_picture_with_something_beside_it_is_seen_by_convolutions_of_ones_own() {
    let folder = Folder::new();
    let settings =
        "--wrapper TimeAwareObservation(flatten=False) --n-envs 4 --seed 2 --set train.stop_when_solved=false";
    let cnn = "{ conv_filters = [[5, 3, 2], [9, 2, 1]], features_dim = 30 }";
    for algo in ["dqn", "ppo", "iqn", "recurrent-ppo"] {
        let line = format!("train Frames-v0 --algo {algo} {} {settings} --steps 3000", small(algo));
        let own = format!("--set {algo}.features_extractor={}", cnn.replace(' ', ""));
        folder.ok(&format!("{line} {own} --name {algo}"));
        let weights = String::from_utf8_lossy(&folder.run(algo).latest()).into_owned();
        assert!(weights.contains("features_extractor.cnn.2.weight") && weights.contains("[[5, 3, 2], [9, 2, 1]]"));
        let config = std::fs::read_to_string(folder.run(algo).file("config.toml")).unwrap();
        assert!(config.contains(&format!("features_extractor = {cnn}")), "{config}");
        // What the file says of it is enough to play on.
        folder.ok(&format!("train --config runs/{algo}/config.toml --name {algo}-again"));
        folder.run(&format!("{algo}-again")).is_as(&folder.run(algo));
        folder.ok(&format!("eval runs/{algo} --episodes 2"));
    }
}

#[test]
fn what_is_no_picture_or_too_small_a_one_is_refused_with_the_reason() {
    let folder = Folder::new();
    let small = ["dqn.features_extractor", "nature_cnn", "36×36", "8×6", "minatar_cnn"];
    folder.refused("train Frames-v0 --set dqn.features_extractor=nature_cnn --steps 100", 2, &small);
    let none = ["ppo.features_extractor", "minatar_cnn", "none", "flatten"];
    folder.refused("train CartPole-v1 --algo ppo --set ppo.features_extractor=minatar_cnn --steps 100", 2, &none);
    folder.refused("train CartPole-v1 --set dqn.features_extractor=cnn", 2, &["features_extractor", "\"nature_cnn\""]);
    let own = "--set dqn.features_extractor={conv_filters=[[8,9,1]]}";
    folder.refused(&format!("train Frames-v0 {own}"), 2, &["dqn.features_extractor", "[8, 9, 1]", "9×9", "8×6"]);
    let wrong = "--set dqn.features_extractor={conv_filters=[[8,3]]}";
    folder.refused(&format!("train Frames-v0 {wrong}"), 2, &["dqn.features_extractor", "[channels, kernel, stride]"]);
    let flat = "--set dqn.features_extractor=flatten --set dqn.learning_starts=50 --name flat";
    folder.ok(&format!("train Frames-v0 {flat} --steps 200 --set train.stop_when_solved=false"));
    assert!(!String::from_utf8_lossy(&folder.run("flat").latest()).contains("cnn"));
}
