//! `eklavya db`

mod copy;
pub(crate) mod location;
mod migrate;
mod status;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Show the database, migrate it, or copy it to another one
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    Status(status::DbStatusArgs),
    Migrate(migrate::DbMigrateArgs),
    Copy(copy::DbCopyArgs),
}

impl DbCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            DbCommand::Status(args) => status::exec(invocation, &args),
            DbCommand::Migrate(args) => migrate::exec(invocation, &args),
            DbCommand::Copy(args) => copy::exec(invocation, &args),
        }
    }
}
