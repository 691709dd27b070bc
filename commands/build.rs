//! `eklavya build`

use eklavya_core::job::JobGoal;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::stage::{self as work, WorkOptions};

/// Build the product: agents work on the tasks of the plan in parallel
///
/// Every result is merged and tested before it becomes part of main. If the command is interrupted, run
/// it again; it resumes where it stopped.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eklavya build shop\n  eklavya build shop --wait --output json\n  eklavya build shop --detach"
)]
pub struct BuildArgs {
    /// The project
    slug: String,

    #[command(flatten)]
    work: WorkOptions,
}

pub fn exec(invocation: &CommandInvocation, args: &BuildArgs) -> Result<(), CommandError> {
    work::run_stage(invocation, &args.slug, JobGoal::Build, &args.work)
}
