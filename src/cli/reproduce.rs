//! `cartwheel reproduce`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::trainer::reproduce::{Results, Row, Table, page};
use crate::trainer::run::{Manifest, Outcome, RunDir};
use crate::trainer::{Algo, Event, TrainError, train_all};
use serde_json::json;

use super::Result;
use super::output::{Failure, Output, check_out, utf8, write};
use super::signals::Signals;
use super::train::{REVISION, headline};

#[derive(clap::Args)]
#[command(
    after_help = "Seeds that were finished before are not run again, and interrupted ones go on: start the same \
    command again to go on with a table."
)]
pub(crate) struct Args {
    /// A shipped table (zoo), or a TOML file of one.
    #[arg(default_value = "zoo")]
    table: String,
    /// Seeds of each row, from 1 on.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Only rows of this algorithm; repeatable.
    #[arg(long, value_name = "NAME")]
    algo: Vec<Algo>,
    /// Only rows of this environment; repeatable.
    #[arg(long, value_name = "ID")]
    env: Vec<String>,
    /// Folder of the runs.
    #[arg(long, default_value = "runs/reproduce", value_name = "DIR")]
    runs_dir: PathBuf,
    /// Folder of the pages, one an algorithm.
    #[arg(long, default_value = "docs/results", value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let table = Table::load(&args.table)?;
    let wanted = |row: &Row| {
        (args.algo.is_empty() || args.algo.contains(&row.algo)) && (args.env.is_empty() || args.env.contains(&row.env))
    };
    if !table.rows.iter().any(&wanted) {
        let rows: Vec<_> = table.rows.iter().map(|row| format!("{} on {}", row.algo, row.env)).collect();
        return Err(Failure::usage(format!("no row of {} is of these: it has {}", args.table, rows.join(", "))));
    }
    utf8("--runs-dir", &args.runs_dir)?;
    std::fs::create_dir_all(&args.out)
        .map_err(|error| Failure::failed(format!("cannot make the folder {}: {error}", args.out.display())))?;
    check_out("--out", &args.out.join(format!("{}.md", table.rows[0].algo)))?;
    let signals = Signals::listen().map_err(Failure::failed)?;
    let known = |row: &Row, seed: u64| {
        let run = RunDir::open(args.runs_dir.join(row.run_name(seed)));
        let manifest = run.and_then(|run| Manifest::load(&run.manifest()));
        manifest.is_ok_and(|manifest| manifest.outcome == Outcome::Finished)
    };
    // A page has all rows of its algorithm: what was finished before stays on those that are written anew.
    let all: Vec<&Row> = table.rows.iter().collect();
    let has_page = |row: &Row| all.iter().any(|other| other.algo == row.algo && wanted(other));
    let seeds_of = |row: &Row| {
        let finished = (1..).take_while(|seed| known(row, *seed)).count() as u64;
        if wanted(row) { finished.max(args.seeds) } else { finished }
    };
    let rows = (0..all.len()).filter(|row| has_page(all[*row]));
    let seeds: Vec<(usize, u64)> = rows.flat_map(|row| (1..=seeds_of(all[row])).map(move |seed| (row, seed))).collect();
    let settings = seeds.iter().map(|(row, seed)| all[*row].settings(*seed, &args.runs_dir));
    let settings = settings.collect::<std::result::Result<Vec<_>, TrainError>>()?;
    let name = |i: usize| format!("{} on {}, seed {}", all[seeds[i].0].algo, all[seeds[i].0].env, seeds[i].1);
    let listen = |i: usize, event: &Event<'_>| {
        if let Event::Ended(summary) = event {
            // Told as it comes: a table takes a while.
            eprintln!("{}: {}", name(i), headline(summary));
        }
    };
    let results = train_all(settings, &signals.stop, REVISION, &listen);
    let mut outcomes: Vec<Results> =
        table.rows.iter().map(|row| Results { row: row.clone(), summaries: Vec::new() }).collect();
    let mut problems = Vec::new();
    for (i, result) in results.into_iter().enumerate() {
        match result {
            Some(Ok(summary)) if !summary.interrupted => {
                let of = outcomes.iter_mut().find(|outcome| outcome.row == *all[seeds[i].0]);
                of.into_iter().for_each(|outcome| outcome.summaries.push(summary.clone()));
            }
            Some(Err(error)) => problems.push(format!("{}: {error}", name(i))),
            _ => {}
        }
    }
    let most = outcomes.iter().map(|outcome| outcome.summaries.len()).max().unwrap_or(0);
    let command = format!("cartwheel reproduce {} --seeds {}", args.table, args.seeds.max(most as u64));
    let pages = write_pages(args, &outcomes, &command)?;
    let value = json!({
        "pages": pages,
        "rows": outcomes.iter().map(|outcome| json!({
            "algo": outcome.row.algo.to_string(), "env": outcome.row.env, "goal": outcome.row.goal,
            "reached": outcome.reached(), "seeds": outcome.summaries,
        })).collect::<Vec<_>>(),
        "errors": problems,
    });
    output.print(&value, || {
        let pages = pages.iter().map(|page| page.display().to_string());
        pages.collect::<Vec<_>>().join("\n")
    });
    problems.iter().for_each(|problem| eprintln!("error: {problem}"));
    let failed = if problems.is_empty() { 0 } else { 1 };
    Ok(ExitCode::from(signals.exit_code().unwrap_or(failed)))
}

/// Writes the page of each algorithm of which something was run.
fn write_pages(args: &Args, outcomes: &[Results], command: &str) -> std::result::Result<Vec<PathBuf>, Failure> {
    let mut pages = Vec::new();
    for algo in Algo::all() {
        if !outcomes.iter().any(|outcome| outcome.row.algo == algo && !outcome.summaries.is_empty()) {
            continue;
        }
        let path = args.out.join(format!("{algo}.md"));
        let page = page(algo, outcomes, command);
        write(&path, page.as_bytes())?;
        pages.push(path);
    }
    Ok(pages)
}
