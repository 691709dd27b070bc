//! `eklavya secret`: what projects keep from everybody.

mod list;
mod rm;
mod rotate;
mod set;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Keep keys and passwords of a project, for its tests, checks and previews
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    Set(set::SecretSetArgs),
    List(list::SecretListArgs),
    Rm(rm::SecretRmArgs),
    Rotate(rotate::SecretRotateArgs),
}

impl SecretCommand {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            SecretCommand::Set(args) => set::exec(invocation, args),
            SecretCommand::List(args) => list::exec(invocation, &args),
            SecretCommand::Rm(args) => rm::exec(invocation, &args),
            SecretCommand::Rotate(args) => rotate::exec(invocation, &args),
        }
    }
}
