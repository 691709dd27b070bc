//! `eklavya secret set`

use std::fs::File;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use eklavya_core::secret::{
    InvalidSecretValue, MAX_VALUE_BYTES, SecretName, SecretUse, SecretUses,
};
use eklavya_services::secrets::{NewSecret, SecretError};
use eklavya_services::{projects, secrets};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::view::SecretView;
use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya secret set shop STRIPE_KEY --for tests < key.txt
  eklavya secret set shop TLS_KEY --for previews,checks --file key.pem
  pass show anthropic/shop | eklavya secret set shop ANTHROPIC_API_KEY";

/// Set a secret of a project; the value is read from stdin, a file, or a hidden prompt
///
/// The value is encrypted with a key outside the database. Only the commands that --for names get it, as
/// an environment variable; agents never do. It is removed from the stored output of those commands.
/// ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are only for the gateway, which uses them for this project
/// instead of the installation's credential. One newline at the end is not part of the value.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SecretSetArgs {
    /// The project
    slug: String,

    /// Name of the secret and of its environment variable
    name: SecretName,

    /// Commands that get the secret: tests, checks, previews (default: none)
    #[arg(long = "for", value_name = "WHAT", value_delimiter = ',', value_parser = parse_use)]
    uses: Vec<SecretUse>,

    /// Read the value from this file
    #[arg(long, value_name = "FILE")]
    file: Option<Utf8PathBuf>,
}

fn parse_use(text: &str) -> Result<SecretUse, String> {
    SecretUse::CHOSEN
        .into_iter()
        .find(|one| one.name() == text)
        .ok_or_else(|| "expected tests, checks or previews".to_owned())
}

pub fn exec(invocation: &CommandInvocation, args: SecretSetArgs) -> Result<(), CommandError> {
    let uses = secret_uses(&args)?;
    let vault = data_store::vault(invocation)?;
    // Checked before the value is asked for.
    let project = data_store::with_data_store(invocation, async |data| {
        Ok(projects::find(&data, &args.slug).await?)
    })?;
    let value = read_value(invocation, &args)?;
    let new = NewSecret {
        name: args.name,
        value,
        uses,
    };
    let secret = data_store::with_data_store(invocation, async |data| {
        Ok(secrets::set(&data, &vault, &data_store::current_actor(), &project, new).await?)
    })?;
    let message = format!("Set the secret {} of {}", secret.name, args.slug);
    invocation.printer.done(&message, &SecretView::of(&secret))
}

fn secret_uses(args: &SecretSetArgs) -> Result<SecretUses, CommandError> {
    if !args.name.is_model_credential() {
        return Ok(SecretUses(args.uses.iter().copied().collect()));
    }
    if !args.uses.is_empty() {
        let message = format!("{} is only for the gateway", args.name);
        let hint = "Omit --for, or set a separate key for the commands under another name";
        return Err(CommandError::usage(message).with_hint(hint));
    }
    Ok(SecretUses([SecretUse::Model].into()))
}

fn read_value(
    invocation: &CommandInvocation,
    args: &SecretSetArgs,
) -> Result<SecretString, CommandError> {
    if let Some(file) = &args.file {
        let path = invocation.working_directory.join(file);
        let opened = File::open(&path).map_err(|error| unreadable_error(&path, &error))?;
        return read_secret(opened).map_err(|error| unreadable_error(&path, &error))?;
    }
    let question = format!("Value of {}", args.name);
    if let Some(value) = invocation.prompt.ask_secret(&question)? {
        return Ok(value);
    }
    read_secret(io::stdin())
        .map_err(|error| CommandError::new(CommandErrorKind::Failed, format!("stdin: {error}")))?
}

fn unreadable_error(path: &Utf8Path, error: &io::Error) -> CommandError {
    CommandError::usage(format!("cannot read {path}: {error}"))
}

/// Reads a value; one newline at the end is not part of it.
fn read_secret(from: impl Read) -> io::Result<Result<SecretString, CommandError>> {
    let invalid = |error| Ok(Err(CommandError::from(&SecretError::Value(error))));
    // A growing buffer would leave copies of the secret in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_VALUE_BYTES + 4));
    from.take(MAX_VALUE_BYTES as u64 + 3)
        .read_to_end(&mut bytes)?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return invalid(InvalidSecretValue::NotUtf8);
    };
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return invalid(InvalidSecretValue::Empty);
    }
    Ok(Ok(SecretString::from(text)))
}
