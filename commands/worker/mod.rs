//! `eklavya worker`

mod event_lines;
mod list;
mod start;

use std::time::Duration;

use clap::Subcommand;
use eklavya_engine::jobs::{WorkerEvent, WorkerLoopSpec, WorkerShutdown, run_worker_loop};
use eklavya_services::leases::WorkerId;

pub use start::ensure_worker;

use crate::error::CommandError;
use crate::invocation::interrupts::InterruptMessages;
use crate::invocation::{CommandInvocation, data_store, runtime};
use crate::stage::run_factory;

const WORDS: InterruptMessages = InterruptMessages {
    first: "Taking no more jobs; agents may finish their attempt. Interrupt again to kill them.",
    second: "Killing the agents.",
};

const EXAMPLES: &str = "\
Examples:
  eklavya worker                     # until Ctrl-C or SIGTERM
  eklavya worker --until-idle        # what --detach starts if no worker is running
  eklavya worker --output jsonl      # one line per job that starts or ends
  eklavya worker list";

/// Run the jobs that commands with --detach queue
///
/// Takes queued jobs, those of the highest priority first, and works on several projects at the same
/// time. At the first SIGTERM or Ctrl-C, the worker takes no more jobs, agents may finish their attempt,
/// and unfinished jobs return to the queue. At the second, the agents are killed. Several workers share
/// the jobs; if one dies, another resumes its jobs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct WorkerArgs {
    #[command(subcommand)]
    verb: Option<WorkerCommand>,

    /// Number of projects to work on at the same time
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: u32,

    /// Exit when no job is left
    #[arg(long)]
    until_idle: bool,

    /// How long agents may continue after the first signal
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    drain_seconds: u64,

    /// Detach from the terminal: for a worker that another command starts
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
        // The new session keeps the worker alive when the terminal of its parent closes.
        let _ = nix::unistd::setsid();
    }
    runtime::run_until_signal(&invocation.printer, WORDS, async |interrupts| {
        let data = data_store::open(invocation).await?;
        let factory = run_factory::make_run_factory(invocation, &data)?;
        factory.ensure_usable().await?;
        let spec = WorkerLoopSpec {
            identity: WorkerId::generate(),
            home: invocation.home.path.clone().into_std_path_buf(),
            capacity: args.jobs,
            until_idle: args.until_idle,
            drain_timeout: Duration::from_secs(args.drain_seconds),
        };
        let stop = WorkerShutdown {
            drain: interrupts.soft,
            hard: interrupts.hard,
        };
        let printer = invocation.printer.clone();
        let on_event = move |event: WorkerEvent<'_>| {
            event_lines::print_event(&printer, event, data.now());
        };
        Ok(run_worker_loop(spec, factory, on_event, stop).await?)
    })
}
