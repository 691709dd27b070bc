//! What the commands that let agents work have in common.

use std::sync::Arc;

use camino::Utf8PathBuf;
use eklavya_core::job::JobGoal;
use eklavya_core::project::Project;
use eklavya_engine::{self as workflow, EngineError, OnLeased, ProjectRun, stages};
use eklavya_services::{DataStore, audit, projects};
use serde_json::json;

use crate::error::CommandError;
use crate::interrupts::InterruptTokens;
use crate::invocation::CommandInvocation;
use crate::output::ProgressDisplay;
use crate::project;
use crate::wait::{self, WaitOption};
use crate::{data_store, detach, next_step, run_factory, runtime, stage_error};

/// The options of commands that let agents work.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkOptions {
    #[command(flatten)]
    wait: WaitOption,

    /// Write what the model answers into this file, as a rehearsal
    #[arg(long, value_name = "FILE")]
    record: Option<Utf8PathBuf>,

    /// Hand the work to a background worker and return at once; one is started where none is there
    #[arg(long, conflicts_with_all = ["wait", "record"])]
    pub detach: bool,
}

impl WorkOptions {
    /// Returns whether any of them was given.
    pub fn is_given(&self) -> bool {
        self.wait.wait || self.record.is_some() || self.detach
    }
}

/// Works on the project `slug` until `goal` is reached.
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
        let ended =
            run_in_foreground(invocation, goal, &data, &project, &interrupts, options).await;
        data.flush().await;
        progress.finish().await;
        ended?;
        project::with_summary(&data, projects::reload(&data, &project).await?).await
    })?;
    let message = format!("{slug} is {} now", project.state.status());
    next_step::print_done(invocation, &message, &project, &line)
}

/// Notes who wanted the work, and whether without a sandbox.
async fn record_request(
    invocation: &CommandInvocation,
    data: &DataStore,
    project: &Project,
    goal: JobGoal,
) -> Result<(), CommandError> {
    let details = json!({ "stage": goal.name(), "noSandbox": invocation.no_sandbox });
    let about = (Some(project.id), None);
    audit::record(
        data,
        &data_store::current_actor(),
        about,
        "stage.run",
        details,
    )
    .await?;
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
    let patience = if options.wait.wait {
        wait::wait_until_no_job(data, project, &invocation.printer, interrupts).await?;
        OnLeased::Wait
    } else {
        OnLeased::Fail
    };
    let record = options.record.as_deref();
    let worker =
        run_factory::start_run(invocation, data, project, interrupts, record, patience).await?;
    let done = run_goal(goal, worker).await;
    done.map_err(|error| stage_error::stage_error(error, &project.slug))
}

/// Lets a worker work until `goal` is reached.
pub async fn run_goal(goal: JobGoal, worker: Arc<ProjectRun>) -> Result<(), EngineError> {
    let done = match goal {
        JobGoal::Plan => workflow::with_lease(worker, stages::plan::run).await,
        JobGoal::Demos => workflow::with_lease(worker, stages::demo::run).await,
        JobGoal::Build => workflow::with_lease(worker, stages::build::run).await,
        JobGoal::Verify => workflow::with_lease(worker, stages::verify::run).await,
        JobGoal::Deliver => workflow::with_lease(worker, stages::deliver::run).await,
    };
    done.map(|_| ())
}
