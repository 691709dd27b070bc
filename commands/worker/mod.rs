//! `eklavya worker`: a background worker, and who there are.

pub(crate) mod job_runner;
mod list;
mod start;

use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use eklavya_engine::jobs::worker_loop::{self as crew, WorkerLoopSpec, WorkerShutdown};
use eklavya_services::leases::WorkerId as WorkerIdentity;

pub use start::ensure_worker;

use crate::error::CommandError;
use crate::interrupts::InterruptMessages;
use crate::invocation::CommandInvocation;
use crate::run_factory::RunFactory;
use crate::worker::job_runner::JobRunner;
use crate::{data_store, runtime};

const WORDS: InterruptMessages = InterruptMessages {
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
pub struct WorkerArgs {
    #[command(subcommand)]
    verb: Option<WorkerCommand>,

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
enum WorkerCommand {
    List(list::WorkerListArgs),
}

/// Runs `eklavya worker`.
pub fn exec(invocation: &CommandInvocation, args: &WorkerArgs) -> Result<(), CommandError> {
    if let Some(WorkerCommand::List(args)) = &args.verb {
        return list::exec(invocation, args);
    }
    invocation.config()?;
    if args.detached {
        // A session of its own: it must not end with the terminal of the command that started it.
        let _ = nix::unistd::setsid();
    }
    runtime::run_until_signal(&invocation.printer, WORDS, async |interrupts| {
        let data = data_store::open(invocation).await?;
        let outfit = RunFactory::of(invocation, &data)?;
        outfit.ensure_usable().await?;
        let spec = WorkerLoopSpec {
            identity: WorkerIdentity::generate(),
            home: invocation.home.path.clone().into_std_path_buf(),
            capacity: args.jobs,
            until_idle: args.until_idle,
            drain_timeout: Duration::from_secs(args.drain_seconds),
            data: data.clone(),
        };
        let stop = WorkerShutdown {
            drain: interrupts.soft,
            hard: interrupts.hard,
        };
        let hands = JobRunner::new(outfit, data, invocation.printer.clone());
        Ok(crew::run_worker_loop(spec, Arc::new(hands), stop).await?)
    })
}
