//! `eklavya project list`

use eklavya_services::projects;

use super::view::ProjectLine;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya project list
  eklavya project list --output jsonl | jq -r 'select(.needsDecision) | .slug'";

/// List the projects, oldest first
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct Args {
    /// Archived ones too
    #[arg(short, long)]
    all: bool,
}

/// Runs `eklavya project list`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let projects = desk::with(invocation, async |desk| {
        Ok(projects::overviews(&desk).await?)
    })?;
    let lines: Vec<ProjectLine> = projects
        .into_iter()
        .filter(|project| args.all || project.state.status() != "archived")
        .map(ProjectLine::from)
        .collect();
    let nothing = "No projects. Create one: eklavya project new NAME --brief FILE";
    invocation.printer.list(&lines, nothing)
}
