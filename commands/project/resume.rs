//! `eklavya project resume`

use eklavya_core::job::{Job, JobState};
use eklavya_core::project::ProjectEvent;
use eklavya_services::{jobs, projects};

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::{data_store, worker};

/// Let a paused project go on, or take one out of the archive
///
/// Jobs that waited for it are taken up again.
#[derive(Debug, clap::Args)]
pub struct ProjectResumeArgs {
    /// The project
    slug: String,
}

/// Runs `eklavya project resume`.
pub fn exec(invocation: &CommandInvocation, args: &ProjectResumeArgs) -> Result<(), CommandError> {
    super::apply_event(invocation, &args.slug, ProjectEvent::Resume, "goes on")?;
    data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let all = jobs::list(&data, Some(project.id)).await?;
        let waits = |job: &&Job| matches!(job.state, JobState::Queued { .. });
        if let Some(job) = all.iter().find(waits) {
            worker::ensure_worker(invocation, &data, &project, job).await?;
        }
        Ok(())
    })
}
