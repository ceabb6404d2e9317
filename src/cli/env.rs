//! `cartwheel env list | info | wrappers | check | verify`

use std::path::PathBuf;
use std::process::ExitCode;

use cartwheel::envs::{self, EnvSpec, Kwargs, check_env, list, make, verify_file};
use serde_json::{Value, json};

use super::Result;
use super::output::{FAILURE, Failure, Output};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the environments.
    List,
    /// Show an environment's spaces, limits and arguments.
    Info {
        /// Its id.
        env: String,
    },
    /// List the wrappers that go around environments.
    Wrappers,
    /// Check that environments keep their contract; all of them without an id.
    Check {
        /// Ids.
        envs: Vec<String>,
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
        Command::Info { env } => info(env, output),
        Command::Wrappers => wrappers(output),
        Command::Check { envs } => check(envs, output),
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

fn info(id: &str, output: Output) -> Result {
    let env = make(id).map_err(Failure::usage)?;
    let spec = env.spec();
    let (observations, actions) = (env.observation_space().to_string(), env.action_space().to_string());
    let mut json = value(spec);
    json["observation_space"] = json!(observations);
    json["action_space"] = json!(actions);
    output.print(&json, || {
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".into());
        let mut text = format!(
            "{}: {}\n\nobservations      {observations}\nactions           {actions}\ntime limit        {}\nreward threshold  {}",
            spec.id,
            spec.description,
            or_none(spec.max_episode_steps.map(|n| n.to_string())),
            or_none(spec.reward_threshold.map(|r| r.to_string())),
        );
        for kwarg in &spec.kwargs {
            text += &format!("\n  --env-arg {}={}  {}", kwarg.name, kwarg.default, kwarg.description);
        }
        text
    });
    Ok(ExitCode::SUCCESS)
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
                text += &format!("    {}: {}; {}\n", param.name, param.description, param.expects());
            }
        }
        text.trim_end().to_owned()
    });
    Ok(ExitCode::SUCCESS)
}

fn check(ids: &[String], output: Output) -> Result {
    let ids = if ids.is_empty() { list().into_iter().map(|spec| spec.id).collect() } else { ids.to_vec() };
    let mut reports = Vec::new();
    let mut text = String::new();
    let mut sound = true;
    for id in &ids {
        let mut env = envs::spec(id).and_then(|spec| spec.build(&Kwargs::new())).map_err(Failure::usage)?;
        let violations: Vec<_> = check_env(env.as_mut()).iter().map(ToString::to_string).collect();
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
