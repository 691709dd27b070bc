//! `eklavya image`: the images of Docker's containers.

mod build;
mod list;
mod prune;
mod view;

use clap::Subcommand;
use eklavya_sandbox::SandboxError;
use eklavya_sandbox::docker::{DockerError, Engine};

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Build and look at the images that agents run in under Docker
#[derive(Debug, Subcommand)]
pub enum Verb {
    Build(build::Args),
    List(list::Args),
    Prune(prune::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Build(args) => build::exec(invocation, &args),
            Verb::List(args) => list::exec(invocation, &args),
            Verb::Prune(args) => prune::exec(invocation, &args),
        }
    }
}

/// Returns the engine that the configuration names.
async fn engine(invocation: &Invocation) -> Result<Engine, CommandError> {
    let config = invocation.config()?;
    Ok(Engine::find(config.docker.socket.as_std_path()).await?)
}

impl From<DockerError> for CommandError {
    fn from(error: DockerError) -> Self {
        SandboxError::from(error).into()
    }
}
