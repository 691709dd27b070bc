//! `eklavya secret rm`

use eklavya_core::secret::SecretName;
use eklavya_services::{projects, secrets};
use serde_json::json;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

/// Remove a secret of a project
///
/// A preview or test command that is already running keeps the secret until it ends.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya secret rm shop STRIPE_KEY")]
pub struct SecretRmArgs {
    /// The project
    slug: String,

    /// The secret
    name: SecretName,
}

pub fn exec(invocation: &CommandInvocation, args: &SecretRmArgs) -> Result<(), CommandError> {
    let question = format!("Remove the secret {} of {}?", args.name, args.slug);
    invocation.prompt.confirm(&question)?;
    data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        Ok(secrets::remove(&data, &data_store::current_actor(), &project, &args.name).await?)
    })?;
    let message = format!("Removed the secret {} of {}", args.name, args.slug);
    let result = json!({ "name": args.name, "removed": true });
    invocation.printer.done(&message, &result)
}
