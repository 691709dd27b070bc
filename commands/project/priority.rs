//! `eklavya project priority`

use eklavya_core::project::priority::ProjectPriority;
use eklavya_services::{jobs, projects};

use super::with_summary;
use crate::data_store;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Set a project's priority: from 1 to 9, where 5 is what it has at first
///
/// Jobs of a higher priority are taken first. Where agents are scarce, projects share them in
/// proportion to their priorities.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya project priority shop 8")]
pub struct ProjectPriorityArgs {
    /// The project
    slug: String,

    /// From 1 to 9
    #[arg(value_name = "1..9")]
    priority: ProjectPriority,
}

/// Runs `eklavya project priority`.
pub fn exec(
    invocation: &CommandInvocation,
    args: &ProjectPriorityArgs,
) -> Result<(), CommandError> {
    let (_, line) = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        jobs::set_priority(&data, &data_store::current_actor(), &project, args.priority).await?;
        with_summary(&data, project).await
    })?;
    let message = format!("{} has priority {} now", args.slug, args.priority);
    invocation.printer.done(&message, &line)
}
