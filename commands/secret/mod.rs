//! `eklavya secret`

mod list;
mod rm;
mod rotate;
mod set;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Manage keys and passwords for the tests, checks and previews of a project
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    Set(set::SecretSetArgs),
    List(list::SecretListArgs),
    Rm(rm::SecretRmArgs),
    Rotate(rotate::SecretRotateArgs),
}

impl SecretCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            SecretCommand::Set(args) => set::exec(invocation, args),
            SecretCommand::List(args) => list::exec(invocation, &args),
            SecretCommand::Rm(args) => rm::exec(invocation, &args),
            SecretCommand::Rotate(args) => rotate::exec(invocation, &args),
        }
    }
}
