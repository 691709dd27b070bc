//! `eklavya demo stop`

use super::view::DemoView;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use eklavya_engine::preview::demo;
use eklavya_services::{demos, projects};

/// Stop the preview of a demo
#[derive(Debug, clap::Args)]
pub struct DemoStopArgs {
    /// The project
    slug: String,

    /// Number of the demo
    number: u32,
}

pub fn exec(invocation: &CommandInvocation, args: &DemoStopArgs) -> Result<(), CommandError> {
    let line = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        let demo = demos::find(&data, &project, args.number).await?;
        demo::stop_demo_preview(&data, &data_store::current_actor(), &project, &demo).await?;
        Ok(DemoView::of(
            &demos::find(&data, &project, args.number).await?,
        ))
    })?;
    invocation.printer.done(
        &format!("Stopped the preview of demo {}", args.number),
        &line,
    )
}
