//! `eklavya demo reject`

use eklavya_core::domain::demo::DemoState;
use eklavya_core::domain::project::{Project, Stage};
use eklavya_engine::{Site, stages};
use eklavya_services::{Desk, demos};

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::project;
use crate::wait::{self, WaitOption};
use crate::{crew, desk, next};

const EXAMPLES: &str = "\
Examples:
  eklavya demo reject shop 1 --feedback \"Too dark\"
  eklavya demo reject shop --all --feedback \"Show the menu first\"
  eklavya demo build shop            # the next round, with the feedback";

/// Reject a demo, or all that are ready; the next round is built with your feedback
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project
    slug: String,

    /// The demo's number
    #[arg(required_unless_present = "all")]
    number: Option<u32>,

    /// Reject every demo that is ready
    #[arg(long, conflicts_with = "number")]
    all: bool,

    /// What the next round must do better
    #[arg(long, value_name = "TEXT")]
    feedback: Option<String>,

    #[command(flatten)]
    wait: WaitOption,
}

/// Runs `eklavya demo reject`.
pub fn exec(invocation: &Invocation, args: Args) -> Result<(), CommandError> {
    let feedback = match args.feedback {
        Some(feedback) => feedback,
        None => invocation
            .prompt
            .text("What must the next round do better?", "--feedback TEXT")?,
    };
    let ((project, line), numbers) = desk::with(invocation, async |desk| {
        let project = wait::for_stage(&desk, &args.slug, Stage::DemoReview, args.wait).await?;
        let numbers = match args.number {
            Some(number) => vec![number],
            None => ready(&desk, &project).await?,
        };
        let site = crew::records(invocation, &desk, &project).await?;
        let project = reject(&site, project, &numbers, &feedback).await?;
        Ok((project::with_line(&desk, project).await?, numbers))
    })?;
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    let message = format!("Rejected of {}: demo {}", project.slug, numbers.join(", "));
    next::done(invocation, &message, &project, &line)
}

async fn ready(desk: &Desk, project: &Project) -> Result<Vec<u32>, CommandError> {
    let all = demos::list(desk, project).await?;
    let ready = all
        .iter()
        .filter(|demo| matches!(demo.state, DemoState::Ready { .. }));
    Ok(ready.map(|demo| demo.number).collect())
}

async fn reject(
    site: &Site,
    mut project: Project,
    numbers: &[u32],
    feedback: &str,
) -> Result<Project, CommandError> {
    for number in numbers {
        let feedback = Some(feedback.to_owned());
        project = stages::demo::reject(site, &desk::actor(), *number, feedback).await?;
    }
    Ok(project)
}
