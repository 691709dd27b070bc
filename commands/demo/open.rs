//! `eklavya demo open`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

/// Start the preview of a demo, where it does not run, and open it in the browser
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,

    /// The demo's number
    number: u32,
}

/// Runs `eklavya demo open`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &(&args.slug, args.number))
}
