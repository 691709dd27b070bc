//! `eklavya tasks`

mod list;
mod retry;
mod show;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// List and show tasks, and retry blocked ones
#[derive(Debug, Subcommand)]
pub enum TasksCommand {
    List(list::TasksListArgs),
    Show(show::TasksShowArgs),
    Retry(retry::TasksRetryArgs),
}

impl TasksCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            TasksCommand::List(args) => list::exec(invocation, &args),
            TasksCommand::Show(args) => show::exec(invocation, &args),
            TasksCommand::Retry(args) => retry::exec(invocation, args),
        }
    }
}
