//! What a stage that did not come to its end means for the person at the command line.

use eklavya_claude::cli::locate::LocateError;
use eklavya_engine::{EngineError, StopReason};
use eklavya_git::GitError;
use eklavya_sandbox::SandboxError;

use crate::error::{CommandError, CommandErrorKind};

/// Returns the error of work on the project `slug`, with what to type next.
pub fn stage_error(error: EngineError, slug: &str) -> CommandError {
    let (kind, hint) = match &error {
        EngineError::Service(_) => return service_error(error),
        EngineError::Vcs(_) | EngineError::Sandbox(_) | EngineError::Session(_) => (
            CommandErrorKind::Environment,
            "Look into it: eklavya doctor".to_owned(),
        ),
        EngineError::Io { .. } => (
            CommandErrorKind::Environment,
            "Mend what it says and repeat the command: it goes on".to_owned(),
        ),
        EngineError::WrongStage { status, .. } => {
            (CommandErrorKind::WrongState, wrong_stage_hint(status, slug))
        }
        EngineError::OverBudget(_) => (
            CommandErrorKind::OverBudget,
            // The message names the limit and the command that raises it.
            "Raise the limit and repeat the command: it goes on where it stopped".to_owned(),
        ),
        EngineError::Model(_) => (
            CommandErrorKind::Environment,
            "Mend it and repeat the command: it goes on where it stopped".to_owned(),
        ),
        EngineError::Pricing(_) => (
            CommandErrorKind::Usage,
            "Correct the file, or take it away: there is a built-in price list".to_owned(),
        ),
        EngineError::Rehearsal(_) => (
            CommandErrorKind::Usage,
            "docs/rehearsal.md describes the format".to_owned(),
        ),
        EngineError::NeedsDecision(questions) => (
            CommandErrorKind::NeedsDecision,
            questions.first().map_or_else(String::new, |(key, _)| {
                format!("Let it be tried again: eklavya tasks retry {slug} {key} --answer \"…\"")
            }),
        ),
        EngineError::LeakedSecrets(leaks) => {
            let name = leaks.iter().flat_map(|leak| &leak.secrets).next();
            return leaked_secret_error(error.to_string(), name.map(String::as_str), slug);
        }
        EngineError::Stopped(reason) => return stopped_error(error.to_string(), *reason, slug),
        EngineError::Failed(_) => (
            CommandErrorKind::Failed,
            format!("See what was done: eklavya tasks list {slug}"),
        ),
    };
    CommandError::new(kind, error).with_hint(hint)
}

fn wrong_stage_hint(status: &str, slug: &str) -> String {
    if matches!(status, "paused" | "archived") {
        format!("Let it go on: eklavya project resume {slug}")
    } else {
        format!("See where it stands: eklavya project show {slug}")
    }
}

/// Whoever gets the product would get the key. A value that is known cannot be taken out of commits, but
/// it can be made worthless.
fn leaked_secret_error(message: String, name: Option<&str>, slug: &str) -> CommandError {
    let name = name.filter(|name| !name.contains(' ')).unwrap_or("NAME");
    CommandError::new(CommandErrorKind::WrongState, message)
        .with_hint(format!(
            "Have whoever issued it replace it, then: eklavya secret set {slug} {name}; eklavya deliver {slug}"
        ))
        .with_hint(format!(
            "Where the value is no secret at all: eklavya secret rm {slug} {name}"
        ))
}

fn service_error(error: EngineError) -> CommandError {
    match error {
        EngineError::Service(error) => error.into(),
        other => CommandError::new(CommandErrorKind::Failed, other),
    }
}

fn stopped_error(message: String, reason: StopReason, slug: &str) -> CommandError {
    match reason {
        StopReason::Interrupted => CommandError::new(CommandErrorKind::Interrupted, message)
            .with_hint("Repeat the command: it goes on where it stopped"),
        StopReason::Drained | StopReason::Cancelled => {
            CommandError::new(CommandErrorKind::Interrupted, message)
                .with_hint("See what is to be done: eklavya jobs list")
        }
        StopReason::Paused => CommandError::new(CommandErrorKind::WrongState, message)
            .with_hint(format!("Let it go on: eklavya project resume {slug}")),
        StopReason::StoreUnavailable => CommandError::new(CommandErrorKind::Environment, message)
            .with_hint("Start the server, then repeat the command: it goes on"),
        StopReason::LeaseLost => CommandError::new(CommandErrorKind::WrongState, message)
            .with_hint("See who works on it: eklavya status"),
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        stage_error(error, "SLUG")
    }
}

impl From<SandboxError> for CommandError {
    fn from(error: SandboxError) -> Self {
        Self::new(CommandErrorKind::Environment, error)
            .with_hint("See what is missing: eklavya doctor; or take the risk: --no-sandbox")
    }
}

impl From<GitError> for CommandError {
    fn from(error: GitError) -> Self {
        Self::new(CommandErrorKind::Environment, error).with_hint("Look into it: eklavya doctor")
    }
}

impl From<LocateError> for CommandError {
    fn from(error: LocateError) -> Self {
        Self::new(CommandErrorKind::Environment, error)
            .with_hint("See what is missing: eklavya doctor")
    }
}
