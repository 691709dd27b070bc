//! `eklavya secret rotate`

use eklavya_services::secrets;
use serde_json::json;

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya secret rotate
  eklavya secret rotate && scp secret.key host2:/var/lib/eklavya/   # where workers have copies";

/// Make a new key, and seal the secrets of all projects with it
///
/// The values stay the same. The old key stays in the file until everything is sealed anew, and is
/// gone then. Workers on other hosts need the new file before they can use a secret again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Runs `eklavya secret rotate`.
pub fn exec(invocation: &Invocation, _: &Args) -> Result<(), CommandError> {
    let vault = desk::vault(invocation)?;
    let rotated = desk::with(invocation, async |desk| {
        Ok(secrets::rotate(&desk, &vault, &desk::actor()).await?)
    })?;
    let message = format!(
        "{} secrets are sealed with the new key {}",
        rotated.secrets, rotated.key
    );
    let result = json!({ "secrets": rotated.secrets, "key": rotated.key });
    invocation.printer.done(&message, &result)
}
