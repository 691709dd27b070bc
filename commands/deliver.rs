//! `eklavya deliver`

use eklavya_core::domain::job::Goal;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work::{self, WorkOptions};

/// Deliver the product: tag, bundle and dossier
///
/// The dossier holds brief, plan, decisions, commits, evidence for every criterion, and cost.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eklavya deliver shop\n  eklavya deliver shop --wait --output json\n  eklavya deliver shop --detach"
)]
pub struct Args {
    /// The project
    slug: String,

    #[command(flatten)]
    work: WorkOptions,
}

/// Runs `eklavya deliver`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::run(invocation, &args.slug, Goal::Deliver, &args.work)
}
