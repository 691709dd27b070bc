//! `eklavya tasks list`

use eklavya_services::{projects, tasks};

use super::view::TaskView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya tasks list shop
  eklavya tasks list shop --output jsonl | jq -r 'select(.status == \"blocked\") | .question'";

/// List the tasks of a project
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct TasksListArgs {
    /// The project
    slug: String,
}

pub fn exec(invocation: &CommandInvocation, args: &TasksListArgs) -> Result<(), CommandError> {
    let tasks = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        Ok(tasks::list(&data, project.id).await?)
    })?;
    let views: Vec<TaskView> = tasks.iter().map(TaskView::of).collect();
    let nothing = format!("No tasks. Plan the project: eklavya plan {}", args.slug);
    invocation.printer.list(&views, &nothing)
}
