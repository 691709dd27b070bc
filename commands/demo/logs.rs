//! `eklavya demo logs`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

/// Print what the preview of a demo has said
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,

    /// The demo's number
    number: u32,

    /// Go on with what it says from now on
    #[arg(short, long)]
    follow: bool,
}

/// Runs `eklavya demo logs`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &(&args.slug, args.number, args.follow))
}
