//! `eklavya budget set`

use eklavya::domain::money::{InvalidAmount, MicroUsd};

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::work;

const EXAMPLES: &str = "\
Examples:
  eklavya budget set shop 50
  eklavya budget set shop 2.50 --task T3
  eklavya budget set shop none --task T3";

/// Change the limit of a project or of one of its tasks
///
/// What all projects together may cost is a key of the configuration: budget.overallUsd.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,

    /// The limit in US dollars, or none
    #[arg(value_name = "USD", value_parser = limit)]
    limit: Limit,

    /// The limit of this task, in place of that of the project
    #[arg(long)]
    task: Option<String>,
}

/// A limit as it is typed.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<MicroUsd>);

fn limit(text: &str) -> Result<Limit, InvalidAmount> {
    match text {
        "none" => Ok(Limit(None)),
        amount => Ok(Limit(Some(amount.parse()?))),
    }
}

/// Runs `eklavya budget set`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    work::unwired(invocation, &(&args.slug, args.limit.0, &args.task))
}
