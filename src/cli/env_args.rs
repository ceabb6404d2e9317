//! `--env-arg KEY=VALUE`, of every subcommand that makes environments.

use cartwheel::envs::Kwargs;
use cartwheel::trainer::{Settings, TrainError};

use super::output::Failure;

#[derive(clap::Args)]
pub(crate) struct EnvArgs {
    /// A keyword argument of the environment; repeatable.
    #[arg(long = "env-arg", value_name = "KEY=VALUE")]
    env_args: Vec<String>,
}

impl EnvArgs {
    /// The arguments, read as settings are.
    pub(crate) fn kwargs(&self) -> Result<Kwargs, Failure> {
        let mut settings = Settings::default();
        for argument in &self.env_args {
            if !argument.contains('=') {
                return Err(Failure::usage(format!(
                    "--env-arg {argument}: expected KEY=VALUE (`cartwheel env info ENV` names the keys)"
                )));
            }
            settings.set(&format!("env.args.{argument}")).map_err(|error| Failure::from(TrainError::Config(error)))?;
        }
        Ok(settings.env.args)
    }
}
