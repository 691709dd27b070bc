//! `eklavya demo approve`

use eklavya_core::domain::project::Stage;
use eklavya_engine::stages;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::project;
use crate::wait::{self, WaitOption};
use crate::{crew, desk, next};

const EXAMPLES: &str = "\
Examples:
  eklavya demo approve shop 2
  eklavya demo approve shop 2 --feedback \"Bigger pictures\" --yes --wait";

/// Approve a demo: it becomes main, and the build starts from it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,

    /// The demo's number
    number: u32,

    /// What the build must know of your choice
    #[arg(long, value_name = "TEXT")]
    feedback: Option<String>,

    #[command(flatten)]
    wait: WaitOption,
}

/// Runs `eklavya demo approve`.
pub fn exec(invocation: &Invocation, args: Args) -> Result<(), CommandError> {
    let question = format!("Approve demo {} of {}?", args.number, args.slug);
    invocation.prompt.confirm(&question)?;
    let (project, line) = desk::with(invocation, async |desk| {
        let project = wait::for_stage(&desk, &args.slug, Stage::DemoReview, args.wait).await?;
        let site = crew::records(invocation, &desk, &project).await?;
        let actor = desk::actor();
        let project = stages::demo::approve(&site, &actor, args.number, args.feedback).await?;
        project::with_line(&desk, project).await
    })?;
    let message = format!("Demo {} of {} is approved", args.number, project.slug);
    next::done(invocation, &message, &project, &line)
}
