//! `eklavya tasks retry`

use eklavya_core::domain::task::TaskKind;
use eklavya_services::{projects, tasks};

use super::view::TaskView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya tasks retry shop T3 --answer \"Use the API of the old shop\"
  eklavya build shop";

/// Let a blocked task be tried again, with your answer to its question
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,

    /// The task, as tasks list shows it
    task: String,

    /// What the next attempt must know
    #[arg(long, visible_alias = "feedback", value_name = "TEXT")]
    answer: Option<String>,
}

/// Runs `eklavya tasks retry`.
pub fn exec(invocation: &Invocation, args: Args) -> Result<(), CommandError> {
    let task = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        let actor = desk::actor();
        Ok(tasks::retry(&desk, &actor, &project, &args.task, args.answer).await?)
    })?;
    let message = format!(
        "{} is pending again; go on with: eklavya {} {}",
        task.key,
        command(task.kind),
        args.slug
    );
    invocation.printer.done(&message, &TaskView::of(&task))
}

/// Returns the command that works on tasks of this kind.
fn command(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Requirements | TaskKind::Architecture => "plan",
        TaskKind::Demo => "demo build",
        TaskKind::Build => "build",
        TaskKind::Fix | TaskKind::Verify => "verify",
    }
}
