//! `eklavya demo approve`

use eklavya_core::project::ProjectStage;
use eklavya_engine::stages;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::next_step;
use crate::project;
use crate::stage::run_factory;
use crate::stage::wait::{self, WaitOption};

const EXAMPLES: &str = "\
Examples:
  eklavya demo approve shop 2
  eklavya demo approve shop 2 --feedback \"Bigger pictures\" --yes --wait";

/// Approve a demo; it becomes main, and the build starts from it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoApproveArgs {
    /// The project
    slug: String,

    /// Number of the demo
    number: u32,

    /// What the build must know about your choice
    #[arg(long, value_name = "TEXT")]
    feedback: Option<String>,

    #[command(flatten)]
    wait: WaitOption,
}

pub fn exec(invocation: &CommandInvocation, args: DemoApproveArgs) -> Result<(), CommandError> {
    let question = format!("Approve demo {} of {}?", args.number, args.slug);
    invocation.prompt.confirm(&question)?;
    let (project, line) = data_store::with_data_store(invocation, async |data| {
        let project =
            wait::wait_for_stage(&data, &args.slug, ProjectStage::DemoReview, args.wait).await?;
        let site = run_factory::open_site_without_sandbox(invocation, &data, &project).await?;
        let actor = data_store::current_actor();
        let project = stages::demo::approve(&site, &actor, args.number, args.feedback).await?;
        project::with_summary(&data, project).await
    })?;
    let message = format!("Approved demo {} of {}", args.number, project.slug);
    next_step::print_done(invocation, &message, &project, &line)
}
