//! `eklavya project`: projects.

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
use eklavya_core::domain::project::{Project, ProjectEvent};
use eklavya_engine::preview;
use eklavya_services::{Desk, projects};
use eklavya_store::budgets::{self, Scope};
use eklavya_store::priorities;

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
pub use isolation::parser as isolation_parser;
use view::ProjectLine;

/// Create, look at, halt and put away projects
#[derive(Debug, Subcommand)]
pub enum Verb {
    New(new::Args),
    List(list::Args),
    Show(show::Args),
    Pause(pause::Args),
    Resume(resume::Args),
    Archive(archive::Args),
    Priority(priority::Args),
    Isolation(isolation::Args),
    Export(export::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::New(args) => new::exec(invocation, args),
            Verb::List(args) => list::exec(invocation, &args),
            Verb::Show(args) => show::exec(invocation, &args),
            Verb::Pause(args) => pause::exec(invocation, &args),
            Verb::Resume(args) => resume::exec(invocation, &args),
            Verb::Archive(args) => archive::exec(invocation, &args),
            Verb::Priority(args) => priority::exec(invocation, &args),
            Verb::Isolation(args) => isolation::exec(invocation, &args),
            Verb::Export(args) => export::exec(invocation, &args),
        }
    }
}

/// Moves a project on by `event` and tells that it `did`.
fn advance(
    invocation: &Invocation,
    slug: &str,
    event: ProjectEvent,
    did: &str,
) -> Result<(), CommandError> {
    let (_, line) = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, slug).await?;
        let project = projects::advance(&desk, &desk::actor(), &project, event).await?;
        if event == ProjectEvent::Archive {
            preview::stop_all(&desk, &desk::actor(), &project).await?;
        }
        with_line(&desk, project).await
    })?;
    let message = format!("{slug} {did}");
    invocation.printer.done(&message, &line)
}

/// Returns the project with the line that tells programs where it stands.
pub async fn with_line(
    desk: &Desk,
    project: Project,
) -> Result<(Project, ProjectLine), CommandError> {
    let mut tx = desk.read().await?;
    let budget = budgets::find(&mut tx, Scope::Project(project.id)).await?;
    let priority = priorities::of_project(&mut tx, project.id).await?;
    let line = ProjectLine::of(&project, &budget, priority);
    Ok((project, line))
}
