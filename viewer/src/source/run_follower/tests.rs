//! Runs as other processes write, cut and break them.

use super::*;
use crate::model::Model;
use crate::series::EPISODE_RETURN;
use cartwheel_trainer::run::{ActionLog, EpisodeRecord, ExtraLogs, LogPositions, MetricsRow, RunWriter};
use cartwheel_trainer::supervised::{Given, Sample};
use std::fs;

struct Fixture {
    _folder: tempfile::TempDir,
    dir: RunDir,
    follower: RunFollower,
    model: Model,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = RunDir::create(folder.path(), "run", &|dir| {
            fs::write(dir.config(), Settings::default().to_toml(false)).unwrap();
            Manifest::start("CartPole-v1", "dqn", 1, "none").save(&dir.manifest())
        });
        let dir = dir.unwrap();
        let mut model = Model::default();
        model.apply(Update::Opened(dir.path().to_owned()));
        Self { follower: RunFollower::new(0, dir.path().to_owned()), _folder: folder, dir, model }
    }

    fn write(&self, resume: Option<(u64, LogPositions)>, rows: std::ops::Range<u64>, episodes: u64) -> LogPositions {
        let writer = match resume {
            None => RunWriter::start(&self.dir, &ExtraLogs::default()).unwrap(),
            Some((step, positions)) => RunWriter::resume(&self.dir, step, positions, &ExtraLogs::default()).unwrap(),
        };
        for i in rows.clone() {
            let metrics = [("rollout/ep_rew_mean".to_owned(), i as f64)].into();
            writer.metrics(MetricsRow {
                step: i * 100,
                episodes: i,
                wall_s: i as f64,
                metrics,
                ..MetricsRow::default()
            });
        }
        for i in 0..episodes {
            writer.episode(EpisodeRecord {
                env: 0,
                episode: i,
                start_step: rows.start * 100 + i * 10,
                generator: [0; 4],
                policy_version: 0,
                return_: i as f64,
                terminated: true,
                truncated: false,
                actions: ActionLog::Discrete(vec![0; 10]),
                info: Default::default(),
            });
        }
        let positions = writer.sync().unwrap();
        writer.finish().unwrap();
        positions
    }

    /// Polls until nothing is left, and answers how often.
    fn follow(&mut self) -> usize {
        for polls in 1.. {
            for update in self.follower.poll() {
                self.model.apply(update);
            }
            if !self.follower.is_busy() {
                return polls;
            }
        }
        unreachable!("the loop has no end")
    }

    fn run(&self) -> &crate::model::Run {
        &self.model.runs[0]
    }

    fn rewards(&self) -> Vec<f64> {
        let series = self.run().metrics.get("rollout/ep_rew_mean");
        series.map_or(Vec::new(), |series| series.points().iter().map(|point| point.value).collect())
    }

    fn problem(&self) -> &str {
        self.run().problem.as_deref().expect("a problem")
    }
}

#[test]
fn all_of_a_run_and_then_what_is_added() {
    let mut fixture = Fixture::new();
    fixture.follow();
    assert_eq!(fixture.run().problem, None);
    assert!(fixture.run().read, "all that is there, which are no episodes yet");
    assert_eq!(fixture.run().manifest.as_ref().unwrap().env, "CartPole-v1");
    assert!(fixture.run().settings.is_some());
    assert!(!fixture.run().alive);

    let positions = fixture.write(None, 0..10, 20);
    fixture.follow();
    assert_eq!(fixture.rewards().len(), 10);
    assert_eq!(fixture.run().episodes.len(), 20);
    assert_eq!(fixture.run().step, 900);
    fixture.write(Some((900, positions)), 10..15, 0);
    assert_eq!(fixture.follow(), 1);
    assert!(fixture.rewards().into_iter().eq((0..15).map(f64::from)));
    assert!(fixture.follower.poll().is_empty());

    // An episode's point: its end in steps, how many had ended, and the time between the rows around it.
    let point = fixture.run().metrics[EPISODE_RETURN].points()[3];
    assert_eq!((point.step, point.episodes, point.value), (40, 4, 3.0));
    assert!((point.wall_s - 0.4).abs() < 1e-9);

    let lock = fixture.dir.lock().unwrap();
    fixture.follow();
    assert!(fixture.run().alive && fixture.follower.is_alive());
    drop(lock);
    fixture.follow();
    assert!(!fixture.run().alive);
}

#[test]
fn a_configuration_that_says_the_same_is_no_news() {
    let mut fixture = Fixture::new();
    fixture.follow();
    for (second, seed) in [(1, 1), (2, 1), (3, 2)] {
        let mut settings = Settings::default();
        settings.train.seed = seed;
        fs::write(fixture.dir.config(), settings.to_toml(false)).unwrap();
        let file = fs::File::options().write(true).open(fixture.dir.config()).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second)).unwrap();
        let told = fixture.follower.poll();
        let named = |wanted: fn(&Update) -> bool| told.iter().filter(|update| wanted(update)).count();
        let news = usize::from(seed != 1);
        assert_eq!(named(|update| matches!(update, Update::Settings(..))), news, "{second}");
        assert_eq!(named(|update| matches!(update, Update::Spaces(..))), news, "{second}");
    }
}

#[test]
fn a_long_run_comes_in_parts() {
    let mut fixture = Fixture::new();
    fixture.write(None, 0..20_000, 10_000);
    for update in fixture.follower.poll() {
        fixture.model.apply(update);
    }
    assert!(fixture.follower.is_busy());
    let first = fixture.rewards().len();
    assert!((1..10_000).contains(&first), "{first}");
    assert!(fixture.follow() > 3);
    assert_eq!(fixture.rewards().len(), 20_000);
    assert_eq!(fixture.run().episodes.len(), 10_000);
}

#[test]
fn a_resumed_run_is_read_anew() {
    let mut fixture = Fixture::new();
    let checkpoint = fixture.write(None, 0..5, 5);
    fixture.write(Some((400, checkpoint)), 100..110, 5);
    fixture.follow();
    assert_eq!((fixture.rewards().len(), fixture.run().episodes.len()), (15, 10));
    fixture.write(Some((400, checkpoint)), 5..7, 1);
    fixture.follow();
    assert!(fixture.rewards().into_iter().eq((0..7).map(f64::from)));
    assert_eq!(fixture.run().episodes.len(), 6);
}

#[test]
fn a_torn_last_row_waits() {
    let mut fixture = Fixture::new();
    fixture.write(None, 0..4, 0);
    let whole = fs::read(fixture.dir.metrics()).unwrap();
    fs::write(fixture.dir.metrics(), &whole[..whole.len() - 5]).unwrap();
    fixture.follow();
    assert_eq!((fixture.rewards().len(), &fixture.run().problem), (3, &None));
    fs::write(fixture.dir.metrics(), &whole).unwrap();
    fixture.follow();
    assert_eq!(fixture.rewards().len(), 4);
}

#[test]
fn what_is_wrong_is_told_once_and_recovered_from() {
    let mut fixture = Fixture::new();
    fixture.write(None, 0..4, 0);
    let manifest = fs::read_to_string(fixture.dir.manifest()).unwrap();
    let config = fs::read_to_string(fixture.dir.config()).unwrap();
    for (broken, told) in [
        (manifest[..manifest.len() / 2].to_owned(), "does not parse"),
        (manifest.replace("\"format\": 1", "\"format\": 99"), "use a newer Cartwheel"),
        (String::new(), "does not parse"),
    ] {
        fs::write(fixture.dir.manifest(), broken).unwrap();
        fixture.follow();
        assert!(fixture.problem().contains(told), "{}", fixture.problem());
        assert!(fixture.problem().contains("run.json"), "{}", fixture.problem());
        assert!(fixture.follower.poll().is_empty(), "told once");
        // The curves are there all the same.
        assert_eq!(fixture.rewards().len(), 4);
        fs::write(fixture.dir.manifest(), &manifest).unwrap();
        fixture.follow();
        assert_eq!(fixture.run().problem, None);
    }
    fs::write(fixture.dir.config(), "[train]\nseeed = 3").unwrap();
    fixture.follow();
    assert!(fixture.problem().contains("seeed"), "{}", fixture.problem());
    fs::write(fixture.dir.config(), config).unwrap();
    fixture.follow();
    assert_eq!(fixture.run().problem, None);
}

#[test]
fn a_broken_row_does_not_hide_the_rest() {
    let mut fixture = Fixture::new();
    fixture.write(None, 0..6, 3);
    let whole = fs::read_to_string(fixture.dir.metrics()).unwrap();
    fs::write(fixture.dir.metrics(), whole.replacen("{\"step\":300", "{step:300", 1)).unwrap();
    fixture.follow();
    fixture.follow();
    assert!(
        fixture.problem().contains("metrics.jsonl") && fixture.problem().contains("row 4"),
        "{}",
        fixture.problem()
    );
    assert_eq!((fixture.rewards().len(), fixture.run().episodes.len()), (3, 3));
    fs::write(fixture.dir.metrics(), whole).unwrap();
    fixture.follow();
    assert_eq!((fixture.rewards().len(), &fixture.run().problem), (6, &None));
}

#[test]
fn a_folder_that_goes_away_and_comes_back() {
    let mut fixture = Fixture::new();
    fixture.write(None, 0..4, 2);
    fixture.follow();
    let (here, away) = (fixture.dir.path().to_owned(), fixture.dir.path().with_file_name("away"));
    fs::rename(&here, &away).unwrap();
    fixture.follow();
    assert!(fixture.problem().contains("was deleted"), "{}", fixture.problem());
    assert_eq!(fixture.rewards().len(), 4);
    fs::rename(&away, &here).unwrap();
    fixture.follow();
    assert_eq!((fixture.rewards().len(), &fixture.run().problem), (4, &None));

    // Deleted file by file.
    fs::remove_file(fixture.dir.metrics()).unwrap();
    fixture.follow();
    assert!(fixture.rewards().is_empty());
    assert_eq!(fixture.run().episodes.len(), 2);
    fs::remove_dir_all(&here).unwrap();
    fixture.follow();
    assert!(fixture.problem().contains("was deleted"), "{}", fixture.problem());
}

#[test]
fn what_is_no_run_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut follower = RunFollower::new(3, folder.path().join("none"));
    let updates = follower.poll();
    let [Update::Problem(3, problem)] = &updates[..] else { panic!("{updates:?}") };
    assert!(problem.contains("is not a run"), "{problem}");
    assert!(!follower.is_busy());
}

#[test]
fn checkpoints_are_listed_by_their_steps() {
    let mut fixture = Fixture::new();
    let listed = |fixture: &mut Fixture| {
        fixture.follower.poll().into_iter().for_each(|update| fixture.model.apply(update));
        fixture.model.runs[0].checkpoints.clone()
    };
    assert!(listed(&mut fixture).is_empty());
    let checkpoints = Checkpoints::new(fixture.dir.checkpoints(), 2);
    for step in [100, 200, 300] {
        checkpoints.save(step, &()).unwrap();
    }
    assert_eq!(listed(&mut fixture), [200, 300], "the newest two are kept");
    let told = fixture.follower.poll();
    assert!(!told.iter().any(|update| matches!(update, Update::Checkpoints(..))), "once is enough: {told:?}");
}

#[test]
fn samples_are_read_when_they_change_and_damaged_ones_are_told() {
    let mut fixture = Fixture::new();
    fixture.follow();
    assert_eq!(fixture.run().samples, None);
    let sample = Sample { given: Given::Text("a".into()), expected: "b".into() };
    let samples = Samples { part: "validation".into(), samples: vec![sample], looks: Vec::new() };
    samples.write(&fixture.dir.samples()).unwrap();
    let bytes = fs::read(fixture.dir.samples()).unwrap();
    fs::write(fixture.dir.samples(), &bytes[..bytes.len() / 2]).unwrap();
    fixture.follow();
    assert!(fixture.problem().contains("samples.bin is damaged"), "{}", fixture.problem());
    fixture.follow();
    assert!(fixture.run().problem.is_some(), "it still is");
    fs::write(fixture.dir.samples(), &bytes).unwrap();
    fixture.follow();
    assert_eq!(fixture.run().problem, None);
    assert_eq!(fixture.run().samples.as_ref(), Some(&samples));
    let told = fixture.follower.poll();
    assert!(!told.iter().any(|update| matches!(update, Update::Samples(..))), "once is enough: {told:?}");
}
