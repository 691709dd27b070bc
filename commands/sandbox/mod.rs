//! `eklavya sandbox`: trying what holds agents.

mod run;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Try the sandbox that holds agents
#[derive(Debug, Subcommand)]
pub enum Verb {
    Run(run::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Run(args) => run::exec(invocation, &args),
        }
    }
}
