//! `eklavya sandbox`

pub mod init;
mod run;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Try the sandbox that agents run in
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    Run(run::SandboxRunArgs),
}

impl SandboxCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            SandboxCommand::Run(args) => run::exec(invocation, &args),
        }
    }
}
