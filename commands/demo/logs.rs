//! `eklavya demo logs`

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::{desk, output};
use eklavya_core::domain::demo::Demo;
use eklavya_engine::preview;
use eklavya_services::{demos, projects};
use std::time::Duration;

/// How often it is looked for more.
const PAUSE: Duration = Duration::from_millis(500);

/// Print what the preview of a demo has said
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project
    slug: String,

    /// The demo's number
    number: u32,

    /// Go on with what it says from now on
    #[arg(short, long)]
    follow: bool,
}

/// Runs `eklavya demo logs`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let (mut shown, mut demo) = (String::new(), find(invocation, args)?);
    loop {
        let log = preview::log(invocation.home.path.as_std_path(), &args.slug, args.number)?;
        // A log that no longer continues what was shown has been cut in its middle.
        let new = log.strip_prefix(&shown).unwrap_or(&log);
        output::lines(&new.lines().map(output::escape::lines).collect::<Vec<_>>())?;
        shown = log;
        if !args.follow || !preview::is_running(&demo) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
        demo = find(invocation, args)?;
    }
}

fn find(invocation: &Invocation, args: &Args) -> Result<Demo, CommandError> {
    desk::with(invocation, async |desk| {
        let project = projects::find(&desk, &args.slug).await?;
        Ok(demos::find(&desk, &project, args.number).await?)
    })
}
