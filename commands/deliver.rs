//! `eklavya deliver`

use eklavya_core::job::JobGoal;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::stage::{self as work, WorkOptions};

/// Deliver the product: tag, bundle and dossier
///
/// The dossier contains the brief, the plan, the decisions, the commits, evidence for every criterion, and
/// the cost.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eklavya deliver shop\n  eklavya deliver shop --wait --output json\n  eklavya deliver shop --detach"
)]
pub struct DeliverArgs {
    /// The project
    slug: String,

    #[command(flatten)]
    work: WorkOptions,
}

pub fn exec(invocation: &CommandInvocation, args: &DeliverArgs) -> Result<(), CommandError> {
    work::run_stage(invocation, &args.slug, JobGoal::Deliver, &args.work)
}
