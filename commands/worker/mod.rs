//! `eklavya worker`: a background worker, and who there are.

mod hands;
mod list;
mod start;

use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use eklavya_engine::crew::{self, CrewSpec, CrewStop};
use eklavya_services::leases::Worker as WorkerIdentity;

pub use start::ensure;

use crate::crew::Outfit;
use crate::error::CommandError;
use crate::interrupts::Words;
use crate::invocation::Invocation;
use crate::{desk, runtime};
use hands::Crew;

const WORDS: Words = Words {
    first: "Taking no more jobs; agents may finish their attempt. Once more, and they are killed.",
    second: "Killing the agents.",
};

const EXAMPLES: &str = "\
Examples:
  eklavya worker                     # until Ctrl-C or SIGTERM
  eklavya worker --until-idle        # what --detach starts where no worker is there
  eklavya worker --output jsonl      # one line for each job that starts or ends
  eklavya worker list";

/// Work on jobs in the background: what commands with --detach ask for
///
/// Takes queued jobs, those of the highest priority first, and works on several projects at the same
/// time. SIGTERM or Ctrl-C once: it takes no more jobs, agents may finish their attempt, what remains
/// goes back into the queue. Twice: the agents are killed. Several workers share the jobs; where one
/// dies, another goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,

    /// Projects to work on at the same time
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: u32,

    /// End when no job is left
    #[arg(long)]
    until_idle: bool,

    /// How long agents may go on after the first signal
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    drain_seconds: u64,

    /// Leave the terminal: for a worker that another command starts
    #[arg(long, hide = true)]
    detached: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::Args),
}

/// Runs `eklavya worker`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    if let Some(Verb::List(args)) = &args.verb {
        return list::exec(invocation, args);
    }
    invocation.config()?;
    if args.detached {
        // A session of its own: it must not end with the terminal of the command that started it.
        let _ = nix::unistd::setsid();
    }
    runtime::enduring(&invocation.printer, WORDS, async |interrupts| {
        let desk = desk::open(invocation).await?;
        let outfit = Outfit::of(invocation, &desk)?;
        outfit.check().await?;
        let spec = CrewSpec {
            identity: WorkerIdentity::this(),
            home: invocation.home.path.clone().into_std_path_buf(),
            capacity: args.jobs,
            until_idle: args.until_idle,
            drain: Duration::from_secs(args.drain_seconds),
            desk: desk.clone(),
        };
        let stop = CrewStop {
            drain: interrupts.soft,
            hard: interrupts.hard,
        };
        let hands = Crew::new(outfit, desk, invocation.printer.clone());
        Ok(crew::run(spec, Arc::new(hands), stop).await?)
    })
}
