//! `eklavya jobs list`

use eklavya_services::{jobs, projects};

use super::view::JobView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya jobs list
  eklavya jobs list shop --all --output jsonl | jq -r 'select(.status == \"failed\") | .outcome'";

/// List open jobs, oldest first
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct JobsListArgs {
    /// Only list the jobs of this project
    slug: Option<String>,

    /// Include jobs that have ended
    #[arg(short, long)]
    all: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &JobsListArgs) -> Result<(), CommandError> {
    let views = data_store::with_data_store(invocation, async |data| {
        let project = match &args.slug {
            Some(slug) => Some(projects::find(&data, slug).await?.id),
            None => None,
        };
        let mut found = match (project, args.all) {
            (None, false) => jobs::list_open(&data).await?,
            (project, _) => jobs::list(&data, project).await?,
        };
        found.retain(|job| args.all || job.state.is_open());
        JobView::of_all(&data, &found).await
    })?;
    let nothing = "No jobs. Queue one: eklavya plan SLUG --detach";
    invocation.printer.list(&views, nothing)
}
