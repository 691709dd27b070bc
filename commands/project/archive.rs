//! `eklavya project archive`

use eklavya_core::domain::project::ProjectEvent;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Put a project away; its files and history are kept
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,
}

/// Runs `eklavya project archive`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let did = format!(
        "is archived; take it out again with: eklavya project resume {}",
        args.slug
    );
    super::advance(invocation, &args.slug, ProjectEvent::Archive, &did)
}
