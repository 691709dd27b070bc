//! `eklavya tasks show`

use eklavya::services::{projects, tasks};

use super::view::TaskView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

/// Show a task in full
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya tasks show shop T3")]
pub struct Args {
    /// The project
    slug: String,

    /// The task, as tasks list shows it
    task: String,
}

/// Runs `eklavya tasks show`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let task = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        Ok(tasks::find(&desk, &project, &args.task).await?)
    })?;
    invocation.printer.view(&TaskView::of(&task))
}
