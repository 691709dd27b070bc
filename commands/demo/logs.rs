//! `eklavya demo logs`

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::{data_store, output};
use eklavya_core::demo::Demo;
use eklavya_engine::preview::demo;
use eklavya_services::{demos, projects};
use std::time::Duration;

/// How often it is looked for more.
const PAUSE: Duration = Duration::from_millis(500);

/// Print what the preview of a demo has said
#[derive(Debug, clap::Args)]
pub struct DemoLogsArgs {
    /// The project
    slug: String,

    /// The demo's number
    number: u32,

    /// Go on with what it says from now on
    #[arg(short, long)]
    follow: bool,
}

/// Runs `eklavya demo logs`.
pub fn exec(invocation: &CommandInvocation, args: &DemoLogsArgs) -> Result<(), CommandError> {
    let (mut shown, mut demo) = (String::new(), find_demo(invocation, args)?);
    loop {
        let log = demo::read_log(invocation.home.path.as_std_path(), &args.slug, args.number)?;
        // A log that no longer continues what was shown has been cut in its middle.
        let new = log.strip_prefix(&shown).unwrap_or(&log);
        output::lines(
            &new.lines()
                .map(output::escape::escape_lines)
                .collect::<Vec<_>>(),
        )?;
        shown = log;
        if !args.follow || !demo::is_running(&demo) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
        demo = find_demo(invocation, args)?;
    }
}

fn find_demo(invocation: &CommandInvocation, args: &DemoLogsArgs) -> Result<Demo, CommandError> {
    data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, &args.slug).await?;
        Ok(demos::find(&data, &project, args.number).await?)
    })
}
