//! `eklavya project resume`

use eklavya::domain::project::ProjectEvent;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Let a paused project go on, or take one out of the archive
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,
}

/// Runs `eklavya project resume`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    super::advance(invocation, &args.slug, ProjectEvent::Resume, "goes on")
}
