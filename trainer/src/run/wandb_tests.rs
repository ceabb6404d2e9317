use super::*;
use crate::run::{ExtraLogs, MetricsLog, RunDir, RunWriter};
use std::time::Duration;

#[test]
fn frames_are_those_of_wandb() {
    let recorded = include_str!("../../../tests/data/wandb/frames.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    for case in recorded["files"].as_array().unwrap() {
        let sizes = case["sizes"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap() as usize);
        let mut file = BEGIN.to_vec();
        for (n, size) in sizes.enumerate() {
            let payload: Vec<u8> = (0..size).map(|i| ((7 * i + n) % 251) as u8).collect();
            file.extend(frames(file.len() as u64, &payload));
        }
        assert_eq!(file.len() as u64, case["bytes"], "{case}");
        assert_eq!(u64::from(crc32fast::hash(&file)), case["crc32"], "{case}");
    }
}

/// Decodes a file whose records all fit into its first block.
fn records(path: &Path) -> Vec<Record> {
    let bytes = fs::read(path).unwrap();
    assert!(bytes.starts_with(&BEGIN) && (bytes.len() as u64) < BLOCK);
    let mut rest = &bytes[BEGIN.len()..];
    let mut records = Vec::new();
    while !rest.is_empty() {
        let length = usize::from(u16::from_le_bytes(rest[4..6].try_into().unwrap()));
        assert_eq!(crc32fast::hash(&rest[6..7 + length]).to_le_bytes(), rest[..4]);
        records.push(Record::decode(&rest[7..7 + length]).unwrap());
        rest = &rest[7 + length..];
    }
    assert!(records.iter().enumerate().all(|(i, record)| record.num == i as i64 + 1));
    records
}

fn value(items: &[Item], key: &str) -> Value {
    let item = items.iter().find(|item| item.key == key).unwrap_or_else(|| panic!("no {key}"));
    serde_json::from_str(&item.value_json).unwrap()
}

/// The rows of a file, as environment steps, and how it says that the run ended.
fn told(path: &Path) -> (Vec<u64>, Option<i32>) {
    let records = records(path);
    let histories: Vec<_> = records.iter().filter_map(|record| record.history.as_ref()).collect();
    for (i, history) in histories.iter().enumerate() {
        assert_eq!((history.step.as_ref().unwrap().num, value(&history.item, "_step")), (i as i64, i.into()));
    }
    let steps = histories.iter().map(|history| value(&history.item, GLOBAL_STEP).as_u64().unwrap()).collect();
    let last = records.last().unwrap();
    assert_eq!(records.iter().filter(|record| record.exit.is_some()).count(), usize::from(last.exit.is_some()));
    (steps, last.exit.as_ref().map(|exit| exit.exit_code))
}

fn run() -> WandbRun {
    let config = serde_json::json!({"dqn": {"learning_rate": 0.001}, "env": {"id": "CartPole-v1"}});
    WandbRun {
        project: "cart".into(),
        name: "a".into(),
        config: config.as_object().unwrap().clone(),
        started: UNIX_EPOCH + Duration::from_secs(1_795_461_300),
    }
}

fn row(step: u64) -> MetricsRow {
    let metrics = [("train/loss".to_owned(), step as f64 / 8.0), ("train/odd".to_owned(), f64::NAN)].into();
    MetricsRow { step, updates: 5, episodes: 2, wall_s: 1.5, metrics }
}

/// The one file, from which its id is taken.
fn file(folder: &Path) -> (PathBuf, String) {
    find_or_make(&folder.join("wandb"), run().started).unwrap()
}

#[test]
fn a_file_says_what_wandb_needs_to_know() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = WandbLog::open(folder.path(), &run()).unwrap();
    log.append(&row(100)).unwrap();
    log.append(&row(200)).unwrap();
    log.end(false).unwrap();
    log.file.sync().unwrap();
    let (path, id) = file(folder.path());
    assert!(path.ends_with(format!("wandb/offline-run-20261123_191500-{id}/run-{id}.wandb")), "{path:?}");
    assert!(id.len() == 8 && id.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()), "{id}");
    let records = records(&path);
    assert!(records[0].header.is_some());
    let about = records[1].run.as_ref().unwrap();
    assert_eq!((about.run_id.as_str(), about.project.as_str(), about.display_name.as_str()), (&*id, "cart", "a"));
    assert_eq!(about.start_time.as_ref().unwrap().seconds, 1_795_461_300);
    assert_eq!(value(&about.config.as_ref().unwrap().update, "dqn")["learning_rate"], 0.001);
    assert_eq!(records[3].metric.as_ref().unwrap().step_metric, GLOBAL_STEP);
    let history = &records[5].history.as_ref().unwrap().item;
    for (key, expected) in [
        ("train/loss", 12.5.into()),
        ("time/total_timesteps", 100.into()),
        ("time/episodes", 2.into()),
        ("train/n_updates", 5.into()),
        ("_runtime", 1.5.into()),
        ("_timestamp", Value::from(1_795_461_301.5)),
    ] {
        assert_eq!(value(history, key), expected, "{key}");
    }
    assert_eq!(history.iter().find(|item| item.key == "train/odd").unwrap().value_json, "NaN");
    assert_eq!(value(&records[6].summary.as_ref().unwrap().update, "train/loss"), 25.0);
    assert_eq!(told(&path), (vec![100, 200], Some(0)));
}

#[test]
fn resuming_loses_no_row_and_doubles_none() {
    let runs = tempfile::tempdir().unwrap();
    let folder = RunDir::create(runs.path(), "a", &|_| Ok(())).unwrap();
    let extra = ExtraLogs { csv: true, wandb: Some(run()) };
    let rows = |writer: &RunWriter, steps: &[u64]| steps.iter().for_each(|step| writer.metrics(row(*step)));
    let csv = || {
        let text = fs::read_to_string(folder.path().join("progress.csv")).unwrap();
        let steps = text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap());
        steps.collect::<Vec<u64>>()
    };
    let writer = RunWriter::start(&folder, &extra).unwrap();
    rows(&writer, &[1, 2]);
    let positions = writer.sync().unwrap();
    rows(&writer, &[3, 4]);
    // The run fails.
    drop(writer);
    let (path, id) = file(folder.path());
    assert_eq!((told(&path), csv()), ((vec![1, 2, 3, 4], Some(1)), vec![1, 2, 3, 4]));

    // It was uploaded, which is no longer all.
    fs::write(path.with_extension("wandb.synced"), "").unwrap();
    let writer = RunWriter::resume(&folder, 2, positions, &extra).unwrap();
    writer.sync().unwrap();
    assert_eq!((told(&path), csv()), ((vec![1, 2], None), vec![1, 2]));
    assert!(!path.with_extension("wandb.synced").exists());
    rows(&writer, &[5]);
    writer.finish().unwrap();
    assert_eq!((told(&path), csv()), ((vec![1, 2, 5], Some(0)), vec![1, 2, 5]));
    assert_eq!(file(folder.path()), (path.clone(), id));

    // Killed before the first checkpoint: from the start again, under the same id.
    RunWriter::start(&folder, &extra).unwrap().finish().unwrap();
    assert_eq!((told(&path), csv()), ((vec![], Some(0)), vec![]));
    assert!(MetricsLog::read(&folder.metrics()).unwrap().is_empty());
}
