//! `eklavya project`: projects.

mod archive;
mod export;
mod list;
mod new;
mod pause;
mod resume;
mod show;
mod view;

use clap::Subcommand;
use eklavya::domain::project::ProjectEvent;
use eklavya::services::projects;

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
pub use view::ProjectLine;

/// Create, look at, halt and put away projects
#[derive(Debug, Subcommand)]
pub enum Verb {
    New(new::Args),
    List(list::Args),
    Show(show::Args),
    Pause(pause::Args),
    Resume(resume::Args),
    Archive(archive::Args),
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
    let project = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, slug).await?;
        Ok(projects::advance(&desk, &desk::actor(), &project, event).await?)
    })?;
    let message = format!("{slug} {did}");
    invocation
        .printer
        .done(&message, &ProjectLine::of(&project))
}
