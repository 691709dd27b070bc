//! `eklavya plan approve`

use eklavya_core::project::ProjectStage;
use eklavya_services::plans;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::next_step;
use crate::project;
use crate::stage::wait::{self, WaitOption};

const EXAMPLES: &str = "\
Examples:
  eklavya plan approve shop
  eklavya plan approve shop --yes --wait      # in a pipeline";

/// Approve the proposed plan
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanApproveArgs {
    /// The project
    slug: String,

    /// Comment on the plan; stored with the decision
    #[arg(long, value_name = "TEXT")]
    feedback: Option<String>,

    #[command(flatten)]
    wait: WaitOption,
}

pub fn exec(invocation: &CommandInvocation, args: PlanApproveArgs) -> Result<(), CommandError> {
    let question = format!("Approve the plan of {}?", args.slug);
    invocation.prompt.confirm(&question)?;
    let (project, line) = data_store::with_data_store(invocation, async |data| {
        let project =
            wait::wait_for_stage(&data, &args.slug, ProjectStage::PlanReview, args.wait).await?;
        let actor = data_store::current_actor();
        let project = plans::approve(&data, &actor, &project, args.feedback).await?;
        project::with_summary(&data, project).await
    })?;
    let message = format!("Approved the plan of {}", project.slug);
    next_step::print_done(invocation, &message, &project, &line)
}
