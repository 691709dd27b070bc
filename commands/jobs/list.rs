//! `eklavya jobs list`

use eklavya_services::{jobs, projects};

use super::view::JobView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

const EXAMPLES: &str = "\
Examples:
  eklavya jobs list
  eklavya jobs list shop --all --output jsonl | jq -r 'select(.status == \"failed\") | .outcome'";

/// List the jobs that are still to be done, oldest first
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct Args {
    /// Only those of this project
    slug: Option<String>,

    /// Those that have ended too
    #[arg(short, long)]
    all: bool,
}

/// Runs `eklavya jobs list`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let views = desk::with(invocation, async |desk| {
        let project = match &args.slug {
            Some(slug) => Some(projects::find(&desk, slug).await?.id),
            None => None,
        };
        let mut found = match (project, args.all) {
            (None, false) => jobs::open(&desk).await?,
            (project, _) => jobs::list(&desk, project).await?,
        };
        found.retain(|job| args.all || job.state.is_open());
        JobView::of_all(&desk, &found).await
    })?;
    let nothing = "No jobs. Ask for one: eklavya plan SLUG --detach";
    invocation.printer.list(&views, nothing)
}
