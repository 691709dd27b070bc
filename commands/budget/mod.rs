//! `eklavya budget`: limits, and what was spent.

mod report;
mod set;
mod show;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Show and change limits, and report what was spent
#[derive(Debug, Subcommand)]
pub enum Verb {
    Show(show::Args),
    Set(set::Args),
    Report(report::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Show(args) => show::exec(invocation, &args),
            Verb::Set(args) => set::exec(invocation, &args),
            Verb::Report(args) => report::exec(invocation, &args),
        }
    }
}
