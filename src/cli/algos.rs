//! `cartwheel algos`

use std::process::ExitCode;

use crate::envs::Space;
use crate::trainer::{Algo, Settings};
use serde_json::json;

use super::Result;
use super::output::Output;

pub(crate) fn run(output: Output) -> Result {
    let algos: Vec<_> = Algo::all()
        .iter()
        .map(|algo| {
            let tuned: Vec<_> = Settings::tuned(*algo).collect();
            // Every algorithm sees observations by way of the same features; hindsight looks for goals among them.
            let any = ["Box", "Discrete", "MultiDiscrete", "MultiBinary", "Tuple", "Dict"];
            let observations = if *algo == Algo::Her { &["Dict"][..] } else { &any };
            let actions = [
                ("Box", Space::box_f32(vec![0.0], vec![1.0])),
                ("Discrete", Space::discrete(2)),
                ("MultiDiscrete", Space::MultiDiscrete { nvec: vec![2], start: vec![0] }),
                ("MultiBinary", Space::MultiBinary { n: 2 }),
            ];
            let taken = actions.iter().filter(|(_, space)| algo.takes(space));
            let actions: Vec<_> = taken.map(|(name, _)| *name).collect();
            json!({"name": algo.to_string(), "title": algo.summary(), "observations": observations, "actions": actions, "tuned": tuned})
        })
        .collect();
    output.print(&algos, || {
        let line = |a: &serde_json::Value| {
            let list = |key: &str| {
                let items = a[key].as_array().into_iter().flatten().filter_map(|item| item.as_str());
                let items = items.collect::<Vec<_>>().join(", ");
                if items.is_empty() { "none".into() } else { items }
            };
            let name = a["name"].as_str().unwrap_or_default();
            format!(
                "{name}  {}\n  observations: {}; actions: {}; tuned for: {}",
                a["title"].as_str().unwrap_or_default(),
                list("observations"),
                list("actions"),
                list("tuned")
            )
        };
        algos.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(ExitCode::SUCCESS)
}
