//! `eklavya demo logs`

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::output;
use eklavya_core::demo::Demo;
use eklavya_engine::preview::demo;
use eklavya_services::{demos, projects};
use std::time::Duration;

/// Pause between two reads of the log.
const PAUSE: Duration = Duration::from_millis(500);

/// Print the output of the preview of a demo
#[derive(Debug, clap::Args)]
pub struct DemoLogsArgs {
    /// The project
    slug: String,

    /// Number of the demo
    number: u32,

    /// Keep printing new output until the preview stops
    #[arg(short, long)]
    follow: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &DemoLogsArgs) -> Result<(), CommandError> {
    let (mut shown, mut demo) = (String::new(), find_demo(invocation, args)?);
    loop {
        let log = demo::read_log(invocation.home.path.as_std_path(), &args.slug, args.number)?;
        // If the log no longer starts with what was shown, its middle was cut out.
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
