//! `eklavya secret rm`

use eklavya_core::domain::secret::SecretName;
use eklavya_services::{projects, secrets};
use serde_json::json;

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

/// Remove a secret of a project
///
/// What was started with it keeps it until it ends: a preview, a test command under way.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya secret rm shop STRIPE_KEY")]
pub struct Args {
    /// The project
    slug: String,

    /// The secret
    name: SecretName,
}

/// Runs `eklavya secret rm`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let question = format!("Remove the secret {} of {}?", args.name, args.slug);
    invocation.prompt.confirm(&question)?;
    desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        Ok(secrets::remove(&desk, &desk::actor(), &project, &args.name).await?)
    })?;
    let message = format!("The secret {} of {} is removed", args.name, args.slug);
    let result = json!({ "name": args.name, "removed": true });
    invocation.printer.done(&message, &result)
}
