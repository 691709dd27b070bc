//! `eklavya config get`

use super::Setting;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya config get agents.parallel
  eklavya config get model.url --output json";

/// Print the value of a key
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The key, like agents.parallel
    key: String,
}

/// Runs `eklavya config get`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let entry = invocation.layers()?.get(&args.key)?;
    invocation
        .printer
        .view(&Setting::of(entry, &invocation.home))
}
