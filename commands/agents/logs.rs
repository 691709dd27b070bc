//! `eklavya agents logs`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

const EXAMPLES: &str = "\
Examples:
  eklavya agents logs 3f2a
  eklavya agents logs 3f2a --follow";

/// Print what an agent said and did
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The agent: the beginning of its id, as agents ps shows it
    agent: String,

    /// Go on with what it does from now on, until it ends
    #[arg(short, long)]
    follow: bool,
}

/// Runs `eklavya agents logs`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &(&args.agent, args.follow))
}
