//! `eklavya project pause`

use eklavya_core::project::ProjectEvent;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Pause a project; no agent works on it until it is resumed
#[derive(Debug, clap::Args)]
pub struct ProjectPauseArgs {
    /// The project
    slug: String,
}

pub fn exec(invocation: &CommandInvocation, args: &ProjectPauseArgs) -> Result<(), CommandError> {
    let slug = &args.slug;
    let message = format!("Paused {slug}; resume it with: eklavya project resume {slug}");
    super::apply_event(invocation, slug, ProjectEvent::Pause, &message)
}
