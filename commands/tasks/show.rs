//! `eklavya tasks show`

use eklavya_services::{projects, tasks};

use super::view::TaskView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::pictures::Pictures;

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
    let view = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        let task = tasks::find(&desk, &project, &args.task).await?;
        let pictures = Pictures::read(invocation, &desk, &project).await?;
        Ok(TaskView::of(&task).with_pictures(&pictures))
    })?;
    invocation.printer.view(&view)
}
