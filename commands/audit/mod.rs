//! `eklavya audit`: who did what, and whether the record of it is whole.

mod export;
mod log;
mod verify;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Look at the audit trail, verify it, export it
#[derive(Debug, Subcommand)]
pub enum Verb {
    Log(log::Args),
    Verify(verify::Args),
    Export(export::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Log(args) => log::exec(invocation, &args),
            Verb::Verify(args) => verify::exec(invocation, &args),
            Verb::Export(args) => export::exec(invocation, &args),
        }
    }
}

/// What people read in place of a project where it is the installation's chain.
const INSTALLATION: &str = "(installation)";
