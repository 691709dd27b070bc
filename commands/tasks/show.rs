//! `eklavya tasks show`

use eklavya_services::{projects, tasks};

use super::view::TaskView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::screenshots::ProjectScreenshots;

/// Show a task with its description, criteria and screenshots
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya tasks show shop T3")]
pub struct TasksShowArgs {
    /// The project
    slug: String,

    /// Key of the task, as shown by `tasks list`
    task: String,
}

pub fn exec(invocation: &CommandInvocation, args: &TasksShowArgs) -> Result<(), CommandError> {
    let view = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let task = tasks::find(&data, &project, &args.task).await?;
        let pictures = ProjectScreenshots::read(invocation, &data, &project).await?;
        Ok(TaskView::of(&task).with_pictures(&pictures))
    })?;
    invocation.printer.view(&view)
}
