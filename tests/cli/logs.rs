//! Metrics for other tools: `progress.csv` and offline runs of Weights & Biases.

use std::path::PathBuf;

use crate::support::{CART_POLE, Folder, Run};

const LOGS: &str = "--set run.csv=true --set run.wandb=true --set run.wandb_project=poles";

/// The rows of progress.csv as maps from column to cell.
fn csv(run: &Run) -> Vec<std::collections::BTreeMap<String, String>> {
    let text = String::from_utf8(run.bytes("progress.csv")).unwrap();
    let mut lines = text.lines();
    let columns: Vec<_> = lines.next().unwrap().split(',').map(str::to_owned).collect();
    lines.map(|line| columns.iter().cloned().zip(line.split(',').map(str::to_owned)).collect()).collect()
}

/// The one file of wandb's.
fn wandb(run: &Run) -> PathBuf {
    let mut folders = std::fs::read_dir(run.file("wandb")).unwrap().map(|entry| entry.unwrap().path());
    let folder = folders.next().unwrap();
    assert!(folders.next().is_none(), "more than one offline run");
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.starts_with("offline-run-"), "{name}");
    folder.join(format!("run-{}.wandb", name.rsplit_once('-').unwrap().1))
}

#[track_caller]
fn holds_every_row_once(run: &Run) {
    let (rows, cells) = (run.rows(), csv(run));
    assert_eq!(rows.len(), cells.len());
    for (row, cells) in rows.iter().zip(&cells) {
        assert_eq!(cells["time/total_timesteps"], row["step"].to_string());
        assert_eq!(cells["train/n_updates"], row["updates"].to_string());
        let metrics = row["metrics"].as_object().unwrap();
        let told = cells.iter().filter(|(name, _)| metrics.contains_key(*name));
        assert_eq!(told.clone().count(), metrics.len());
        for (name, cell) in told {
            assert_eq!(cell.parse::<f64>().unwrap(), metrics[name].as_f64().unwrap(), "{name}");
        }
        let empty = cells.values().filter(|cell| cell.is_empty()).count();
        assert_eq!(empty + metrics.len() + 4, cells.len(), "{cells:?}");
    }
    let file = std::fs::read(wandb(run)).unwrap();
    assert!(file.starts_with(b":W&B\xe1\xbe\x00"));
    let records = unframed(&file);
    let count = |word: &str| records.windows(word.len()).filter(|window| *window == word.as_bytes()).count();
    // Each row is in the history and in the summary.
    assert_eq!(count("time/total_timesteps"), 2 * rows.len());
    // As the project and among the settings.
    assert!(count("poles") == 2 && count("learning_rate") > 0);
}

/// What a log's records hold, end to end. They lie in blocks of 32 KiB, in pieces with 7 bytes before each: check sum, length,
/// kind. A block's end that is too short for these is left empty.
fn unframed(file: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    for (i, block) in file.chunks(32 << 10).enumerate() {
        // The file's own header.
        let mut at = if i == 0 { 7 } else { 0 };
        while at + 7 <= block.len() {
            let length = usize::from(u16::from_le_bytes([block[at + 4], block[at + 5]]));
            records.extend_from_slice(&block[at + 7..at + 7 + length]);
            at += 7 + length;
        }
    }
    records
}

#[test]
fn a_run_can_be_told_to_other_tools() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 3000 --name a {LOGS}"));
    holds_every_row_once(&folder.run("a"));
    // Nobody asked.
    folder.ok(&format!("{CART_POLE} --steps 1000 --name b"));
    assert!(!folder.run("b").file("progress.csv").exists() && !folder.run("b").file("wandb").exists());
}

#[test]
fn killed_and_resumed_every_row_is_there_once() {
    let folder = Folder::new();
    let run = folder.run("a");
    let line = format!("{CART_POLE} --steps 24000 --n-envs 4 --actors 1 --checkpoint-every 2000 --name a {LOGS}");
    let mut running = folder.spawn(&line);
    for _ in 0..2 {
        let before = run.states().pop();
        running.until(|| run.states().pop() > before);
        running.kill();
        running = folder.spawn("train --resume runs/a");
    }
    assert_eq!(running.wait().code, 0);
    holds_every_row_once(&run);
}
