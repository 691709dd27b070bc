//! The outcome of a run of the CLI.

use std::process::ExitStatus;

use serde_json::Value;

use crate::stream::PermissionDenial;

/// The facts about a run whose process has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionOutcome {
    pub end: SessionEnd,
    /// The conversation's id from the CLI; `None` if it never started.
    pub session_id: Option<String>,
    /// The number of the model's responses.
    pub turns: u64,
    /// The calls that permission rules denied, each once.
    pub denials: Vec<PermissionDenial>,
    /// The exit status; `None` if it is unknown.
    pub exit_status: Option<ExitStatus>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SessionEnd {
    /// The model finished.
    Completed {
        /// The final text, unescaped: not safe to show on a terminal.
        text: String,
        /// The structured result; may be missing even if a schema was set.
        structured: Option<Value>,
    },
    /// The run failed.
    Failed {
        /// The reason, for decisions.
        reason: FailureReason,
        /// The reason, for people: one or more lines, safe to show.
        message: String,
    },
    /// The agent stopped after our interrupt.
    Interrupted,
    /// We killed it.
    Killed,
    /// The agent showed no sign of life for too long, and was stopped.
    Silent,
}

impl SessionEnd {
    /// Returns the label of the end.
    pub fn label(&self) -> &'static str {
        match self {
            SessionEnd::Completed { .. } => "completed",
            SessionEnd::Failed { .. } => "failed",
            SessionEnd::Interrupted => "interrupted",
            SessionEnd::Killed => "killed",
            SessionEnd::Silent => "silent",
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureReason {
    /// A request to the model failed finally.
    ApiError {
        /// The HTTP status; `None` without a response. 402 means that the gateway refused because
        /// of a budget.
        status: Option<u16>,
    },
    /// The conversation no longer fits into the model's context.
    ContextFull,
    /// The model reached the limit on its responses.
    MaxTurns,
    /// The model did not produce a result that matches the schema.
    Schema,
    /// The CLI's own budget is spent.
    BudgetCap,
    /// The conversation to resume is not recorded.
    UnknownSession,
    /// The conversation to start already exists: resume it.
    SessionInUse,
    /// The orchestrator's tools did not start.
    ToolsUnavailable,
    /// The CLI ended before its first turn began.
    StartFailed,
    /// The CLI ended in the middle of a turn.
    ProcessDied,
    /// The CLI reported another reason, with this label.
    Other(String),
}
