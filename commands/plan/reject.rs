//! `eklavya plan reject`

use eklavya_core::project::ProjectStage;
use eklavya_services::plans;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::next_step;
use crate::project;
use crate::stage::wait::{self, WaitOption};

const EXAMPLES: &str = "\
Examples:
  eklavya plan reject shop --feedback \"No online payment in the first version\"
  eklavya plan shop                  # plan again, with the feedback";

/// Reject the proposed plan; the next plan uses your feedback
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanRejectArgs {
    /// The project
    slug: String,

    /// What the next plan must do better
    #[arg(long, value_name = "TEXT")]
    feedback: Option<String>,

    #[command(flatten)]
    wait: WaitOption,
}

pub fn exec(invocation: &CommandInvocation, args: PlanRejectArgs) -> Result<(), CommandError> {
    let feedback = match args.feedback {
        Some(feedback) => feedback,
        None => invocation
            .prompt
            .ask_text("What must the next plan do better?", "--feedback TEXT")?,
    };
    let (project, line) = data_store::with_data_store(invocation, async |data| {
        let project =
            wait::wait_for_stage(&data, &args.slug, ProjectStage::PlanReview, args.wait).await?;
        let project =
            plans::reject(&data, &data_store::current_actor(), &project, feedback).await?;
        project::with_summary(&data, project).await
    })?;
    let message = format!("Rejected the plan of {}", project.slug);
    next_step::print_done(invocation, &message, &project, &line)
}
