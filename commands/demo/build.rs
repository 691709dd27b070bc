//! `eklavya demo build`

use eklavya_core::job::JobGoal;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::stage_run::{self as work, WorkOptions};

const EXAMPLES: &str = "\
Examples:
  eklavya demo build shop
  eklavya demo build shop --set demo.count=2
  eklavya demo build shop --detach    # returns at once; a background worker builds";

/// Build the rival demos of a project and start their previews
///
/// Agents build the demos in parallel, each in a clone of its own; a demo is ready when its preview
/// answered. Repeating the command goes on where it stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoBuildArgs {
    /// The project
    slug: String,

    #[command(flatten)]
    work: WorkOptions,
}

/// Runs `eklavya demo build`.
pub fn exec(invocation: &CommandInvocation, args: &DemoBuildArgs) -> Result<(), CommandError> {
    work::run_stage(invocation, &args.slug, JobGoal::Demos, &args.work)
}
