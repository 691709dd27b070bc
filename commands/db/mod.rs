//! `eklavya db`: the database itself.

mod copy;
pub(crate) mod location;
mod migrate;
mod status;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Look at the database, bring it up to date, move it to another one
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    Status(status::DbStatusArgs),
    Migrate(migrate::DbMigrateArgs),
    Copy(copy::DbCopyArgs),
}

impl DbCommand {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            DbCommand::Status(args) => status::exec(invocation, &args),
            DbCommand::Migrate(args) => migrate::exec(invocation, &args),
            DbCommand::Copy(args) => copy::exec(invocation, &args),
        }
    }
}
