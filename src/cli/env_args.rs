//! Which environment, for commands that make one: arguments, and the Python of one that lives there.

use std::path::PathBuf;

use cartwheel::envs::{BridgeOptions, EnvBuilder};
use cartwheel::trainer::{Settings, TrainError};

use super::output::Failure;

#[derive(clap::Args)]
pub(crate) struct EnvArgs {
    /// An argument of the environment; repeatable.
    #[arg(long = "env-arg", value_name = "KEY=VALUE")]
    env_args: Vec<String>,
    /// The Python that runs a `py:` environment; without it, `python3`.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

impl EnvArgs {
    /// The environment of this id.
    pub(crate) fn builder(&self, id: &str) -> Result<EnvBuilder, Failure> {
        let mut settings = Settings::default();
        settings.env.id = id.to_owned();
        self.builder_of(settings)
    }

    /// The environment of a run with these settings.
    pub(crate) fn builder_of(&self, mut settings: Settings) -> Result<EnvBuilder, Failure> {
        for argument in &self.env_args {
            if !argument.contains('=') {
                return Err(Failure::usage(format!("--env-arg {argument}: expected KEY=VALUE")));
            }
            settings.set(&format!("env.args.{argument}")).map_err(TrainError::Config)?;
        }
        let builder = settings.env.builder();
        Ok(match &self.python {
            Some(python) => builder.bridge(BridgeOptions { python: python.clone(), ..BridgeOptions::default() }),
            None => builder,
        })
    }
}
