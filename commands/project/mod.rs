//! `eklavya project`

mod archive;
mod export;
mod isolation;
mod list;
mod new;
mod pause;
mod priority;
mod resume;
mod show;
mod view;

use clap::Subcommand;
use eklavya_core::project::{Project, ProjectEvent};
use eklavya_engine::preview::demo;
use eklavya_services::{DataStore, projects};
use eklavya_store::budgets::{self, Scope};
use eklavya_store::priorities;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
pub use isolation::isolation_parser;
use view::ProjectSummaryView;

/// Create, show, pause and archive projects
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    New(new::ProjectNewArgs),
    List(list::ProjectListArgs),
    Show(show::ProjectShowArgs),
    Pause(pause::ProjectPauseArgs),
    Resume(resume::ProjectResumeArgs),
    Archive(archive::ProjectArchiveArgs),
    Priority(priority::ProjectPriorityArgs),
    Isolation(isolation::ProjectIsolationArgs),
    Export(export::ProjectExportArgs),
}

impl ProjectCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            ProjectCommand::New(args) => new::exec(invocation, args),
            ProjectCommand::List(args) => list::exec(invocation, &args),
            ProjectCommand::Show(args) => show::exec(invocation, &args),
            ProjectCommand::Pause(args) => pause::exec(invocation, &args),
            ProjectCommand::Resume(args) => resume::exec(invocation, &args),
            ProjectCommand::Archive(args) => archive::exec(invocation, &args),
            ProjectCommand::Priority(args) => priority::exec(invocation, &args),
            ProjectCommand::Isolation(args) => isolation::exec(invocation, &args),
            ProjectCommand::Export(args) => export::exec(invocation, &args),
        }
    }
}

/// Applies `event` to a project and prints `message`.
fn apply_event(
    invocation: &CommandInvocation,
    slug: &str,
    event: ProjectEvent,
    message: &str,
) -> Result<(), CommandError> {
    let (_, line) = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, slug).await?;
        let project =
            projects::advance(&data, &data_store::current_actor(), &project, event).await?;
        if event == ProjectEvent::Archive {
            demo::stop_all_previews(&data, &data_store::current_actor(), &project).await?;
        }
        with_summary(&data, project).await
    })?;
    invocation.printer.done(message, &line)
}

/// Returns the project together with its printed form.
pub async fn with_summary(
    data: &DataStore,
    project: Project,
) -> Result<(Project, ProjectSummaryView), CommandError> {
    let mut tx = data.begin_read().await?;
    let budget = budgets::find(&mut tx, Scope::Project(project.id)).await?;
    let priority = priorities::of_project(&mut tx, project.id).await?;
    let line = ProjectSummaryView::of(&project, &budget, priority);
    Ok((project, line))
}
