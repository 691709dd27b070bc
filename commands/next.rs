//! What to type next.

use eklavya_core::domain::project::{Project, ProjectState, Stage};
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// Returns the command that takes a project on, and nothing where it is delivered.
pub fn command(project: &Project) -> Option<String> {
    let slug = &project.slug;
    let verb = match project.state {
        ProjectState::Active { stage } => verb(stage),
        ProjectState::Paused { .. } | ProjectState::Archived { .. } => "project resume",
        ProjectState::Delivered { .. } => return None,
    };
    Some(format!("eklavya {verb} {slug}"))
}

fn verb(stage: Stage) -> &'static str {
    match stage {
        Stage::Created | Stage::Planning => "plan",
        Stage::PlanReview => "plan show",
        Stage::PlanApproved | Stage::DemoBuilding => "demo build",
        Stage::DemoReview => "demo list",
        Stage::DemoApproved | Stage::Building => "build",
        Stage::Built | Stage::Verifying => "verify",
        Stage::Verified | Stage::Delivering => "deliver",
    }
}

/// Returns whether the project waits for a decision of the admin.
pub fn needs_decision(state: &ProjectState) -> bool {
    matches!(state.stage(), Some(Stage::PlanReview | Stage::DemoReview))
}

/// Tells that `message` holds now, programs the `result`, and people what to type next.
pub fn done(
    invocation: &Invocation,
    message: &str,
    project: &Project,
    result: &impl Serialize,
) -> Result<(), CommandError> {
    invocation.printer.done(message, result)?;
    if let Some(next) = command(project) {
        invocation.printer.note(&format!("Next: {next}"));
    }
    Ok(())
}
