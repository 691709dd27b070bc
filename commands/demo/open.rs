//! `eklavya demo open`

use super::view::DemoView;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::{crew, desk, failure, runtime};
use eklavya_engine::preview;
use eklavya_services::projects;

/// Start the preview of a demo, where it does not run, and open it in the browser
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,

    /// The demo's number
    number: u32,
}

/// Runs `eklavya demo open`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let demo = runtime::long(&invocation.printer, async |_| {
        let desk = desk::open_to_look(invocation).await?;
        let project = projects::find(&desk, &args.slug).await?;
        let site = crew::site(invocation, &desk, &project).await?;
        let opened = preview::reopen(&site, &desk::actor(), args.number).await;
        desk.settle().await;
        opened.map_err(|error| failure::of(error, &args.slug))
    })?;
    let line = DemoView::of(&demo);
    let url = demo.preview_url.unwrap_or_default();
    show(invocation, &url);
    invocation
        .printer
        .done(&format!("Demo {} answers at {url}", args.number), &line)
}

/// Opens the person's browser, where there is a person with one.
fn show(invocation: &Invocation, url: &str) {
    if !invocation.prompt.is_interactive() {
        return;
    }
    let opened = eklavya_core::process::launch("xdg-open", &[url]);
    if opened.is_err() {
        invocation.printer.note("Open the URL in your browser");
    }
}
