//! `eklavya demo open`

use super::view::DemoView;
use crate::error::{CommandError, stage_error};
use crate::invocation::{CommandInvocation, data_store, runtime};
use crate::stage::run_factory;
use eklavya_engine::preview::demo;
use eklavya_services::projects;

/// Open a demo in the browser; starts its preview if it is not running
#[derive(Debug, clap::Args)]
pub struct DemoOpenArgs {
    /// The project
    slug: String,

    /// Number of the demo
    number: u32,
}

pub fn exec(invocation: &CommandInvocation, args: &DemoOpenArgs) -> Result<(), CommandError> {
    let demo = runtime::run_interruptible(&invocation.printer, async |_| {
        let data = data_store::open_for_reading(invocation).await?;
        let project = projects::find(&data, &args.slug).await?;
        let site = run_factory::open_site(invocation, &data, &project).await?;
        let opened =
            demo::restart_demo_preview(&site, &data_store::current_actor(), args.number).await;
        data.flush().await;
        opened.map_err(|error| stage_error::stage_error(error, &args.slug))
    })?;
    let line = DemoView::of(&demo);
    let url = demo.preview_url.unwrap_or_default();
    open_in_browser(invocation, &url);
    invocation
        .printer
        .done(&format!("Demo {} is running at {url}", args.number), &line)
}

/// Opens a browser if the command is interactive.
fn open_in_browser(invocation: &CommandInvocation, url: &str) {
    if !invocation.prompt.is_interactive() {
        return;
    }
    let opened = eklavya_core::process::launch("xdg-open", &[url]);
    if opened.is_err() {
        invocation.printer.note("Open the URL in your browser");
    }
}
