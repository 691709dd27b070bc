//! `eklavya project archive`

use eklavya_core::project::ProjectEvent;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Archive a project; its files and history are kept
#[derive(Debug, clap::Args)]
pub struct ProjectArchiveArgs {
    /// The project
    slug: String,
}

pub fn exec(invocation: &CommandInvocation, args: &ProjectArchiveArgs) -> Result<(), CommandError> {
    let slug = &args.slug;
    let message = format!("Archived {slug}; restore it with: eklavya project resume {slug}");
    super::apply_event(invocation, slug, ProjectEvent::Archive, &message)
}
