//! The flags of every subcommand that makes environments.

use crate::envs::{EnvBuilder, WrapperSpec};
use crate::trainer::{EnvConfig, Settings, TrainError};

use super::output::Failure;

#[derive(clap::Args)]
pub(crate) struct EnvArgs {
    /// A keyword argument of the environment; repeatable.
    #[arg(long = "env-arg", value_name = "KEY=VALUE")]
    env_args: Vec<String>,
    /// A wrapper around the environment and those before, such as "FrameStackObservation(4)"; repeatable.
    #[arg(long = "wrapper", value_name = "WRAPPER")]
    wrappers: Vec<WrapperSpec>,
    /// The Python that has an environment behind py:.
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<String>,
}

impl EnvArgs {
    /// Puts what was asked for over `env`.
    pub(crate) fn apply(&self, env: &mut EnvConfig) -> Result<(), Failure> {
        let mut settings = Settings::default();
        for argument in &self.env_args {
            if !argument.contains('=') {
                return Err(Failure::usage(format!(
                    "--env-arg {argument}: expected KEY=VALUE (`cartwheel env info ENV` names the keys)"
                )));
            }
            settings.set(&format!("env.args.{argument}")).map_err(|error| Failure::from(TrainError::Config(error)))?;
        }
        env.args.extend(settings.env.args);
        env.wrappers.extend(self.wrappers.iter().cloned());
        if let Some(python) = &self.python {
            env.python.clone_from(python);
        }
        Ok(())
    }

    /// The environment of this id, with what was asked for.
    pub(crate) fn builder(&self, id: &str) -> Result<EnvBuilder, Failure> {
        let mut env = EnvConfig { id: id.into(), ..EnvConfig::default() };
        self.apply(&mut env)?;
        Ok(env.builder())
    }
}
