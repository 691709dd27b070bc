//! `eklavya config show`

use eklavya_config::{ConfigValue, ValueOrigin};

use super::SettingView;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;

const EXAMPLES: &str = "\
Examples:
  eklavya config show
  EKLAVYA_AGENTS_PARALLEL=8 eklavya config show --output jsonl | grep parallel";

/// Show every key with its value and the origin of the value
///
/// The origins, weakest first: the built-in default, config.yaml in the data directory, the
/// environment (EKLAVYA_AGENTS_PARALLEL for `agents.parallel`), --set on the command line. Secrets are
/// only shown as set or not set.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigShowArgs {}

pub fn exec(invocation: &CommandInvocation, _: &ConfigShowArgs) -> Result<(), CommandError> {
    let entries = invocation.layers()?.entries();
    let secrets = invocation.config()?.model.credentials.variables();
    let settings: Vec<SettingView> = entries
        .iter()
        .map(|entry| SettingView::of(entry, &invocation.home))
        .chain(secrets.map(secret_setting))
        .collect();
    invocation.printer.list(&settings, "")
}

fn secret_setting((name, is_set): (&'static str, bool)) -> SettingView {
    let (value, origin, source) = if is_set {
        ("set", ValueOrigin::Environment, Some(name.to_owned()))
    } else {
        ("not set", ValueOrigin::Default, None)
    };
    SettingView {
        key: name,
        value: ConfigValue::Text(value.to_owned()),
        origin,
        source,
    }
}
