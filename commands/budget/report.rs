//! `eklavya budget report`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

/// Report what a project cost, by role, task, agent, model and day
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya budget report shop")]
pub struct Args {
    /// The project
    slug: String,
}

/// Runs `eklavya budget report`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &args.slug)
}
