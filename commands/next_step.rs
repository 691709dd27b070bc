//! The command for the next step.

use eklavya_core::project::{Project, ProjectStage, ProjectState};
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// Returns the command for the next step of a project, or `None` if it is delivered.
pub fn next_command(project: &Project) -> Option<String> {
    next_command_for(&project.slug, &project.state)
}

/// Likewise, for a project with this slug and state.
pub fn next_command_for(slug: &str, state: &ProjectState) -> Option<String> {
    let verb = match *state {
        ProjectState::Active { stage } => stage_command(stage),
        ProjectState::Paused { .. } | ProjectState::Archived { .. } => "project resume",
        ProjectState::Delivered { .. } => return None,
    };
    Some(format!("eklavya {verb} {slug}"))
}

fn stage_command(stage: ProjectStage) -> &'static str {
    match stage {
        ProjectStage::Created | ProjectStage::Planning => "plan",
        ProjectStage::PlanReview => "plan show",
        ProjectStage::PlanApproved | ProjectStage::DemoBuilding => "demo build",
        ProjectStage::DemoReview => "demo list",
        ProjectStage::DemoApproved | ProjectStage::Building => "build",
        ProjectStage::Built | ProjectStage::Verifying => "verify",
        ProjectStage::Verified | ProjectStage::Delivering => "deliver",
    }
}

/// Returns whether the project waits for a decision of the admin.
pub fn needs_decision(state: &ProjectState) -> bool {
    matches!(
        state.stage(),
        Some(ProjectStage::PlanReview | ProjectStage::DemoReview)
    )
}

/// Prints `message` and the next command, or `result` as JSON.
pub fn print_done(
    invocation: &CommandInvocation,
    message: &str,
    project: &Project,
    result: &impl Serialize,
) -> Result<(), CommandError> {
    invocation.printer.done(message, result)?;
    if let Some(next) = next_command(project) {
        invocation.printer.note(&format!("Next: {next}"));
    }
    Ok(())
}
