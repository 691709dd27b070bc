//! `eklavya demo`: rival demos, and the admin's choice among them.

mod approve;
mod build;
mod list;
mod logs;
mod open;
mod reject;
mod show;
mod stop;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Build rival demos and choose one
#[derive(Debug, Subcommand)]
pub enum Verb {
    Build(build::Args),
    List(list::Args),
    Show(show::Args),
    Open(open::Args),
    Logs(logs::Args),
    Stop(stop::Args),
    Approve(approve::Args),
    Reject(reject::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Build(args) => build::exec(invocation, &args),
            Verb::List(args) => list::exec(invocation, &args),
            Verb::Show(args) => show::exec(invocation, &args),
            Verb::Open(args) => open::exec(invocation, &args),
            Verb::Logs(args) => logs::exec(invocation, &args),
            Verb::Stop(args) => stop::exec(invocation, &args),
            Verb::Approve(args) => approve::exec(invocation, args),
            Verb::Reject(args) => reject::exec(invocation, args),
        }
    }
}
