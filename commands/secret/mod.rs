//! `eklavya secret`: what projects keep from everybody.

mod list;
mod rm;
mod rotate;
mod set;
mod view;

use clap::Subcommand;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Keep keys and passwords of a project, for its tests, checks and previews
#[derive(Debug, Subcommand)]
pub enum Verb {
    Set(set::Args),
    List(list::Args),
    Rm(rm::Args),
    Rotate(rotate::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Set(args) => set::exec(invocation, args),
            Verb::List(args) => list::exec(invocation, &args),
            Verb::Rm(args) => rm::exec(invocation, &args),
            Verb::Rotate(args) => rotate::exec(invocation, &args),
        }
    }
}
