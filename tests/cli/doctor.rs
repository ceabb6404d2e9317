//! What the doctor finds, while a run trains and afterwards.

use crate::support::{CART_POLE, Folder, SCRIPTED};

/// A run of which half of all actions stay random.
const ILL: &str = "--set dqn.exploration_final_eps=0.5 --steps 12288 --name ill";

#[test]
fn a_run_that_never_stops_exploring_is_told_so() {
    let folder = Folder::new();
    let trained = folder.ok(&format!("{CART_POLE} {ILL}"));
    let words = "doctor: much is still left to chance at the end (step ";
    assert_eq!(trained.stderr.matches(words).count(), 1, "{}", trained.stderr);
    assert!(trained.stderr.contains("50 % of actions are drawn at random"), "{}", trained.stderr);

    let later = folder.ok("doctor runs/ill");
    assert!(later.stdout.starts_with(words.trim_start_matches("doctor: ")), "{}", later.stdout);
    assert!(later.stdout.contains("exploration_final_eps"), "{}", later.stdout);
    let json = folder.ok("doctor runs/ill --json").json;
    assert_eq!(json["findings"][0]["name"], "late-exploration");
    assert_eq!(json["findings"].as_array().unwrap().len(), 1, "{json}");
}

/// TD3 has no ε to be lowered.
#[test]
fn a_run_that_ends_before_it_learns_is_told_of_learning_starts_alone() {
    let folder = Folder::new();
    let line =
        "train Pendulum-v1 --algo td3 --steps 200 --set td3.learning_starts=300 --set eval.n_eval_episodes=1 --name a";
    let stderr = folder.ok(line).stderr;
    assert_eq!(stderr.matches("doctor:").count(), 1, "{stderr}");
    assert!(stderr.contains("never learnt from") && stderr.contains("learning_starts"), "{stderr}");
}

#[test]
fn what_was_told_is_not_told_again_by_a_resumed_run() {
    let folder = Folder::new();
    let begin = format!("{SCRIPTED} --steps 200 --env-arg panic_at=70 --name ill --set train.log_interval=10");
    let failed = folder
        .cartwheel(&format!("{begin} --set dqn.learning_starts=10 --set dqn.batch_size=1 --set dqn.train_freq=50"));
    assert_eq!((failed.code, failed.stderr.matches("doctor: most transitions").count()), (1, 1), "{}", failed.stderr);
    let rows = folder.run("ill").rows().len();
    let resumed = folder.cartwheel("train --resume runs/ill");
    assert!(folder.run("ill").rows().len() > rows, "it did not go on: {}", resumed.stderr);
    assert!(!resumed.stderr.contains("doctor:"), "{}", resumed.stderr);
}

#[test]
fn a_healthy_run_is_let_be() {
    let folder = Folder::new();
    let trained = folder.ok(&format!("{CART_POLE} --steps 20480 --name well"));
    assert!(!trained.stderr.contains("doctor:"), "{}", trained.stderr);
    let later = folder.ok("doctor runs/well").stdout;
    assert!(later.starts_with("nothing found in ") && later.contains("many hidden units are dead"), "{later}");
}

#[test]
fn a_folder_without_a_run_is_an_error() {
    let folder = Folder::new();
    assert_ne!(folder.cartwheel("doctor runs/none").code, 0);
}
