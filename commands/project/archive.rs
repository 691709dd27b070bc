//! `eklavya project archive`

use eklavya_core::project::ProjectEvent;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Put a project away; its files and history are kept
#[derive(Debug, clap::Args)]
pub struct ProjectArchiveArgs {
    /// The project
    slug: String,
}

/// Runs `eklavya project archive`.
pub fn exec(invocation: &CommandInvocation, args: &ProjectArchiveArgs) -> Result<(), CommandError> {
    let did = format!(
        "is archived; take it out again with: eklavya project resume {}",
        args.slug
    );
    super::apply_event(invocation, &args.slug, ProjectEvent::Archive, &did)
}
