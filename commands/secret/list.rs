//! `eklavya secret list`

use eklavya_services::{projects, secrets};

use super::view::SecretView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

/// List the secrets of a project: their names and what is given them, never a value
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:\n  eklavya secret list shop"
)]
pub struct Args {
    /// The project
    slug: String,
}

/// Runs `eklavya secret list`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let kept = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        Ok(secrets::list(&desk, &project).await?)
    })?;
    let views: Vec<SecretView> = kept.iter().map(SecretView::of).collect();
    let nothing = format!(
        "No secrets. Set one: eklavya secret set {} NAME --for tests",
        args.slug
    );
    invocation.printer.list(&views, &nothing)
}
