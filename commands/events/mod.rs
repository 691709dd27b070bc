//! `eklavya events`: the log of what happened.

mod schema;
mod tail;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Read the log of what happens, and go on from where you were
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    Tail(tail::EventsTailArgs),
    Schema(schema::EventsSchemaArgs),
}

impl EventsCommand {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            EventsCommand::Tail(args) => tail::exec(invocation, &args),
            EventsCommand::Schema(args) => schema::exec(invocation, &args),
        }
    }
}
