//! `eklavya jobs cancel`

use eklavya_core::job::JobState;
use eklavya_services::jobs;

use super::view::JobView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

/// Cancel a job; its agents are interrupted, and their work is kept
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya jobs cancel 1a2b3c4d")]
pub struct JobsCancelArgs {
    /// Id of the job, or a unique prefix of it
    job: String,
}

pub fn exec(invocation: &CommandInvocation, args: &JobsCancelArgs) -> Result<(), CommandError> {
    let (job, views) = data_store::with_data_store(invocation, async |data| {
        let job = jobs::find(&data, &args.job).await?;
        let job = jobs::cancel(&data, &data_store::current_actor(), &job).await?;
        let views = JobView::of_all(&data, std::slice::from_ref(&job)).await?;
        Ok((job, views))
    })?;
    let id = job.id.short();
    let message = if matches!(job.state, JobState::Cancelled { .. }) {
        format!("Cancelled job {id}")
    } else {
        format!("Job {id} is being cancelled by its worker")
    };
    views
        .iter()
        .try_for_each(|view| invocation.printer.done(&message, view))
}
