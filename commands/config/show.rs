//! `eklavya config show`

use eklavya_config::{Origin, Value};

use super::Setting;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya config show
  EKLAVYA_AGENTS_PARALLEL=8 eklavya config show --output jsonl | grep parallel";

/// Show every key with its value and where the value comes from
///
/// Weakest first: the built-in default, config.yaml in the data directory, the environment
/// (EKLAVYA_AGENTS_PARALLEL for agents.parallel), --set on the command line. Secrets are shown as
/// set or not set.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Runs `eklavya config show`.
pub fn exec(invocation: &Invocation, _: &Args) -> Result<(), CommandError> {
    let entries = invocation.layers()?.entries();
    let secrets = invocation.config()?.model.credentials.variables();
    let settings: Vec<Setting> = entries
        .iter()
        .map(|entry| Setting::of(entry, &invocation.home))
        .chain(secrets.map(secret))
        .collect();
    invocation.printer.list(&settings, "")
}

fn secret((name, is_set): (&'static str, bool)) -> Setting {
    let (value, origin, source) = if is_set {
        ("set", Origin::Environment, Some(name.to_owned()))
    } else {
        ("not set", Origin::Default, None)
    };
    Setting {
        key: name,
        value: Value::Text(value.to_owned()),
        origin,
        source,
    }
}
