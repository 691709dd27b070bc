//! What the commands that let agents work have in common.

use std::fmt::Debug;

use camino::Utf8PathBuf;
use eklavya::domain::project::Project;
use eklavya::services::{Desk, projects};

use crate::error::{CommandError, Kind};
use crate::interrupts::Interrupts;
use crate::invocation::Invocation;
use crate::output::Progress;
use crate::project;
use crate::wait::WaitOption;
use crate::{desk, next, runtime};

/// The options of commands that let agents work.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkOptions {
    #[command(flatten)]
    wait: WaitOption,

    /// Write what the model answers into this file, as a rehearsal
    #[arg(long, value_name = "FILE")]
    record: Option<Utf8PathBuf>,
}

impl WorkOptions {
    /// Returns whether any of them was given.
    pub fn is_given(&self) -> bool {
        self.wait.wait || self.record.is_some()
    }
}

/// Which stage is to be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// The plan.
    Plan,
    /// The demos.
    Demos,
    /// The product.
    Build,
    /// The acceptance criteria.
    Verify,
    /// The delivery.
    Deliver,
}

/// Works on the project `slug` until `goal` is reached.
pub fn run(
    invocation: &Invocation,
    slug: &str,
    goal: Goal,
    options: &WorkOptions,
) -> Result<(), CommandError> {
    invocation.config()?;
    let (project, line) = runtime::long(&invocation.printer, async |interrupts| {
        let desk = desk::open(invocation).await?;
        let project = projects::find(&desk, slug).await?;
        let progress = Progress::of(&invocation.printer, &desk, project.id);
        let ended = reach(invocation, goal, &desk, &project, &interrupts, options).await;
        progress.finish().await;
        ended?;
        project::with_line(&desk, projects::reload(&desk, &project).await?).await
    })?;
    let message = format!("{slug} is {} now", project.state.status());
    next::done(invocation, &message, &project, &line)
}

#[expect(clippy::unused_async, reason = "what it is joined to is asynchronous")]
async fn reach(
    invocation: &Invocation,
    goal: Goal,
    _: &Desk,
    project: &Project,
    interrupts: &Interrupts,
    options: &WorkOptions,
) -> Result<(), CommandError> {
    let stopped = interrupts.soft.is_cancelled() || interrupts.hard.is_cancelled();
    unwired(
        invocation,
        &(goal, &project.slug, options.wait, &options.record, stopped),
    )
}

/// The place where a command is joined to the part of the core that does its work.
pub fn unwired(_: &Invocation, what: &dyn Debug) -> Result<(), CommandError> {
    Err(CommandError::new(
        Kind::Failed,
        format!("this command is not part of this build: {what:?}"),
    ))
}
