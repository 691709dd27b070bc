//! `eklavya verify`

use eklavya_core::domain::job::Goal;
use eklavya_services::projects;

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::pictures::Pictures;
use crate::work::{self, WorkOptions};

/// Check every acceptance criterion on the commit that is to be delivered
///
/// Each check is run by a role other than the author's. What fails becomes a new task. Repeating the
/// command goes on where it stopped.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eklavya verify shop\n  eklavya verify shop --wait --output json\n  eklavya verify shop --detach"
)]
pub struct Args {
    /// The project
    slug: String,

    #[command(flatten)]
    work: WorkOptions,
}

/// Runs `eklavya verify`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::run(invocation, &args.slug, Goal::Verify, &args.work)?;
    if args.work.detach {
        return Ok(());
    }
    let pictures = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        Pictures::read(invocation, &desk, &project).await
    })?;
    for (task, picture) in pictures.of_verifiers() {
        let line = format!("Picture of {task}: {}", picture.path);
        invocation.printer.note(&line);
    }
    Ok(())
}
