//! What the commands that let agents work have in common.

use std::sync::Arc;

use camino::Utf8PathBuf;
use eklavya_core::domain::job::Goal;
use eklavya_core::domain::project::Project;
use eklavya_engine::{self as workflow, Patience, Worker, WorkflowError, stages};
use eklavya_services::{Desk, audit, projects};
use serde_json::json;

use crate::error::CommandError;
use crate::interrupts::Interrupts;
use crate::invocation::Invocation;
use crate::output::Progress;
use crate::project;
use crate::wait::{self, WaitOption};
use crate::{crew, desk, detach, failure, next, runtime};

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
pub fn run(
    invocation: &Invocation,
    slug: &str,
    goal: Goal,
    options: &WorkOptions,
) -> Result<(), CommandError> {
    invocation.config()?;
    if options.detach {
        return detach::run(invocation, slug, goal);
    }
    let (project, line) = runtime::long(&invocation.printer, async |interrupts| {
        let desk = desk::open(invocation).await?;
        let project = projects::find(&desk, slug).await?;
        note(invocation, &desk, &project, goal).await?;
        let progress = Progress::of(&invocation.printer, &desk, project.id);
        let ended = reach(invocation, goal, &desk, &project, &interrupts, options).await;
        desk.settle().await;
        progress.finish().await;
        ended?;
        project::with_line(&desk, projects::reload(&desk, &project).await?).await
    })?;
    let message = format!("{slug} is {} now", project.state.status());
    next::done(invocation, &message, &project, &line)
}

/// Notes who wanted the work, and whether without a sandbox.
async fn note(
    invocation: &Invocation,
    desk: &Desk,
    project: &Project,
    goal: Goal,
) -> Result<(), CommandError> {
    let details = json!({ "stage": goal.name(), "noSandbox": invocation.no_sandbox });
    let about = (Some(project.id), None);
    audit::note(desk, &desk::actor(), about, "stage.run", details).await?;
    Ok(())
}

async fn reach(
    invocation: &Invocation,
    goal: Goal,
    desk: &Desk,
    project: &Project,
    interrupts: &Interrupts,
    options: &WorkOptions,
) -> Result<(), CommandError> {
    let patience = if options.wait.wait {
        wait::until_no_job(desk, project, &invocation.printer, interrupts).await?;
        Patience::Waiting
    } else {
        Patience::Brief
    };
    let record = options.record.as_deref();
    let worker = crew::worker(invocation, desk, project, interrupts, record, patience).await?;
    let done = perform(goal, worker).await;
    done.map_err(|error| failure::of(error, &project.slug))
}

/// Lets a worker work until `goal` is reached.
pub async fn perform(goal: Goal, worker: Arc<Worker>) -> Result<(), WorkflowError> {
    let done = match goal {
        Goal::Plan => workflow::hold(worker, stages::plan::run).await,
        Goal::Demos => workflow::hold(worker, stages::demo::run).await,
        Goal::Build => workflow::hold(worker, stages::build::run).await,
        Goal::Verify => workflow::hold(worker, stages::verify::run).await,
        Goal::Deliver => workflow::hold(worker, stages::deliver::run).await,
    };
    done.map(|_| ())
}
