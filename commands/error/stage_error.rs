//! How commands report errors of the engine, with hints at what to type next.

use eklavya_claude::cli::locate::LocateError;
use eklavya_core::failure_kind::FailureKind;
use eklavya_engine::jobs::RunStartError;
use eklavya_engine::{EngineError, StopReason};
use eklavya_git::GitError;
use eklavya_sandbox::SandboxError;

use crate::error::CommandError;

/// Returns the error of a stage of the project `slug`, with hints.
pub fn stage_error(error: EngineError, slug: &str) -> CommandError {
    let kind = error.failure_kind();
    let hint = match &error {
        EngineError::Service(_) => return service_error(error),
        EngineError::LeakedSecrets(leaks) => {
            let name = leaks.iter().flat_map(|leak| &leak.secrets).next();
            return leaked_secret_error(&error, name.map(String::as_str), slug);
        }
        EngineError::Vcs(_) | EngineError::Sandbox(_) | EngineError::Session(_) => {
            "Check the installation: eklavya doctor".to_owned()
        }
        EngineError::Io { .. } | EngineError::Model(_) => {
            "Fix the problem and run the command again; it resumes where it stopped".to_owned()
        }
        EngineError::WrongStage { status, .. } => wrong_stage_hint(status, slug),
        // The message names the limit and the command that raises it.
        EngineError::OverBudget(_) => {
            "Raise the limit and run the command again; it resumes where it stopped".to_owned()
        }
        EngineError::Pricing(_) => {
            "Correct the file, or remove it to use the built-in price list".to_owned()
        }
        EngineError::Rehearsal(_) => "docs/rehearsal.md describes the format".to_owned(),
        EngineError::NeedsDecision(questions) => decision_hint(questions, slug),
        EngineError::Stopped(reason) => stop_hint(*reason, slug),
        EngineError::Failed(_) => format!("See what was done: eklavya tasks list {slug}"),
    };
    CommandError::new(kind, error).with_hint(hint)
}

fn decision_hint(questions: &[(String, String)], slug: &str) -> String {
    questions.first().map_or_else(String::new, |(key, _)| {
        format!("Answer and retry: eklavya tasks retry {slug} {key} --answer \"…\"")
    })
}

fn wrong_stage_hint(status: &str, slug: &str) -> String {
    if matches!(status, "paused" | "archived") {
        format!("Resume it: eklavya project resume {slug}")
    } else {
        format!("See its state: eklavya project show {slug}")
    }
}

/// A known secret cannot be removed from the commits, but a replaced one is worthless to those who
/// get the product.
fn leaked_secret_error(error: &EngineError, name: Option<&str>, slug: &str) -> CommandError {
    let name = name.filter(|name| !name.contains(' ')).unwrap_or("NAME");
    CommandError::new(error.failure_kind(), error.to_string())
        .with_hint(format!(
            "Have its issuer replace it, then: eklavya secret set {slug} {name}; eklavya deliver {slug}"
        ))
        .with_hint(format!(
            "If the value is not a secret: eklavya secret rm {slug} {name}"
        ))
}

fn service_error(error: EngineError) -> CommandError {
    match error {
        EngineError::Service(error) => error.into(),
        other => CommandError::new(FailureKind::Failed, other),
    }
}

fn stop_hint(reason: StopReason, slug: &str) -> String {
    match reason {
        StopReason::Interrupted => "Run the command again; it resumes where it stopped".to_owned(),
        StopReason::Drained | StopReason::Cancelled => {
            "See the open jobs: eklavya jobs list".to_owned()
        }
        StopReason::Paused => format!("Resume it: eklavya project resume {slug}"),
        StopReason::StoreUnavailable => {
            "Start the server and run the command again; it resumes where it stopped".to_owned()
        }
        StopReason::LeaseLost => "See which worker has it: eklavya status".to_owned(),
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        stage_error(error, "SLUG")
    }
}

impl From<RunStartError> for CommandError {
    fn from(error: RunStartError) -> Self {
        let kind = error.failure_kind();
        match error {
            RunStartError::Cli(error) => error.into(),
            RunStartError::Git(error) => error.into(),
            RunStartError::Sandbox(error) => error.into(),
            RunStartError::Recording(error) => error.into(),
            RunStartError::Engine(error) => error.into(),
            error @ RunStartError::DataDirectory { .. } => Self::new(kind, error),
        }
    }
}

impl From<SandboxError> for CommandError {
    fn from(error: SandboxError) -> Self {
        Self::new(FailureKind::Environment, error).with_hint(
            "See what is missing: eklavya doctor; or run without isolation: --no-sandbox",
        )
    }
}

impl From<GitError> for CommandError {
    fn from(error: GitError) -> Self {
        Self::new(FailureKind::Environment, error)
            .with_hint("Check the installation: eklavya doctor")
    }
}

impl From<LocateError> for CommandError {
    fn from(error: LocateError) -> Self {
        Self::new(FailureKind::Environment, error).with_hint("See what is missing: eklavya doctor")
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use eklavya_core::exit_code;
    use eklavya_gateway::ScriptError;
    use eklavya_services::ServiceError;
    use eklavya_services::secrets::SecretError;
    use eklavya_store::StoreError;

    use super::*;

    fn io_error() -> io::Error {
        io::Error::other("disk\u{7} failure")
    }

    fn engine_errors() -> Vec<(EngineError, u8)> {
        let key = PathBuf::from("/key");
        let prepare = SandboxError::Prepare { source: io_error() };
        let stopped = |reason, code| (EngineError::Stopped(reason), code);
        let store = |error: StoreError, code| (EngineError::from(error), code);
        let service = |error: ServiceError, code| (EngineError::from(error), code);
        vec![
            store(StoreError::DiskFull, exit_code::ENVIRONMENT),
            store(lease_lost(), exit_code::WRONG_STATE),
            service(
                SecretError::NoKey { path: key }.into(),
                exit_code::ENVIRONMENT,
            ),
            service(SecretError::NoKeyYet.into(), exit_code::WRONG_STATE),
            service(SecretError::Unsealable.into(), exit_code::USAGE),
            service(
                ServiceError::Conflict("shop".to_owned()),
                exit_code::WRONG_STATE,
            ),
            service(not_found(), exit_code::NOT_FOUND),
            service(ServiceError::Brief("is empty".to_owned()), exit_code::USAGE),
            (git_missing().into(), exit_code::ENVIRONMENT),
            (prepare.into(), exit_code::ENVIRONMENT),
            (EngineError::io("/file")(io_error()), exit_code::ENVIRONMENT),
            (wrong_stage(), exit_code::WRONG_STATE),
            (
                EngineError::OverBudget("$1".to_owned()),
                exit_code::OVER_BUDGET,
            ),
            (
                EngineError::Model("no key".to_owned()),
                exit_code::ENVIRONMENT,
            ),
            (EngineError::Rehearsal("none".to_owned()), exit_code::USAGE),
            (needs_decision(), exit_code::NEEDS_DECISION),
            (
                EngineError::LeakedSecrets(Vec::new()),
                exit_code::WRONG_STATE,
            ),
            stopped(StopReason::Interrupted, exit_code::INTERRUPTED),
            stopped(StopReason::Drained, exit_code::INTERRUPTED),
            stopped(StopReason::Cancelled, exit_code::INTERRUPTED),
            stopped(StopReason::Paused, exit_code::WRONG_STATE),
            stopped(StopReason::LeaseLost, exit_code::WRONG_STATE),
            stopped(StopReason::StoreUnavailable, exit_code::ENVIRONMENT),
            (EngineError::Failed("no plan".to_owned()), exit_code::FAILED),
        ]
    }

    fn lease_lost() -> StoreError {
        StoreError::LeaseLost {
            project: "shop".to_owned(),
            holder: None,
        }
    }

    fn not_found() -> ServiceError {
        ServiceError::NotFound {
            what: "demo",
            name: "3".to_owned(),
        }
    }

    fn git_missing() -> GitError {
        GitError::GitMissing {
            searched: "/usr/bin".to_owned(),
        }
    }

    fn wrong_stage() -> EngineError {
        EngineError::WrongStage {
            slug: "shop".to_owned(),
            status: "building",
            needed: "approve a demo first",
        }
    }

    fn needs_decision() -> EngineError {
        EngineError::NeedsDecision(vec![("T1".to_owned(), "Which font?".to_owned())])
    }

    fn start_errors() -> Vec<(RunStartError, u8)> {
        let write = |file: &str| ScriptError::Write {
            file: file.into(),
            source: io_error(),
        };
        let read = |file: &str| ScriptError::Read {
            file: file.into(),
            source: io_error(),
        };
        let directory = RunStartError::DataDirectory {
            path: "/home".into(),
            source: io_error(),
        };
        let missing = LocateError::Missing {
            place: "not in PATH".to_owned(),
        };
        vec![
            (missing.into(), exit_code::ENVIRONMENT),
            (git_missing().into(), exit_code::ENVIRONMENT),
            (directory, exit_code::ENVIRONMENT),
            (write("/recording").into(), exit_code::ENVIRONMENT),
            (read("/recording").into(), exit_code::USAGE),
            (
                EngineError::from(lease_lost()).into(),
                exit_code::WRONG_STATE,
            ),
        ]
    }

    /// A failed job has the reason and the exit code that the command has in the foreground.
    #[test]
    fn jobs_and_commands_report_the_same_failure() {
        for (error, code) in engine_errors() {
            let (kind, message) = (error.failure_kind(), error.failure_message());
            let command = stage_error(error, "shop");
            assert_eq!((command.exit_code(), command.message()), (code, message));
            assert_eq!(kind.exit_code(), code);
        }
        for (error, code) in start_errors() {
            let (kind, message) = (error.failure_kind(), error.failure_message());
            let command = CommandError::from(error);
            assert_eq!((command.exit_code(), command.message()), (code, message));
            assert_eq!(kind.exit_code(), code);
        }
    }
}
