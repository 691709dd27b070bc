//! `eklavya tasks`: the tasks of a project.

mod list;
mod retry;
mod show;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Look at tasks, and answer those that are blocked
#[derive(Debug, Subcommand)]
pub enum TasksCommand {
    List(list::TasksListArgs),
    Show(show::TasksShowArgs),
    Retry(retry::TasksRetryArgs),
}

impl TasksCommand {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            TasksCommand::List(args) => list::exec(invocation, &args),
            TasksCommand::Show(args) => show::exec(invocation, &args),
            TasksCommand::Retry(args) => retry::exec(invocation, args),
        }
    }
}
