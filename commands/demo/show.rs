//! `eklavya demo show`

use eklavya_services::{demos, projects};

use super::view::DemoView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::screenshots::ProjectScreenshots;

/// Show a demo
#[derive(Debug, clap::Args)]
pub struct DemoShowArgs {
    /// The project
    slug: String,

    /// Number of the demo
    number: u32,
}

pub fn exec(invocation: &CommandInvocation, args: &DemoShowArgs) -> Result<(), CommandError> {
    let view = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let demo = demos::find(&data, &project, args.number).await?;
        let pictures = ProjectScreenshots::read(invocation, &data, &project).await?;
        Ok(DemoView::of(&demo).with_pictures(&pictures))
    })?;
    invocation.printer.view(&view)
}
