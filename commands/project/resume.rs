//! `eklavya project resume`

use eklavya_core::domain::job::{Job, JobState};
use eklavya_core::domain::project::ProjectEvent;
use eklavya_services::{jobs, projects};

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::{desk, worker};

/// Let a paused project go on, or take one out of the archive
///
/// Jobs that waited for it are taken up again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,
}

/// Runs `eklavya project resume`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    super::advance(invocation, &args.slug, ProjectEvent::Resume, "goes on")?;
    desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        let all = jobs::list(&desk, Some(project.id)).await?;
        let waits = |job: &&Job| matches!(job.state, JobState::Queued { .. });
        if let Some(job) = all.iter().find(waits) {
            worker::ensure(invocation, &desk, &project, job).await?;
        }
        Ok(())
    })
}
