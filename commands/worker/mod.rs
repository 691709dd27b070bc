//! `eklavya worker`: runs a background worker, and lists the workers.

mod event_lines;
mod list;
mod start;

use std::time::Duration;

use clap::Subcommand;
use eklavya_engine::jobs::{WorkerEvent, WorkerLoopSpec, WorkerShutdown, run_worker_loop};
use eklavya_services::leases::WorkerId;

pub use start::ensure_worker;

use crate::error::CommandError;
use crate::interrupts::InterruptMessages;
use crate::invocation::CommandInvocation;
use crate::{data_store, run_factory, runtime};

const MESSAGES: InterruptMessages = InterruptMessages {
    first: "Taking no more jobs; agents may finish their attempt. A second signal kills them.",
    second: "Killing the agents.",
};

const EXAMPLES: &str = "\
Examples:
  eklavya worker                     # until Ctrl-C or SIGTERM
  eklavya worker --until-idle        # what --detach starts if no worker is running
  eklavya worker --output jsonl      # one line for each event
  eklavya worker list";

/// Run a background worker, which does the jobs that --detach queues
///
/// Takes queued jobs, highest priority first, and works on several projects at the same time. On the
/// first SIGTERM or Ctrl-C it takes no more jobs and agents may finish their attempt; unfinished jobs
/// are queued again. On the second signal it kills the agents. Several workers share the jobs; if one
/// dies, another resumes its jobs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct WorkerArgs {
    #[command(subcommand)]
    verb: Option<WorkerCommand>,

    /// Projects to work on at the same time
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: u32,

    /// Exit when no job is left
    #[arg(long)]
    until_idle: bool,

    /// How long agents may continue after the first signal
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    drain_seconds: u64,

    /// Detach from the terminal; set when another command starts this worker
    #[arg(long, hide = true)]
    detached: bool,
}

#[derive(Debug, Subcommand)]
enum WorkerCommand {
    List(list::WorkerListArgs),
}

pub fn exec(invocation: &CommandInvocation, args: &WorkerArgs) -> Result<(), CommandError> {
    if let Some(WorkerCommand::List(args)) = &args.verb {
        return list::exec(invocation, args);
    }
    invocation.config()?;
    if args.detached {
        // A session of its own, so that the worker survives the terminal of the command that started it.
        let _ = nix::unistd::setsid();
    }
    runtime::run_until_signal(&invocation.printer, MESSAGES, async |interrupts| {
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
