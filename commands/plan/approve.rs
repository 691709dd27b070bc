//! `eklavya plan approve`

use eklavya_core::domain::project::Stage;
use eklavya_services::plans;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::project;
use crate::wait::{self, WaitOption};
use crate::{desk, next};

const EXAMPLES: &str = "\
Examples:
  eklavya plan approve shop
  eklavya plan approve shop --yes --wait      # in a pipeline";

/// Approve the plan that waits for a decision
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,

    /// What you have to say about it; kept with the decision
    #[arg(long, value_name = "TEXT")]
    feedback: Option<String>,

    #[command(flatten)]
    wait: WaitOption,
}

/// Runs `eklavya plan approve`.
pub fn exec(invocation: &Invocation, args: Args) -> Result<(), CommandError> {
    let question = format!("Approve the plan of {}?", args.slug);
    invocation.prompt.confirm(&question)?;
    let (project, line) = desk::with(invocation, async |desk| {
        let project = wait::for_stage(&desk, &args.slug, Stage::PlanReview, args.wait).await?;
        let actor = desk::actor();
        let project = plans::approve(&desk, &actor, &project, args.feedback).await?;
        project::with_line(&desk, project).await
    })?;
    let message = format!("The plan of {} is approved", project.slug);
    next::done(invocation, &message, &project, &line)
}
