//! `eklavya project resume`

use eklavya_core::job::{Job, JobState};
use eklavya_core::project::ProjectEvent;
use eklavya_services::{jobs, projects};

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::worker;

/// Resume a paused or archived project
///
/// Its queued jobs continue; the command starts a worker if none is running.
#[derive(Debug, clap::Args)]
pub struct ProjectResumeArgs {
    /// The project
    slug: String,
}

pub fn exec(invocation: &CommandInvocation, args: &ProjectResumeArgs) -> Result<(), CommandError> {
    let message = format!("Resumed {}", args.slug);
    super::apply_event(invocation, &args.slug, ProjectEvent::Resume, &message)?;
    data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let all = jobs::list(&data, Some(project.id)).await?;
        let is_queued = |job: &&Job| matches!(job.state, JobState::Queued { .. });
        if let Some(job) = all.iter().find(is_queued) {
            worker::ensure_worker(invocation, &data, &project, job).await?;
        }
        Ok(())
    })
}
