//! What a stage that did not come to its end means for the person at the command line.

use eklavya_claude::locate::LocateError;
use eklavya_engine::{StopReason, WorkflowError};
use eklavya_git::VcsError;
use eklavya_sandbox::SandboxError;

use crate::error::{CommandError, Kind};

/// Returns the error of work on the project `slug`, with what to type next.
pub fn of(error: WorkflowError, slug: &str) -> CommandError {
    let (kind, hint) = match &error {
        WorkflowError::Service(_) => return service(error),
        WorkflowError::Vcs(_) | WorkflowError::Sandbox(_) | WorkflowError::Session(_) => {
            (Kind::Environment, "Look into it: eklavya doctor".to_owned())
        }
        WorkflowError::Io { .. } => (
            Kind::Environment,
            "Mend what it says and repeat the command: it goes on".to_owned(),
        ),
        WorkflowError::WrongStage { status, .. } => (Kind::WrongState, wrong_stage(status, slug)),
        WorkflowError::OverBudget(_) => (
            Kind::OverBudget,
            // The message names the limit and the command that raises it.
            "Raise the limit and repeat the command: it goes on where it stopped".to_owned(),
        ),
        WorkflowError::Model(_) => (
            Kind::Environment,
            "Mend it and repeat the command: it goes on where it stopped".to_owned(),
        ),
        WorkflowError::Pricing(_) => (
            Kind::Usage,
            "Correct the file, or take it away: there is a built-in price list".to_owned(),
        ),
        WorkflowError::Rehearsal(_) => (
            Kind::Usage,
            "docs/rehearsal.md describes the format".to_owned(),
        ),
        WorkflowError::NeedsDecision(questions) => (
            Kind::NeedsDecision,
            questions.first().map_or_else(String::new, |(key, _)| {
                format!("Let it be tried again: eklavya tasks retry {slug} {key} --answer \"…\"")
            }),
        ),
        WorkflowError::Leaks(leaks) => {
            let name = leaks.iter().flat_map(|leak| &leak.secrets).next();
            return leaked(error.to_string(), name.map(String::as_str), slug);
        }
        WorkflowError::Stopped(reason) => return stopped(error.to_string(), *reason, slug),
        WorkflowError::Failed(_) => (
            Kind::Failed,
            format!("See what was done: eklavya tasks list {slug}"),
        ),
    };
    CommandError::new(kind, error).hint(hint)
}

fn wrong_stage(status: &str, slug: &str) -> String {
    if matches!(status, "paused" | "archived") {
        format!("Let it go on: eklavya project resume {slug}")
    } else {
        format!("See where it stands: eklavya project show {slug}")
    }
}

/// Whoever gets the product would get the key. A value that is known cannot be taken out of commits, but
/// it can be made worthless.
fn leaked(message: String, name: Option<&str>, slug: &str) -> CommandError {
    let name = name.filter(|name| !name.contains(' ')).unwrap_or("NAME");
    CommandError::new(Kind::WrongState, message)
        .hint(format!(
            "Have whoever issued it replace it, then: eklavya secret set {slug} {name}; eklavya deliver {slug}"
        ))
        .hint(format!(
            "Where the value is no secret at all: eklavya secret rm {slug} {name}"
        ))
}

fn service(error: WorkflowError) -> CommandError {
    match error {
        WorkflowError::Service(error) => error.into(),
        other => CommandError::new(Kind::Failed, other),
    }
}

fn stopped(message: String, reason: StopReason, slug: &str) -> CommandError {
    match reason {
        StopReason::Interrupted => CommandError::new(Kind::Interrupted, message)
            .hint("Repeat the command: it goes on where it stopped"),
        StopReason::Drained | StopReason::Cancelled => {
            CommandError::new(Kind::Interrupted, message)
                .hint("See what is to be done: eklavya jobs list")
        }
        StopReason::Paused => CommandError::new(Kind::WrongState, message)
            .hint(format!("Let it go on: eklavya project resume {slug}")),
        StopReason::StoreAway => CommandError::new(Kind::Environment, message)
            .hint("Start the server, then repeat the command: it goes on"),
        StopReason::LeaseLost => {
            CommandError::new(Kind::WrongState, message).hint("See who works on it: eklavya status")
        }
    }
}

impl From<WorkflowError> for CommandError {
    fn from(error: WorkflowError) -> Self {
        of(error, "SLUG")
    }
}

impl From<SandboxError> for CommandError {
    fn from(error: SandboxError) -> Self {
        Self::new(Kind::Environment, error)
            .hint("See what is missing: eklavya doctor; or take the risk: --no-sandbox")
    }
}

impl From<VcsError> for CommandError {
    fn from(error: VcsError) -> Self {
        Self::new(Kind::Environment, error).hint("Look into it: eklavya doctor")
    }
}

impl From<LocateError> for CommandError {
    fn from(error: LocateError) -> Self {
        Self::new(Kind::Environment, error).hint("See what is missing: eklavya doctor")
    }
}
