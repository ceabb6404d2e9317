//! With the sync clock, the seed and the settings decide every byte; actors only share the work.

use crate::support::{CART_POLE, Folder, IDENTITY};

#[test]
fn actors_share_the_work_and_change_nothing() {
    let folder = Folder::new();
    let line = format!("{CART_POLE} --n-envs 5 --steps 4000 --seed 7");
    for actors in [1, 2, 4] {
        folder.ok(&format!("{line} --actors {actors} --name a{actors}"));
    }
    let one = folder.run("a1");
    assert!(one.evaluations().len() >= 3 && one.bytes("episodes.bin").len() > 1000);
    folder.run("a2").is_as(&one);
    folder.run("a4").is_as(&one);
}

#[test]
fn also_where_environments_are_stepped_one_by_one() {
    let folder = Folder::new();
    let line = format!("{IDENTITY} --n-envs 4 --steps 2000");
    folder.ok(&format!("{line} --actors 1 --name a1"));
    folder.ok(&format!("{line} --actors 3 --name a3"));
    folder.run("a3").is_as(&folder.run("a1"));
}

#[test]
fn a_run_can_be_repeated_from_its_configuration() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --seed 3 --steps 2000 --name a"));
    folder.ok("train --config runs/a/config.toml --name again");
    folder.run("again").is_as(&folder.run("a"));
}

#[test]
fn checkpoints_change_nothing() {
    let folder = Folder::new();
    let line = format!("{CART_POLE} --steps 2000");
    folder.ok(&format!("{line} --name a"));
    folder.ok(&format!("{line} --checkpoint-every 300 --name often"));
    folder.run("often").is_as(&folder.run("a"));
}

#[test]
fn another_seed_is_another_run() {
    let folder = Folder::new();
    let line = format!("{CART_POLE} --steps 2000");
    folder.ok(&format!("{line} --seed 1 --name one"));
    folder.ok(&format!("{line} --seed 2 --name two"));
    let (one, two) = (folder.run("one"), folder.run("two"));
    assert!(one.latest() != two.latest());
    assert!(one.bytes("episodes.bin") != two.bytes("episodes.bin"));
    assert_ne!(one.timeless_rows(), two.timeless_rows());
}

#[test]
fn seeds_together_are_as_each_by_itself() {
    let folder = Folder::new();
    let line = format!("{IDENTITY} --steps 1000 --n-envs 2 --actors 1");
    folder.ok(&format!("{line} --seed 4 --seeds 2 --name together"));
    folder.ok(&format!("{line} --seed 5 --name alone"));
    folder.run("together-s5").is_as(&folder.run("alone"));
}
