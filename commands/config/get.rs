//! `eklavya config get`

use super::SettingView;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;

const EXAMPLES: &str = "\
Examples:
  eklavya config get agents.parallel
  eklavya config get model.url --output json";

/// Print the value of a key
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigGetArgs {
    /// Name of the key, such as `agents.parallel`
    key: String,
}

pub fn exec(invocation: &CommandInvocation, args: &ConfigGetArgs) -> Result<(), CommandError> {
    let entry = invocation.layers()?.get(&args.key)?;
    invocation
        .printer
        .view(&SettingView::of(entry, &invocation.home))
}
