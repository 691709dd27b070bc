//! `eklavya demo stop`

use super::view::DemoView;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use eklavya_engine::preview;
use eklavya_services::{demos, projects};

/// Stop the preview of a demo
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,

    /// The demo's number
    number: u32,
}

/// Runs `eklavya demo stop`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let line = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        let demo = demos::find(&desk, &project, args.number).await?;
        preview::stop(&desk, &desk::actor(), &project, &demo).await?;
        Ok(DemoView::of(
            &demos::find(&desk, &project, args.number).await?,
        ))
    })?;
    invocation.printer.done(
        &format!("The preview of demo {} does not run", args.number),
        &line,
    )
}
