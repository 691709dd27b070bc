//! `eklavya verify`

use eklavya_core::job::JobGoal;
use eklavya_services::projects;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::screenshots::ProjectScreenshots;
use crate::stage::{self as work, WorkOptions};

/// Check every acceptance criterion on the commit to be delivered
///
/// Each check is run by a role other than the author's. A failed check becomes a new task. If the command
/// is interrupted, run it again; it resumes where it stopped.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eklavya verify shop\n  eklavya verify shop --wait --output json\n  eklavya verify shop --detach"
)]
pub struct VerifyArgs {
    /// The project
    slug: String,

    #[command(flatten)]
    work: WorkOptions,
}

pub fn exec(invocation: &CommandInvocation, args: &VerifyArgs) -> Result<(), CommandError> {
    work::run_stage(invocation, &args.slug, JobGoal::Verify, &args.work)?;
    if args.work.detach {
        return Ok(());
    }
    let pictures = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        ProjectScreenshots::read(invocation, &data, &project).await
    })?;
    for (task, picture) in pictures.of_verifiers() {
        let line = format!("Screenshot of {task}: {}", picture.path);
        invocation.printer.note(&line);
    }
    Ok(())
}
