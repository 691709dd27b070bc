//! `eklavya jobs show`

use eklavya_services::jobs;

use super::view::JobView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya jobs show 1a2b3c4d
  eklavya jobs show 1a2b3c4d --output json | jq .exitCode";

/// Show a job: where it stands, who is at it, how it ended
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The job, or a unique beginning of its id
    job: String,
}

/// Runs `eklavya jobs show`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let views = desk::with(invocation, async |desk| {
        let job = jobs::find(&desk, &args.job).await?;
        JobView::of_all(&desk, &[job]).await
    })?;
    views
        .iter()
        .try_for_each(|view| invocation.printer.view(view))
}
