//! `eklavya db`: the database itself.

mod copy;
mod migrate;
mod place;
mod status;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Look at the database, bring it up to date, move it to another one
#[derive(Debug, Subcommand)]
pub enum Verb {
    Status(status::Args),
    Migrate(migrate::Args),
    Copy(copy::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Status(args) => status::exec(invocation, &args),
            Verb::Migrate(args) => migrate::exec(invocation, &args),
            Verb::Copy(args) => copy::exec(invocation, &args),
        }
    }
}
