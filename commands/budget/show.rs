//! `eklavya budget show`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

/// Show the limits, and what is spent and reserved against them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eklavya budget show\n  eklavya budget show shop --output json"
)]
pub struct Args {
    /// Only that of this project, with its tasks
    slug: Option<String>,
}

/// Runs `eklavya budget show`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &args.slug)
}
