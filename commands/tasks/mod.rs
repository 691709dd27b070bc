//! `eklavya tasks`: the tasks of a project.

mod list;
mod retry;
mod show;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Look at tasks, and answer those that are blocked
#[derive(Debug, Subcommand)]
pub enum Verb {
    List(list::Args),
    Show(show::Args),
    Retry(retry::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::List(args) => list::exec(invocation, &args),
            Verb::Show(args) => show::exec(invocation, &args),
            Verb::Retry(args) => retry::exec(invocation, args),
        }
    }
}
