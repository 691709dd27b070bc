//! `eklavya jobs`: what background workers do.

mod cancel;
mod list;
mod show;
mod view;

use clap::Subcommand;

pub use view::JobView;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Look at what background workers are to do, and cancel it
#[derive(Debug, Subcommand)]
pub enum Verb {
    List(list::Args),
    Show(show::Args),
    Cancel(cancel::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::List(args) => list::exec(invocation, &args),
            Verb::Show(args) => show::exec(invocation, &args),
            Verb::Cancel(args) => cancel::exec(invocation, &args),
        }
    }
}
