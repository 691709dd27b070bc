//! `eklavya image`

mod build;
mod list;
mod prune;
mod view;

use clap::Subcommand;
use eklavya_sandbox::SandboxError;
use eklavya_sandbox::docker::{DockerEngine, DockerError};

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Build, list and prune the Docker images that agents run in
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    Build(build::ImageBuildArgs),
    List(list::ImageListArgs),
    Prune(prune::ImagePruneArgs),
}

impl ImageCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            ImageCommand::Build(args) => build::exec(invocation, &args),
            ImageCommand::List(args) => list::exec(invocation, &args),
            ImageCommand::Prune(args) => prune::exec(invocation, &args),
        }
    }
}

/// Connects to the Docker engine at `docker.socket`.
async fn connect_engine(invocation: &CommandInvocation) -> Result<DockerEngine, CommandError> {
    let config = invocation.config()?;
    Ok(DockerEngine::detect(config.docker.socket.as_std_path()).await?)
}

impl From<DockerError> for CommandError {
    fn from(error: DockerError) -> Self {
        SandboxError::from(error).into()
    }
}
