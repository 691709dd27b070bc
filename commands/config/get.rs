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
    /// The key, like agents.parallel
    key: String,
}

/// Runs `eklavya config get`.
pub fn exec(invocation: &CommandInvocation, args: &ConfigGetArgs) -> Result<(), CommandError> {
    let entry = invocation.layers()?.get(&args.key)?;
    invocation
        .printer
        .view(&SettingView::of(entry, &invocation.home))
}
