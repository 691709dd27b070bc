//! `eklavya project pause`

use eklavya_core::project::ProjectEvent;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Halt a project: nothing works on it until it is resumed
#[derive(Debug, clap::Args)]
pub struct ProjectPauseArgs {
    /// The project
    slug: String,
}

/// Runs `eklavya project pause`.
pub fn exec(invocation: &CommandInvocation, args: &ProjectPauseArgs) -> Result<(), CommandError> {
    let did = format!(
        "is paused; go on with: eklavya project resume {}",
        args.slug
    );
    super::apply_event(invocation, &args.slug, ProjectEvent::Pause, &did)
}
