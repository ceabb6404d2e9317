//! `cartwheel algos`

use std::process::ExitCode;

use crate::trainer::{Algo, Settings};
use serde_json::json;

use super::Result;
use super::output::Output;

pub(crate) fn run(output: Output) -> Result {
    let algos: Vec<_> = Algo::ALL
        .iter()
        .map(|algo| {
            let tuned: Vec<_> = Settings::tuned(*algo).collect();
            let (title, observations, actions) = match algo {
                Algo::Dqn => ("Deep Q-network, Double, with n-step returns", ["Box", "Discrete"], ["Discrete"]),
            };
            json!({"name": algo.to_string(), "title": title, "observations": observations, "actions": actions, "tuned": tuned})
        })
        .collect();
    output.print(&algos, || {
        let line = |a: &serde_json::Value| {
            let list = |key: &str| {
                let items = a[key].as_array().into_iter().flatten().filter_map(|item| item.as_str());
                items.collect::<Vec<_>>().join(", ")
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
