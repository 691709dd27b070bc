//! `eklavya demo stop`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

/// Stop the preview of a demo
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,

    /// The demo's number
    number: u32,
}

/// Runs `eklavya demo stop`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &(&args.slug, args.number))
}
