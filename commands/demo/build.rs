//! `eklavya demo build`

use eklavya_core::job::JobGoal;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::stage::{self as work, WorkOptions};

const EXAMPLES: &str = "\
Examples:
  eklavya demo build shop
  eklavya demo build shop --set demo.count=2
  eklavya demo build shop --detach    # return at once; a background worker builds";

/// Build the rival demos of a project and start their previews
///
/// Agents build the demos in parallel, each in its own clone. A demo is ready when its preview
/// answers. If the command is interrupted, run it again; it resumes where it stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoBuildArgs {
    /// The project
    slug: String,

    #[command(flatten)]
    work: WorkOptions,
}

pub fn exec(invocation: &CommandInvocation, args: &DemoBuildArgs) -> Result<(), CommandError> {
    work::run_stage(invocation, &args.slug, JobGoal::Demos, &args.work)
}
