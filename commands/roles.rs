//! `eklavya roles`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

/// Show what each role may touch
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya roles\n  eklavya roles --output json")]
pub struct Args {}

/// Runs `eklavya roles`.
pub fn exec(invocation: &Invocation, _: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &())
}
