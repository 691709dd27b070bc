//! `eklavya tasks retry`

use eklavya_core::task::TaskKind;
use eklavya_services::{projects, tasks};

use super::view::TaskView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya tasks retry shop T3 --answer \"Use the API of the old shop\"
  eklavya build shop";

/// Retry a blocked task, with your answer to its question
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct TasksRetryArgs {
    /// The project
    slug: String,

    /// Key of the task, as shown by `tasks list`
    task: String,

    /// What the next attempt must know
    #[arg(long, visible_alias = "feedback", value_name = "TEXT")]
    answer: Option<String>,
}

pub fn exec(invocation: &CommandInvocation, args: TasksRetryArgs) -> Result<(), CommandError> {
    let task = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let actor = data_store::current_actor();
        Ok(tasks::retry(&data, &actor, &project, &args.task, args.answer).await?)
    })?;
    let message = format!(
        "{} is pending again; continue with: eklavya {} {}",
        task.key,
        stage_command_for(task.kind),
        args.slug
    );
    invocation.printer.done(&message, &TaskView::of(&task))
}

/// Returns the command that works on tasks of this kind.
fn stage_command_for(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Requirements | TaskKind::Architecture => "plan",
        TaskKind::Demo => "demo build",
        TaskKind::Build => "build",
        TaskKind::Fix | TaskKind::Verify => "verify",
    }
}
