//! `eklavya jobs`

mod cancel;
mod list;
mod show;
mod view;

use clap::Subcommand;

pub use view::JobView;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// List, show and cancel the jobs of background workers
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    List(list::JobsListArgs),
    Show(show::JobsShowArgs),
    Cancel(cancel::JobsCancelArgs),
}

impl JobsCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            JobsCommand::List(args) => list::exec(invocation, &args),
            JobsCommand::Show(args) => show::exec(invocation, &args),
            JobsCommand::Cancel(args) => cancel::exec(invocation, &args),
        }
    }
}
