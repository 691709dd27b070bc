//! `eklavya project list`

use eklavya_services::projects;

use super::view::ProjectSummaryView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya project list
  eklavya project list --output jsonl | jq -r 'select(.needsDecision) | .slug'";

/// List projects, oldest first
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct ProjectListArgs {
    /// Include archived projects
    #[arg(short, long)]
    all: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &ProjectListArgs) -> Result<(), CommandError> {
    let projects = data_store::with_data_store(invocation, async |data| {
        Ok(projects::list_summaries(&data).await?)
    })?;
    let lines: Vec<ProjectSummaryView> = projects
        .into_iter()
        .filter(|project| args.all || project.state.status() != "archived")
        .map(ProjectSummaryView::from)
        .collect();
    let nothing = "No projects. Create one: eklavya project new NAME --brief FILE";
    invocation.printer.list(&lines, nothing)
}
