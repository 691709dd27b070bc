//! What the commands that run a stage have in common.

pub mod detach;
pub mod run_factory;
pub mod wait;

use camino::Utf8PathBuf;
use eklavya_core::job::JobGoal;
use eklavya_core::project::Project;
use eklavya_engine::OnLeased;
use eklavya_engine::jobs::run_goal;
use eklavya_services::{DataStore, audit, projects};
use serde_json::json;

use crate::error::{CommandError, stage_error};
use crate::invocation::interrupts::InterruptTokens;
use crate::invocation::{CommandInvocation, data_store, runtime};
use crate::next_step;
use crate::output::ProgressDisplay;
use crate::project;
use crate::stage::wait::WaitOption;

#[derive(Debug, Clone, clap::Args)]
pub struct WorkOptions {
    #[command(flatten)]
    wait: WaitOption,

    /// Record the answers of the model to this file, as a rehearsal
    #[arg(long, value_name = "FILE")]
    record: Option<Utf8PathBuf>,

    /// Queue the work for a background worker and return at once; starts a worker if none is running
    #[arg(long, conflicts_with_all = ["wait", "record"])]
    pub detach: bool,
}

impl WorkOptions {
    /// Whether any of the options was given.
    pub fn is_given(&self) -> bool {
        self.wait.wait || self.record.is_some() || self.detach
    }
}

/// Works on the project `slug` until `goal` is reached, or queues a job with `--detach`.
pub fn run_stage(
    invocation: &CommandInvocation,
    slug: &str,
    goal: JobGoal,
    options: &WorkOptions,
) -> Result<(), CommandError> {
    invocation.config()?;
    if options.detach {
        return detach::enqueue_job(invocation, slug, goal);
    }
    let (project, line) = runtime::run_interruptible(&invocation.printer, async |interrupts| {
        let data = data_store::open(invocation).await?;
        let project = projects::find(&data, slug).await?;
        record_request(invocation, &data, &project, goal).await?;
        let progress = ProgressDisplay::of(&invocation.printer, &data, project.id);
        let done = run_in_foreground(invocation, goal, &data, &project, &interrupts, options).await;
        data.flush().await;
        progress.finish().await;
        done?;
        project::with_summary(&data, projects::reload(&data, &project).await?).await
    })?;
    let message = format!(
        "{slug} is now {}",
        crate::output::predicate(project.state.status())
    );
    next_step::print_done(invocation, &message, &project, &line)
}

/// Writes the audit entry: who started which stage, and whether without a sandbox.
async fn record_request(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: &Project,
    goal: JobGoal,
) -> Result<(), CommandError> {
    let details = json!({ "stage": goal.name(), "noSandbox": invocation.no_sandbox });
    let (actor, subject) = (data_store::current_actor(), (Some(project.id), None));
    audit::record(data, &actor, subject, "stage.run", details).await?;
    Ok(())
}

async fn run_in_foreground(
    invocation: &CommandInvocation,
    goal: JobGoal,
    data: &DataStore,
    project: &Project,
    interrupts: &InterruptTokens,
    options: &WorkOptions,
) -> Result<(), CommandError> {
    let on_leased = if options.wait.wait {
        wait::wait_until_no_job(data, project, &invocation.printer, interrupts).await?;
        OnLeased::Wait
    } else {
        OnLeased::Fail
    };
    let recording = options.record.as_deref();
    let run = run_factory::start_run(invocation, data, project, interrupts, recording, on_leased);
    let done = run_goal(goal, run.await?).await;
    done.map_err(|error| stage_error::stage_error(error, &project.slug))
}
