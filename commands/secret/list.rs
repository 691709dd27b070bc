//! `eklavya secret list`

use eklavya_services::{projects, secrets};

use super::view::SecretView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

/// List the secrets of a project with their uses, never their values
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:\n  eklavya secret list shop"
)]
pub struct SecretListArgs {
    /// The project
    slug: String,
}

pub fn exec(invocation: &CommandInvocation, args: &SecretListArgs) -> Result<(), CommandError> {
    let secrets = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        Ok(secrets::list(&data, &project).await?)
    })?;
    let views: Vec<SecretView> = secrets.iter().map(SecretView::of).collect();
    let nothing = format!(
        "No secrets. Set one: eklavya secret set {} NAME --for tests",
        args.slug
    );
    invocation.printer.list(&views, &nothing)
}
