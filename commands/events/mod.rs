//! `eklavya events`: the log of what happened.

mod schema;
mod tail;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Read the log of what happens, and go on from where you were
#[derive(Debug, Subcommand)]
pub enum Verb {
    Tail(tail::Args),
    Schema(schema::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Tail(args) => tail::exec(invocation, &args),
            Verb::Schema(args) => schema::exec(invocation, &args),
        }
    }
}
