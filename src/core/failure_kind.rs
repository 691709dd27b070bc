//! The kinds of failure that commands and jobs report, each with its exit code.

use std::error::Error;

use crate::exit_code;

/// The kind of a failure, as far as scripts distinguish it: each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The work failed.
    Failed,
    /// The command line, a file that it names, or the configuration is not usable.
    Usage,
    /// What the command names does not exist.
    NotFound,
    /// It exists, but its state does not allow the command.
    WrongState,
    /// A budget does not allow the work to continue.
    OverBudget,
    /// The admin has to decide first.
    NeedsDecision,
    /// The CLI, sandbox, store or model endpoint is not usable.
    Environment,
    /// The work was interrupted (Ctrl-C); running the command again resumes it.
    Interrupted,
}

impl FailureKind {
    pub fn exit_code(self) -> u8 {
        match self {
            FailureKind::Failed => exit_code::FAILED,
            FailureKind::Usage => exit_code::USAGE,
            FailureKind::NotFound => exit_code::NOT_FOUND,
            FailureKind::WrongState => exit_code::WRONG_STATE,
            FailureKind::OverBudget => exit_code::OVER_BUDGET,
            FailureKind::NeedsDecision => exit_code::NEEDS_DECISION,
            FailureKind::Environment => exit_code::ENVIRONMENT,
            FailureKind::Interrupted => exit_code::INTERRUPTED,
        }
    }
}

/// Returns the error's message followed by its causes, without those that the message contains
/// already.
pub fn message_with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct LayeredError {
        message: &'static str,
        source: Option<Box<LayeredError>>,
    }

    fn layered(messages: &[&'static str]) -> LayeredError {
        let (message, causes) = messages.split_first().unwrap();
        let source = (!causes.is_empty()).then(|| Box::new(layered(causes)));
        LayeredError { message, source }
    }

    #[test]
    fn each_cause_is_named_once() {
        let error = layered(&["cannot write a: disk full", "disk full", "quota"]);
        assert_eq!(
            message_with_causes(&error),
            "cannot write a: disk full: quota"
        );
    }
}
