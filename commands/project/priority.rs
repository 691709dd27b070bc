//! `eklavya project priority`

use eklavya_core::domain::priority::Priority;
use eklavya_services::{jobs, projects};

use super::with_line;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

/// Set a project's priority: from 1 to 9, where 5 is what it has at first
///
/// Jobs of a higher priority are taken first. Where agents are scarce, projects share them in
/// proportion to their priorities.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya project priority shop 8")]
pub struct Args {
    /// The project
    slug: String,

    /// From 1 to 9
    #[arg(value_name = "1..9")]
    priority: Priority,
}

/// Runs `eklavya project priority`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let (_, line) = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        jobs::set_priority(&desk, &desk::actor(), &project, args.priority).await?;
        with_line(&desk, project).await
    })?;
    let message = format!("{} has priority {} now", args.slug, args.priority);
    invocation.printer.done(&message, &line)
}
