//! `eklavya project pause`

use eklavya_core::domain::project::ProjectEvent;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Halt a project: nothing works on it until it is resumed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,
}

/// Runs `eklavya project pause`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let did = format!(
        "is paused; go on with: eklavya project resume {}",
        args.slug
    );
    super::advance(invocation, &args.slug, ProjectEvent::Pause, &did)
}
