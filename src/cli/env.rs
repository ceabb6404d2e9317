//! `cartwheel env list | info | wrappers | check | verify`

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::envs::{
    self, EnvSpec, KeyBindings, Leaf, OwnedAction, Pace, Space, check_env, check_vector_env, list, verify_file,
};
use serde_json::{Value, json};

use super::Result;
use super::env_args::EnvArgs;
use super::output::{FAILURE, Failure, Output};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the environments.
    List,
    /// Show an environment's spaces, limits, arguments and keys.
    Info {
        /// Its id.
        env: String,
        #[command(flatten)]
        env_args: EnvArgs,
    },
    /// List the wrappers that go around environments.
    Wrappers,
    /// Check that environments keep their contract; all of them without an id.
    Check {
        /// Ids.
        envs: Vec<String>,
        #[command(flatten)]
        env_args: EnvArgs,
    },
    /// Replay episodes recorded from Gymnasium and report every difference.
    Verify {
        /// Files of one JSON episode a line.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

pub(crate) fn run(command: &Command, output: Output) -> Result {
    match command {
        Command::List => all(output),
        Command::Info { env, env_args } => info(env, env_args, output),
        Command::Wrappers => wrappers(output),
        Command::Check { envs, env_args } => check(envs, env_args, output),
        Command::Verify { files } => verify(files, output),
    }
}

fn value(spec: &EnvSpec) -> Value {
    let kwargs: Vec<_> = spec
        .kwargs
        .iter()
        .map(|k| json!({"name": k.name, "default": k.default, "description": k.description}))
        .collect();
    json!({
        "name": spec.id, "description": spec.description, "max_episode_steps": spec.max_episode_steps,
        "reward_threshold": spec.reward_threshold, "kwargs": kwargs,
    })
}

fn all(output: Output) -> Result {
    let specs = list();
    let values: Vec<_> = specs.iter().map(value).collect();
    output.print(&values, || {
        let width = specs.iter().map(|spec| spec.id.len()).max().unwrap_or(0);
        specs.iter().map(|spec| format!("{:width$}  {}", spec.id, spec.description)).collect::<Vec<_>>().join("\n")
    });
    Ok(ExitCode::SUCCESS)
}

fn info(id: &str, env_args: &EnvArgs, output: Output) -> Result {
    let env = env_args.builder(id)?.make().map_err(Failure::usage)?;
    let spec = env.spec();
    let (observations, actions) = (env.observation_space(), env.action_space());
    let bindings = env.key_bindings();
    let has_mask = matches!(actions, Space::Discrete { n, .. } if env.action_mask(&mut vec![true; *n as usize]));
    let mut json = value(spec);
    json["observation_space"] = json!(observations.to_string());
    json["observation_parts"] = parts(observations)
        .iter()
        .map(|leaf| json!({"name": leaf.name, "space": leaf.space.to_string(), "start": leaf.range.start, "end": leaf.range.end}))
        .collect();
    json["observation_names"] = json!(env.observation_names());
    json["action_space"] = json!(actions.to_string());
    json["action_names"] = json!(env.action_names());
    json["action_mask"] = json!(has_mask);
    json["keys"] = bindings
        .keys
        .iter()
        .map(|(key, action, meaning)| json!({"key": key.to_string(), "action": numbers(action), "meaning": meaning}))
        .collect();
    output.print(&json, || {
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".into());
        let mut lines = vec![format!("{}: {}\n", spec.id, spec.description)];
        let mut line = |name: &str, value: String| lines.push(format!("{name:18}{value}"));
        let parts = parts(observations);
        let whole = observations.to_string();
        // The parts say the rest.
        let kind = whole.split('(').next().filter(|_| !parts.is_empty());
        line("observations", kind.unwrap_or(&whole).to_owned());
        for leaf in parts {
            let Range { start, end } = leaf.range;
            line(&format!("  {}", leaf.name), format!("{}, numbers {start} to {}", leaf.space, end - 1));
        }
        if !env.observation_names().is_empty() {
            line("  names", env.observation_names().join(", "));
        }
        line("actions", actions.to_string());
        if !env.action_names().is_empty() {
            line("  names", env.action_names().join(", "));
        }
        if has_mask {
            line("  mask", "shown by --wrapper ActionMaskObservation".to_owned());
        }
        line("time limit", or_none(spec.max_episode_steps.map(|n| n.to_string())));
        line("reward threshold", or_none(spec.reward_threshold.map(|r| r.to_string())));
        line("keys", keys(&bindings));
        lines.extend(spec.kwargs.iter().map(|k| format!("  --env-arg {}={}  {}", k.name, k.default, k.description)));
        lines.join("\n")
    });
    Ok(ExitCode::SUCCESS)
}

/// The parts of a composite; none of any other space.
fn parts(space: &Space) -> Vec<Leaf<'_>> {
    let is_composite = matches!(space, Space::Tuple(_) | Space::Dict(_));
    if is_composite { space.leaves() } else { Vec::new() }
}

/// The action as JSON would have it.
fn numbers(action: &OwnedAction) -> Value {
    match action {
        OwnedAction::Discrete(number) => json!(number),
        OwnedAction::Multi(numbers) => json!(numbers),
        OwnedAction::Continuous(numbers) => json!(numbers),
    }
}

/// The keys in a line.
fn keys(bindings: &KeyBindings) -> String {
    let keys: Vec<_> = bindings.keys.iter().map(|(key, _, meaning)| format!("{key} {meaning}")).collect();
    match &bindings.pace {
        _ if keys.is_empty() => "none".to_owned(),
        Pace::TurnBased => keys.join(", "),
        Pace::RealTime { fps, .. } => format!("{}; {fps} steps a second", keys.join(", ")),
    }
}

fn wrappers(output: Output) -> Result {
    let values: Vec<_> = envs::wrappers()
        .iter()
        .map(|wrapper| {
            let params = wrapper.params.iter().map(|param| {
                json!({
                    "name": param.name, "default": param.default, "expects": param.expects(),
                    "description": param.description,
                })
            });
            json!({
                "name": wrapper.name, "description": wrapper.description, "signature": wrapper.signature(),
                "params": params.collect::<Vec<_>>(),
            })
        })
        .collect();
    output.print(&values, || {
        let mut text = String::new();
        for wrapper in envs::wrappers() {
            text += &format!("{}: {}\n", wrapper.signature(), wrapper.description);
            for param in wrapper.params {
                text += &format!("    {}: {} ({})\n", param.name, param.description, param.expects());
            }
        }
        text.trim_end().to_owned()
    });
    Ok(ExitCode::SUCCESS)
}

fn check(ids: &[String], env_args: &EnvArgs, output: Output) -> Result {
    let ids = if ids.is_empty() { list().into_iter().map(|spec| spec.id).collect() } else { ids.to_vec() };
    let mut reports = Vec::new();
    let mut text = String::new();
    let mut sound = true;
    for id in &ids {
        let builder = env_args.builder(id)?;
        let mut violations = check_env(builder.build().map_err(Failure::usage)?.as_mut());
        if violations.is_empty() && !builder.is_python() {
            violations = check_vector_env(&builder).map_err(Failure::usage)?;
        }
        let violations: Vec<_> = violations.iter().map(ToString::to_string).collect();
        text += &format!(
            "{id}: {}\n",
            if violations.is_empty() { "keeps the contract".into() } else { violations.join("\n  ") }
        );
        sound &= violations.is_empty();
        reports.push(json!({"name": id, "violations": violations}));
    }
    output.print(&reports, || text);
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

fn verify(files: &[PathBuf], output: Output) -> Result {
    let (mut episodes, mut steps, mut mismatches) = (0, 0, Vec::new());
    for file in files {
        let result = verify_file(file).map_err(Failure::failed)?;
        episodes += result.episodes;
        steps += result.steps;
        mismatches.extend(result.mismatches.into_iter().map(|mismatch| format!("{}:{mismatch}", file.display())));
    }
    let value = json!({"episodes": episodes, "steps": steps, "mismatches": mismatches.len(), "details": mismatches});
    output.print(&value, || match mismatches.len() {
        0 => format!("{episodes} episodes, {steps} steps: all agree"),
        n => format!("{}\n{episodes} episodes, {steps} steps: {n} mismatches", mismatches.join("\n")),
    });
    Ok(if mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}
