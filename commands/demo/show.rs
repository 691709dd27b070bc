//! `eklavya demo show`

use eklavya_services::{demos, projects};

use super::view::DemoView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::pictures::Pictures;

/// Show a demo
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,

    /// The demo's number
    number: u32,
}

/// Runs `eklavya demo show`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let view = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        let demo = demos::find(&desk, &project, args.number).await?;
        let pictures = Pictures::read(invocation, &desk, &project).await?;
        Ok(DemoView::of(&demo).with_pictures(&pictures))
    })?;
    invocation.printer.view(&view)
}
