//! `eklavya events`

mod schema;
mod tail;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Print or follow the event log
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    Tail(tail::EventsTailArgs),
    Schema(schema::EventsSchemaArgs),
}

impl EventsCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            EventsCommand::Tail(args) => tail::exec(invocation, &args),
            EventsCommand::Schema(args) => schema::exec(invocation, &args),
        }
    }
}
