//! `eklavya demo list`

use eklavya_services::{demos, projects};

use super::view::DemoView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::pictures::Pictures;

const EXAMPLES: &str = "\
Examples:
  eklavya demo list shop
  eklavya demo list shop --output jsonl | jq -r 'select(.status == \"ready\") | .previewUrl'";

/// List the demos of a project
#[derive(Debug, clap::Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,
}

/// Runs `eklavya demo list`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let views: Vec<DemoView> = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        let demos = demos::list(&desk, &project).await?;
        let pictures = Pictures::read(invocation, &desk, &project).await?;
        let views = demos.iter().map(DemoView::of);
        Ok(views.map(|view| view.with_pictures(&pictures)).collect())
    })?;
    let nothing = format!("No demos. Build them: eklavya demo build {}", args.slug);
    invocation.printer.list(&views, &nothing)
}
