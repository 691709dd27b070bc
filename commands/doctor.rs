//! `eklavya doctor`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

/// Check that everything that the work needs is there and usable
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  eklavya doctor\n  eklavya doctor --output jsonl")]
pub struct Args {}

/// Runs `eklavya doctor`.
pub fn exec(invocation: &Invocation, _: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &())
}
