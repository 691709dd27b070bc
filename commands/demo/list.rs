//! `eklavya demo list`

use eklavya_services::{demos, projects};

use super::view::DemoView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::screenshots::ProjectScreenshots;

const EXAMPLES: &str = "\
Examples:
  eklavya demo list shop
  eklavya demo list shop --output jsonl | jq -r 'select(.status == \"ready\") | .previewUrl'";

/// List the demos of a project
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct DemoListArgs {
    /// The project
    slug: String,
}

pub fn exec(invocation: &CommandInvocation, args: &DemoListArgs) -> Result<(), CommandError> {
    let views: Vec<DemoView> = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let demos = demos::list(&data, &project).await?;
        let pictures = ProjectScreenshots::read(invocation, &data, &project).await?;
        let views = demos.iter().map(DemoView::of);
        Ok(views.map(|view| view.with_pictures(&pictures)).collect())
    })?;
    let nothing = format!("No demos. Build them: eklavya demo build {}", args.slug);
    invocation.printer.list(&views, &nothing)
}
