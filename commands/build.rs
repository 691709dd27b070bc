//! `eklavya build`

use eklavya_core::domain::job::Goal;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work::{self, WorkOptions};

/// Build the product: agents work on the tasks of the plan in parallel
///
/// Every result is merged and tested before it becomes part of main. Repeating the command goes on
/// where it stopped.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eklavya build shop\n  eklavya build shop --wait --output json\n  eklavya build shop --detach"
)]
pub struct Args {
    /// The project
    slug: String,

    #[command(flatten)]
    work: WorkOptions,
}

/// Runs `eklavya build`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::run(invocation, &args.slug, Goal::Build, &args.work)
}
