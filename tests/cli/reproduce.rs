//! `cartwheel reproduce`: tables of results.

use crate::support::Folder;

const TABLE: &str = "[[row]]\nalgo = \"dqn\"\nenv = \"Identity-v0\"\ngoal = 9.0\nzoo = \"none\"\n\n\
    [[row]]\nalgo = \"dqn\"\nenv = \"Bandit-v0\"\n";

#[test]
fn a_table_is_run_once_and_its_page_names_what_was_not_run() {
    let folder = Folder::new();
    folder.write("mine.toml", TABLE);
    let line = "reproduce mine.toml --seeds 1 --runs-dir runs --out pages --json";
    let json = folder.ok(&format!("{line} --env Identity-v0")).json;
    assert_eq!((json["rows"][0]["reached"].as_u64(), json["pages"][0].as_str()), (Some(1), Some("pages/dqn.md")));
    let page = std::fs::read_to_string(folder.path("pages/dqn.md")).unwrap();
    assert!(page.contains("| Identity-v0 | 1 | 10.0") && page.contains("| Bandit-v0 | not run |"), "{page}");
    // What is there is not run again, and stays on the page beside what is.
    let before = folder.run("Identity-v0-dqn-s1").bytes("run.json");
    let json = folder.ok(&format!("{line} --env Bandit-v0")).json;
    assert_eq!(json["rows"][0]["seeds"].as_array().unwrap().len(), 1);
    assert!(folder.run("Identity-v0-dqn-s1").bytes("run.json") == before);
    let page = std::fs::read_to_string(folder.path("pages/dqn.md")).unwrap();
    assert!(page.contains("| Identity-v0 | 1 |") && page.contains("| Bandit-v0 | 1 |"), "{page}");
    // With fewer seeds than there are, and on pages of algorithms that were not asked for.
    folder.ok(&format!("{line} --env Bandit-v0").replace("--seeds 1", "--seeds 2"));
    folder.write("more.toml", &format!("{TABLE}\n[[row]]\nalgo = \"ppo\"\nenv = \"Identity-v0\"\n"));
    let more = line.replace("mine.toml", "more.toml");
    let json = folder.ok(&format!("{more} --algo dqn --env Identity-v0")).json;
    assert_eq!(json["rows"][1]["seeds"].as_array().unwrap().len(), 2);
    let dqn = std::fs::read_to_string(folder.path("pages/dqn.md")).unwrap();
    assert!(dqn.contains("| Bandit-v0 | 2 |") && dqn.contains("--seeds 2"), "{dqn}");
    let json = folder.ok(&format!("{more} --algo ppo")).json;
    assert_eq!(json["pages"].as_array().unwrap().len(), 1);
    assert!(std::fs::read_to_string(folder.path("pages/dqn.md")).unwrap() == dqn);
}

#[test]
fn what_is_no_table_is_named() {
    let folder = Folder::new();
    folder.write("torn.toml", "[[row]]\nalgo = \"sarsa\"\nenv = \"a\"\n");
    folder.refused("reproduce torn.toml --json", 2, &["torn.toml", "sarsa", "dqn"]);
    folder.refused("reproduce nowhere.toml --json", 2, &["nowhere.toml", "shipped are: zoo"]);
    folder.refused("reproduce --env Nope-v1 --json", 2, &["no row of zoo", "ppo on Acrobot-v1"]);
}
