//! `eklavya jobs show`

use eklavya_services::jobs;

use super::view::JobView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya jobs show 1a2b3c4d
  eklavya jobs show 1a2b3c4d --output json | jq .exitCode";

/// Show a job: its status, its worker and its outcome
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct JobsShowArgs {
    /// Id of the job, or a unique prefix of it
    job: String,
}

pub fn exec(invocation: &CommandInvocation, args: &JobsShowArgs) -> Result<(), CommandError> {
    let views = data_store::with_data_store(invocation, async |data| {
        let job = jobs::find(&data, &args.job).await?;
        JobView::of_all(&data, &[job]).await
    })?;
    views
        .iter()
        .try_for_each(|view| invocation.printer.view(view))
}
