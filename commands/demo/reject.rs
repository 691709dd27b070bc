//! `eklavya demo reject`

use eklavya_core::demo::DemoState;
use eklavya_core::project::{Project, ProjectStage};
use eklavya_engine::{Site, stages};
use eklavya_services::{DataStore, demos};

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::next_step;
use crate::project;
use crate::stage::run_factory;
use crate::stage::wait::{self, WaitOption};

const EXAMPLES: &str = "\
Examples:
  eklavya demo reject shop 1 --feedback \"Too dark\"
  eklavya demo reject shop --all --feedback \"Show the menu first\"
  eklavya demo build shop            # the next round, with the feedback";

/// Reject a demo, or all demos that are ready; the next round uses your feedback
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoRejectArgs {
    /// The project
    slug: String,

    /// Number of the demo
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

pub fn exec(invocation: &CommandInvocation, args: DemoRejectArgs) -> Result<(), CommandError> {
    let feedback = match args.feedback {
        Some(feedback) => feedback,
        None => invocation
            .prompt
            .ask_text("What must the next round do better?", "--feedback TEXT")?,
    };
    let ((project, line), numbers) = data_store::with_data_store(invocation, async |data| {
        let project =
            wait::wait_for_stage(&data, &args.slug, ProjectStage::DemoReview, args.wait).await?;
        let numbers = match args.number {
            Some(number) => vec![number],
            None => find_ready_demos(&data, &project).await?,
        };
        let site = run_factory::open_site_without_sandbox(invocation, &data, &project).await?;
        let project = reject(&site, project, &numbers, &feedback).await?;
        Ok((project::with_summary(&data, project).await?, numbers))
    })?;
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    let noun = if numbers.len() == 1 { "demo" } else { "demos" };
    let message = format!("Rejected {noun} {} of {}", numbers.join(", "), project.slug);
    next_step::print_done(invocation, &message, &project, &line)
}

async fn find_ready_demos(data: &DataStore, project: &Project) -> Result<Vec<u32>, CommandError> {
    let all = demos::list(data, project).await?;
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
        project =
            stages::demo::reject(site, &data_store::current_actor(), *number, feedback).await?;
    }
    Ok(project)
}
