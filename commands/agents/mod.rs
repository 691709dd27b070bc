//! `eklavya agents`: agents at work.

mod kill;
mod logs;
mod ps;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Look at agents, read what they do, end them
#[derive(Debug, Subcommand)]
pub enum Verb {
    Ps(ps::Args),
    Logs(logs::Args),
    Kill(kill::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Ps(args) => ps::exec(invocation, &args),
            Verb::Logs(args) => logs::exec(invocation, &args),
            Verb::Kill(args) => kill::exec(invocation, &args),
        }
    }
}
