//! `eklavya project priority`

use eklavya_core::project::priority::ProjectPriority;
use eklavya_services::{jobs, projects};

use super::with_summary;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

/// Set the priority of a project, from 1 to 9; new projects have 5
///
/// Workers take jobs of a higher priority first. If there are not enough agents for all projects, the
/// projects share them in proportion to their priorities.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya project priority shop 8")]
pub struct ProjectPriorityArgs {
    /// The project
    slug: String,

    /// Priority, from 1 (lowest) to 9 (highest)
    #[arg(value_name = "1..9")]
    priority: ProjectPriority,
}

pub fn exec(
    invocation: &CommandInvocation,
    args: &ProjectPriorityArgs,
) -> Result<(), CommandError> {
    let (_, line) = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        jobs::set_priority(&data, &data_store::current_actor(), &project, args.priority).await?;
        with_summary(&data, project).await
    })?;
    let message = format!("Set the priority of {} to {}", args.slug, args.priority);
    invocation.printer.done(&message, &line)
}
