//! `eklavya agents kill`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

const EXAMPLES: &str = "\
Examples:
  eklavya agents kill 3f2a
  eklavya agents kill --all --yes";

/// End agents and their processes; their tasks can be tried again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The agents: the beginnings of their ids, as agents ps shows them
    #[arg(required_unless_present = "all", value_name = "AGENT")]
    agents: Vec<String>,

    /// End every agent
    #[arg(long, conflicts_with = "agents")]
    all: bool,
}

/// Runs `eklavya agents kill`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &(&args.agents, args.all))
}
