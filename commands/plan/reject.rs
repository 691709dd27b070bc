//! `eklavya plan reject`

use eklavya_core::domain::project::Stage;
use eklavya_services::plans;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::project;
use crate::wait::{self, WaitOption};
use crate::{desk, next};

const EXAMPLES: &str = "\
Examples:
  eklavya plan reject shop --feedback \"No online payment in the first version\"
  eklavya plan shop                  # plans again, with the feedback";

/// Reject the plan that waits for a decision; the next one is planned with your feedback
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,

    /// What the next plan must do better
    #[arg(long, value_name = "TEXT")]
    feedback: Option<String>,

    #[command(flatten)]
    wait: WaitOption,
}

/// Runs `eklavya plan reject`.
pub fn exec(invocation: &Invocation, args: Args) -> Result<(), CommandError> {
    let feedback = match args.feedback {
        Some(feedback) => feedback,
        None => invocation
            .prompt
            .text("What must the next plan do better?", "--feedback TEXT")?,
    };
    let (project, line) = desk::with(invocation, async |desk| {
        let project = wait::for_stage(&desk, &args.slug, Stage::PlanReview, args.wait).await?;
        let project = plans::reject(&desk, &desk::actor(), &project, feedback).await?;
        project::with_line(&desk, project).await
    })?;
    let message = format!("The plan of {} is rejected", project.slug);
    next::done(invocation, &message, &project, &line)
}
