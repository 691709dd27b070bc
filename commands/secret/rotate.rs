//! `eklavya secret rotate`

use eklavya_services::secrets;
use serde_json::json;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya secret rotate
  eklavya secret rotate && scp secret.key host2:/var/lib/eklavya/   # if workers have copies";

/// Create a new key, and encrypt the secrets of all projects with it
///
/// The values stay the same. The old key stays in the file until all secrets are encrypted with the new
/// one, and is then removed. Workers on other hosts need the new file before they can use a secret again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SecretRotateArgs {}

pub fn exec(invocation: &CommandInvocation, _: &SecretRotateArgs) -> Result<(), CommandError> {
    let vault = data_store::vault(invocation)?;
    let rotated = data_store::with_data_store(invocation, async |data| {
        Ok(secrets::rotate_key(&data, &vault, &data_store::current_actor()).await?)
    })?;
    let message = format!(
        "Encrypted {} secrets with the new key {}",
        rotated.secrets, rotated.key
    );
    let result = json!({ "secrets": rotated.secrets, "key": rotated.key });
    invocation.printer.done(&message, &result)
}
