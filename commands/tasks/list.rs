//! `eklavya tasks list`

use eklavya_services::{projects, tasks};

use super::view::TaskView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya tasks list shop
  eklavya tasks list shop --output jsonl | jq -r 'select(.status == \"blocked\") | .question'";

/// List the tasks of a project
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,
}

/// Runs `eklavya tasks list`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let tasks = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        Ok(tasks::list(&desk, project.id).await?)
    })?;
    let views: Vec<TaskView> = tasks.iter().map(TaskView::of).collect();
    let nothing = format!("No tasks. Plan the project: eklavya plan {}", args.slug);
    invocation.printer.list(&views, &nothing)
}
